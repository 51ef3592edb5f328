"""Answers about a frame as a key: a picture that the next run carries to the other drawings."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lineart.image import Color, Hint
from lineart.imaging.hints.pixels import no_hints
from lineart.imaging.paint.carried import PLACEHOLDER
from lineart.review.errors import RefusedError
from lineart.review.regions import FrameRegions

Answers = Mapping[int, Color]
"""Number of a region -> its colour."""


def read_answers(given: Any, count: int) -> dict[int, Color]:
    """Check the answers of a request: pairs of a region and a colour `#rrggbb`.

    Args:
        given: From JSON.
        count: Regions have numbers below it.

    Raises:
        RefusedError: they are not what the page sends.
    """
    if not isinstance(given, list) or not given:
        raise RefusedError(400, "there is no answer; give a region a colour first")
    answers: dict[int, Color] = {}
    for pair in given:
        region, color = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if type(region) is not int or not 0 < region < count:
            raise RefusedError(400, f"{region!r} is no region of the frame; load the page again")
        answers[region] = _read_color(color)
    return answers


def _read_color(text: Any) -> Color:
    try:
        if not isinstance(text, str) or len(text) != 7 or text[0] != "#":
            raise ValueError
        red, green, blue = bytes.fromhex(text[1:])
    except ValueError:
        raise RefusedError(400, f"{text!r} is no colour; write it as #c08040") from None
    return red, green, blue


def build_key(
    shown: FrameRegions, answers: Answers, earlier: Hint | None, *, is_whole: bool
) -> Hint:
    """Build the key of a frame from answers.

    Args:
        shown: Regions of the frame.
        answers: Colours that regions get.
        earlier: The frame's key so far, which counts where there is no answer.
        is_whole: All else on the frame counts as right. If not, and without an earlier key,
            regions in doubt stay open: transparent.

    Returns:
        The key, opaque where it says something.
    """
    if is_whole:
        key = shown.picture.copy()
        key[key[:, :, 3] < 255] = 0
    elif earlier is None:
        key = _paint_sure(shown, answers)
    else:
        key = no_hints((earlier.shape[0], earlier.shape[1]))
    if earlier is not None:
        is_said = earlier[:, :, 3] > 0
        key[is_said] = earlier[is_said]
    for region, color in answers.items():
        left, top, right, bottom = shown.boxes[region].tolist()
        inside = shown.labels[top:bottom, left:right] == region
        key[top:bottom, left:right][inside] = (*color, 255)
    return key


def _paint_sure(shown: FrameRegions, answers: Answers) -> Hint:
    """Paint the regions whose colour nobody doubts.

    Parts of one region stay open or are painted together, because the colours of some would flow
    into the others. A frame's border would be white if most of it were open, so that it keeps its
    colours there.
    """
    is_answered = np.zeros(len(shown.areas), bool)
    is_answered[[*answers]] = True
    is_colored = shown.is_flat & ~shown.is_clear & (shown.colors != PLACEHOLDER).any(axis=1)
    is_colored[0] = False
    is_open = shown.with_parts(shown.is_doubted & ~is_answered)
    is_sure = is_colored & (~is_open | shown.with_parts(is_answered))
    is_sure |= is_colored & shown.with_parts(shown.at_border(~is_sure & ~is_answered))
    table = np.zeros((len(is_sure), 4), np.uint8)
    table[is_sure, :3], table[is_sure, 3] = shown.colors[is_sure], 255
    painted: Hint = table[shown.labels]
    return painted
