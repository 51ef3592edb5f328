"""What colouring a frame costs, beside the plain way to do the same."""
