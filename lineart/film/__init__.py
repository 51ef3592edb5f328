"""Film pipeline: list and hash pictures, plan the work, run it locally or on Ray, record it."""
