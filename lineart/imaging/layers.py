"""A composed frame taken apart again, for painting programs."""

import cv2
import numpy as np

from lineart.image import Frame, Line


def line_layer(frame: Frame, color: Frame, line: Line) -> Frame:
    """Give the lines of a frame as a picture that, multiplied with its colour, is the frame.

    Composing subtracts ink, painting programs multiply: with the drawing itself the soft edges of
    lines would be up to 64 levels lighter (34 to 36 dB on frames of the sample film). This is the
    drawing but for those edges, which have a tint of what is below them. Krita 5.1.5 makes of it
    the frame to the bit; a program that does not round is one level below.

    Args:
        frame: `color` with the lines of `line` on it, as `frequency.compose` gives it.
        color: The colour alone, of the same size.
        line: The drawing, for where there is no colour to multiply with.
    """
    layer: Frame = cv2.divide(frame, color, scale=255)
    paper = cv2.add(line, line)
    np.copyto(layer, paper[:, :, np.newaxis], where=color == 0)
    return layer
