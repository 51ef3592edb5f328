import cv2
import numpy as np
import pytest
from scipy.sparse import linalg

from lineart.evaluation import baselines
from lineart.evaluation.baselines import (
    BASELINES,
    hints_on_paper,
    inpaint_fill,
    levin_fill,
    nearest_fill,
    watershed_fill,
)
from lineart.evaluation.request import BASELINE_NAMES
from lineart.imaging.hints.pixels import no_hints, sample_hints
from tests.conftest import DrawLine

RED, BLUE = (200, 30, 30, 255), (20, 40, 220, 255)


@pytest.fixture
def halves() -> tuple[np.ndarray, np.ndarray]:
    """A sheet cut by a line near its left border; a red hint left and a blue one right of it."""
    line = np.full((30, 40), 255, np.uint8)
    line[:, 10] = 0
    hint = no_hints((30, 40))
    hint[15, 2], hint[15, 35] = RED, BLUE
    return line, hint


def test_names_are_those_of_the_baselines() -> None:
    """Flags name the baselines that there are, in their order."""
    assert list(BASELINE_NAMES) == list(BASELINES)


@pytest.mark.parametrize("name", BASELINES)
def test_without_hints_paper_stays_white(name: str, draw_line: DrawLine) -> None:
    """Without hints the result is white."""
    line = draw_line(0)
    assert (BASELINES[name](line, no_hints(line.shape)) == 255).all()


@pytest.mark.parametrize("name", BASELINES)
def test_hints_keep_their_color(name: str) -> None:
    """Every method gives hinted pixels the hint's colour and does not change its input."""
    rng = np.random.default_rng(3)
    line = np.full((50, 60), 255, np.uint8)
    picture = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    hint = sample_hints(picture, 20, rng)
    hint[0, 0], hint[-1, -1] = RED, BLUE
    before = hint.copy()
    color = BASELINES[name](line, hint)
    is_hint = hint[..., 3] > 0
    np.testing.assert_array_equal(color[is_hint], hint[is_hint, :3])
    np.testing.assert_array_equal(hint, before)


@pytest.mark.parametrize("name", BASELINES)
def test_one_hint_paints_all(name: str) -> None:
    """A single hint gives its colour to every pixel, over all lines; on ink, too, if alone."""
    line = np.full((40, 30), 255, np.uint8)
    line[:, 12] = 0
    for column in (3, 12):
        hint = no_hints((40, 30))
        hint[20, column] = RED
        assert np.abs(BASELINES[name](line, hint).astype(int) - RED[:3]).max() <= 1


@pytest.mark.parametrize("name", BASELINES)
def test_hints_on_ink_do_not_color_the_paper(
    name: str, halves: tuple[np.ndarray, np.ndarray]
) -> None:
    """A black hint on the line changes nothing while there are hints on paper."""
    line, hint = halves
    more = hint.copy()
    more[5, 10] = 0, 0, 0, 255
    np.testing.assert_array_equal(BASELINES[name](line, more), BASELINES[name](line, hint))
    assert hints_on_paper(line, more).sum() == 2


@pytest.mark.parametrize("name", BASELINES)
def test_when_all_is_hinted(name: str) -> None:
    """With a hint on every pixel the result is the hints' colours."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    hint = np.dstack((picture, np.full((12, 15), 255, np.uint8)))
    np.testing.assert_array_equal(BASELINES[name](np.full((12, 15), 255, np.uint8), hint), picture)


def test_nearest_is_nearest() -> None:
    """Each pixel has the colour of a hint that no other hint is much nearer than."""
    rng = np.random.default_rng(5)
    hint = sample_hints(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8), 9, rng)
    color = nearest_fill(np.full((40, 50), 255, np.uint8), hint)
    places = np.argwhere(hint[..., 3] > 0)
    pixels = np.argwhere(np.ones((40, 50), bool))
    distances = np.linalg.norm(pixels[:, None] - places, axis=2)
    is_its = (hint[tuple(places.T)][:, :3] == color.reshape(-1, 1, 3)).all(axis=2)
    own = np.where(is_its, distances, np.inf).min(axis=1)
    # OpenCV's 5 x 5 mask is exact to about 2 %.
    assert (own <= distances.min(axis=1) * 1.03).all()


def test_inpainting_ignores_lines(halves: tuple[np.ndarray, np.ndarray]) -> None:
    """With or without the line the colours are the same, red on the left and blue on the right."""
    line, hint = halves
    color = inpaint_fill(line, hint)
    np.testing.assert_array_equal(color, inpaint_fill(np.full_like(line, 255), hint))
    assert color[15, 5, 0] > color[15, 5, 2]
    assert color[15, 33, 0] < color[15, 33, 2]


def test_inpainting_shrinks_large_pictures() -> None:
    """Above its side the picture is inpainted smaller and comes back at its own size."""
    hint = no_hints((90, 120))
    hint[10, 10], hint[80, 110] = RED, BLUE
    large = inpaint_fill(np.full((90, 120), 255, np.uint8), hint)
    small = inpaint_fill(np.full((90, 120), 255, np.uint8), hint, side_px=45)
    assert small.shape == large.shape
    assert np.abs(small.astype(int) - large).mean() < 10


@pytest.mark.parametrize("fill", [watershed_fill, levin_fill])
def test_colors_stop_at_lines(fill: baselines.Fill, halves: tuple[np.ndarray, np.ndarray]) -> None:
    """Left of the line all is red and right of it all is blue, the outermost pixels included."""
    line, hint = halves
    color = fill(line, hint).astype(int)
    assert np.abs(color[:, :10] - RED[:3]).max() <= 1
    assert np.abs(color[:, 11:] - BLUE[:3]).max() <= 1


def test_floods_turn_corners() -> None:
    """A hint floods its closed region to the end, where another one is nearer."""
    line = np.full((40, 40), 255, np.uint8)
    cv2.rectangle(line, (5, 5), (34, 20), 0, 1)
    hint = no_hints((40, 40))
    hint[10, 7], hint[23, 33] = RED, BLUE
    np.testing.assert_array_equal(watershed_fill(line, hint)[18, 33], RED[:3])
    np.testing.assert_array_equal(nearest_fill(line, hint)[18, 33], BLUE[:3])


def test_levin_blends_between_hints() -> None:
    """On empty paper between two walls of hints the colour changes in even steps."""
    hint = no_hints((20, 11))
    hint[:, 0], hint[:, 10] = (0, 0, 0, 255), (200, 100, 50, 255)
    color = levin_fill(np.full((20, 11), 255, np.uint8), hint)
    expected = np.linspace((0, 0, 0), (200, 100, 50), 11)
    np.testing.assert_allclose(color, np.broadcast_to(expected, color.shape), atol=1)


def test_levin_is_the_weighted_mean(draw_line: DrawLine) -> None:
    """At every free pixel the colour is the affinity-weighted mean of its neighbours (eq. 1)."""
    line = draw_line(1, 24, 30)
    rng = np.random.default_rng(0)
    hint = sample_hints(rng.integers(0, 256, (24, 30, 3), dtype=np.uint8), 12, rng)
    color = levin_fill(line, hint)
    padded = np.pad(line.astype(float), 1, mode="edge")
    known = hints_on_paper(line, hint)
    equations = np.eye(line.size)
    for y, x in np.argwhere(~known):
        for up, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            row, column = y + up, x + right
            if 0 <= row < 24 and 0 <= column < 30:
                step = padded[row + 1, column + 1] - padded[y + 1, x + 1]
                affinity = max(np.exp(-(step**2) / 200), 1e-4)
                equations[y * 30 + x, row * 30 + column] = -affinity
        here = y * 30 + x
        equations[here, here] = 0
        equations[here, here] = -equations[here].sum()
    constraints = np.where(known[..., None], hint[..., :3], 0).reshape(-1, 3).astype(float)
    expected = np.linalg.solve(equations, constraints)
    np.testing.assert_allclose(color.reshape(-1, 3), expected, atol=0.51)


def test_levin_shrinks_large_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above its side the equations are solved smaller; closed regions keep their colours."""
    line = np.full((80, 100), 255, np.uint8)
    line[:, 40:44] = 0
    hint = no_hints((80, 100))
    hint[40, 10], hint[40, 80] = RED, BLUE
    sides = []
    solve = linalg.splu
    monkeypatch.setattr(linalg, "splu", lambda a, **k: (sides.append(a.shape), solve(a, **k))[1])
    color = levin_fill(line, hint, side_px=40).astype(int)
    assert sides == [(40 * 50 - 2, 40 * 50 - 2)]
    assert np.abs(color[:, :36] - RED[:3]).max() <= 1
    assert np.abs(color[:, 48:] - BLUE[:3]).max() <= 1
