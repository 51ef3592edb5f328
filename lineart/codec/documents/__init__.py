"""Documents of painting programs: what is in their files."""
