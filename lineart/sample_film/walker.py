"""Body of the girl: bust for the shot at the window; walk with skirt and scarf that lag behind."""

from dataclasses import dataclass

import numpy as np

from lineart.image import Color
from lineart.sample_film.canvas import (
    SAMPLES,
    Canvas,
    Number,
    Placement,
    Points,
    curve,
    moved,
    points,
    shadow_of,
    tube,
)
from lineart.sample_film.face import Head, HeadColors, draw_face, skin_shadow
from lineart.sample_film.hair import draw_back_hair, draw_front_hair


def draw_bust(canvas: Canvas, place: Placement, look: HeadColors) -> None:
    """Draw neck, shoulders and sweater below a head at `place`, in units of the head's radius."""
    neck = place(tube([(0, 0.9), (0, 2.0)], [0.34, 0.33, 0.42]))
    canvas.draw(neck, look.skin, 3.4)
    canvas.shade(
        neck,
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
        (-0.52, 1.55), (-0.2, 1.68), (0.2, 1.68), (0.52, 1.55), (0.62, 1.86),
        (0.3, 2.10), (-0.3, 2.10), (-0.62, 1.86),
    ]  # fmt: skip
    collar = canvas.shape(place(rim), look.sweater, corners=(0, 3), width=3.8)
    canvas.shade(
        collar,
        place([(-0.8, 1.5), (-0.36, 1.5), (-0.42, 1.9), (-0.2, 2.2), (-0.8, 2.2)]),
        shadow_of(look.sweater, 0.7),
    )
    for x in np.linspace(-0.42, 0.42, 7):
        canvas.stroke(place([(x, 1.74 - 0.1 * x * x), (1.12 * x, 2.04 - 0.5 * x * x)]), 2.0)


STRIDE = 116.0
"""Reach of a foot before and behind the hip, in stage units."""


STANCE = 0.56
"""Share of a walk cycle during which a foot is on the ground."""


_THIGH, _SHIN, _HIP_HEIGHT, _ANKLE_HEIGHT = 196.0, 184.0, 404.0, 32.0


@dataclass(frozen=True)
class Leg:
    """Joints of a leg relative to the hip; pitch of its foot in radians (positive: heel up)."""

    knee: Points
    ankle: Points
    pitch: Number


def step(phase: Number) -> Leg:
    """Return the pose of a leg at `phase`, in walk cycles; 0 is the heel strike."""
    bob = _bob(phase)
    phase %= 1.0
    if phase < STANCE:
        x, lift = STRIDE * (1 - 2 * phase / STANCE), 0.0
    else:
        swing = (phase - STANCE) / (1 - STANCE)
        x, lift = -STRIDE * np.cos(np.pi * swing), 52 * np.sin(np.pi * swing) ** 1.3
    moments = (0.0, 0.10, 0.36, 0.56, 0.68, 0.88, 1.0)
    pitch = float(np.interp(phase, moments, (-0.38, 0.0, 0.0, 0.75, 0.85, -0.05, -0.38)))
    heel = 62 * np.sin(max(pitch, 0.0)) if phase < STANCE + 0.12 else 30 * np.sin(max(pitch, 0.0))
    ankle = np.array([x + 0.25 * heel, _HIP_HEIGHT - bob - _ANKLE_HEIGHT - lift - heel])
    reach = min(float(np.hypot(*ankle)), _THIGH + _SHIN - 1)
    bend = np.arccos((_THIGH**2 + reach**2 - _SHIN**2) / (2 * _THIGH * reach))
    angle = np.arctan2(ankle[1], ankle[0]) - bend
    knee = _THIGH * np.array([np.cos(angle), np.sin(angle)])
    return Leg(knee[None], ankle[None] * min(1.0, reach / float(np.hypot(*ankle))), pitch)


def _bob(cycle: Number) -> float:
    """Return how far the hip sinks: lowest at a heel strike, highest when the feet pass."""
    return float(9 * np.cos(4 * np.pi * cycle))


def draw_walker(canvas: Canvas, x: Number, ground: Number, cycle: Number, look: HeadColors) -> None:
    """Draw the girl with her feet on `ground`; `cycle` counts walk cycles of two steps."""
    hip = Placement(x, ground - _HIP_HEIGHT + _bob(cycle), 1.0, 0.035)
    swing = np.sin(2 * np.pi * cycle + 1.3)
    head = Head(
        place=Placement(x + 24, hip.y - 372 + 2.5 * np.sin(4 * np.pi * cycle), 80, 0.02 * swing),
        yaw=0.42,
        eyes=0.06 if 0.30 < (cycle * 0.42 + 0.1) % 1.0 < 0.36 else 1.0,
        wind=0.62,
        sway=4 * np.pi * cycle,
        length=3.5,
    )
    draw_back_hair(canvas, head, look)
    _draw_scarf_tail(canvas, hip, cycle, look)
    _draw_arm(canvas, hip, cycle + 0.5, look, near=False)
    near, far = step(cycle), step(cycle + 0.5)
    _draw_leg(canvas, hip, far, look, near=False)
    _draw_leg(canvas, hip, near, look, near=True)
    _draw_skirt(canvas, hip, (near, far), cycle, look)
    _draw_torso(canvas, hip, look)
    draw_face(canvas, head, look)
    _draw_scarf(canvas, hip, look)
    draw_front_hair(canvas, head, look)
    _draw_arm(canvas, hip, cycle, look, near=True)


def _draw_leg(canvas: Canvas, hip: Placement, leg: Leg, look: HeadColors, *, near: bool) -> None:
    root = points([(6.0, -10.0) if near else (-2.0, -10.0)])
    knee, ankle = leg.knee, leg.ankle
    calf = moved(knee * 0.55 + ankle * 0.45, -7, 0)
    spine = np.concatenate([root, moved((root + knee) / 2, 5, 0), knee, calf, moved(ankle, 0, 8)])
    outline = hip(tube(spine, [44, 39, 33, 29, 27, 29, 26, 19, 18]))
    color = look.tights if near else shadow_of(look.tights, 0.8)
    canvas.fill(outline, color)
    if near:
        with canvas.inside(outline) as part:
            back = hip(tube(moved(spine, -21, 0), [20, 18, 16, 14, 12, 12, 12, 10, 10]))
            part.tone(back, shadow_of(look.tights))
    half = len(outline) // 2
    canvas.stroke(outline[:half], 3.6, taper=(0.05, 0.05))
    canvas.stroke(outline[half:], 3.6, taper=(0.05, 0.05))
    _draw_knee_folds(canvas, hip, leg)
    _draw_boot(canvas, hip, leg, look.boots if near else shadow_of(look.boots, 0.8))


def _draw_knee_folds(canvas: Canvas, hip: Placement, leg: Leg) -> None:
    x, y = leg.knee[0]
    for drop in (-6.0, 8.0):
        canvas.stroke(
            hip(curve([(x - 24, y + drop), (x - 12, y + drop + 3), (x - 2, y + drop)])), 2.0
        )


def _draw_boot(canvas: Canvas, hip: Placement, leg: Leg, color: Color) -> None:
    x, y = hip(leg.ankle)[0]
    foot = Placement(x, y, 1.0, leg.pitch)
    rim = [
        (-26, -46), (2, -50), (26, -44), (24, -10), (52, 2), (74, 18), (76, 32),
        (20, 34), (-30, 33), (-31, 10), (-24, -16),
    ]  # fmt: skip
    outline = canvas.shape(foot(rim), color, corners=(0, 2, 6, 8), width=3.8)
    canvas.shade(
        outline,
        foot([(-40, -60), (-8, -60), (-10, 0), (20, 20), (90, 24), (90, 40), (-40, 40)]),
        shadow_of(color),
    )
    canvas.stroke(curve(foot([(-29, 24), (20, 25), (76, 26)])), 2.2, taper=(0.1, 0.1))
    canvas.stroke(curve(foot([(22, -12), (8, -4), (4, 6)])), 2.2)


def _draw_skirt(
    canvas: Canvas, hip: Placement, legs: tuple[Leg, Leg], cycle: Number, look: HeadColors
) -> None:
    front = max(max(leg.knee[0, 0] for leg in legs) + 34, 78.0)
    back = min(min(0.75 * leg.ankle[0, 0] for leg in legs) - 22, -74.0) - 12
    lag = 10 * np.sin(4 * np.pi * cycle - 1.1)
    hem = np.linspace(front, back, 7)
    depth = 158 + lag * np.linspace(-0.6, 1.0, 7) + np.array([-4, 6, 10, 8, 12, 6, -6])
    rim = [
        (54.0, -34.0),
        (max(66.0, 0.72 * front), 40.0),
        *zip(hem, depth, strict=True),
        (min(-66.0, 0.7 * back), 40.0),
        (-52.0, -34.0),
    ]
    outline = canvas.shape(hip(rim), look.skirt, corners=(0, 2, 8, 10), width=4.0)
    with canvas.inside(outline) as part:
        for left, right in ((-48, -28), (-18, -4), (14, 24)):
            low, wide = hem[int((50 - left) / 20)], hem[int((50 - right) / 20)]
            pleat = [(left, -10), (right, 10), (wide + 6, 200), (low - 10, 200)]
            part.tone(hip(pleat), shadow_of(look.skirt))
    for index, top in ((1, 34), (2, 18), (3, 2), (4, -16), (5, -34)):
        fold = [(hem[index], depth[index] - 3), (hem[index] * 0.8 + top * 0.2, 96), (top, 20)]
        canvas.stroke(hip(curve(fold)), 2.6, taper=(0.05, 0.8))


def _draw_torso(canvas: Canvas, hip: Placement, look: HeadColors) -> None:
    rim = [
        (-22, -252), (26, -250), (56, -226), (64, -160), (56, -80), (62, -4), (6, 8),
        (-60, 0), (-56, -80), (-58, -160), (-54, -222),
    ]  # fmt: skip
    neck = hip(tube([(6, -290), (4, -240)], [24, 27]))
    canvas.fill(neck, skin_shadow(look))
    outline = canvas.shape(hip(rim), look.sweater, corners=(5, 7), width=3.8)
    with canvas.inside(outline) as part:
        side = [(-70, -240), (-30, -230), (-26, -150), (-18, -90), (-30, 20), (-80, 20)]
        part.tone(hip(curve(side, closed=True, corners=(4, 5))), shadow_of(look.sweater, 0.7))
        fold = [(70, -70), (24, -56), (-10, -36), (30, -40), (70, -46)]
        part.tone(hip(curve(fold, closed=True, corners=(2,))), shadow_of(look.sweater, 0.7))
    canvas.stroke(hip(curve([(-60, -18), (4, -9), (62, -22)])), 2.4, taper=(0.1, 0.1))
    for fold in (
        [(60, -92), (34, -76), (12, -74)],
        [(56, -60), (30, -50), (4, -52)],
        [(52, -150), (34, -132), (28, -110)],
    ):
        canvas.stroke(hip(curve(fold)), 2.4, taper=(0.05, 0.8))


def _draw_arm(
    canvas: Canvas, hip: Placement, cycle: Number, look: HeadColors, *, near: bool
) -> None:
    """Draw an arm; it swings opposite to the leg on its side."""
    swing = -np.cos(2 * np.pi * cycle)
    upper = 0.52 * swing + 0.04
    lower = upper + 0.30 + 0.22 * swing
    shoulder = points([(-14.0, -208.0) if near else (26.0, -208.0)])
    elbow = shoulder + 112 * points([(np.sin(upper), np.cos(upper))])
    wrist = elbow + 100 * points([(np.sin(lower), np.cos(lower))])
    x, y = hip(wrist)[0]
    hand = Placement(x, y, 1.0, -lower + hip.turn)
    skin = look.skin if near else skin_shadow(look)
    rim = [
        (-13, -6), (13, -6), (17, 12), (22, 24), (15, 27), (12, 44), (-4, 50),
        (-15, 36), (-16, 14),
    ]  # fmt: skip
    canvas.shape(hand(rim), skin, width=3.0, gaps=[(0, 1)])
    canvas.stroke(hand(curve([(2, 30), (0, 38), (2, 46)])), 2.0)
    sleeve = look.sweater if near else shadow_of(look.sweater, 0.7)
    spine = np.concatenate([shoulder, (shoulder + elbow) / 2, elbow, (elbow + wrist) / 2, wrist])
    outline = hip(tube(spine, [31, 31, 29, 28, 26, 26, 25]))
    canvas.fill(outline, sleeve)
    cap = hip(
        curve(
            np.concatenate(
                [
                    moved(shoulder, -31, 6),
                    moved(shoulder, -20, -14),
                    moved(shoulder, 6, -20),
                    moved(shoulder, 30, 4),
                ]
            )
        )
    )
    canvas.fill(cap, sleeve)
    if near:
        canvas.shade(
            outline, hip(tube(moved(spine, -19, 0), [14, 14, 13, 12, 14])), shadow_of(sleeve, 0.7)
        )
    half = len(outline) // 2
    canvas.stroke(outline[: half + 1], 3.6, taper=(0.15, 0.05))
    canvas.stroke(outline[half:], 3.6, taper=(0.05, 0.15))
    canvas.stroke(cap[SAMPLES // 2 :], 3.0, taper=(0.4, 0.4))
    ex, ey = elbow[0]
    for drop in (-12.0, 0.0, 13.0):
        canvas.stroke(
            hip(curve([(ex + 25, ey + drop), (ex + 6, ey + drop + 5), (ex - 6, ey + drop + 2)])),
            2.2,
            taper=(0.05, 0.8),
        )
    cuff = hand([(-26, -22), (0, -18), (26, -22)])
    canvas.stroke(curve(cuff), 2.4, taper=(0.1, 0.1))


def _draw_scarf_tail(canvas: Canvas, hip: Placement, cycle: Number, look: HeadColors) -> None:
    """Draw the loose end of the scarf, waving in the wind."""
    reach = np.linspace(0, 1, 6)
    wave = 26 * reach * np.sin(4 * np.pi * cycle - 3.2 * reach)
    spine = np.stack([-30 - 215 * reach, -246 + 60 * reach**1.5 + wave], axis=1)
    outline = hip(tube(spine, [20, 25, 29, 31, 33]))
    canvas.fill(outline, look.scarf)
    with canvas.inside(outline) as part:
        part.tone(hip(tube(moved(spine, 0, 20), [14, 16, 18, 14, 22])), shadow_of(look.scarf))
        for share in (0.74, 0.86):
            x, y = np.interp(share, reach, spine[:, 0]), np.interp(share, reach, spine[:, 1])
            part.tone(
                hip([(x - 8, y - 60), (x + 5, y - 60), (x + 11, y + 60), (x - 2, y + 60)]),
                look.sweater,
            )
    canvas.outline(outline, 3.4)
    canvas.stroke(hip(curve(moved(spine[:4], 0, 4))), 2.2, taper=(0.3, 0.8))


def _draw_scarf(canvas: Canvas, hip: Placement, look: HeadColors) -> None:
    rim = [
        (-46, -254), (-20, -272), (20, -274), (52, -262), (60, -240), (34, -218),
        (-4, -212), (-42, -224),
    ]  # fmt: skip
    outline = canvas.shape(hip(rim), look.scarf, width=3.6)
    canvas.shade(
        outline,
        hip([(-60, -250), (-10, -238), (70, -256), (70, -200), (-60, -200)]),
        shadow_of(look.scarf),
    )
    for fold in ([(-40, -256), (0, -240), (50, -258)], [(-30, -240), (0, -228), (30, -234)]):
        canvas.stroke(hip(curve(fold)), 2.4, taper=(0.4, 0.5))
