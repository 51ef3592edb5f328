import cv2
import numpy as np
import pytest

from lineart.metrics import auroc, ciede2000, ece, flicker, leakage, psnr, ssim


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and a noisy copy of it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:61, :83]
    smooth = 128 + 100 * np.sin(np.stack((x / 7, y / 11, (x + y) / 13), axis=-1))
    noisy = smooth + rng.normal(0, 20, smooth.shape)
    return smooth.astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


def test_psnr_is_the_closed_form(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """10 levels everywhere are 28.13 dB, noise is its mean square; equal pictures are infinite."""
    black = np.zeros((4, 5, 3), np.uint8)
    assert psnr(black + np.uint8(10), black) == pytest.approx(20 * np.log10(25.5))
    image, truth = pair
    error = np.mean((image.astype(float) - truth) ** 2)
    assert psnr(image, truth) == psnr(truth, image) == pytest.approx(10 * np.log10(255**2 / error))
    assert psnr(image, image) == float("inf")


def window_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Compute eq. 13 of the paper in one window and channel, with unbiased variances."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    (var_x, both), (_, var_y) = np.cov(x.ravel(), y.ravel())
    same = (2 * x.mean() * y.mean() + c1) * (2 * both + c2)
    return float(same / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (var_x + var_y + c2)))


def test_ssim_is_the_mean_over_windows(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Windows of 7 x 7 inside the picture and channels weigh alike; equal pictures have 1."""
    image, truth = (one[:9, :12] for one in pair)
    expected = [
        window_ssim(*(one[y : y + 7, x : x + 7, channel].astype(float) for one in (image, truth)))
        for y in range(3)
        for x in range(6)
        for channel in range(3)
    ]
    assert ssim(image, truth) == pytest.approx(np.mean(expected), abs=1e-9)
    assert ssim(truth, image) == pytest.approx(ssim(image, truth), abs=1e-9)
    assert ssim(image, image) == pytest.approx(1)
    # The value of an independent implementation, with cv2's box filter.
    assert ssim(*pair) == pytest.approx(0.504820, abs=1e-6)


def test_ssim_needs_a_window() -> None:
    """A picture below the window is refused."""
    with pytest.raises(ValueError, match="at least 7"):
        ssim(np.zeros((6, 20, 3), np.uint8), np.zeros((6, 20, 3), np.uint8))


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        # Black and white differ in lightness alone.
        ((0, 0, 0), (255, 255, 255), 100.0),
        ((119, 119, 119), (119, 119, 119), 0.0),
        # The primaries of sRGB.
        ((255, 0, 0), (0, 255, 0), 86.61),
        ((255, 0, 0), (0, 0, 255), 52.88),
        ((0, 255, 0), (0, 0, 255), 83.19),
    ],
)
def test_ciede2000_of_known_colors(
    first: tuple[int, ...], second: tuple[int, ...], difference: float
) -> None:
    """Published differences of sRGB's corners come out, in both orders."""
    one, other = (np.array([color], np.uint8) for color in (first, second))
    assert ciede2000(one, other)[0] == pytest.approx(difference, abs=0.01)
    assert ciede2000(other, one)[0] == pytest.approx(difference, abs=0.01)


def test_ciede2000_keeps_the_shape(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Two pictures give a difference for each pixel: more noise, more of it; equal ones none."""
    image, truth = pair
    assert ciede2000(image, truth).shape == image.shape[:2]
    assert 1 < ciede2000(image, truth).mean() < ciede2000(image, 255 - image).mean()
    assert ciede2000(image, image).max() == 0


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


def test_scores_of_a_confidence() -> None:
    """ECE and AUROC have their closed forms; a weight counts as so many answers."""
    confidence = np.array([0.95, 0.95, 0.75, 0.55, 0.15])
    is_right = np.array([True, True, True, False, False])
    assert ece(confidence, is_right) == pytest.approx((2 * 0.05 + 0.25 + 0.55 + 0.15) / 5)
    assert auroc(confidence, is_right) == 1
    assert auroc(confidence, np.ones(5, bool)) is None
    numbers, right = np.array([3, 1, 2, 1, 4]), np.array([True, False, True, False, True])
    many = np.repeat(confidence, numbers), np.repeat(right, numbers)
    for metric in (ece, auroc):
        assert metric(confidence, right, numbers / 8) == pytest.approx(metric(*many))


def test_auroc_of_equal_confidences_is_half() -> None:
    """The order of equal confidences says nothing; beside others, each of their pairs is half."""
    for rights in ([0, 1], [2, 3], [0, 3]):
        assert auroc(np.full(4, 0.5), np.isin(np.arange(4), rights)) == 0.5
    is_right = np.array([True, False, True])
    assert auroc(np.array([0.9, 0.5, 0.5]), is_right) == 0.75
