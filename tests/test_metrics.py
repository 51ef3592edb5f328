import cv2
import numpy as np
import pytest
from skimage import color, metrics

from lineart.metrics import (
    ciede2000,
    flicker,
    lab_difference,
    leakage,
    psnr,
    srgb_to_lab,
    ssim,
)


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


# Leakage.

LEFT, RIGHT = (200, 80, 60), (60, 120, 210)


def halves(angle: float, size: int = 160, half_width: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Draw a straight line through the middle, and one flat colour on each side of it."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    distance = x * np.cos(angle) + y * np.sin(angle)
    line = (255 * np.clip(np.abs(distance) - half_width + 0.5, 0, 1)).astype(np.uint8)
    sides = np.where((distance < 0)[..., None], LEFT, RIGHT).astype(np.uint8)
    return line, sides


@pytest.mark.parametrize("angle", [0.0, 0.5, 0.8, 1.6, 2.4])
@pytest.mark.parametrize("half_width", [0.7, 2.5])
def test_colors_that_change_at_lines_alone_do_not_leak(angle: float, half_width: float) -> None:
    """Two flat sides of a line score 0, whatever its direction, its width and the ink's colour."""
    line, sides = halves(angle, half_width=half_width)
    assert leakage(sides, line) == 0
    assert leakage(np.minimum(sides, line[..., None]), line) == 0


def test_leaks_count_and_longer_ones_more() -> None:
    """Where one side's colour runs over the line it scores, the more gaps the more."""
    line, sides = halves(0.0)
    scores = []
    for gaps in (1, 2, 4):
        leaking = sides.copy()
        for gap in range(gaps):
            top = 10 + 36 * gap
            leaking[top : top + 12, 70:110] = LEFT
        scores.append(leakage(leaking, line))
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[2] < 0.5  # type: ignore[operator]
    # Of 4 gaps of 12 rows each, 8 ends lie along the line: an end changes as many corners as its
    # square is long, 7 px at a half width of 1.5 and a margin of 2.
    changed, whole = 8 * 7, 160 - 48
    assert scores[2] == pytest.approx(changed / (changed + 2 * whole), abs=0.06)


def test_colors_that_ignore_lines_score_a_half_or_more() -> None:
    """Stripes across the line score 1; noise that knows no line 0.5; one flat colour nothing."""
    line, sides = halves(0.0)
    stripes = np.where((np.arange(160) // 8 % 2 == 0)[:, None, None], LEFT, RIGHT)
    stripes = np.broadcast_to(stripes, (160, 160, 3)).astype(np.uint8)
    assert leakage(np.ascontiguousarray(stripes), line) == 1
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    assert leakage(noise, line) == pytest.approx(0.5, abs=0.03)
    assert leakage(np.full_like(sides, 90), line) is None


def test_leakage_reads_lines_and_paper_alone() -> None:
    """A black area, an empty page and a full one have no lines; ink's own colours do not count."""
    line, sides = halves(0.0)
    noise = np.random.default_rng(1).integers(0, 256, sides.shape, dtype=np.uint8)
    for other in (np.full_like(line, 255), np.zeros_like(line), halves(0.0, half_width=30)[0]):
        assert leakage(noise, other) is None
    assert leakage(np.where((line < 190)[..., None], noise, sides), line) == 0


# Flicker.


def moving(step: int) -> np.ndarray:
    """Draw a still square, and a circle that moves."""
    line = np.full((256, 384), 255, np.uint8)
    cv2.rectangle(line, (20, 20), (140, 230), 0, 2)
    cv2.circle(line, (220 + 8 * step, 120), 30, 0, 2)
    return line


def test_flicker_is_the_change_of_what_stands_still() -> None:
    """A change of 6 levels of one channel everywhere is 2; one where the drawing moves is none."""
    first, second = moving(0), moving(2)
    flat = np.full((256, 384, 3), 120, np.uint8)
    warmer = flat + np.array([6, 0, 0], np.uint8)
    assert flicker((first, flat), (second, warmer)) == pytest.approx(2)
    assert flicker((first, flat), (second, flat)) == 0
    only_there = flat.copy()
    only_there[80:161, 180:277] = 0
    near = cv2.dilate(cv2.absdiff(first, second), np.ones((5, 5), np.uint8)) > 0
    moved = np.where(near[..., None], np.uint8(0), flat)
    assert flicker((first, flat), (second, moved)) == 0
    assert flicker((first, flat), (second, only_there)) > 3  # type: ignore[operator]


def test_flicker_sees_the_low_band_alone() -> None:
    """Grain that changes from frame to frame hardly counts; a codec's noise in lines is no move."""
    rng = np.random.default_rng(0)
    line = moving(0)
    grain = [rng.normal(120, 10, (256, 384, 3)).astype(np.uint8) for _ in range(2)]
    noisy = (line.astype(int) + rng.integers(-6, 7, line.shape)).clip(0, 255).astype(np.uint8)
    seen = flicker((line, grain[0]), (noisy, grain[1]))
    plain = np.abs(grain[0].astype(int) - grain[1]).mean()
    # The mean of 4 pixels differs half as much as one.
    assert seen == pytest.approx(plain / 2, rel=0.1)


def test_without_a_still_place_there_is_no_flicker() -> None:
    """Another drawing everywhere says nothing about the colours."""
    color = np.zeros((128, 128, 3), np.uint8)
    black, white = np.zeros((128, 128), np.uint8), np.full((128, 128), 255, np.uint8)
    assert flicker((black, color), (white, color)) is None
