import numpy as np
import pytest

from lineart.imaging.extraction import XDOG_SIGMAS, dilate_abs_sub, xdog


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
    """A radius of 0, an outer radius inside the inner one and a kernel of 1 are refused."""
    with pytest.raises(ValueError, match="sigma"):
        xdog(disc, sigma=0.0)
    with pytest.raises(ValueError, match="ratio"):
        xdog(disc, ratio=1.0)
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
