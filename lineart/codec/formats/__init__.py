"""Files of each format: recognized, and checked before a library decodes them."""
