"""Colour the line art of whole films, and train the networks that do it."""
