import cv2
import numpy as np
import pytest

from lineart.imaging.lines.extraction import XDOG_SIGMAS, dilate_abs_sub, find_drawn_lines, xdog
from lineart.imaging.regions import INK_LEVEL, find_regions


@pytest.fixture
def disc() -> np.ndarray:
    """Return a disc on a ground of another colour."""
    y, x = np.mgrid[:96, :96]
    image = np.full((96, 96, 3), (40, 90, 200), np.uint8)
    image[(y - 48) ** 2 + (x - 48) ** 2 < 30**2] = 250, 180, 60
    return image


@pytest.mark.parametrize("sigma", XDOG_SIGMAS)
def test_xdog_draws_black_on_white(disc: np.ndarray, sigma: float) -> None:
    """Lines are black and paper is white; grey 127, as in the public code, does not occur."""
    line = xdog(disc, sigma=sigma)
    values, counts = np.unique(line, return_counts=True)
    assert values[0] == 0
    assert values[-1] == 255
    assert counts[(values > 5) & (values < 250)].sum() < 0.01 * line.size


def test_xdog_lines_lie_at_the_edge(disc: np.ndarray) -> None:
    """Ink stands within four pixels of the disc's border and nowhere else."""
    y, x = np.nonzero(xdog(disc) < 128)
    distance = np.abs(np.hypot(y - 48, x - 48) - 30)
    assert distance.size > 100
    assert distance.max() < 4


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures_have_no_lines(value: int) -> None:
    """Paper is white whatever the flat colour, black included."""
    flat = np.full((32, 32, 3), value, np.uint8)
    assert (xdog(flat) == 255).all()
    assert (dilate_abs_sub(flat) == 255).all()


def test_invalid_parameters_are_refused(disc: np.ndarray) -> None:
    """A radius of 0 and a kernel of 1 are refused."""
    with pytest.raises(ValueError, match="sigma"):
        xdog(disc, sigma=0.0)
    with pytest.raises(ValueError, match="at least 2"):
        dilate_abs_sub(disc, 1)


@pytest.mark.parametrize("kernel_px", [4, 5])
def test_dilate_abs_sub_is_algorithm_1(disc: np.ndarray, kernel_px: int) -> None:
    """The extractor equals Algorithm 1 written out with a maximum filter."""
    pad_low, pad_high = kernel_px // 2, kernel_px - 1 - kernel_px // 2
    padded = np.pad(disc, ((pad_low, pad_high), (pad_low, pad_high), (0, 0)))
    shifted = [padded[y : y + 96, x : x + 96] for y in range(kernel_px) for x in range(kernel_px)]
    soft = 255.0 - (np.max(shifted, axis=0) - disc)
    gray = soft @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(dilate_abs_sub(disc, kernel_px), gray, atol=1)


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_lines_of_a_finished_drawing(scale: float) -> None:
    """Ink is where lines were drawn, on light and dark paint; a large black area is paint."""
    size = round(240 * scale)
    line, paint = np.full((size, size), 255, np.uint8), np.full((size, size, 3), 255, np.uint8)
    boxes = {(20, 20): (240, 200, 170), (130, 20): (90, 50, 30), (20, 130): (20, 30, 190)}
    for (x, y), color in boxes.items():
        one, other = (
            np.rint(np.array((at, at + 80)) * scale).astype(int).tolist() for at in (x, y)
        )
        corners = np.array([(one[i], other[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))])
        cv2.fillPoly(paint, [corners], color)
        middle = sum(other) // 2
        for points in (corners, np.array([(one[0], middle), (one[1], middle)])):
            cv2.polylines(line, [points], True, 0, round(4 * scale), cv2.LINE_AA)
    picture = np.rint(paint * (line[:, :, np.newaxis] / 255)).astype(np.uint8)
    solid = slice(round(140 * scale), round(210 * scale))
    picture[solid, solid] = 0
    found = find_drawn_lines(picture)
    is_sure = np.abs(line.astype(int) - INK_LEVEL) > 30
    is_sure[solid.start - 9 :, solid.start - 9 :] = False
    assert ((found < INK_LEVEL) == (line < INK_LEVEL))[is_sure].mean() > 0.998
    assert (found[solid, solid] == 255).mean() > 0.95
    assert find_regions(found).max() == find_regions(line).max() == 7
    # Of paint without lines there are the corners of dark areas alone.
    assert (find_drawn_lines(paint) < INK_LEVEL).mean() < 2e-3
