"""Videos: their frames, found and read."""
