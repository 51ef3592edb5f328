"""Wings of the dragon, interpolated between key poses of one beat."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineart.sample_film.canvas import Canvas, Color, paint, shadow_of
from lineart.sample_film.curves import Number, Placement, Points, moved, points, tube


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
        canvas.fill(spread, skin)
        canvas.outline(spread, 2.6)
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
