"""What is read of a picture file: pixels, pages, layers, palettes."""
