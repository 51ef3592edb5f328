"""A prepared key at the working size of another drawing."""

from dataclasses import replace

import cv2

from lineart.image import Size
from lineart.keys.flow import resize_ink
from lineart.keys.key import PreparedKey

SAME_ASPECT = 0.02
"""Largest difference of two aspect ratios that are the same, as a share."""


def fit_key(prepared: PreparedKey, size: Size) -> PreparedKey:
    """Return a key at another size, if the aspect ratio is the same; else as it is."""
    drawing = prepared.drawing
    down, right = size[0] / drawing.size[0], size[1] / drawing.size[1]
    if drawing.size == size or abs(down / right - 1) > SAME_ASPECT:
        return prepared
    area, scale = (size[1], size[0]), (down * right) ** 0.5
    labels, spread, depth = (
        cv2.resize(one, area, interpolation=cv2.INTER_NEAREST)
        for one in (drawing.labels, drawing.spread, drawing.depth)
    )
    return replace(
        prepared,
        drawing=drawing._replace(
            labels=labels,
            spread=spread,
            depth=depth,
            ink=resize_ink(drawing.ink, size),
            area=drawing.area * scale**2,
            center=drawing.center * scale,
            diagonal=drawing.diagonal * scale,
        ),
    )
