"""Implementations of the commands, imported once their flags are parsed."""
