"""Operations on maps of region numbers, against plain ones."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from lineart.imaging.hints.by_region import find_depths
from lineart.imaging.region_maps import (
    MIN_PIXELS,
    count_pixels,
    fill_from_neighbours,
    find_boxes,
    find_region_contacts,
    find_runs,
    look_up,
    number_areas,
    number_pixels,
    spread_regions,
)


def draw_noise(seed: int, share: float, height: int, width: int) -> np.ndarray:
    """Return paper (1) of which each pixel is there by chance."""
    return (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)


NOISE = st.builds(
    draw_noise, st.integers(0, 999), st.floats(0.2, 0.9), st.integers(1, 30), st.integers(1, 30)
)


@pytest.mark.parametrize("count", [200, 2**16, 2**16 + 1])
def test_look_up_is_indexing(count: int) -> None:
    """Short and long tables of flags and numbers are looked up exactly, in maps of any type."""
    rng = np.random.default_rng(count)
    numbers = rng.integers(0, count, (40, 50))
    numbers[0, :2] = 0, count - 1
    tables = rng.random(count) < 0.5, rng.integers(-(2**31), 2**31, count).astype(np.int32)
    kinds = [np.int32, *([np.uint16] if count <= 2**16 else []), *([np.uint8] * (count < 256))]
    for table in (*tables, rng.integers(0, 256, count).astype(np.uint8)):
        for kind in kinds:
            found = look_up(table, numbers.astype(kind))
            assert found.dtype == table.dtype
            assert_array_equal(found, table[numbers])


@given(paper=NOISE)
def test_areas_are_numbered_in_reading_order(paper: np.ndarray) -> None:
    """Areas of at least 4 pixels get numbers; the pixels alone give the same ones."""
    labels = number_areas(paper)
    whole, count = ndimage.label(paper)
    sizes = np.bincount(whole.ravel(), minlength=count + 1)
    assert_array_equal(labels > 0, (paper > 0) & (sizes[whole] >= MIN_PIXELS))
    first = [int(np.flatnonzero(labels == n)[0]) for n in range(1, labels.max() + 1)]
    assert first == sorted(first)
    pixels = np.flatnonzero(paper)
    if pixels.size:
        assert_array_equal(number_pixels(pixels, paper.shape[1]), labels.ravel()[pixels])


@given(paper=NOISE)
def test_runs_count_pixels_and_find_boxes(paper: np.ndarray) -> None:
    """Areas and boxes from runs are those of the pixels, also of runs over the end of a row."""
    labels, _ = ndimage.label(paper)
    runs, count = find_runs(labels), int(labels.max()) + 1
    assert_array_equal(count_pixels(runs, count), np.bincount(labels.ravel(), minlength=count))
    boxes = find_boxes(runs, labels.shape[1], count)[1:]
    for box, (rows, columns) in zip(boxes, ndimage.find_objects(labels), strict=True):
        assert box.tolist() == [columns.start, rows.start, columns.stop, rows.stop]


@given(paper=NOISE, seed=st.integers(0, 99))
def test_pixels_are_filled_from_their_neighbours(paper: np.ndarray, seed: int) -> None:
    """Paper is filled from numbered pixels as far as 4-neighbours reach, within equal numbers."""
    rng = np.random.default_rng(seed)
    given_ = np.where(rng.random(paper.shape) < 0.1, rng.integers(1, 9, paper.shape), 0)
    start = (given_ * paper).astype(np.int32)
    within = rng.integers(0, 2, paper.shape).astype(np.int32)
    rooms = [ndimage.label(paper & (within == one))[0] for one in (0, 1)]
    for fence, parts in ((None, [ndimage.label(paper)[0]]), (within, rooms)):
        labels = start.copy()
        pixels = np.flatnonzero((paper > 0) & (start == 0))
        left = fill_from_neighbours(labels, pixels, within=fence)
        assert_array_equal(left, np.flatnonzero((paper > 0) & (labels == 0)))
        assert_array_equal(labels[start > 0], start[start > 0])
        for part in parts:
            for number in range(1, part.max() + 1):
                there = {*labels[part == number].tolist()}
                assert there <= {*start[part == number].tolist()} - {0} or there == {0}
    labels = start.copy()
    left = fill_from_neighbours(labels, np.flatnonzero((paper > 0) & (start == 0)), most=1)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    near = cv2.dilate((start > 0).view(np.uint8), cross)
    assert_array_equal(labels > 0, (paper & near) > 0)


@given(paper=NOISE)
def test_ink_takes_the_nearest_region(paper: np.ndarray) -> None:
    """Each pixel of ink has a region whose distance is the least; contacts are where they meet."""
    labels, count = ndimage.label(paper)
    labels = labels.astype(np.int32)
    spread = spread_regions(labels)
    if not count:
        assert not spread.any()
        return
    assert_array_equal(spread[labels > 0], labels[labels > 0])
    distances = np.stack([ndimage.distance_transform_edt(labels != n + 1) for n in range(count)])
    own = np.take_along_axis(distances, spread[np.newaxis].astype(np.int64) - 1, axis=0)[0]
    assert (own <= 1.1 * distances.min(axis=0) + 1e-6).all()
    meets = {
        (int(one), int(other))
        for a, b in ((spread[:, 1:], spread[:, :-1]), (spread[1:], spread[:-1]))
        for one, other in zip(a.ravel(), b.ravel(), strict=True)
        if one != other
    }
    contacts = find_region_contacts(labels, spread)
    found = {*zip(contacts.first.tolist(), contacts.second.tolist(), strict=True)}
    assert found == meets | {(b, a) for a, b in meets}
    # 4-connected areas never meet on paper; parts of one do.
    assert not contacts.is_gap.any()
    halves = np.where(np.arange(labels.shape[1]) % 2, labels, labels + count * (labels > 0))
    halves = halves.astype(np.int32)
    contacts = find_region_contacts(halves, spread_regions(halves))
    is_beside = (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    parts = {*halves[:, 1:][is_beside].tolist(), *halves[:, :-1][is_beside].tolist()}
    assert {*contacts.first[contacts.is_gap].tolist()} == parts


@given(paper=NOISE)
def test_depths_are_steps_of_the_distance_to_ink(paper: np.ndarray) -> None:
    """A depth says how many of 1.5, 3 and 6 px are free of ink, by OpenCV's 3 x 3 distance."""
    distance = cv2.distanceTransform(paper, cv2.DIST_L2, 3)
    steps = sum((distance >= px).astype(int) for px in (1.5, 3.0, 6.0))
    depths = find_depths(paper.astype(np.int32))
    assert_array_equal(depths.classes, steps)
    assert depths.deepest[1:].tolist() == [steps.max()][: paper.max()]


def test_depths_grow_with_the_drawing() -> None:
    """A drawing of twice the size has the same depths, in units of twice as many pixels."""
    labels = np.zeros((540, 600), np.int32)
    labels[40:200, 50:90], labels[300:310, 40:500] = 1, 2
    small, large = find_depths(labels), find_depths(np.kron(labels, np.ones((2, 2), np.int32)))
    assert (small.unit, large.unit) == (1, 2)
    assert_array_equal(large.classes, small.classes)
    assert large.deepest.tolist() == small.deepest.tolist() == [0, 3, 2]
