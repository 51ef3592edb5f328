"""Regions of a shape that the flow does not find."""

import cv2
import numpy as np

from lineart.imaging.regions import find_regions
from lineart.keys import Key, prepare_key
from lineart.keys.same_shape import carry_same_shapes
from tests.keys.figures import PAINT, Figure


def draw_fence(first: int, width: int = 22) -> Figure:
    """Draw posts of two colours, every 60 px, without a line between the colours."""
    line = np.full((300, 400), 255, np.uint8)
    paint = np.full((300, 400, 3), PAINT["background"], np.uint8)
    for left in range(first, 370, 60):
        post = np.array([(0, 100), (width // 2, 80), (width, 100), (width, 240), (0, 240)])
        post = (post + np.array((left, 0))).astype(np.int32)
        cv2.fillPoly(paint, [post], PAINT["head"])
        cv2.fillPoly(paint, [post.clip(min=(left + 14, 0))], PAINT["hair"])
        cv2.polylines(line, [post], isClosed=True, color=0, thickness=2)
    return Figure(line, paint)


def carry_still(target: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours that a flow of zero carries from a fence, and those with same shapes."""
    key = prepare_key(Key(*draw_fence(10)))
    labels, carried = find_regions(target.line), key.drawing.labels
    is_asked = np.ones(labels.max() + 1, bool)
    palette = np.vstack(([[0, 0, 0]], key.palette[key.index]))
    mended = carry_same_shapes(labels, key, carried, carried, is_asked)
    return palette[carried], palette[mended]


def test_posts_between_those_of_the_key() -> None:
    """Each has both colours, though the flow carries none of them there; the ground keeps its."""
    target = draw_fence(40)
    before, after = carry_still(target)
    is_paper = target.line > 0
    is_post = is_paper & (target.paint != PAINT["background"]).any(axis=2)
    assert (before == target.paint).all(axis=2)[is_post].mean() < 0.1
    assert (after == target.paint).all(axis=2)[is_post].mean() > 0.95
    assert (after == before)[is_paper & ~is_post].all()


def test_other_shapes_have_what_the_flow_carries() -> None:
    """Posts that are twice as wide are not those of the key."""
    before, after = carry_still(draw_fence(40, width=44))
    assert (after == before).all()
