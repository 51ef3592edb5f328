"""Regions with hints of several colours are divided: what becomes of each pixel."""

import numpy as np
import pytest

from lineart.imaging.hints.by_region import collect_hints
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.dividing import divide_regions
from lineart.imaging.region_maps import RegionMap

RED, BLUE, GREEN = (200, 30, 40), (10, 60, 220), (20, 160, 60)
Dab = tuple[int, int, tuple[int, int, int]]


def divide(labels: RegionMap, *dabs: Dab) -> tuple[RegionMap, np.ndarray]:
    """Divide regions by dabs of 3 x 3 pixels at row and column; return the colours of pixels."""
    hint = np.zeros((*labels.shape, 4), np.uint8)
    for y, x, color in dabs:
        hint[y - 1 : y + 2, x - 1 : x + 2] = (*color, 255)
    divided, colors = divide_regions(labels, collect_hints(labels, find_hints(hint)))
    return divided, colors[divided]


def test_only_regions_with_several_colours_are_divided() -> None:
    """The others keep their numbers, as all do if no region has several."""
    labels = np.ones((60, 200), np.int32)
    labels[:, 100:] = 2
    labels[:, 100] = 0
    same, _ = divide(labels, (30, 20, RED), (30, 80, RED), (30, 150, BLUE))
    assert same is labels
    divided, colors = divide(labels, (30, 20, RED), (30, 80, GREEN), (30, 150, BLUE))
    assert (divided[:, 100:] == labels[:, 100:]).all()
    assert {*np.unique(divided[:, :100]).tolist()} == {3, 4}
    assert (colors[:, 101:] == BLUE).all()
    assert (colors[30, 20], colors[30, 80]) == (pytest.approx(RED), pytest.approx(GREEN))


def test_a_thin_line_parts_the_colours_of_two_regions() -> None:
    """In a large drawing the smaller map does not show it, but no colour passes it."""
    labels = np.ones((800, 900), np.int32)
    labels[:, 450:] = 2
    labels[:, 449] = 0
    black = (0, 0, 0)
    _, colors = divide(
        labels, (200, 150, RED), (600, 150, BLUE), (200, 750, GREEN), (600, 750, black)
    )
    assert (colors[:360, :449] == RED).all()
    assert (colors[440:, :449] == BLUE).all()
    assert (colors[:360, 450:] == GREEN).all()
    assert (colors[440:, 450:] == black).all()


def test_a_path_too_thin_for_the_smaller_map_has_a_colour() -> None:
    """That of the part that it begins in, as far as it is near, and then one of its region."""
    labels = np.zeros((800, 900), np.int32)
    labels[:, :400] = 1
    labels[100, 400:] = 1
    divided, colors = divide(labels, (200, 150, RED), (600, 150, BLUE))
    assert {*np.unique(divided).tolist()} == {0, 2, 3}
    assert (colors[100, 400:410] == RED).all()


def test_a_dab_keeps_its_pixels() -> None:
    """Also where a dab of a colour that is there elsewhere, too, is beside one of another."""
    labels = np.ones((800, 900), np.int32)
    _, colors = divide(labels, (400, 200, RED), (400, 700, BLUE), (400, 203, BLUE))
    assert (colors[399:402, 199:202] == RED).all()
    assert (colors[399:402, 202:205] == BLUE).all()


def test_two_dabs_beside_each_other_divide_a_large_region() -> None:
    """No colour is lost at the smaller size: it is as large as that needs."""
    labels = np.ones((1440, 1440), np.int32)
    _, colors = divide(labels, (713, 713, RED), (713, 716, BLUE))
    for color in (RED, BLUE):
        assert 0.4 < (colors == color).all(axis=2).mean() < 0.6


def test_more_parts_than_a_byte_counts() -> None:
    """Each of 150 regions is divided into its own two colours."""
    cells = np.arange(150, dtype=np.int32).reshape(10, 15) + 1
    labels = np.kron(cells, np.ones((40, 40), np.int32))
    labels[::40] = labels[:, ::40] = 0
    dabs: list[Dab] = []
    for number, (y, x) in enumerate(np.ndindex(cells.shape)):
        for side, red in ((10, 0), (30, 255)):
            dabs.append((40 * y + 20, 40 * x + side, (red, number, 90)))
    divided, colors = divide(labels, *dabs)
    assert len(np.unique(divided)) == 301
    for y, x, color in dabs:
        left = 40 * (x // 40)
        half = slice(left + 1, left + 16) if color[0] == 0 else slice(left + 25, left + 40)
        assert (colors[y - 19 : y + 20, half] == color).all()


def test_colours_meet_in_an_even_line() -> None:
    """It has no steps of the smaller size, at which a pixel is eight by eight."""
    labels = np.ones((1440, 1440), np.int32)
    _, colors = divide(labels, (400, 400, RED), (1000, 1000, BLUE))
    meets_at = (colors == RED).all(axis=2)[600:800].sum(axis=1)
    assert np.abs(np.diff(meets_at)).max() <= 3
