"""Small dragon in flight; its wings are interpolated between key poses of one beat."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineart.image import Color
from lineart.sample_film.canvas import (
    WHITE,
    Canvas,
    Number,
    Placement,
    Points,
    curve,
    ellipse,
    moved,
    paint,
    points,
    shadow_of,
    tube,
)


@dataclass(frozen=True)
class Scales:
    """Colours of a dragon."""

    body: Color
    belly: Color
    membrane: Color
    horn: Color


DRAGONS = (
    Scales(paint(0x3FA796), paint(0xF6E2A8), paint(0xF08A5D), paint(0xF5E9D3)),
    Scales(paint(0xC4567A), paint(0xFBD9B0), paint(0x7C6BC4), paint(0xF2E6D8)),
    Scales(paint(0x5B7FC9), paint(0xE9EDF5), paint(0xF2C14E), paint(0xE9DCC4)),
)


_WING_KEYS = np.array(
    [  # Wrist and four finger tips at equal steps of one beat, starting with the wing up.
        [(80, -226), (10, -500), (-170, -452), (-292, -344), (-330, -206)],
        [(118, -96), (84, -300), (-120, -338), (-284, -270), (-330, -150)],
        [(112, 46), (76, 158), (-96, 100), (-240, 40), (-300, -18)],
        [(84, 150), (10, 372), (-142, 336), (-248, 226), (-272, 86)],
        [(60, 50), (-92, 206), (-206, 184), (-274, 124), (-286, 54)],
        [(44, -130), (-160, -70), (-268, -88), (-322, -86), (-304, -50)],
    ],
    np.float64,
)


def _wing_pose(phase: Number) -> Points:
    """Return wrist and finger tips relative to the shoulder at `phase`, in beats."""
    moment = phase % 1.0 * len(_WING_KEYS)
    now, share = int(moment), moment % 1.0
    before, start, end, after = (_WING_KEYS[(now + k) % len(_WING_KEYS)] for k in (-1, 0, 1, 2))
    leave, arrive = (end - before) / 2, (after - start) / 2
    pose: Points = (
        (2 * share**3 - 3 * share**2 + 1) * start
        + (share**3 - 2 * share**2 + share) * leave
        + (3 * share**2 - 2 * share**3) * end
        + (share**3 - share**2) * arrive
    )
    return pose


def draw_wing(canvas: Canvas, place: Placement, phase: Number, look: Scales, *, near: bool) -> None:
    """Draw a wing at `phase`, in beats; at 0 it is up."""
    shoulder = points([(70.0, -44.0) if near else (118.0, -52.0)])
    root = points([(-110.0, -40.0) if near else (-56.0, -50.0)])
    # The far wing extends away from the viewer, so it is smaller and higher in the picture.
    pose = _wing_pose(phase) * ([1.0, 1.0] if near else [0.92, 0.86]) + (
        [0, 0] if near else [0, -44]
    )
    wrist, tips = shoulder + pose[:1], [shoulder + tip for tip in pose[1:, None]]
    _draw_membrane(canvas, place, np.concatenate([shoulder, wrist, *tips, root]), look, near=near)
    skin = look.body if near else shadow_of(look.body)
    for tip in tips:
        spread = place(
            tube(np.concatenate([wrist, moved((wrist + tip) / 2, 4, -7), tip]), [8, 6, 2])
        )
        canvas.draw(spread, skin, 2.6)
    elbow = moved((shoulder + wrist) / 2, 20, 6)
    arm = place(tube(np.concatenate([moved(shoulder, -8, 18), elbow, wrist]), [12, 24, 19, 13]))
    canvas.fill(arm, skin)
    canvas.stroke(arm[2 : len(arm) // 2], 3.6, taper=(0.2, 0.05))
    canvas.stroke(arm[len(arm) // 2 - 1 : -2], 3.6, taper=(0.05, 0.2))
    x, y = wrist[0]
    claw = [(x - 9, y - 6), (x + 20, y - 34), (x + 12, y + 6)]
    canvas.shape(place(claw), look.horn, corners=(0, 1, 2), width=2.6)


def _draw_membrane(
    canvas: Canvas, place: Placement, joints: Points, look: Scales, *, near: bool
) -> None:
    """Draw the membrane of a wing between shoulder, wrist, finger tips and root."""
    shoulder, wrist, *tips, root = joints[:, None]
    bays = []
    for one, two in pairwise([*tips, root]):
        bays += [one, (one + two) / 2 * 0.80 + wrist * 0.20]
    rim = np.concatenate([shoulder, wrist, *bays, root])
    color = look.membrane if near else shadow_of(look.membrane)
    outline = canvas.shape(place(rim), color, corners=(0, 1, 2, 4, 6, 8, 10), width=3.4)
    with canvas.inside(outline) as part:
        for one, two in pairwise([*tips, root]):
            inner = wrist * 0.3 + two * 0.3 + one * 0.4
            part.tone(
                place(np.concatenate([wrist, one, one * 0.55 + two * 0.45, inner])),
                shadow_of(color),
            )


def _spine(time_s: Number) -> Points:
    """Return the dragon's spine from neck to tail tip, with a wave that runs backwards."""
    x = np.array([250.0, 190, 110, 0, -110, -210, -310, -405, -490])
    y = np.array([-150.0, -92, -34, 0, 14, 20, 10, -10, -26])
    behind = np.clip((110 - x) / 600, 0, 1)
    beat = 2 * np.pi * time_s * 1.1
    return np.stack([x, y + 78 * behind**1.2 * np.sin(beat - 4.2 * behind)], axis=1)


def draw_dragon(canvas: Canvas, place: Placement, time_s: Number, look: Scales) -> None:
    """Draw the dragon flying to the right; a wing beat takes about 0.9 s."""
    beat = 2 * np.pi * time_s * 1.1
    place = Placement(
        place.x, place.y + 26 * np.cos(beat - 0.5), place.scale, place.turn + 0.03 * np.cos(beat)
    )
    spine = _spine(time_s)
    draw_wing(canvas, place, beat / (2 * np.pi) - 0.03, look, near=False)
    _draw_hind_leg(canvas, place, beat, look, near=False)
    _draw_tail_fin(canvas, place, spine, look)
    _draw_dragon_body(canvas, place, spine, look)
    _draw_hind_leg(canvas, place, beat, look, near=True)
    _draw_fore_leg(canvas, place, beat, look)
    nod = -0.05 * np.cos(beat)
    head = place.joint(spine[0, 0] + 8, spine[0, 1] - 12 + 100 * nod, 0.10 + nod)
    _draw_dragon_head(canvas, head, look, eyes=0.0 if 0.45 < (0.4 * time_s) % 1 < 0.5 else 1.0)
    draw_wing(canvas, place, beat / (2 * np.pi), look, near=True)


def _draw_dragon_body(canvas: Canvas, place: Placement, spine: Points, look: Scales) -> None:
    ridge = curve(spine)
    down = np.array([0.0, 1.0])
    half = np.interp(
        np.linspace(0, 1, len(ridge)), np.linspace(0, 1, 9), [46, 50, 74, 88, 76, 50, 32, 20, 9]
    )
    for index in range(6, len(ridge) - 8, 5):
        x, y = ridge[index]
        high = 10 + 0.30 * half[index]
        top = y - half[index]
        canvas.shape(
            place([(x + 17, top + 12), (x - 16, top - high), (x - 20, top + 12)]),
            look.membrane,
            corners=(0, 1, 2),
            width=3.0,
        )
    outline = place(tube(spine, [46, 50, 74, 88, 76, 50, 32, 20, 9]))
    canvas.fill(outline, look.body)
    with canvas.inside(outline) as part:
        low = np.concatenate(
            [
                ridge + down * half[:, None] * 0.42,
                (ridge + down * half[:, None] * 1.3)[::-1],
            ]
        )
        part.tone(place(low), look.belly)
        shade = np.concatenate(
            [
                ridge + down * half[:, None] * 0.80,
                (ridge + down * half[:, None] * 1.4)[::-1],
            ]
        )
        part.tone(place(shade), shadow_of(look.belly))
        for index in range(2, len(ridge) - 10, 3):
            x, y = ridge[index] + down * 0.42 * half[index]
            rib = [(x, y), (x - 6, y + 0.3 * half[index]), (x - 4, y + 0.7 * half[index])]
            part.stroke(place(curve(rib)), 2.2, taper=(0.1, 0.5))
        part.stroke(place(ridge + down * half[:, None] * 0.42), 2.8, taper=(0.05, 0.2))
        for x, y in ((40, -40), (-20, -30), (-70, -20), (70, -16), (-140, -16)):
            part.tone(place(ellipse(x, y - 8, 15, 9, 0.3)), shadow_of(look.body))
    canvas.outline(outline, 4.2, gaps=[(len(outline) - 1.5, len(outline) + 2.0)])


def _draw_tail_fin(canvas: Canvas, place: Placement, spine: Points, look: Scales) -> None:
    x, y = spine[-1]
    dx, dy = spine[-1] - spine[-2]
    fin = place.joint(x, y, np.arctan2(dy, dx))
    rim = [(-24, 0), (10, -34), (34, -44), (52, -14), (92, 0), (52, 16), (34, 44), (10, 34)]
    shape = canvas.shape(fin(rim), look.membrane, corners=(2, 4, 6), width=3.6)
    canvas.shade(shape, fin([(-30, 8), (100, 4), (100, 60), (-30, 60)]), shadow_of(look.membrane))
    canvas.stroke(fin([(0, 0), (80, 0)]), 2.4, taper=(0.1, 0.8))


def _draw_hind_leg(
    canvas: Canvas, place: Placement, beat: Number, look: Scales, *, near: bool
) -> None:
    sway = 8 * np.sin(beat - 1.0)
    x, y = (-96.0, 44.0) if near else (-66.0, 52.0)
    color = look.body if near else shadow_of(look.body)
    for claw in (-14, 0, 14):
        canvas.shape(
            place(
                [
                    (x - 120 + sway, y + 78 + claw * 0.6),
                    (x - 164 + sway, y + 84 + claw * 1.4),
                    (x - 128 + sway, y + 92 + claw * 0.6),
                ]
            ),
            look.horn,
            corners=(0, 1, 2),
            width=2.4,
        )
    sole = place(ellipse(x - 128 + sway, y + 84, 24, 21))
    canvas.draw(sole, color, 3.0)
    shin = tube(
        [(x - 44, y + 52), (x - 86 + sway / 2, y + 70), (x - 130 + sway, y + 84)], [28, 20, 22]
    )
    canvas.fill(place(shin), color)
    half = len(shin) // 2
    canvas.stroke(place(shin[:half]), 3.4, taper=(0.1, 0.1))
    canvas.stroke(place(shin[half:]), 3.4, taper=(0.1, 0.1))
    thigh = canvas.shape(
        place(
            [
                (x + 30, y - 46), (x + 44, y), (x + 10, y + 50), (x - 50, y + 74),
                (x - 78, y + 56), (x - 56, y + 4), (x - 20, y - 40),
            ]
        ),
        color,
        width=3.6,
        gaps=[(5.6, 7.5)],
    )  # fmt: skip
    if near:
        canvas.shade(
            thigh,
            place(
                curve(
                    [
                        (x + 40, y + 16),
                        (x - 6, y + 28),
                        (x - 60, y + 52),
                        (x - 80, y + 90),
                        (x + 40, y + 80),
                    ],
                    closed=True,
                )
            ),
            shadow_of(color),
        )


def _draw_fore_leg(canvas: Canvas, place: Placement, beat: Number, look: Scales) -> None:
    sway = 6 * np.sin(beat)
    hand = (128.0, 120.0 + sway)
    for angle in (-0.5, 0.1, 0.7):
        tip = (hand[0] + 44 * np.cos(angle + 0.4), hand[1] + 44 * np.sin(angle + 0.4))
        side = np.array([-np.sin(angle + 0.4), np.cos(angle + 0.4)]) * 8
        canvas.shape(
            place(
                [
                    (hand[0] + side[0], hand[1] + side[1]),
                    tip,
                    (hand[0] - side[0], hand[1] - side[1]),
                ]
            ),
            look.horn,
            corners=(0, 1, 2),
            width=2.4,
        )
    palm = place(ellipse(*hand, 20, 19))
    canvas.draw(palm, look.body, 3.0)
    canvas.shade(palm, place(ellipse(hand[0] - 14, hand[1] + 16, 22, 20)), shadow_of(look.body))
    arm = tube([(92, -16), (76, 30), (74, 70), (100, 102 + sway / 2), hand], [8, 32, 27, 18, 19])
    canvas.fill(place(arm), look.body)
    canvas.shade(
        place(arm),
        place(tube([(72, 8), (50, 66), (94, 118 + sway / 2), (140, 138 + sway)], [16, 14, 12, 10])),
        shadow_of(look.body),
    )
    half = len(arm) // 2
    canvas.stroke(place(arm[3:half]), 3.4, taper=(0.3, 0.05))
    canvas.stroke(place(arm[half - 1 : -3]), 3.4, taper=(0.05, 0.3))


def _draw_dragon_head(canvas: Canvas, head: Placement, look: Scales, *, eyes: Number) -> None:
    _draw_horn(canvas, head, look, shift=26.0)
    jaw = [(-6, 30), (40, 46), (96, 44), (128, 30), (116, 18), (30, 10)]
    lower = canvas.shape(head(jaw), look.belly, corners=(3, 5), width=3.4)
    canvas.shade(lower, head([(-10, 36), (130, 38), (130, 60), (-10, 60)]), shadow_of(look.belly))
    rim = [
        (-58, 20), (-62, -30), (-26, -74), (30, -72), (58, -36), (102, -22), (138, -14),
        (146, 8), (126, 24), (70, 20), (24, 26), (-10, 48),
    ]  # fmt: skip
    skull = canvas.shape(head(rim), look.body, corners=(8,), width=4.0, gaps=[(11.2, 12.9)])
    with canvas.inside(skull) as part:
        part.tone(
            head(
                curve(
                    [(-70, 10), (-20, 14), (20, 18), (80, 10), (150, 10), (140, 60), (-70, 60)],
                    closed=True,
                    corners=(4, 5, 6),
                )
            ),
            shadow_of(look.body),
        )
        for x, y in ((-8, -56), (8, -60), (-30, -40)):
            part.tone(head(ellipse(x, y, 8, 5)), shadow_of(look.body))
    _draw_dragon_eye(canvas, head, look, eyes)
    canvas.stroke(head(curve([(118, -10), (126, -7), (130, 0)])), 3.6, taper=(0.3, 0.5))
    canvas.stroke(head(curve([(30, 26), (12, 22), (2, 10)])), 3.0, taper=(0.1, 0.7))
    canvas.shape(head([(76, 21), (86, 22), (80, 36)]), look.horn, corners=(0, 1, 2), width=2.0)
    cheek = [(-20, 20), (-58, 12), (-88, 30), (-58, 34), (-70, 56), (-34, 44), (-10, 44)]
    frill = canvas.shape(head(cheek), look.membrane, corners=(2, 3, 4), width=3.2)
    canvas.shade(frill, head([(-90, 34), (0, 32), (0, 60), (-90, 60)]), shadow_of(look.membrane))
    _draw_horn(canvas, head, look, shift=0.0)


def _draw_dragon_eye(canvas: Canvas, head: Placement, look: Scales, eyes: Number) -> None:
    if eyes < 0.5:
        canvas.stroke(head(curve([(16, -20), (36, -10), (58, -20)])), 5.0, taper=(0.3, 0.3))
        return
    ball = head(ellipse(37, -24, 22, 25, 0.1))
    canvas.fill(ball, WHITE)
    with canvas.inside(ball) as part:
        part.fill(head(ellipse(42, -21, 17, 22)), look.membrane)
        part.tone(head([(10, -60), (70, -60), (70, -32), (10, -30)]), shadow_of(look.membrane, 1.4))
        part.outline(head(ellipse(42, -21, 17, 22)), 2.2)
        part.blacken(head(ellipse(44, -21, 7.5, 14)))
        part.fill(head(ellipse(36, -31, 6.5, 7.5)), WHITE)
    canvas.outline(ball, 3.0)
    canvas.stroke(head(curve([(12, -36), (36, -52), (62, -36)])), 6.5, taper=(0.3, 0.4))


def _draw_horn(canvas: Canvas, head: Placement, look: Scales, *, shift: Number) -> None:
    rim = [
        (-38 + shift, -46), (-70 + shift, -74), (-132 + shift, -92), (-84 + shift, -52),
        (-46 + shift, -22),
    ]  # fmt: skip
    horn = canvas.shape(head(rim), look.horn, corners=(0, 2, 4), width=3.4)
    canvas.shade(
        horn,
        head([(-30 + shift, -28), (-80 + shift, -62), (-140 + shift, -90), (-80 + shift, -30)]),
        shadow_of(look.horn),
    )
    for share in (0.3, 0.5, 0.68):
        x, y = -42 - 80 * share + shift, -36 - 48 * share
        canvas.stroke(
            head(curve([(x + 6, y - 13 * (1 - share)), (x, y), (x - 3, y + 12 * (1 - share))])), 1.9
        )
