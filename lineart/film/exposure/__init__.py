"""Exposure sheets: which drawing stands at which time."""
