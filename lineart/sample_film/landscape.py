"""Parts of landscapes: sky, clouds, hills, trees and houses."""

from dataclasses import dataclass

import numpy as np

from lineart.sample_film.canvas import Canvas, Color, paint, shadow_of
from lineart.sample_film.curves import (
    STAGE_HEIGHT,
    STAGE_WIDTH,
    Number,
    Placement,
    Points,
    curve,
    moved,
    points,
)

_MARGIN = 40.0


def fill_band(canvas: Canvas, top: Number, color: Color) -> None:
    """Fill the stage below `top`."""
    low, left, right = STAGE_HEIGHT + _MARGIN, -_MARGIN, STAGE_WIDTH + _MARGIN
    canvas.fill([(left, top), (right, top), (right, low), (left, low)], color)


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
    foot = points([(STAGE_WIDTH + 100, STAGE_HEIGHT + 60), (-100, STAGE_HEIGHT + 60)])
    canvas.fill(np.concatenate([skyline, foot]), color)
    canvas.stroke(skyline, width, taper=(0.01, 0.01))


def draw_house(canvas: Canvas, place: Placement, seed: int) -> None:
    """Draw a house about 260 units wide; the middle of its base is at the origin of `place`."""
    canvas = canvas.finer(place.scale**0.7)
    rng = np.random.default_rng(seed)
    wall = paint(int(rng.choice([0xF6E3C5, 0xF2CDB4, 0xDCE4E0, 0xF7EAD8, 0xE8D3DC])))
    roof = paint(int(rng.choice([0xC8694E, 0x7A8DA8, 0xB4574F, 0x8C7A94])))
    half, eaves = rng.uniform(100, 140), rng.uniform(150, 235)
    top = eaves + rng.uniform(80, 120)
    chimney = [
        (half * 0.36, -top - 10),
        (half * 0.58, -top - 10),
        (half * 0.58, -eaves),
        (half * 0.36, -eaves),
    ]
    canvas.shape(place(chimney), shadow_of(roof, 0.6), corners=range(4), width=2.8)
    body = [(-half, -eaves), (half, -eaves), (half, 4), (-half, 4)]
    canvas.shape(place(body), wall, corners=range(4), width=3.2)
    canvas.tone(
        place([(half * 0.62, -eaves), (half - 1, -eaves), (half - 1, 3), (half * 0.62, 3)]),
        shadow_of(wall, 0.6),
    )
    canvas.tone(
        place([(-half + 1, -eaves), (half, -eaves), (half, -eaves + 26), (-half + 1, -eaves + 26)]),
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
        pane = [(x - 27, y - 36), (x + 27, y - 36), (x + 27, y + 36), (x - 27, y + 36)]
        canvas.shape(place(pane), frame, corners=range(4), width=2.6)
        inner = [(x - 21, y - 30), (x + 21, y - 30), (x + 21, y + 30), (x - 21, y + 30)]
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


DAYLIGHTS = (
    Daylight(
        (paint(0x8CCBE8), paint(0xB4DDEC), paint(0xDCEFEA)),
        paint(0xFFFDF6),
        paint(0xFFF3C4),
        paint(0x9CC7C4),
        paint(0x8FC28C),
        paint(0xA9CF72),
    ),
    Daylight(
        (paint(0xF7B58A), paint(0xFACD9C), paint(0xFCE4BC)),
        paint(0xFFF0E0),
        paint(0xFFF8DC),
        paint(0xB493AE),
        paint(0xA0A07C),
        paint(0xC4B468),
    ),
    Daylight(
        (paint(0x9BB5E0), paint(0xC2C8E8), paint(0xEBD9E4)),
        paint(0xFDF7FB),
        paint(0xFFF0DC),
        paint(0x8FA5C4),
        paint(0x7FB09C),
        paint(0x9CC488),
    ),
)


DUSK = Daylight(
    (paint(0x8E9BD0), paint(0xE6B3C2), paint(0xFFD9A8)),
    paint(0xFFE9DC),
    paint(0xFFF2C2),
    paint(0x9C8FBE),
    paint(0x6E93A6),
    paint(0x6FA57C),
)


def draw_sky(canvas: Canvas, light: Daylight, horizon: Number) -> None:
    """Draw the sky in three bands with wavy borders."""
    fill_band(canvas, -_MARGIN, light.sky[0])
    x = np.arange(-100.0, STAGE_WIDTH + 140, 40)
    for share, color in ((0.45, light.sky[1]), (0.76, light.sky[2])):
        y = horizon * share + 14 * np.sin(x / 210 + share * 9) + 6 * np.sin(x / 77)
        foot = points([(STAGE_WIDTH + 100, STAGE_HEIGHT + 60), (-100, STAGE_HEIGHT + 60)])
        canvas.fill(np.concatenate([np.stack([x, y], axis=1), foot]), color)
