"""How lines and colours make a frame, its layers, or a cel."""
