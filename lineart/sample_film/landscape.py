"""Landscapes: sky, hills, trees, houses; the road past the village, the valley from above."""

from dataclasses import dataclass

import numpy as np

from lineart.image import Color
from lineart.sample_film.canvas import (
    SAMPLES,
    STAGE_HEIGHT,
    STAGE_WIDTH,
    Canvas,
    Controls,
    Number,
    Placement,
    Points,
    box,
    curve,
    ellipse,
    mixed,
    moved,
    paint,
    points,
    shadow_of,
)

_MARGIN = 40.0
_FOOT = points([(STAGE_WIDTH + 100, STAGE_HEIGHT + 60), (-100, STAGE_HEIGHT + 60)])


def fill_band(canvas: Canvas, top: Number, color: Color) -> None:
    """Fill the stage below `top`."""
    low, left, right = STAGE_HEIGHT + _MARGIN, -_MARGIN, STAGE_WIDTH + _MARGIN
    canvas.fill(box(left, top, right, low), color)


def puff(width: Number, height: Number, lobes: int, seed: int) -> Points:
    """Return the outline of a tree crown around the origin: arcs between sharp valleys."""
    rng = np.random.default_rng(seed)
    angle = (np.arange(lobes) + rng.uniform(-0.22, 0.22, lobes)) * 2 * np.pi / lobes
    middle = (angle + np.append(angle[1:], angle[0] + 2 * np.pi)) / 2
    bulge = rng.uniform(1.16, 1.34, lobes)
    around = np.empty((2 * lobes, 2))
    around[::2] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    around[1::2] = np.stack([np.cos(middle), np.sin(middle)], axis=1) * bulge[:, None]
    around *= [width / 2.4, height / 2.4]
    return curve(around, closed=True, corners=range(0, 2 * lobes, 2), samples=6)


def draw_cloud(
    canvas: Canvas, place: Placement, size: tuple[Number, Number], seed: int, color: Color
) -> None:
    """Draw a cloud with a flat, shaded bottom and a broken outline."""
    canvas = canvas.finer(0.8)
    rim = place(_cloud_rim(*size, seed))
    canvas.fill(rim, color)
    with canvas.inside(rim) as part:
        low = _cloud_rim(*size, seed + 1) * [0.9, 0.62] + [size[0] * 0.05, size[1] * 0.12]
        part.tone(place(low), shadow_of(color, 0.45))
    count = len(rim)
    canvas.outline(rim, 3.2, gaps=[(count * 0.20, count * 0.215), (count * 0.90, count * 0.92)])


def _cloud_rim(width: Number, height: Number, seed: int) -> Points:
    """Return a cloud's outline: arcs from left to right, and back along a flat base at y = 0."""
    rng = np.random.default_rng(seed)
    joints = np.array([-0.5, -0.37, -0.18, 0.06, 0.24, 0.38, 0.5])
    joints[1:-1] += rng.uniform(-0.03, 0.03, 5)
    tops = np.array([-0.05, -0.34, -0.60, -0.70, -0.52, -0.30, -0.03])
    tops[1:-1] += rng.uniform(-0.08, 0.08, 5)
    rim = [(joints[0], 0.0)]
    for index in range(6):
        middle = (joints[index] + joints[index + 1]) / 2
        high = min(tops[index], tops[index + 1]) - 0.13
        rim += [(middle, high), (joints[index + 1], tops[index + 1])]
    rim[0], rim[-1] = (-0.5, -0.06), (0.5, -0.06)
    base = [(0.46, 0.02), (0.15, 0.0), (-0.2, 0.03), (-0.46, 0.02)]
    controls = points([*rim, *base]) * [width, height]
    return curve(controls, closed=True, corners=range(0, 13, 2), samples=6)


def draw_tree(
    canvas: Canvas, place: Placement, size: tuple[Number, Number], seed: int, leaf: Color
) -> None:
    """Draw a round tree; the foot of its trunk is at the origin of `place`."""
    canvas = canvas.finer(place.scale**0.7)
    width, height = size
    trunk = [(-0.06, 0.0), (-0.035, -0.5), (0.035, -0.5), (0.06, 0.0)]
    canvas.shape(
        place(points(trunk) * [width, height]), paint(0x8B6A55), corners=range(4), width=2.6
    )
    middle = np.array([0.0, -0.62 * height])
    crown = place(puff(width, height * 0.80, 10, seed) + middle)
    canvas.fill(crown, leaf)
    with canvas.inside(crown) as part:
        lit = puff(width * 0.95, height * 0.75, 10, seed + 3) + middle
        part.fill(place(moved(lit, -0.20 * width, 0.24 * height)), shadow_of(leaf))
    canvas.outline(crown, 3.0, gaps=[(len(crown) * 0.63, len(crown) * 0.655)])
    for x, y in ((-0.12, -0.66), (0.16, -0.78), (0.10, -0.50)):
        tuft = [(x - 0.06, y), (x - 0.03, y + 0.03), (x, y), (x + 0.03, y + 0.03), (x + 0.06, y)]
        canvas.stroke(place(curve(points(tuft) * [width, height], corners=(2,))), 2.0)


def ridge(seed: int, base: Number, rise: Number, wavelength: Number, shift: Number = 0.0) -> Points:
    """Return the skyline of a range of hills, moved to the left by `shift`."""
    rng = np.random.default_rng(seed)
    x = np.arange(-2 * _MARGIN, STAGE_WIDTH + 3 * _MARGIN, 16.0)
    phase = rng.uniform(0, 2 * np.pi, 4)
    waves = [
        np.sin((x + shift) * 2 * np.pi / (wavelength * ratio) + start) * weight
        for start, ratio, weight in zip(
            phase, (1, 0.61, 0.37, 0.19), (1, 0.5, 0.25, 0.08), strict=True
        )
    ]
    return np.stack([x, base - rise * np.sum(waves, axis=0)], axis=1)


def draw_hills(canvas: Canvas, skyline: Points, color: Color, width: Number = 3.0) -> None:
    """Draw a range of hills down to the lower edge, with its skyline in ink."""
    canvas.fill(np.concatenate([skyline, _FOOT]), color)
    canvas.stroke(skyline, width, taper=(0.01, 0.01))


def draw_house(canvas: Canvas, place: Placement, seed: int) -> None:
    """Draw a house about 260 units wide; the middle of its base is at the origin of `place`."""
    canvas = canvas.finer(place.scale**0.7)
    rng = np.random.default_rng(seed)
    wall = paint(int(rng.choice([0xF6E3C5, 0xF2CDB4, 0xDCE4E0, 0xF7EAD8, 0xE8D3DC])))
    roof = paint(int(rng.choice([0xC8694E, 0x7A8DA8, 0xB4574F, 0x8C7A94])))
    half, eaves = rng.uniform(100, 140), rng.uniform(150, 235)
    top = eaves + rng.uniform(80, 120)
    chimney = box(half * 0.36, -top - 10, half * 0.58, -eaves)
    canvas.shape(place(chimney), shadow_of(roof, 0.6), corners=range(4), width=2.8)
    body = box(-half, -eaves, half, 4)
    canvas.shape(place(body), wall, corners=range(4), width=3.2)
    canvas.tone(
        place(box(half * 0.62, -eaves, half - 1, 3)),
        shadow_of(wall, 0.6),
    )
    canvas.tone(
        place(box(-half + 1, -eaves, half, -eaves + 26)),
        shadow_of(wall, 0.6),
    )
    slope = [
        (-half - 22, -eaves + 10),
        (-half * 0.55, -top),
        (half * 0.55, -top),
        (half + 22, -eaves + 10),
    ]
    canvas.shape(place(slope), roof, corners=range(4), width=3.4)
    canvas.tone(
        place(
            [
                (half * 0.30, -top + 2),
                (half * 0.55 - 1, -top + 2),
                (half + 18, -eaves + 8),
                (half * 0.6, -eaves + 8),
            ]
        ),
        shadow_of(roof, 0.7),
    )
    for share in (0.35, 0.68):
        y = -eaves + 10 - share * (top - eaves + 10)
        reach = half + 22 - share * (half * 0.45 + 22)
        canvas.stroke(place([(-reach * 0.9, y), (-reach * 0.2, y)]), 1.9, taper=(0.2, 0.6))
        canvas.stroke(place([(reach * 0.1, y), (reach * 0.8, y)]), 1.9, taper=(0.5, 0.2))
    _draw_house_openings(canvas, place, half, eaves)


def _draw_house_openings(canvas: Canvas, place: Placement, half: Number, eaves: Number) -> None:
    glass, frame = paint(0x8FC1D4), paint(0xFFF8EC)
    for x in (-half * 0.55, half * 0.28):
        y = -eaves + 78
        pane = box(x - 27, y - 36, x + 27, y + 36)
        canvas.shape(place(pane), frame, corners=range(4), width=2.6)
        inner = box(x - 21, y - 30, x + 21, y + 30)
        canvas.shape(place(inner), glass, corners=range(4), width=2.0)
        canvas.stroke(place([(x, y - 30), (x, y + 30)]), 2.2, taper=(0.01, 0.01))
        canvas.stroke(place([(x - 21, y), (x + 21, y)]), 2.2, taper=(0.01, 0.01))


@dataclass(frozen=True)
class Daylight:
    """Colours of a landscape, from far to near."""

    sky: tuple[Color, Color, Color]
    cloud: Color
    sun: Color
    far: Color
    middle: Color
    near: Color


def _daylight(*codes: int) -> Daylight:
    bands, others = [paint(code) for code in codes[:3]], [paint(code) for code in codes[3:]]
    return Daylight((bands[0], bands[1], bands[2]), *others)


DAYLIGHTS = (
    _daylight(0x8CCBE8, 0xB4DDEC, 0xDCEFEA, 0xFFFDF6, 0xFFF3C4, 0x9CC7C4, 0x8FC28C, 0xA9CF72),
    _daylight(0xF7B58A, 0xFACD9C, 0xFCE4BC, 0xFFF0E0, 0xFFF8DC, 0xB493AE, 0xA0A07C, 0xC4B468),
    _daylight(0x9BB5E0, 0xC2C8E8, 0xEBD9E4, 0xFDF7FB, 0xFFF0DC, 0x8FA5C4, 0x7FB09C, 0x9CC488),
)
DUSK = _daylight(0x8E9BD0, 0xE6B3C2, 0xFFD9A8, 0xFFE9DC, 0xFFF2C2, 0x9C8FBE, 0x6E93A6, 0x6FA57C)


def draw_sky(canvas: Canvas, light: Daylight, horizon: Number) -> None:
    """Draw the sky in three bands with wavy borders."""
    fill_band(canvas, -_MARGIN, light.sky[0])
    x = np.arange(-100.0, STAGE_WIDTH + 140, 40)
    for share, color in ((0.45, light.sky[1]), (0.76, light.sky[2])):
        y = horizon * share + 14 * np.sin(x / 210 + share * 9) + 6 * np.sin(x / 77)
        canvas.fill(np.concatenate([np.stack([x, y], axis=1), _FOOT]), color)


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
    rails = [box(-60, y, STAGE_WIDTH + 60, y + 16) for y in (778, 822)]
    for rail in rails:
        canvas.shape(rail, wood, corners=range(4), width=2.8)
    for _, x in _passing(shift, 120, 60):
        post = [(x - 14, 862), (x - 14, 752), (x, 738), (x + 14, 752), (x + 14, 862)]
        canvas.shape(post, wood, corners=range(5), width=3.0)
        canvas.tone(box(x + 4, 752, x + 13, 861), shadow_of(wood, 0.8))


def _draw_pavement(canvas: Canvas, travelled: Number) -> None:
    stone = paint(0xE9DCC8)
    fill_band(canvas, 905, stone)
    canvas.tone(
        box(-60, 1040, STAGE_WIDTH + 60, 1130),
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
    canvas.draw(sun, light.sun, 3.0, gaps=[(2, 5)])
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
        (x - 8, top + 4), (x + 22, top + 4), (x - 20, top + 60), (x + 130, top + 110),
        (x + 60, top + 260), (x - 160, top + 260), (x - 10, top + 120),
        (x - 80, top + 60),
    ]  # fmt: skip
    outline = curve(rim, closed=True, corners=(0, 1, 4, 5))
    canvas.fill(outline, mixed(light.sky[0], light.sky[2]))
    canvas.stroke(outline[SAMPLES : 4 * SAMPLES + 1], 2.8)
    canvas.stroke(outline[5 * SAMPLES :], 2.8)
