"""What a run says of its frames, and leaves beside them."""
