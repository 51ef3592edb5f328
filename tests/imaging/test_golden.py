"""What the picture functions give for one drawn figure, kept as pictures."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.pixels import Stroke, pool_hints, sample_hints, sample_strokes
from lineart.imaging.lines.extraction import XDOG_SIGMAS, dilate_abs_sub, xdog
from lineart.imaging.samples.artifacts import Chances, draw_artifacts
from lineart.imaging.samples.cels import remove_lines
from tests.artifacts import apply_artifacts

Golden = Callable[..., None]

SIDE = 128
HAIR, SKIN, SHIRT, EYE = (226, 122, 48), (246, 208, 178), (52, 96, 190), (40, 44, 60)
NONE = Chances(0, 0, 0, 0)
FAULTS = {name: NONE._replace(**{name: 1}) for name in NONE._fields} | {"all": Chances(1, 1, 1, 1)}


class Figure(NamedTuple):
    """A drawn figure."""

    color: np.ndarray
    line: np.ndarray


@pytest.fixture(scope="module")
def figure() -> Figure:
    """Draw a head and a shirt before a sky: shapes, shading, outlines."""
    color = np.empty((SIDE, SIDE, 3), np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    color[...] = np.stack((150 + rows // 2, 190 + rows // 3, 250 - rows // 5), axis=-1)
    line = np.full((SIDE, SIDE), 255, np.uint8)
    shirt = np.array([(18, 127), (34, 92), (64, 84), (94, 92), (112, 127)])
    for center, axes, paint in (((62, 46), (38, 42), HAIR), ((62, 54), (27, 32), SKIN)):
        cv2.ellipse(color, center, axes, 0, 0, 360, paint, cv2.FILLED)
        cv2.ellipse(line, center, axes, 0, 0, 360, 0, 1, cv2.LINE_AA)
        if paint == HAIR:
            cv2.fillPoly(color, [shirt], SHIRT)
            cv2.polylines(line, [shirt], True, 0, 2, cv2.LINE_AA)
    for x in (51, 74):
        cv2.circle(color, (x, 54), 4, EYE, cv2.FILLED)
        cv2.circle(line, (x, 54), 5, 0, 1, cv2.LINE_AA)
    # Light from the left, in two steps; lines are drawn over everything.
    is_shaded = columns + rows // 4 > 88
    color[is_shaded] = color[is_shaded].astype(np.uint16) * 3 // 4
    drawn = color.astype(np.uint16) * line[..., None] // 255
    return Figure(drawn.astype(np.uint8), line)


@pytest.mark.parametrize("name", FAULTS)
def test_artifacts(figure: Figure, golden: Golden, name: str) -> None:
    """Every kind of fault, and all together, equal their golden pictures."""
    artifacts = draw_artifacts(figure.color, np.random.default_rng(7), chances=FAULTS[name])
    damaged = apply_artifacts(figure.color, artifacts)
    # Floating point: rims of regions and edges may fall one pixel aside.
    golden(f"artifacts_{name}", damaged, tolerance=2, share=0.005)


@pytest.mark.parametrize("sigma", XDOG_SIGMAS)
def test_xdog(figure: Figure, golden: Golden, sigma: float) -> None:
    """Lines of each width of paper 001 equal their golden pictures."""
    line = xdog(figure.color, sigma=sigma)
    # The soft threshold is steep: a rounding may flip a pixel.
    golden(f"xdog_{sigma}".replace(".", "_"), line, tolerance=2, share=0.002)


STROKE = Stroke(length_px=12, width_px=3)
EXACT: dict[str, Callable[[Figure, np.random.Generator], np.ndarray]] = {
    "figure": lambda figure, _: figure.color,
    "remove_lines": lambda figure, _: remove_lines(figure.color, figure.line),
    "dilate_abs_sub_4": lambda figure, _: dilate_abs_sub(figure.color, 4),
    "dilate_abs_sub_5": lambda figure, _: dilate_abs_sub(figure.color, 5),
    "sample_hints": lambda figure, rng: sample_hints(figure.color, 60, rng),
    "sample_strokes": lambda figure, rng: sample_strokes(
        figure.color, figure.line > 250, 16, stroke=STROKE, rng=rng
    ),
    "pool_hints": lambda figure, rng: pool_hints(sample_hints(figure.color, 300, rng), 4),
}


@pytest.mark.parametrize("name", EXACT)
def test_results_are_equal_to_the_bit(figure: Figure, golden: Golden, name: str) -> None:
    """The figure and the results of integer functions equal their golden pictures to the bit."""
    golden(name, EXACT[name](figure, np.random.default_rng(7)))
