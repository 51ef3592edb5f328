"""Plug-in for GIMP 3, and the folders where GIMP looks for plug-ins."""
