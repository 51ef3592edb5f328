"""Which colours hold on which frame: hints, keys, colour sheets, paint."""
