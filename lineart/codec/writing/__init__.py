"""How picture files are written."""
