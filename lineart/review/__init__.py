"""A page on which people answer a film's doubts: a server on loopback, for `lineart review`."""
