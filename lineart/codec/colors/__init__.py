"""Pixels of any kind brought to sRGB of 8 bits."""
