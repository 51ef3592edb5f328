import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lineart.imaging.hints.pixels import (
    Stroke,
    find_hints,
    join_hints,
    no_hints,
    pool_hints,
    resize_hints,
    sample_hints,
    sample_strokes,
    stack_hints,
)


@pytest.fixture
def picture() -> np.ndarray:
    """Return a picture of noise."""
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def random_hints(height: int, width: int, count: int, seed: int) -> np.ndarray:
    """Return hints of random colours, opacities and places."""
    rng = np.random.default_rng(seed)
    hint = no_hints((height, width))
    places = rng.choice(height * width, min(count, height * width), replace=False)
    hint.reshape(-1, 4)[places, :3] = rng.integers(0, 256, (len(places), 3))
    hint.reshape(-1, 4)[places, 3] = rng.integers(1, 256, len(places))
    return hint


def colors(hint: np.ndarray) -> set[tuple[int, ...]]:
    """Return the colours of all hints."""
    return {tuple(int(v) for v in pixel[:3]) for pixel in hint[hint[..., 3] > 0]}


@pytest.mark.parametrize("count", [0, 1, 140])
def test_samples_are_the_pictures_pixels(picture: np.ndarray, count: int) -> None:
    """As many hints as asked for, each with the colour of its pixel, alpha 255."""
    hint = sample_hints(picture, count, np.random.default_rng(1))
    is_hint = hint[..., 3] == 255
    assert is_hint.sum() == count
    np.testing.assert_array_equal(hint[is_hint, :3], picture[is_hint])
    assert not hint[~is_hint].any()


def test_more_hints_than_pixels_are_refused(picture: np.ndarray) -> None:
    """A negative count and one above the number of pixels are refused."""
    for count in (-1, 40 * 60 + 1):
        with pytest.raises(ValueError, match="cannot take"):
            sample_hints(picture, count, np.random.default_rng(0))


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    count=st.integers(0, 50),
    factor=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_pooling_loses_no_hint_and_mixes_no_colors(
    height: int, width: int, count: int, factor: int, seed: int
) -> None:
    """A cell holds a hint exactly if a pixel in it did, and its colour is one of theirs."""
    hint = random_hints(height, width, count, seed)
    pooled = pool_hints(hint, factor)
    assert pooled.shape == (-(-height // factor), -(-width // factor), 4)
    for y, x in np.ndindex(pooled.shape[:2]):
        block = hint[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        assert bool(pooled[y, x, 3]) == bool(block[..., 3].any())
        if pooled[y, x, 3]:
            assert colors(pooled[y : y + 1, x : x + 1]) <= colors(block)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (24, 18), (40, 33)])
@pytest.mark.parametrize("seed", range(5))
def test_of_hints_in_one_pixel_the_best_remains(seed: int, height: int, width: int) -> None:
    """It is the most opaque, then the nearest to the middle, then the last one."""
    hints = find_hints(random_hints(24, 18, 90, seed))
    best: dict[tuple[int, int], tuple[tuple[float, ...], int]] = {}
    for index, (row, column) in enumerate(zip(hints.rows, hints.columns, strict=True)):
        y, x = (row + 0.5) * (height / 24), (column + 0.5) * (width / 18)
        cell = int(y), int(x)
        rank = (int(hints.values[index, 3]), -((y - cell[0] - 0.5) ** 2 + (x - cell[1] - 0.5) ** 2))
        best[cell] = max(best.get(cell, ((-1.0,), -1)), (rank, index))
    chosen = hints.select(np.array([index for _, (_, index) in sorted(best.items())]))
    resized = hints.resize((height, width))
    assert [*zip(resized.rows, resized.columns, strict=True)] == sorted(best)
    assert_array_equal(resized.values[:, :3], chosen.values[:, :3])
    assert_array_equal(resized.dabs, chosen.dabs)
    assert (resized.values[:, 3] == 255).all()


@given(seed=st.integers(0, 99), height=st.integers(1, 90), width=st.integers(1, 90))
def test_resizing_keeps_colors_pure(seed: int, height: int, width: int) -> None:
    """At any size, every colour is one of the hints' and at least one hint is left."""
    hint = random_hints(30, 20, 12, seed)
    resized = resize_hints(hint, (height, width))
    assert colors(resized) <= colors(hint)
    assert resized[..., 3].any()


def test_the_more_opaque_hint_stays() -> None:
    """Where two hints meet in one cell, the more opaque one wins."""
    hint = no_hints((2, 2))
    hint[0, 0] = 10, 20, 30, 90
    hint[1, 1] = 70, 80, 90, 200
    assert pool_hints(hint, 2)[0, 0].tolist() == [70, 80, 90, 255]


def test_strokes_have_one_color_and_stop_at_edges() -> None:
    """A stroke never crosses into another colour."""
    picture = np.zeros((30, 30, 3), np.uint8)
    picture[:, 15:] = 200
    everywhere = np.ones((30, 30), bool)
    hint = sample_strokes(picture, everywhere, 20, stroke=Stroke(9), rng=np.random.default_rng(0))
    is_hint = hint[..., 3] > 0
    assert is_hint.sum() > 40
    np.testing.assert_array_equal(hint[is_hint, :3], picture[is_hint])


def test_strokes_start_where_allowed(picture: np.ndarray) -> None:
    """Points are taken at allowed pixels alone; where none is, there are no hints."""
    allowed = np.zeros((40, 60), bool)
    rng = np.random.default_rng(0)
    assert not sample_strokes(picture, allowed, 9, stroke=Stroke(), rng=rng).any()
    allowed[3, 4:9] = True
    hint = sample_strokes(picture, allowed, 9, stroke=Stroke(), rng=rng)
    np.testing.assert_array_equal(hint[..., 3] > 0, allowed)


def test_dabs_are_squares_cut_at_edges() -> None:
    """A dab of 5 x 5 pixels leaves out those of another colour."""
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, 12:] = 200
    allowed = np.zeros((20, 20), bool)
    allowed[10, 11] = True
    rng = np.random.default_rng(0)
    hint = sample_strokes(picture, allowed, 1, stroke=Stroke(1, 5), rng=rng)
    assert (hint[..., 3] > 0).sum() == 5 * 3


def test_the_upper_hint_counts() -> None:
    """Where two pictures have a hint, the last one's colour and opacity stand, unmixed."""
    below, above = no_hints((1, 4)), no_hints((1, 4))
    below[0, :2] = (200, 0, 0, 255)
    above[0, 1:3] = (0, 0, 200, 40)
    stacked = stack_hints([no_hints((1, 4)), below, above])
    assert stacked[0].tolist() == [[200, 0, 0, 255], [0, 0, 200, 40], [0, 0, 200, 40], [0, 0, 0, 0]]
    assert below[0, 1].tolist() == [200, 0, 0, 255]


def test_joined_hints_lie_over_one_another() -> None:
    """Of two hints in a pixel the upper one stays; the others are those of both, in dabs apart."""
    below, above = no_hints((6, 8)), no_hints((6, 8))
    below[1:4, 1:4], above[3, 3:6] = (200, 30, 40, 255), (10, 60, 220, 255)
    joined = join_hints([find_hints(below), find_hints(above)], (6, 8))
    assert_array_equal(joined.picture(), stack_hints([below, above]))
    assert len(set(joined.dabs.tolist())) == 2
    assert not join_hints([], (6, 8)).rows.size
    one = find_hints(below)
    assert_array_equal(join_hints([one], (6, 8)).picture(), below)
