"""Classical image functions: arrays in, arrays out."""
