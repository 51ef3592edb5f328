from collections.abc import Sequence
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineart.datasets.filter_bounds import BOUNDS, Filter, FilterBounds
from lineart.datasets.filters import (
    blank,
    choose_validation,
    divide,
    find_twins,
    refusal,
)
from lineart.imaging.samples.quality import hamming, measure
from tests.datasets.paintings import paint

SMALL = Filter(min_short_side=30)

GRAYISH = ((170, 90, 90), (80, 130, 80), (90, 90, 220))
"""Three hues of nearly one luminance."""


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (paint(0, 60, 29), "small"),
        (np.full((60, 60, 3), 128, np.uint8), "monochrome"),
        (np.full((60, 60, 3), (255, 255, 215), np.uint8), "high key"),
        (np.full((60, 60, 3), (60, 10, 10), np.uint8), "low key"),
        (
            np.repeat([[(170, 90, 90), (80, 130, 80), (90, 90, 220)]], 40, 0).repeat(20, 1),
            "leaning tone",
        ),
        (np.dstack([np.mgrid[40:160:2, 0:60][0] * k for k in (1.5, 1, 0.5)]), "leaning colour"),
    ],
)
def test_reasons_of_paper_001(picture: np.ndarray, reason: str) -> None:
    """Each refusal has a reason, the measured value and the bound, and a message with both."""
    found = refusal("x", measure(picture.astype(np.uint8)), SMALL)
    assert found is not None
    assert (found.name, found.reason) == ("x", reason)
    assert found.measured is not None
    assert f"{found.measured:g} " in found.message
    assert f"{found.threshold:g}" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_drawings_on_white_paper_are_kept(seed: int) -> None:
    """A small figure of one colour and black lines on white paper passes the default filter."""
    picture = np.full((600, 600, 3), 255, np.uint8)
    color = np.random.default_rng(seed).permutation((230, 60, 90)).tolist()
    cv2.circle(picture, (300, 300), 80, color, -1)
    cv2.circle(picture, (300, 300), 80, (0, 0, 0), 6)
    assert refusal("x", measure(picture), Filter()) is None


def test_bounds_decide() -> None:
    """A value at the bound is kept, one beyond is not."""
    measured = measure(paint(3))
    for bound, kept in ((50, True), (51, False)):
        assert (refusal("x", measured, Filter(min_short_side=bound)) is None) == kept
    for bound, kept in ((measured.hue_share, True), (measured.hue_share - 1e-6, False)):
        assert (refusal("x", measured, replace(SMALL, max_hue=bound)) is None) == kept


def test_ink_on_paper_is_kept_where_bounds_are_open() -> None:
    """One thin line passes for drawings, which colorization refuses; an empty sheet does not."""
    sheet = np.full((300, 300, 3), 255, np.uint8)
    sheet[::, 150] = 0
    empty = np.full_like(sheet, 250)
    empty[::2] = 254
    for task in ("drawing", "stylization"):
        assert refusal("x", measure(sheet), BOUNDS[task]) is None
        assert blank("x", sheet, BOUNDS[task]) is None
        refused = blank("x", empty, BOUNDS[task])
        assert refused is not None
        assert (refused.reason, refused.measured, refused.threshold) == ("blank", 4.0, 8.0)
        small = refusal("x", measure(sheet[:255]), BOUNDS[task])
        assert small is not None
        assert small.reason == "small"
    assert (
        refusal("x", measure(sheet), FilterBounds(min_short_side=30).of("colorization")) is not None
    )
    assert blank("x", empty, BOUNDS["colorization"]) is None


def test_given_bounds_replace_those_of_the_task() -> None:
    """Given bounds replace the task's, even by another task's default; the rest stays."""
    assert FilterBounds().of("colorization") == Filter()
    assert FilterBounds(min_short_side=512).of("drawing") == replace(
        BOUNDS["drawing"], min_short_side=512
    )
    assert {field.name for field in fields(FilterBounds)} == {
        field.name for field in fields(Filter)
    }


# What is there twice.


def find_slowly(hashes: Sequence[int], distance: int) -> list[tuple[int, int, int]]:
    """Compare everything with everything kept."""
    kept: list[int] = []
    twins = []
    for copy, value in enumerate(hashes):
        near = [
            (hamming(value, hashes[i]), i) for i in kept if hamming(value, hashes[i]) <= distance
        ]
        if near:
            twins.append((copy, min(near)[1], min(near)[0]))
        else:
            kept.append(copy)
    return twins


@given(
    seeds=st.lists(st.integers(0, 5), min_size=1, max_size=40),
    turned=st.data(),
    distance=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_twins_are_those_of_a_full_comparison(
    seeds: list[int], turned: st.DataObject, distance: int
) -> None:
    """The search by bands finds the same copies, originals and distances as a full comparison."""
    hashes = []
    for seed in seeds:
        value = int.from_bytes(np.random.default_rng(seed).bytes(8), "big")
        for bit in turned.draw(st.sets(st.integers(0, 63), max_size=6)):
            value ^= 1 << bit
        hashes.append(value)
    assert [tuple(twin) for twin in find_twins(hashes, distance)] == find_slowly(hashes, distance)


def test_no_distance_finds_nothing() -> None:
    """A negative distance finds nothing, not even equal hashes."""
    assert list(find_twins([1, 1, 1], -1)) == []
    assert [twin.copy for twin in find_twins([1, 1, 1], 0)] == [1, 2]


# Who stands on which side, and in which shard.


def test_about_the_wanted_share_is_for_validation() -> None:
    """Of 4000 groups 8 % are, within three standard deviations, and of two or three one."""
    groups = [f"group {i}" for i in range(4000)]
    chosen = choose_validation(groups, 0.08)
    assert abs(len(chosen) - 320) < 3 * (4000 * 0.08 * 0.92) ** 0.5
    assert chosen == choose_validation(reversed(groups), 0.08) < choose_validation(groups, 0.3)
    assert choose_validation(groups, 0.0) == set()
    for start in range(0, 200, 2):
        few = groups[start : start + 2]
        assert len(choose_validation(few, 0.001)) == len(choose_validation(few, 0.999)) == 1
        assert choose_validation(few[:1], 0.5) == set()


@given(sizes=st.lists(st.integers(0, 50), max_size=60), limit=st.integers(1, 200))
def test_runs_hold_everything_in_order(sizes: list[int], limit: int) -> None:
    """Runs hold all items in order, none is empty, and none exceeds the limit by a whole item."""
    runs = divide(sizes, limit)
    assert [index for run in runs for index in run] == list(range(len(sizes)))
    assert all(runs)
    assert all(sum(sizes[i] for i in run) < limit + max(sizes) for run in runs)
