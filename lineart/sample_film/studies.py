"""Studies of motion, for the training of colour keys: what the three shots do not show.

Heads that turn far, limbs that cross, cloth, things that enter, a moving camera. The film itself
has none of them.
"""

import numpy as np

from lineart.image import Color, Size
from lineart.sample_film.canvas import (
    STAGE_HEIGHT,
    STAGE_WIDTH,
    Canvas,
    Number,
    Placement,
    Points,
    box,
    curve,
    ellipse,
    moved,
    paint,
    shadow_of,
)
from lineart.sample_film.dragon import DRAGONS, draw_dragon
from lineart.sample_film.face import LOOKS, Head, draw_face
from lineart.sample_film.hair import draw_back_hair, draw_front_hair
from lineart.sample_film.landscape import DAYLIGHTS, DUSK, draw_house, draw_tree, fill_band
from lineart.sample_film.room import draw_cat, draw_room
from lineart.sample_film.scenes import Scene
from lineart.sample_film.walker import draw_bust, draw_walker

PROPS: tuple[Color, ...] = tuple(
    paint(code)
    for code in (0xD8574C, 0x4F7F96, 0xE3B55C, 0x6F9A76, 0x8A6A9C, 0xEAE0CE, 0x40405C, 0xF0A8A0)
)
"""Colours of props and cloth."""


def draw_turn(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw a head, close, that turns from one side far to the other and tilts."""
    canvas = Canvas(size, (seed, 5, round(time_s * 1000)))
    look = LOOKS[seed % len(LOOKS)]
    fill_band(canvas, -40, paint(0xDCE6E4))
    canvas.shape(box(180, 120, 620, 800), paint(0xF7ECDC), corners=range(4), width=3.0)
    turn = np.sin(2.0 * time_s + 0.9 * seed)
    head = Head(
        place=Placement(960 + 90 * turn, 430 + 20 * np.cos(3 * time_s), 260, 0.16 * turn),
        yaw=0.78 * turn,
        eyes=0.0 if 0.45 < (0.7 * time_s + 0.3 * seed) % 1.0 < 0.53 else 1.0,
        gaze=0.05 * np.sin(3 * time_s),
        mouth=max(0.0, np.sin(7 * time_s)),
        wind=0.3 + 0.3 * np.sin(0.8 * time_s),
        sway=4 * time_s,
        length=1.6 + 0.6 * (seed % 3),
    )
    draw_back_hair(canvas, head, look)
    draw_bust(canvas, Placement(960 + 40 * turn, 440, 260), look)
    draw_face(canvas, head, look)
    draw_front_hair(canvas, head, look)
    return canvas


def draw_crossing(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw two girls who walk towards each other and pass; the nearer one hides the other."""
    canvas = Canvas(size, (seed, 6, round(time_s * 1000)))
    fill_band(canvas, -40, paint(0xE9DCC8))
    draw_house(canvas, Placement(500, 880, 1.1), seed)
    draw_tree(canvas, Placement(1500, 880), (260, 420), seed, DAYLIGHTS[0].near)
    fill_band(canvas, 880, paint(0xC9B79C))
    canvas.stroke([(-60, 880), (STAGE_WIDTH + 60, 880)], 3.4, taper=(0.01, 0.01))
    reach = 520 - 330 * time_s
    one, two = (LOOKS[(seed + shift) % len(LOOKS)] for shift in (0, 1))
    draw_walker(canvas, 960 - reach, 960, 0.8 * time_s + 0.1 * seed, one)
    _flip(canvas)
    draw_walker(canvas, 960 - reach, 1010, time_s + 0.23 * seed, two)
    if seed % 2:
        _flip(canvas)
    return canvas


def _flip(canvas: Canvas) -> None:
    """Mirror what has been drawn."""
    canvas.flat[:], canvas.ink[:] = canvas.flat[:, ::-1].copy(), canvas.ink[:, ::-1].copy()


def draw_cloth(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw a striped flag, whose stripes fold over each other, and a curtain that blows."""
    canvas = Canvas(size, (seed, 7, round(time_s * 1000)))
    fill_band(canvas, -40, paint(0xBFD8EA))
    fill_band(canvas, 800, paint(0x9DBB8A))
    canvas.stroke([(-60, 800), (STAGE_WIDTH + 60, 800)], 3.4, taper=(0.01, 0.01))
    rng = np.random.default_rng(seed)
    colors = [PROPS[k] for k in rng.permutation(len(PROPS))]
    canvas.shape(box(440, 80, 470, 980), paint(0x8B6F63), corners=range(4), width=3.0)
    for index in range(4):
        _draw_stripe(canvas, index, time_s + 0.4 * seed, colors[index])
    canvas.draw(ellipse(455, 76, 26, 26), paint(0xE8D060), 3.0)
    for fold in range(5):
        _draw_fold(canvas, fold, time_s + 0.4 * seed, colors[4 + fold % 2])
    return canvas


def _wave(time_s: Number, along: np.ndarray) -> Points:
    """Return the movement of the flag at shares of its length."""
    swing = np.sin(3.2 * time_s - 5.0 * along)
    across = 40 * along * np.cos(3.2 * time_s - 5.0 * along) - 60 * along**2
    return np.stack([across, 70 * along * swing + 90 * along**2], axis=1)


def _draw_stripe(canvas: Canvas, index: int, time_s: Number, color: Color) -> None:
    along = np.linspace(0, 1, 9)
    tops = [
        np.stack([470 + 620 * along, np.full(9, 130 + 95.0 * row)], axis=1)
        + _wave(time_s + 0.03 * row, along)
        for row in (index, index + 1)
    ]
    upper, lower = (curve(rim) for rim in tops)
    outline = np.concatenate([upper, lower[::-1]])
    canvas.draw(outline, color, 3.2)
    steep = np.sin(3.2 * time_s - 5.0 * along) > 0.3
    for first in np.flatnonzero(steep[:-1]):
        shade = np.concatenate([tops[0][first : first + 2], tops[1][first : first + 2][::-1]])
        canvas.shade(outline, shade, shadow_of(color))
    emblem = moved(_wave(time_s, np.array([0.5])), 780, 320)[0]
    if index == 3:
        canvas.draw(ellipse(emblem[0], emblem[1], 70, 80), paint(0xFFFBF6), 3.0)


def _draw_fold(canvas: Canvas, fold: int, time_s: Number, color: Color) -> None:
    """Draw a fold of the curtain on the right; the width of a fold changes as it swings."""
    swing = 60 * np.sin(2.1 * time_s - 0.8 * fold)
    left, right = 1330 + 100 * fold, 1470 + 100 * fold
    rim = [
        (left, 60), (right, 60), (right + 0.4 * swing, 480), (right + swing, 900),
        (left + 1.3 * swing, 920), (left + 0.3 * swing, 480),
    ]  # fmt: skip
    outline = canvas.shape(rim, color, corners=(0, 1, 3, 4), width=3.2)
    side = [(left - 20, 50), (left + 46, 50), (left + 40 + swing, 940), (left - 60 + swing, 940)]
    canvas.shade(outline, side, shadow_of(color))


def draw_entering(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw a cat in a field, and things that enter one after the other, cross it and leave."""
    canvas = Canvas(size, (seed, 8, round(time_s * 1000)))
    rng = np.random.default_rng(seed)
    fill_band(canvas, -40, DUSK.sky[1])
    fill_band(canvas, 700, DUSK.near)
    canvas.stroke([(-60, 700), (STAGE_WIDTH + 60, 700)], 3.4, taper=(0.01, 0.01))
    draw_tree(canvas, Placement(320, 720), (240, 400), seed, DUSK.middle)
    fur = paint((0xE9A35C, 0x8D8FA3, 0xF1E4D4)[seed % 3])
    draw_cat(canvas, Placement(1000 + 60 * np.sin(time_s), 900, 1.6), time_s, fur)
    colors = [PROPS[k] for k in rng.permutation(len(PROPS))]
    for index in range(5):
        start, height = 0.35 * index - 0.3, rng.uniform(180, 880)
        way = (time_s - start) * rng.uniform(700, 1100) - 300
        x = way if rng.random() < 0.5 else STAGE_WIDTH - way
        spin = rng.uniform(-3, 3) * time_s
        place = Placement(x, height + 60 * np.sin(4 * time_s + index), 1.0, spin)
        _draw_prop(canvas, index, place, (colors[index], colors[index + 1]))
    return canvas


def _draw_prop(canvas: Canvas, kind: int, place: Placement, colors: tuple[Color, Color]) -> None:
    """Draw a ball, a kite, a box, a balloon or an umbrella."""
    one, two = colors
    if kind == 0:
        canvas.draw(place(ellipse(0, 0, 110, 110)), one, 3.6)
        for turn in (0.0, 2.1, 4.2):
            leaf = place.joint(0, 0, turn)([(0, 0), (60, -60), (108, 0), (60, 30)])
            canvas.draw(curve(leaf, closed=True, corners=(0, 2)), two, 2.6)
    elif kind == 1:
        canvas.shape(place([(0, -150), (90, 0), (0, 190), (-90, 0)]), one, corners=range(4))
        canvas.shape(place([(0, -150), (90, 0), (0, 190)]), two, corners=range(3))
        tail = curve(place([(0, 190), (40, 260), (-20, 330), (30, 400)]))
        canvas.stroke(tail, 3.0)
    elif kind == 2:
        canvas.shape(place(box(-110, -80, 110, 110)), one, corners=range(4), width=3.8)
        canvas.shape(place(box(-22, -80, 22, 110)), two, corners=range(4), width=2.8)
        canvas.shape(place([(-130, -120), (130, -120), (130, -76), (-130, -76)]), two,
                     corners=range(4), width=3.4)  # fmt: skip
    elif kind == 3:
        canvas.stroke(curve(place([(0, 120), (14, 220), (-10, 330)])), 2.4)
        outline = place(ellipse(0, 0, 100, 125))
        canvas.draw(outline, one, 3.6)
        canvas.shade(outline, place(ellipse(-60, 40, 70, 130)), shadow_of(one))
    else:
        canvas.stroke(curve(place([(0, -60), (0, 160), (30, 190), (50, 160)])), 6.0)
        dome = [
            (-170, 0),
            (-120, -100),
            (0, -150),
            (120, -100),
            (170, 0),
            (85, -24),
            (0, 0),
            (-85, -24),
        ]
        canvas.shape(place(dome), one, corners=(0, 4, 6), width=3.6)
        canvas.shape(place([(0, -150), (62, -80), (85, -24), (0, 0)]), two, corners=(0, 3))


def draw_pan(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the room or the dragon's valley seen by a camera that pans, zooms and shakes."""
    canvas = Canvas(size, (seed, 9, round(time_s * 1000)))
    zoom = 1.35 + 0.35 * np.sin(1.1 * time_s + seed)
    swing = np.sin(1.3 * time_s + 0.7 * seed)
    canvas.aim(STAGE_WIDTH / 2 + 420 * swing, STAGE_HEIGHT / 2 + 140 * np.cos(time_s), zoom)
    draw_room(canvas, DUSK, seed)
    fur = paint((0xE9A35C, 0x8D8FA3, 0xF1E4D4)[seed % 3])
    draw_cat(canvas, Placement(690, 815, 1.0), time_s, fur)
    draw_dragon(canvas, Placement(1200, 700, 0.6, -0.1), time_s, DRAGONS[seed % len(DRAGONS)])
    return canvas


STUDIES = (
    Scene("t01_turn", 2, 2, draw_turn),
    Scene("t02_crossing", 2, 2, draw_crossing),
    Scene("t03_cloth", 2, 2, draw_cloth),
    Scene("t04_entering", 2, 2, draw_entering),
    Scene("t05_pan", 2, 2, draw_pan),
)
