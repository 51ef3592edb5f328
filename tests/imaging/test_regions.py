"""Regions of drawings."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lineart.imaging.region_maps import spread_regions
from lineart.imaging.regions import find_regions

SIDE = 400


def draw_ring(
    gap_px: float, radius: int = 120, thickness: int = 3, *, angle: float = 0.0
) -> np.ndarray:
    """Draw a circle with a gap between the round ends of its line."""
    line = np.full((SIDE, SIDE), 255, np.uint8)
    half = np.rad2deg((gap_px + thickness) / 2 / radius) if gap_px else 0.0
    turns = np.deg2rad(np.linspace(angle + half, angle + 360 - half, 2000))
    points = SIDE / 2 + radius * np.stack((np.cos(turns), np.sin(turns)), axis=1)
    cv2.polylines(line, [np.rint(points * 16).astype(int)], False, 0, thickness, cv2.LINE_AA, 4)
    return line


def is_closed(line: np.ndarray, gap_px: float) -> bool:
    """Return whether the middle and the corner of a picture are different regions."""
    labels = find_regions(line, gap_px=gap_px)
    assert labels[SIDE // 2, SIDE // 2] > 0
    return bool(labels[SIDE // 2, SIDE // 2] != labels[2, 2])


@pytest.mark.parametrize("radius", [14, 40, 150])
@pytest.mark.parametrize("thickness", [1, 2, 4, 7])
def test_gaps_of_lines_are_closed(radius: int, thickness: int) -> None:
    """Gaps of up to 8 px in rings of all sizes and line widths are closed in 99 % of cases."""
    closed = [
        is_closed(draw_ring(gap, radius, thickness, angle=angle), 8.0)
        for gap in (0, 1, 2, 4, 6, 7.5)
        for angle in np.arange(0.0, 360.0, 23.0).tolist()
    ]
    assert np.mean(closed) >= 0.99


@pytest.mark.parametrize("radius", [40, 150])
def test_wide_gaps_stay_open(radius: int) -> None:
    """A gap twice as wide as the largest to be closed joins the regions on its sides."""
    assert not any(
        is_closed(draw_ring(16, radius, angle=angle), 8.0)
        for angle in np.arange(0.0, 360.0, 23.0).tolist()
    )


@pytest.mark.parametrize("scale", [1, 2])
def test_gaps_at_the_sizes_of_films(scale: int) -> None:
    """At 1080 and 2160 lines gaps of up to 8 px at 1080 are closed, and none twice as wide."""
    side, closed = 1080 * scale, {}
    for gap in (0, 2, 4, 8, 16):
        for angle in (0.0, 77.0, 213.0):
            line = np.full((side, side), 255, np.uint8)
            half = np.rad2deg((gap * scale + 5) / 2 / 300)
            turns = np.deg2rad(np.linspace(angle + half, angle + 360 - half, 4000))
            points = side / 2 + 300 * np.stack((np.cos(turns), np.sin(turns)), axis=1)
            points = [np.rint(points * 16).astype(int)]
            cv2.polylines(line, points, False, 0, 5, cv2.LINE_AA, 4)
            labels = find_regions(line)
            assert not labels[line < 150].any()
            assert labels[line == 255].all()
            closed.setdefault(gap, []).append(labels[side // 2, side // 2] != labels[2, 2])
    assert [all(closed[gap]) for gap in (0, 2, 4, 8)] == [True] * 4
    assert not any(closed[16])


def test_no_gap_is_closed_with_size_0() -> None:
    """A size of 0 closes no gap, and a negative one is refused."""
    assert not is_closed(draw_ring(3), 0.0)
    with pytest.raises(ValueError, match=r"gap_px -1\.0 is not 0 or more"):
        find_regions(draw_ring(3), gap_px=-1.0)
    with pytest.raises(ValueError, match="gap_px nan is not 0 or more"):
        find_regions(draw_ring(3), gap_px=float("nan"))


def test_open_strokes_close_nothing() -> None:
    """A stroke that ends far from all others, and two that run side by side, part nothing."""
    line = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.line(line, (40, 60), (300, 200), 0, 3, cv2.LINE_AA)
    cv2.line(line, (40, 300), (360, 300), 0, 3, cv2.LINE_AA)
    cv2.line(line, (40, 309), (360, 309), 0, 3, cv2.LINE_AA)
    assert find_regions(line, gap_px=8.0).max() == 1


def test_a_waist_between_unbroken_lines_is_one_region() -> None:
    """A region that narrows to 6 px between two unbroken lines stays whole."""
    line = np.full((SIDE, SIDE), 255, np.uint8)
    x = np.arange(0, SIDE, 4)
    for side in (-1, 1):
        y = SIDE / 2 + side * (4.5 + 0.004 * (x - SIDE / 2) ** 2)
        cv2.polylines(line, [np.stack((x, y), 1).astype(int)], False, 0, 3, cv2.LINE_AA)
    labels = find_regions(line, gap_px=8.0)
    assert labels[SIDE // 2, 3] == labels[SIDE // 2, -3]


@given(st.integers(0, 2**32 - 1))
@example(12073)  # a paper area that closed gaps cut into specks
def test_every_pixel_is_ink_or_in_one_connected_region(seed: int) -> None:
    """Regions are connected, numbered without holes, and hold no ink; other paper is specks."""
    rng = np.random.default_rng(seed)
    line = np.full((90, 120), 255, np.uint8)
    for _ in range(8):
        start, end = rng.integers(0, 120, (2, 2)).tolist()
        cv2.line(line, start, end, int(rng.integers(0, 140)), int(rng.integers(1, 5)))
    labels = find_regions(line, gap_px=6.0)
    assert not labels[line < 150].any()
    for number in range(1, labels.max() + 1):
        count, _ = cv2.connectedComponents((labels == number).view(np.uint8), connectivity=4)
        assert count == 2
    count, _, stats, _ = cv2.connectedComponentsWithStats(
        ((line >= 150) & (labels == 0)).view(np.uint8), connectivity=4
    )
    assert not count - 1 or stats[1:, cv2.CC_STAT_AREA].max() < 4


def test_an_enlarged_drawing_has_the_same_regions() -> None:
    """Twice the size gives the same regions: the gap that is closed follows the short side."""
    line = draw_ring(2.5, 100, 4)
    cv2.circle(line, (120, 300), 30, 0, 4, cv2.LINE_AA)
    labels = find_regions(line)
    large = find_regions(cv2.resize(line, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert labels.max() == large.max() == 3
    both = (labels > 0) & (large[::2, ::2] > 0)
    assert (labels == large[::2, ::2])[both].mean() > 0.999


def test_spread_regions_reach_below_lines() -> None:
    """Each pixel of ink gets the nearest region; a picture of ink alone has none."""
    labels = find_regions(draw_ring(0, thickness=9), gap_px=0.0)
    spread = spread_regions(labels)
    assert spread.min() == 1
    assert (spread == labels)[labels > 0].all()
    assert not spread_regions(np.zeros((5, 5), np.int32)).any()


def test_lines_in_colour_part_regions() -> None:
    """A line in any colour is ink, even bright green, whose grey is above the limit."""
    drawing = cv2.cvtColor(draw_ring(0), cv2.COLOR_GRAY2RGB)
    cv2.line(drawing, (SIDE // 2, 0), (SIDE // 2, SIDE), (0, 255, 0), 2)
    labels = find_regions(drawing, gap_px=0.0)
    assert labels.max() == 4
    assert not labels[:, SIDE // 2].any()
