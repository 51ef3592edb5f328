"""Colouring for programs that hold a connection, such as the GIMP plug-in: networks stay open."""
