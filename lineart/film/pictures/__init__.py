"""Which pictures a film has: their files, names, shots and order."""
