"""Shots of the sample film: layout, motion and timing of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lineart.image import Size
from lineart.sample_film.body import draw_bust
from lineart.sample_film.canvas import Canvas, paint, shadow_of
from lineart.sample_film.cat import draw_cat
from lineart.sample_film.curves import Number, Placement, curve
from lineart.sample_film.dragon import draw_dragon
from lineart.sample_film.face import draw_face
from lineart.sample_film.hair import draw_back_hair, draw_front_hair
from lineart.sample_film.head import LOOKS, Head
from lineart.sample_film.landscape import DAYLIGHTS, DUSK
from lineart.sample_film.outdoors import draw_road, draw_valley
from lineart.sample_film.room import draw_room
from lineart.sample_film.walker import STANCE, STRIDE, draw_walker
from lineart.sample_film.wings import DRAGONS

FRAMES_PER_SECOND = 24


@dataclass(frozen=True)
class Scene:
    """Shot: its name, timing and drawing function.

    `hold` is the number of frames for which a drawing is shown, `drawings_per_hint` the number of
    drawings that share a hint picture. `draw` takes size, time in seconds and seed.
    """

    name: str
    hold: int
    drawings_per_hint: int
    draw: Callable[[Size, float, int], Canvas]


def draw_walk(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the girl walking past the village; the camera moves with her."""
    canvas = Canvas(size, (seed, 1, round(time_s * 1000)))
    cycle = time_s + 0.08 + 0.137 * seed
    # Speed of a planted foot: two strides back in the stance's share of a cycle of 1 s.
    travelled = 2 * STRIDE / STANCE * time_s + 211.0 * seed
    draw_road(canvas, travelled, DAYLIGHTS[seed % len(DAYLIGHTS)], seed)
    shadow = [(800, 986), (900, 972), (1060, 974), (1110, 988), (1000, 1000), (860, 1000)]
    canvas.tone(curve(shadow, closed=True), shadow_of(paint(0xE9DCC8), 0.9))
    draw_walker(canvas, 940, 985, cycle, LOOKS[seed % len(LOOKS)])
    return canvas


def draw_window(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the girl at the window, turning her head, blinking and speaking, beside her cat."""
    canvas = Canvas(size, (seed, 2, round(time_s * 1000)))
    room = _room(size, seed)
    canvas.flat[:], canvas.ink[:] = room.flat, room.ink
    draw_cat(
        canvas,
        Placement(690, 815, 1.0),
        time_s + 0.8,
        paint((0xE9A35C, 0x8D8FA3, 0xF1E4D4)[seed % 3]),
    )
    look = LOOKS[seed % len(LOOKS)]
    turn = np.sin(1.7 * time_s + 0.3 * seed - 0.9)
    yaw = -0.10 - 0.34 * np.tanh(2.2 * turn)
    breath = 5 * np.sin(2.1 * time_s)
    head = Head(
        place=Placement(
            1190 + 34 * yaw,
            420 + breath,
            205,
            -0.06 * np.tanh(2.2 * turn) + 0.02 * np.sin(1.1 * time_s),
        ),
        yaw=yaw,
        eyes=_blink(time_s + 0.61 * seed),
        gaze=0.035 * np.clip(turn * 3, -1, 1),
        mouth=max(0.0, np.sin(9.0 * time_s)) if turn > 0.35 else 0.0,
        sway=2.4 * time_s,
        length=3.4,
    )
    draw_back_hair(canvas, head, look)
    draw_bust(canvas, Placement(1190, 420 + 0.6 * breath, 205), look)
    draw_face(canvas, head, look)
    draw_front_hair(canvas, head, look)
    return canvas


def draw_flight(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the dragon flying over the valley at dusk; the land scrolls to the left."""
    canvas = Canvas(size, (seed, 3, round(time_s * 1000)))
    draw_valley(canvas, 260 * time_s + 173 * seed, DUSK, seed)
    rise = 24 * np.sin(0.9 * time_s + seed)
    draw_dragon(
        canvas,
        Placement(960, 610 + rise, 1.0, -0.06),
        time_s + 0.13 * seed,
        DRAGONS[seed % len(DRAGONS)],
    )
    return canvas


SHOTS = (
    Scene("s01_walk", 2, 2, draw_walk),
    Scene("s02_window", 3, 2, draw_window),
    Scene("s03_flight", 1, 2, draw_flight),
)


@lru_cache(maxsize=2)
def _room(size: Size, seed: int) -> Canvas:
    """Return the room, drawn once because it does not change."""
    canvas = Canvas(size, (seed, 4))
    draw_room(canvas, DUSK, seed)
    return canvas


def _blink(time_s: Number) -> float:
    """Return how far the eyes are open, 0..1: a blink of a quarter second every two seconds."""
    moment = (time_s + 1.2) % 2.0
    lid = float(np.interp(moment, (0, 0.10, 0.17, 0.27), (1, 0, 0, 1)))
    # A blink uses three positions: open, half open, closed.
    return 1.0 if lid > 0.75 else 0.62 if lid > 0.4 else 0.0
