"""Layers of a frame: ink over colours that give the frame to the bit in painting programs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from lineart.image import Frame

Ink = UInt8[np.ndarray, "H W 4"]
"""Ink of straight alpha."""


class Layers(NamedTuple):
    """Two layers of mode "normal"."""

    ink: Ink
    below: Frame


def ink_between(frame: Frame, below: Frame) -> Ink:
    """Return the most transparent ink that makes `frame` of `below`, which is nowhere darker."""
    light = below.astype(np.float32)
    kept = np.divide(frame, light, out=np.ones_like(light), where=light > 0).min(axis=2)
    opacity = np.ceil(255 * (1 - np.minimum(kept, 1)))[:, :, np.newaxis]
    share = opacity / 255
    ink = np.divide(frame - (1 - share) * light, share, out=np.zeros_like(light), where=share > 0)
    layer: Ink = np.dstack((np.clip(ink, 0, 255), opacity)).round().astype(np.uint8)
    return layer


def settle_layers(frame: Frame, ink: Ink, below: Frame) -> Layers:
    """Change ink and colours below it so slightly that programs show exactly `frame`.

    Some programs round a composited level, others cut it off. Where the layers give a level whose
    fraction the two treat differently, thin ink gets another colour, and colours below stronger ink
    change by some levels that the ink hides. Ink that is nearly opaque becomes opaque.

    Args:
        frame: Frame.
        ink: Ink that over `below` gives the frame to about a level.
        below: Colours.
    """
    ink, below = ink.copy(), below.copy()
    ink[:, :, 3] += _INEXACT[ink[:, :, 3]]
    is_solid = ink[:, :, 3] >= _NEARLY_OPAQUE
    ink[is_solid, 3] = 255
    ink[is_solid, :3] = frame[is_solid]
    is_bare = ink[:, :, 3] == 0
    below[is_bare] = frame[is_bare]
    is_thin = ~is_solid & ~is_bare
    share = np.repeat(ink[is_thin][:, 3:], 3, axis=1) / 255
    goal, colors, behind = frame[is_thin], ink[is_thin], below[is_thin]
    is_off = ~_fits(_excess(goal, colors[:, :3], behind, share))
    colors[:, :3][is_off], behind[is_off] = _settle(
        goal[is_off].astype(np.float64),
        colors[:, :3][is_off].astype(np.float64),
        behind[is_off].astype(np.float64),
        share[is_off],
    )
    ink[is_thin], below[is_thin] = colors, behind
    return Layers(ink, below)


_SHARES = np.arange(256, dtype=np.float32) / np.float32(255)
_INEXACT = (1 + _SHARES - _SHARES < 1).astype(np.uint8)
"""1 for each alpha that, with opaque colours below, 32-bit floats sum up to less than opaque."""
_NEARLY_OPAQUE = 242
"""Alpha from which ink becomes opaque; colours below would have to change by many levels."""
_MARGIN = 1e-3
"""Distance from the ends of 0 to 0.5, beyond the errors of 32-bit floats."""

Levels = Float64[np.ndarray, " N"]


def _settle(frame: Levels, ink: Levels, below: Levels, share: Levels) -> tuple[Levels, Levels]:
    """Return levels of ink and of colours below that give levels 0 to 0.5 above `frame`.

    Args:
        frame: Levels of the frame.
        ink: Levels of the ink.
        below: Levels below.
        share: Opacity of the ink, above 0 and below 1.
    """
    first, second, target = ink.copy(), below.copy(), frame + 0.25
    # What is not settled by one of the two, at an end of the range, is settled by both.
    for step in _STEPS:
        open_ = np.flatnonzero(~_fits(_excess(frame, first, second, share)))
        goal, part = target[open_], share[open_]
        is_thin = part < 0.5
        level = np.where(is_thin, 0, _level(ink[open_] + step))
        behind = np.where(is_thin, _level(below[open_] + step), 0)
        level = np.where(is_thin, _level((goal - (1 - part) * behind) / part), level)
        behind = np.where(is_thin, behind, _level((goal - part * level) / (1 - part)))
        fits = _fits(_excess(frame[open_], level, behind, part))
        first[open_[fits]], second[open_[fits]] = level[fits], behind[fits]
    # There is no level above 255, which only equal levels give.
    is_white = (frame == 255) & ~_fits(_excess(frame, first, second, share))
    return np.where(is_white, 255, first), np.where(is_white, 255, second)


_STEPS = (0, 1, -1, 2, -2, 3, -3)


def _level(value: Levels) -> Levels:
    level: Levels = np.clip(value, 0, 255).round()
    return level


def _fits(excess: np.ndarray) -> Bool[np.ndarray, "*N"]:
    fits: Bool[np.ndarray, "*N"] = (excess >= _MARGIN) & (excess <= 0.5 - _MARGIN)
    return fits


def _excess(frame: np.ndarray, ink: np.ndarray, below: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return how far ink over colours lies above the levels of a frame."""
    composited: np.ndarray = share * ink + (1 - share) * below - frame
    return composited
