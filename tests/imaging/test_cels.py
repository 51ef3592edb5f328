import numpy as np
import pytest

from lineart.imaging.cels import (
    flatten,
    is_paper_colored,
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
    assert is_paper_colored(color).sum() == 64 * 64 - 32 * 32


def test_repainting_changes_the_outside_alone(box: tuple[np.ndarray, np.ndarray]) -> None:
    """The paper gets one colour; the box keeps its own."""
    color, _ = box
    painted = repaint_paper(color, np.random.default_rng(0))
    np.testing.assert_array_equal(painted[16:48, 16:48], color[16:48, 16:48])
    outside = painted[is_paper_colored(color)]
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
