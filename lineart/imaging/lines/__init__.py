"""What of a drawing is line, and what is paper; lines found in pictures, and compared."""
