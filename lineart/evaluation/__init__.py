"""How well pictures are coloured: networks beside ways that need none, against the truth."""
