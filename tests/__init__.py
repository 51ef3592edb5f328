"""A package with a file of its own: torch-fidelity installs another `tests`, which would win."""
