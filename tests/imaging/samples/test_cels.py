from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from lineart.imaging.samples.cels import (
    SMALLEST_REGION,
    find_white,
    flatten,
    jitter,
    recolor_regions,
    remove_lines,
    repaint_paper,
    turn_hue,
)


@pytest.fixture
def box() -> tuple[np.ndarray, np.ndarray]:
    """A red box with a black outline on paper, and its line drawing."""
    color = np.full((64, 64, 3), 255, np.uint8)
    color[16:48, 16:48] = 0
    color[19:45, 19:45] = 200, 40, 40
    line = np.where(color.max(axis=2) == 0, 0, 255).astype(np.uint8)
    return color, line


def test_flat_pictures_have_few_colors() -> None:
    """A flattened picture has at most the wanted number of colours."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    flat = flatten(noise, 6, np.random.default_rng(1))
    assert len(np.unique(flat.reshape(-1, 3), axis=0)) <= 6


def plainly_flat(color: np.ndarray, num_colors: int, rng: np.random.Generator) -> np.ndarray:
    """Flatten as `flatten` does, each pixel by itself."""
    smooth = cv2.medianBlur(color, 5)
    palette = smooth.reshape(-1, 3)[rng.choice(smooth.size // 3, num_colors)]
    centers = (smooth.astype(int) >> 3) * 8 + 4
    distance = ((centers[..., None, :] - palette.astype(int)) ** 2).sum(-1)
    return palette[distance.argmin(-1)]


def plainly_recolored(color: np.ndarray, line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Recolour as `recolor_regions` does, by gains of all regions at once."""
    ink = cv2.erode(line, np.ones((3, 3), np.uint8))
    is_paper = (ink > 160).astype(np.uint8)
    count, labels, *_ = cv2.connectedComponentsWithStats(is_paper, None, 4)
    area = np.bincount(labels.ravel(), minlength=count)
    chosen = (area > SMALLEST_REGION * line.size) & (rng.random(count) < 0.5)
    chosen[0] = False
    sums = [np.bincount(labels.ravel(), color[..., c].ravel(), count) for c in range(3)]
    mean = np.stack(sums, 1) / np.maximum(area, 1)[:, None]
    target = rng.uniform(20, 255, (count, 3))
    gain = np.where(chosen[:, None], target / np.maximum(mean, 16), 1.0).astype(np.float32)
    grown = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int32)
    grown = np.where(labels > 0, labels, grown)
    return np.clip(color * gain[grown], 0, 255).astype(np.uint8)


def plainly_jittered(color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Jitter as `jitter` does, white pixels by a mask."""
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
    mean = cv2.mean(cv2.mean(color)[:3])[0]
    levels = ((np.arange(256) - mean) * contrast + mean) * brightness
    changed = np.clip(levels, 0, 255).astype(np.uint8)[color]
    changed[(color >= 246).all(axis=2)] = color[(color >= 246).all(axis=2)]
    return turn_hue(changed, rng.uniform(-0.03, 0.03))


@pytest.mark.parametrize("seed", range(4))
def test_fast_ways_give_the_bits_of_plain_ones(seed: int) -> None:
    """Tables and masks give what the formulas do, on drawings with many regions and with noise."""
    rng = np.random.default_rng(seed)
    color = np.full((120, 170, 3), 255, np.uint8)
    line = np.full(color.shape[:2], 255, np.uint8)
    for _ in range(12):
        corners = (rng.random((4, 2)) * (170, 120)).astype(np.int32)
        cv2.fillPoly(color, [corners], rng.integers(0, 256, 3).tolist())
        cv2.polylines(line, [corners], True, 0, 1, cv2.LINE_AA)
    if seed % 2:
        color = np.clip(color + rng.normal(0, 9, color.shape), 0, 255).astype(np.uint8)

    def both(fast: Callable[..., Any], plain: Callable[..., Any], *given: Any) -> None:
        rngs = [np.random.default_rng(seed) for _ in range(2)]
        one, other = (make(*given, one) for make, one in zip((fast, plain), rngs, strict=True))
        np.testing.assert_array_equal(one, other)
        assert rngs[0].random() == rngs[1].random()

    both(flatten, plainly_flat, color, 7)
    both(recolor_regions, plainly_recolored, color, line)
    both(jitter, plainly_jittered, color)


def test_turning_hue_keeps_greys(box: tuple[np.ndarray, np.ndarray]) -> None:
    """Turning hues keeps white and black and changes red; a full turn changes at most 4 levels."""
    color, line = box
    turned = turn_hue(color, 0.5)
    np.testing.assert_array_equal(turned[line == 0], 0)
    assert (turned[0, 0] == 255).all()
    assert turned[32, 32, 0] < turned[32, 32, 2]
    np.testing.assert_allclose(turn_hue(color, 1.0).astype(int), color, atol=4)


def test_paper_is_white(box: tuple[np.ndarray, np.ndarray]) -> None:
    """Only the white around the box is paper."""
    color, _ = box
    assert np.count_nonzero(find_white(color)) == 64 * 64 - 32 * 32


def test_repainting_changes_the_outside_alone(box: tuple[np.ndarray, np.ndarray]) -> None:
    """The paper gets one colour; the box keeps its own."""
    color, _ = box
    painted = repaint_paper(color, np.random.default_rng(0))
    np.testing.assert_array_equal(painted[16:48, 16:48], color[16:48, 16:48])
    outside = painted[find_white(color) > 0]
    assert (outside == outside[0]).all()
    assert (outside[0] != 255).any()


def test_recolored_regions_stay_flat(box: tuple[np.ndarray, np.ndarray]) -> None:
    """Recoloured regions stay of one colour, and each is changed with some seed."""
    color, line = box
    changed = set()
    for seed in range(20):
        new = recolor_regions(color, line, np.random.default_rng(seed))
        for name, part in {"box": new[22:42, 22:42], "paper": new[:12]}.items():
            assert (part == part[0, 0]).all()
            old = color[32, 32] if name == "box" else color[0, 0]
            if (part[0, 0] != old).any():
                changed.add(name)
    assert changed == {"box", "paper"}


def test_paint_below_lines_is_that_beside_them(box: tuple[np.ndarray, np.ndarray]) -> None:
    """Without its outline the box is red up to paper, and nothing is black."""
    color, line = box
    painted = remove_lines(color, line)
    assert {tuple(c) for c in painted.reshape(-1, 3).tolist()} == {(255, 255, 255), (200, 40, 40)}
    np.testing.assert_array_equal(remove_lines(color, np.zeros_like(line)), color)
