"""Which hints, keys, colour sheets and paint belong to which frame."""
