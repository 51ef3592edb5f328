"""Which colour each region of a drawing gets."""
