"""Networks that colour line art: training, and colouring of whole films."""
