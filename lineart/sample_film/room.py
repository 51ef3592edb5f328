"""Room at dusk: window, curtain, shelf and plant."""

import numpy as np

from lineart.sample_film.canvas import Canvas, paint, shadow_of
from lineart.sample_film.curves import STAGE_WIDTH, Number, Placement, curve, ellipse, points
from lineart.sample_film.landscape import (
    _MARGIN,
    Daylight,
    draw_cloud,
    draw_hills,
    draw_house,
    draw_sky,
    fill_band,
    ridge,
)


def draw_room(canvas: Canvas, light: Daylight, seed: int) -> None:
    """Draw the room: wall, window with an evening view, curtain, shelf and plant."""
    wall, trim = paint(0xE7CDB4), paint(0xF7ECDC)
    fill_band(canvas, -_MARGIN, wall)
    canvas.tone([(1180, -40), (1990, -40), (1990, 1130), (1380, 1130)], shadow_of(wall, 0.35))
    window = points([(190, 60), (890, 60), (890, 760), (190, 760)])
    canvas.shape(
        window + np.array([(-34, -34), (34, -34), (34, 34), (-34, 34)]),
        trim,
        corners=range(4),
        width=3.6,
    )
    canvas.shape(window, light.sky[0], corners=range(4), width=3.2)
    with canvas.inside(window) as part:
        _draw_view(part, light, seed)
    canvas.outline(curve(window, closed=True, corners=range(4)), 3.2)
    for bar in (
        [(528, 60), (552, 60), (552, 760), (528, 760)],
        [(190, 330), (890, 330), (890, 350), (190, 350)],
    ):
        canvas.shape(bar, trim, corners=range(4), width=2.8)
    sill = [(110, 790), (970, 790), (990, 836), (90, 836)]
    canvas.shape(sill, trim, corners=range(4), width=3.6)
    canvas.tone([(92, 822), (988, 822), (989, 835), (91, 835)], shadow_of(trim, 0.7))
    canvas.tone([(90, 838), (990, 838), (960, 880), (120, 880)], shadow_of(wall, 0.7))
    _draw_curtain(canvas, -60.0, 210.0)
    _draw_shelf(canvas, seed)


def _draw_view(canvas: Canvas, light: Daylight, seed: int) -> None:
    """Draw the view through the window."""
    draw_sky(canvas, light, 640)
    sun = ellipse(690, 430, 74, 74)
    canvas.fill(sun, light.sun)
    canvas.outline(sun, 2.6)
    draw_cloud(canvas, Placement(340, 200), (330, 110), seed + 5, light.cloud)
    draw_cloud(canvas, Placement(790, 240), (260, 80), seed + 9, light.cloud)
    draw_hills(canvas, ridge(seed + 3, 560, 40, 700), light.far)
    draw_hills(canvas, ridge(seed + 4, 650, 30, 500), light.middle)
    for index, x in enumerate((250, 430, 620, 800)):
        draw_house(canvas, Placement(x, 790, 0.5), 7 * seed + index)


def _draw_curtain(canvas: Canvas, left: Number, right: Number) -> None:
    cloth = paint(0xD98E7E)
    low = 1000.0
    hem = [(right + 24 - 52 * k, low + (16 if k % 2 else -6)) for k in range(6)]
    rim = [(left, -40), (right - 30, -40), (right - 6, 300), (right + 4, 700), *hem, (left, low)]
    outline = canvas.shape(rim, cloth, corners=(0, 1, 4, 9), width=3.8)
    with canvas.inside(outline) as part:
        for k in range(4):
            x = right - 40 - 62 * k
            fold = [
                (x - 6, -60),
                (x + 10, 400),
                (x + 30, 1040),
                (x - 4, 1040),
                (x - 16, 400),
                (x - 20, -60),
            ]
            part.tone(curve(fold, closed=True, corners=(0, 2, 3, 5)), shadow_of(cloth))
    for k in range(5):
        x = right - 22 - 50 * k
        canvas.stroke(
            curve([(x - 8, 20 + 60 * (k % 2)), (x + 4, 420), (x + 22, 970)]), 2.6, taper=(0.5, 0.1)
        )


def _draw_shelf(canvas: Canvas, seed: int) -> None:
    rng = np.random.default_rng(seed + 11)
    wood = paint(0xA9744F)
    for height in (250.0, 520.0):
        x = 1440.0
        while x < 1830:
            width, tall = rng.uniform(26, 52), rng.uniform(120, 190)
            cover = paint(
                int(rng.choice([0xC95F52, 0x4F7F96, 0xE3B55C, 0x6F9A76, 0x8A6A9C, 0xEAE0CE]))
            )
            canvas.shape(
                [(x, height - tall), (x + width, height - tall), (x + width, height), (x, height)],
                cover,
                corners=range(4),
                width=2.8,
            )
            label = height - tall * 0.72
            canvas.shape(
                [
                    (x + 6, label),
                    (x + width - 6, label),
                    (x + width - 6, label + 26),
                    (x + 6, label + 26),
                ],
                paint(0xF6EBD6),
                corners=range(4),
                width=1.9,
            )
            x += width
        board = [(1400, height), (1990, height), (1990, height + 24), (1400, height + 24)]
        canvas.shape(board, wood, corners=range(4), width=3.4)
        canvas.tone(
            [(1402, height + 14), (1990, height + 14), (1990, height + 23), (1402, height + 23)],
            shadow_of(wood),
        )
    _draw_plant(canvas, Placement(1640, 1010))


def _draw_plant(canvas: Canvas, place: Placement) -> None:
    leaf, pot = paint(0x6FA368), paint(0xC77C58)
    fill_band(canvas, place.y - 20, paint(0xB98560))
    canvas.stroke([(-60, place.y - 20), (STAGE_WIDTH + 60, place.y - 20)], 3.4, taper=(0.01, 0.01))
    for angle, reach in (
        (-1.2, 150),
        (-0.75, 220),
        (1.15, 160),
        (0.8, 230),
        (-0.35, 270),
        (0.35, 265),
        (0.0, 300),
    ):
        blade = Placement(place.x, place.y - 130, 1.0, angle)
        rim = [(0, 10), (-34, -0.45 * reach), (0, -reach), (34, -0.45 * reach)]
        shape = canvas.shape(blade(rim), leaf, corners=(0, 2), width=3.0)
        with canvas.inside(shape) as part:
            part.tone(blade([(0, 10), (-60, -0.4 * reach), (0, -reach)]), shadow_of(leaf))
        canvas.stroke(blade([(0, 0), (0, -0.85 * reach)]), 2.0, taper=(0.1, 0.6))
    canvas.tone(place(ellipse(-30, 34, 130, 16)), shadow_of(paint(0xB98560)))
    body = canvas.shape(
        place([(-86, -140), (86, -140), (62, 40), (-62, 40)]), pot, corners=range(4), width=3.6
    )
    with canvas.inside(body) as part:
        part.tone(place([(-100, -150), (-48, -150), (-34, 50), (-100, 50)]), shadow_of(pot))
    canvas.shape(
        place([(-98, -160), (98, -160), (92, -122), (-92, -122)]), pot, corners=range(4), width=3.4
    )
