import numpy as np
import pytest
from skimage import color, metrics

from lineart.metrics import ciede2000, lab_difference, psnr, srgb_to_lab, ssim


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and a noisy copy of it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:61, :83]
    smooth = 128 + 100 * np.sin(np.stack((x / 7, y / 11, (x + y) / 13), axis=-1))
    noisy = smooth + rng.normal(0, 20, smooth.shape)
    return smooth.astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


@pytest.fixture
def colors() -> np.ndarray:
    """Random colours, the corners of the cube, greys, and greys a level off."""
    rng = np.random.default_rng(1)
    corners = np.stack(np.meshgrid(*[[0, 255]] * 3), -1).reshape(-1, 3)
    greys = np.arange(0, 255, 15).repeat(3).reshape(-1, 3)
    drawn = rng.integers(0, 256, (2000, 3))
    return np.concatenate((drawn, corners, greys, greys + np.array([0, 0, 1]))).astype(np.uint8)


def test_psnr_is_that_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """It equals the reference, 10 levels everywhere are 28.13 dB, and equal pictures infinite."""
    image, truth = pair
    assert psnr(image, truth) == pytest.approx(metrics.peak_signal_noise_ratio(truth, image))
    black = np.zeros((4, 5, 3), np.uint8)
    assert psnr(black + np.uint8(10), black) == pytest.approx(20 * np.log10(25.5))
    assert psnr(image, image) == float("inf")


def test_ssim_is_that_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """It equals the reference on noise, on another picture and on flat colour; equal ones are 1."""
    image, truth = pair
    for other in (image, truth[::-1], np.full_like(truth, 77)):
        other = np.ascontiguousarray(other)
        expected = metrics.structural_similarity(other, truth, channel_axis=2)
        assert ssim(other, truth) == pytest.approx(expected, abs=1e-9)
    assert ssim(image, image) == pytest.approx(1)
    smallest = truth[:7, :7]
    expected = metrics.structural_similarity(image[:7, :7], smallest, channel_axis=2)
    assert ssim(image[:7, :7], smallest) == pytest.approx(expected, abs=1e-9)


def test_ssim_needs_a_window() -> None:
    """A picture below the window is refused."""
    with pytest.raises(ValueError, match="at least 7"):
        ssim(np.zeros((6, 20, 3), np.uint8), np.zeros((6, 20, 3), np.uint8))


def test_lab_is_that_of_scikit_image(colors: np.ndarray) -> None:
    """Every colour has the reference's L*a*b*; white is 100, 0, 0."""
    np.testing.assert_allclose(srgb_to_lab(colors), color.rgb2lab(colors), atol=0.01)
    white = srgb_to_lab(np.full((1, 3), 255, np.uint8))
    np.testing.assert_allclose(white, [[100, 0, 0]], atol=0.01)


def test_ciede2000_is_that_of_scikit_image(colors: np.ndarray) -> None:
    """Random, grey, opposite and equal pairs differ as in the reference; the order is no matter."""
    others = np.concatenate((colors[1:], colors[:1]))
    for first, second in ((colors, others), (colors, 255 - colors), (colors, colors)):
        expected = color.deltaE_ciede2000(color.rgb2lab(first), color.rgb2lab(second))
        np.testing.assert_allclose(ciede2000(first, second), expected, atol=0.02)
    np.testing.assert_allclose(ciede2000(colors, others), ciede2000(others, colors), atol=1e-9)
    assert ciede2000(colors, colors).max() == 0


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        # Hues nearly opposite: the mean hue jumps here.
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        # One is grey.
        ((50, 0, 0), (50, -1, 2), 2.3669),
        # Blue, where the ellipses are turned.
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_published_pairs(first: object, second: object, difference: float) -> None:
    """Pairs of table 1 of Sharma, Wu, Dalal come out to the last digit printed."""
    labs = np.array([first, second], float)
    assert lab_difference(labs[:1], labs[1:])[0] == pytest.approx(difference, abs=5e-5)
    assert lab_difference(labs[1:], labs[:1])[0] == pytest.approx(difference, abs=5e-5)


def test_pictures_keep_their_shape(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Two pictures give a difference for each pixel."""
    image, truth = pair
    assert ciede2000(image, truth).shape == image.shape[:2]
