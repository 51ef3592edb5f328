"""Colour hints of artists: which pixels are hints, and of which colour."""
