"""Classical image processing on NumPy arrays, without networks except face detection."""
