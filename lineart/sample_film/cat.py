"""Sitting cat that swings its tail."""

import numpy as np

from lineart.sample_film.canvas import Canvas, Color, paint, shadow_of
from lineart.sample_film.curves import Number, Placement, curve, ellipse, tube

WHITE = paint(0xFFF8EE)


def draw_cat(canvas: Canvas, place: Placement, time_s: Number, fur: Color) -> None:
    """Draw a sitting cat seen from the front; its feet are at the origin of `place`."""
    reach = np.linspace(0, 1, 6)
    swing = np.sin(2.4 * time_s - 2.2 * reach) * reach
    tail = np.stack(
        [60 + 130 * reach + 18 * swing, -20 + 26 * reach - 120 * reach**2.5 * (0.5 + 0.5 * swing)],
        axis=1,
    )
    outline = place(tube(tail, [15, 16, 17, 16, 14, 5]))
    canvas.fill(outline, fur)
    with canvas.inside(outline) as part:
        part.tone(place(tube(tail[-2:], [18, 18])), shadow_of(fur))
    canvas.outline(outline, 3.4)
    _draw_cat_body(canvas, place, fur)
    nod = place.joint(
        4 * np.sin(0.9 * time_s), -214 + 1.5 * np.sin(2.0 * time_s), 0.06 * np.sin(0.9 * time_s)
    )
    _draw_cat_head(canvas, nod, fur, open_eyes=(0.37 * time_s) % 1.0 > 0.08)


def _draw_cat_body(canvas: Canvas, place: Placement, fur: Color) -> None:
    rim = [
        (-30, -190),
        (30, -190),
        (62, -110),
        (86, -40),
        (70, 0),
        (0, 4),
        (-70, 0),
        (-86, -40),
        (-62, -110),
    ]
    body = canvas.shape(place(rim), fur, width=3.8)
    with canvas.inside(body) as part:
        part.tone(
            place([(-95, -150), (-52, -150), (-46, -60), (-56, 10), (-95, 10)]), shadow_of(fur)
        )
        part.tone(
            place(curve([(-26, -190), (26, -190), (30, -130), (0, -84), (-30, -130)], closed=True)),
            WHITE,
        )
        for height in (-120, -92, -64):
            part.tone(
                place([(40, height), (100, height - 12), (100, height + 4)]), shadow_of(fur, 1.3)
            )
    for side in (-1, 1):
        paw = [
            (side * x, y) for x, y in [(6, -84), (34, -80), (34, -12), (30, 4), (4, 4), (2, -12)]
        ]
        leg = canvas.shape(place(paw), fur, width=3.0, gaps=[(0, 1)])
        with canvas.inside(leg) as part:
            part.tone(
                place([(side * -4, -16), (side * 40, -16), (side * 40, 8), (side * -4, 8)]), WHITE
            )
        for toe in (13, 23):
            canvas.stroke(place([(side * toe, -7), (side * toe, 3)]), 2.0)


def _draw_cat_head(canvas: Canvas, place: Placement, fur: Color, *, open_eyes: bool) -> None:
    rim = [
        (-78, 4),
        (-70, -34),
        (-66, -86),
        (-30, -54),
        (30, -54),
        (66, -86),
        (70, -34),
        (78, 4),
        (50, 42),
        (0, 52),
        (-50, 42),
    ]
    head = canvas.shape(place(rim), fur, corners=(2, 5), width=3.8)
    with canvas.inside(head) as part:
        part.tone(
            place(
                curve([(-10, -4), (10, -4), (30, 24), (34, 60), (-34, 60), (-30, 24)], closed=True)
            ),
            WHITE,
        )
        part.tone(place([(-90, -30), (-64, -20), (-52, 30), (-20, 60), (-90, 60)]), shadow_of(fur))
        for x in (-13, 0, 13):
            part.tone(place([(x - 5, -60), (x + 5, -60), (x * 0.8, -30)]), shadow_of(fur, 1.3))
    for side in (-1, 1):
        ear = [(side * x, y) for x, y in [(62, -72), (63, -42), (44, -52)]]
        canvas.tone(place(ear), paint(0xF0A8A0))
        canvas.stroke(place(ear[::2]), 2.2)
        center = place([(side * 32, -4)])[0]
        if open_eyes:
            eye = ellipse(center[0], center[1], 13 * place.scale, 15 * place.scale)
            canvas.fill(eye, paint(0xE8D060))
            canvas.outline(eye, 3.4)
            canvas.blacken(ellipse(center[0], center[1], 4.5 * place.scale, 11 * place.scale))
        else:
            canvas.stroke(place(curve([(side * 18, -4), (side * 32, 4), (side * 46, -5)])), 4.0)
        for y, low in ((16, 10), (24, 28)):
            canvas.stroke(
                place(curve([(side * 46, y), (side * 74, low), (side * 104, low + 2)])),
                1.8,
                taper=(0.1, 0.8),
            )
    canvas.shape(place([(-8, 12), (8, 12), (0, 22)]), paint(0xE88A86), width=2.0)
    canvas.stroke(
        place(curve([(-18, 28), (-8, 34), (0, 24), (8, 34), (18, 28)], corners=(2,))), 2.6
    )
