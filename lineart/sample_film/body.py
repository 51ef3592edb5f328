"""Neck and shoulders of the girl in the shot at the window."""

import numpy as np

from lineart.sample_film.canvas import Canvas, shadow_of
from lineart.sample_film.curves import Placement, curve, tube
from lineart.sample_film.head import HeadColors, skin_shadow


def draw_bust(canvas: Canvas, place: Placement, look: HeadColors) -> None:
    """Draw neck, shoulders and sweater below a head at `place`, in units of the head's radius."""
    neck = place(tube([(0, 0.9), (0, 2.0)], [0.34, 0.33, 0.42]))
    canvas.fill(neck, look.skin)
    canvas.outline(neck, 3.4)
    with canvas.inside(neck) as part:
        part.tone(
            place([(-0.6, 0.8), (0.6, 0.8), (0.6, 1.36), (0.1, 1.56), (-0.6, 1.5)]),
            skin_shadow(look),
        )
    half = [(0.42, 1.72), (0.95, 1.92), (1.34, 2.16), (1.56, 2.6), (1.68, 3.4)]
    rim = [*[(-x, y) for x, y in half[::-1]], *half]
    body = canvas.shape(place(rim), look.sweater, corners=(0, 9), width=4.2)
    with canvas.inside(body) as part:
        for shade in (
            [(-1.9, 2.0), (-1.42, 2.2), (-1.20, 2.7), (-1.28, 3.5), (-1.9, 3.5)],
            [(0.90, 3.5), (0.98, 2.7), (1.12, 2.45), (1.08, 2.9), (1.20, 3.5)],
            [(-0.7, 1.8), (0.7, 1.8), (0.52, 2.16), (0.0, 2.24), (-0.56, 2.16)],
        ):
            part.tone(
                place(curve(shade, closed=True, corners=(0, 4))), shadow_of(look.sweater, 0.7)
            )
    folds = (
        [(-1.06, 3.4), (-1.10, 2.8), (-1.20, 2.46)],
        [(1.08, 3.4), (1.04, 2.8), (1.14, 2.44)],
        [(-0.92, 2.02), (-0.70, 2.26), (-0.60, 2.52)],
        [(0.95, 2.05), (0.72, 2.30), (0.62, 2.50)],
        [(-1.06, 2.9), (-0.86, 2.98), (-0.62, 2.94)],
        [(1.05, 2.95), (0.84, 3.04), (0.66, 3.0)],
        [(0.10, 3.3), (-0.12, 3.02), (-0.16, 2.86)],
    )
    for fold in folds:
        canvas.stroke(place(curve(fold)), 3.0, taper=(0.1, 0.8))
    _draw_collar(canvas, place, look)


def _draw_collar(canvas: Canvas, place: Placement, look: HeadColors) -> None:
    rim = [
        (-0.52, 1.55),
        (-0.2, 1.68),
        (0.2, 1.68),
        (0.52, 1.55),
        (0.62, 1.86),
        (0.3, 2.10),
        (-0.3, 2.10),
        (-0.62, 1.86),
    ]
    collar = canvas.shape(place(rim), look.sweater, corners=(0, 3), width=3.8)
    with canvas.inside(collar) as part:
        part.tone(
            place([(-0.8, 1.5), (-0.36, 1.5), (-0.42, 1.9), (-0.2, 2.2), (-0.8, 2.2)]),
            shadow_of(look.sweater, 0.7),
        )
    for x in np.linspace(-0.42, 0.42, 7):
        canvas.stroke(place([(x, 1.74 - 0.1 * x * x), (1.12 * x, 2.04 - 0.5 * x * x)]), 2.0)
