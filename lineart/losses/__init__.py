"""What networks minimise."""
