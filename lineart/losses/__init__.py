"""Loss functions of the papers."""
