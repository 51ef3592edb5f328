"""Which frames to make: a film compared with its output; retries, marks, removed drawings."""
