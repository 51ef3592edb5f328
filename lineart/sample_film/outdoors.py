"""Scrolling backgrounds: the road past the village, and the valley seen from the air."""

import numpy as np

from lineart.sample_film.canvas import Canvas, mixed, paint, shadow_of
from lineart.sample_film.curves import (
    SAMPLES,
    STAGE_WIDTH,
    Controls,
    Number,
    Placement,
    Points,
    curve,
    ellipse,
)
from lineart.sample_film.landscape import (
    Daylight,
    draw_cloud,
    draw_hills,
    draw_house,
    draw_sky,
    draw_tree,
    fill_band,
    ridge,
)


def _passing(shift: Number, spacing: Number, reach: Number) -> list[tuple[int, float]]:
    """Return index and x of the objects in view, one per `spacing`, moved left by `shift`."""
    first = int(np.floor((shift - reach) / spacing))
    last = int(np.ceil((shift + STAGE_WIDTH + reach) / spacing))
    return [(index, index * spacing - shift) for index in range(first, last + 1)]


def draw_road(canvas: Canvas, travelled: Number, light: Daylight, seed: int) -> None:
    """Draw the road past the village, scrolled by `travelled`; far layers scroll more slowly."""
    draw_sky(canvas, light, 640)
    for index, x in _passing(0.04 * travelled, 620, 400):
        y = 130 + 90 * ((index * 37 + seed) % 5) / 4
        draw_cloud(
            canvas,
            Placement(x, y),
            (420 - 60 * (index % 3), 130),
            31 * seed + index % 7,
            light.cloud,
        )
    draw_hills(canvas, ridge(seed + 1, 545, 52, 900, 0.10 * travelled), light.far, 2.2)
    draw_hills(canvas, ridge(seed + 2, 630, 34, 640, 0.26 * travelled), light.middle, 2.6)
    for index, x in _passing(0.5 * travelled, 400, 260):
        key = 97 * seed + index % 23
        draw_tree(
            canvas,
            Placement(x + 205, 798),
            (200 + 30 * (index % 3), 330 - 50 * (index % 2)),
            key,
            mixed(light.middle, light.near),
        )
        draw_house(canvas, Placement(x, 800), key)
    fill_band(canvas, 795, light.near)
    canvas.stroke([(-60, 795), (STAGE_WIDTH + 60, 795)], 3.2, taper=(0.01, 0.01))
    _draw_fence(canvas, travelled * 0.8)
    _draw_pavement(canvas, travelled)


def _draw_fence(canvas: Canvas, shift: Number) -> None:
    wood = paint(0xF4E9D8)
    rails = [
        [(-60, y), (STAGE_WIDTH + 60, y), (STAGE_WIDTH + 60, y + 16), (-60, y + 16)]
        for y in (778, 822)
    ]
    for rail in rails:
        canvas.shape(rail, wood, corners=range(4), width=2.8)
    for _, x in _passing(shift, 120, 60):
        post = [(x - 14, 862), (x - 14, 752), (x, 738), (x + 14, 752), (x + 14, 862)]
        canvas.shape(post, wood, corners=range(5), width=3.0)
        canvas.tone(
            [(x + 4, 752), (x + 13, 752), (x + 13, 861), (x + 4, 861)], shadow_of(wood, 0.8)
        )


def _draw_pavement(canvas: Canvas, travelled: Number) -> None:
    stone = paint(0xE9DCC8)
    fill_band(canvas, 905, stone)
    canvas.tone(
        [(-60, 1040), (STAGE_WIDTH + 60, 1040), (STAGE_WIDTH + 60, 1130), (-60, 1130)],
        shadow_of(stone, 0.5),
    )
    canvas.stroke([(-60, 905), (STAGE_WIDTH + 60, 905)], 3.6, taper=(0.01, 0.01))
    canvas.stroke([(-60, 1040), (STAGE_WIDTH + 60, 1040)], 3.6, taper=(0.01, 0.01))
    for index, x in _passing(travelled, 260, 120):
        canvas.stroke([(x, 907), (x - 60, 1038)], 2.2, taper=(0.1, 0.3))
        blades = [(x + 60 + 18 * k, 903 - (26 if k % 2 else 8)) for k in range(5 + index % 3)]
        tuft = [(x + 52, 906), *blades, (x + 66 + 18 * len(blades), 906)]
        canvas.shape(
            tuft,
            shadow_of(paint(0xA9CF72), 0.6),
            corners=range(len(tuft)),
            width=2.4,
            gaps=[(len(tuft) - 1, len(tuft))],
        )


def draw_valley(canvas: Canvas, travelled: Number, light: Daylight, seed: int) -> None:
    """Draw the valley seen from the air, scrolled by `travelled`; far layers scroll more slowly."""
    draw_sky(canvas, light, 760)
    sun = ellipse(1450, 360, 120, 120)
    canvas.tone(ellipse(1450, 360, 178, 178), mixed(light.sun, light.sky[1]))
    canvas.fill(sun, light.sun)
    canvas.outline(sun, 3.0, gaps=[(2, 5)])
    for index, x in _passing(0.08 * travelled, 700, 420):
        size = (520 - 90 * (index % 3), 150)
        draw_cloud(
            canvas, Placement(x, 150 + 70 * (index % 3)), size, 13 * seed + index % 9, light.cloud
        )
    draw_hills(canvas, ridge(seed + 21, 700, 70, 1000, 0.12 * travelled), light.far, 2.2)
    draw_hills(canvas, ridge(seed + 22, 800, 44, 760, 0.28 * travelled), light.middle, 2.6)
    _draw_meadow(canvas, ridge(seed + 23, 920, 36, 1100, 0.62 * travelled), travelled, light, seed)


def _draw_meadow(
    canvas: Canvas, skyline: Points, travelled: Number, light: Daylight, seed: int
) -> None:
    """Draw the nearest hills with rivers, trees and houses."""
    shift = 0.62 * travelled

    def ground(x: Number) -> float:
        return float(np.interp(x, skyline[:, 0], skyline[:, 1]))

    for index, x in _passing(shift, 900, 500):
        draw_house(canvas, Placement(x + 330, ground(x + 330) + 12, 0.55), seed + index % 11)
        draw_house(canvas, Placement(x + 470, ground(x + 470) + 14, 0.48), seed + 3 + index % 7)
    draw_hills(canvas, skyline, light.near, 3.4)
    for index, x in _passing(shift, 900, 900):
        _draw_river(canvas, x, ground(x), light)
        for step, deep in ((150, 60), (560, 30), (640, 90), (250, 120)):
            draw_tree(
                canvas,
                Placement(x + step, ground(x + step) + deep, 0.8),
                (130, 190),
                seed + 5 * index % 13 + step,
                mixed(light.middle, light.near),
            )


def _draw_river(canvas: Canvas, x: Number, top: Number, light: Daylight) -> None:
    rim: Controls = [
        (x - 8, top + 4),
        (x + 22, top + 4),
        (x - 20, top + 60),
        (x + 130, top + 110),
        (x + 60, top + 260),
        (x - 160, top + 260),
        (x - 10, top + 120),
        (x - 80, top + 60),
    ]
    outline = curve(rim, closed=True, corners=(0, 1, 4, 5))
    canvas.fill(outline, mixed(light.sky[0], light.sky[2]))
    canvas.stroke(outline[SAMPLES : 4 * SAMPLES + 1], 2.8)
    canvas.stroke(outline[5 * SAMPLES :], 2.8)
