"""What is to be made: a film compared with what stands in its output."""
