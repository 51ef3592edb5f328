"""Which colour each region of a drawing gets; palettes, indexed paint, doubts."""
