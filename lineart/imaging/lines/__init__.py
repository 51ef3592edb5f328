"""What of a drawing is line, and what is paper."""
