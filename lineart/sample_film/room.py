"""Room at dusk with window, curtain, shelf and plant, and a sitting cat that swings its tail."""

import numpy as np

from lineart.image import Color
from lineart.sample_film.canvas import (
    STAGE_WIDTH,
    WHITE,
    Canvas,
    Number,
    Placement,
    box,
    curve,
    ellipse,
    paint,
    shadow_of,
    tube,
)
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
    window = box(190, 60, 890, 760)
    canvas.shape(
        window + np.array(box(-34, -34, 34, 34)),
        trim,
        corners=range(4),
        width=3.6,
    )
    canvas.shape(window, light.sky[0], corners=range(4), width=3.2)
    with canvas.inside(window) as part:
        _draw_view(part, light, seed)
    canvas.outline(curve(window, closed=True, corners=range(4)), 3.2)
    for bar in (
        box(528, 60, 552, 760),
        box(190, 330, 890, 350),
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
    canvas.draw(sun, light.sun, 2.6)
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
                (x - 6, -60), (x + 10, 400), (x + 30, 1040), (x - 4, 1040),
                (x - 16, 400), (x - 20, -60),
            ]  # fmt: skip
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
                box(x, height - tall, x + width, height),
                cover,
                corners=range(4),
                width=2.8,
            )
            label = height - tall * 0.72
            canvas.shape(
                box(x + 6, label, x + width - 6, label + 26),
                paint(0xF6EBD6),
                corners=range(4),
                width=1.9,
            )
            x += width
        board = box(1400, height, 1990, height + 24)
        canvas.shape(board, wood, corners=range(4), width=3.4)
        canvas.tone(
            box(1402, height + 14, 1990, height + 23),
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
        canvas.shade(shape, blade([(0, 10), (-60, -0.4 * reach), (0, -reach)]), shadow_of(leaf))
        canvas.stroke(blade([(0, 0), (0, -0.85 * reach)]), 2.0, taper=(0.1, 0.6))
    canvas.tone(place(ellipse(-30, 34, 130, 16)), shadow_of(paint(0xB98560)))
    body = canvas.shape(
        place([(-86, -140), (86, -140), (62, 40), (-62, 40)]), pot, corners=range(4), width=3.6
    )
    canvas.shade(body, place([(-100, -150), (-48, -150), (-34, 50), (-100, 50)]), shadow_of(pot))
    canvas.shape(
        place([(-98, -160), (98, -160), (92, -122), (-92, -122)]), pot, corners=range(4), width=3.4
    )


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
    canvas.shade(outline, place(tube(tail[-2:], [18, 18])), shadow_of(fur))
    canvas.outline(outline, 3.4)
    _draw_cat_body(canvas, place, fur)
    nod = place.joint(
        4 * np.sin(0.9 * time_s), -214 + 1.5 * np.sin(2.0 * time_s), 0.06 * np.sin(0.9 * time_s)
    )
    _draw_cat_head(canvas, nod, fur, open_eyes=(0.37 * time_s) % 1.0 > 0.08)


def _draw_cat_body(canvas: Canvas, place: Placement, fur: Color) -> None:
    rim = [
        (-30, -190), (30, -190), (62, -110), (86, -40), (70, 0), (0, 4), (-70, 0),
        (-86, -40), (-62, -110),
    ]  # fmt: skip
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
        canvas.shade(leg, place(box(side * -4, -16, side * 40, 8)), WHITE)
        for toe in (13, 23):
            canvas.stroke(place([(side * toe, -7), (side * toe, 3)]), 2.0)


def _draw_cat_head(canvas: Canvas, place: Placement, fur: Color, *, open_eyes: bool) -> None:
    rim = [
        (-78, 4), (-70, -34), (-66, -86), (-30, -54), (30, -54), (66, -86), (70, -34),
        (78, 4), (50, 42), (0, 52), (-50, 42),
    ]  # fmt: skip
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
            canvas.draw(eye, paint(0xE8D060), 3.4)
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
