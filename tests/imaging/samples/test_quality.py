import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineart.imaging.samples.quality import (
    hamming,
    hue_share,
    measure,
    perceptual_hash,
    shrink,
    tone_share,
)

RNG = np.random.default_rng


def fill(color: tuple[int, int, int], height: int = 20, width: int = 30) -> np.ndarray:
    """Return a picture of one colour."""
    return np.full((height, width, 3), color, np.uint8)


def paint(seed: int, height: int = 200, width: int = 160) -> np.ndarray:
    """Paint coloured discs on white paper."""
    rng, picture = RNG(seed), np.full((height, width, 3), 255, np.uint8)
    for _ in range(12):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, center, int(rng.integers(8, 50)), rng.integers(0, 256, 3).tolist(), -1)
    return picture


def halves(first: tuple[int, int, int], second: tuple[int, int, int]) -> np.ndarray:
    """Return a picture whose left three quarters have one colour, the rest another."""
    return np.hstack((fill(first, 20, 60), fill(second, 20, 20)))


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((0, 0, 0), (0.0, 0.0, 1.0, 0.0)),
        ((255, 255, 255), (0.0, 1.0, 0.0, 255.0)),
        ((120, 120, 120), (0.0, 0.0, 0.0, 120.0)),
        ((130, 118, 110), (0.0, 0.0, 0.0, 121.0)),
        ((200, 20, 20), (1.0, 0.0, 0.0, 74.0)),
    ],
)
def test_flat_pictures_have_known_shares(
    color: tuple[int, int, int], expected: tuple[float, float, float, float]
) -> None:
    """Shares of a picture of one colour are 0 or 1, and both percentiles are its luminance."""
    m = measure(fill(color))
    assert (m.colored_share, m.bright_share, m.dark_share) == expected[:3]
    assert m.deepest == m.highest == pytest.approx(expected[3], abs=1)
    assert m.short_side_px == 20


def test_shares_are_areas() -> None:
    """A quarter of red beside black counts as a quarter."""
    m = measure(halves((0, 0, 0), (255, 0, 0)))
    assert (m.colored_share, m.dark_share, m.bright_share) == (0.25, 0.75, 0.0)
    assert m.hue_share == 0.25


def test_extremes_are_percentiles() -> None:
    """1 % of white leaves the 98th percentile of a black picture at 0, 3 % make it 255."""
    for count, highest in ((1, 0.0), (3, 255.0)):
        picture = fill((0, 0, 0), 100, 100)
        picture[:count] = 255
        assert measure(picture).highest == highest


def test_one_tone_is_found_beside_paper() -> None:
    """White paper belongs to no tone; two tones far apart are two."""
    assert tone_share(fill((120, 120, 120))) == 1
    assert tone_share(fill((255, 255, 255))) == 0
    assert tone_share(halves((255, 255, 255), (120, 120, 120))) == 0.25
    assert tone_share(halves((60, 60, 60), (120, 120, 120))) == 0.75
    assert tone_share(halves((100, 100, 100), (120, 120, 120))) == 1


@given(turn=st.integers(0, 179), spread=st.integers(0, 14))
def test_hues_go_round_in_a_circle(turn: int, spread: int) -> None:
    """Two hues less than 30 degrees apart are one colour, wherever on the wheel they lie."""
    hues = np.array([[turn, (turn + spread) % 180]] * 8, np.uint8)
    hsv = np.dstack((hues, np.full_like(hues, 255), np.full_like(hues, 255)))
    assert hue_share(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)) == 1


def test_opposite_hues_are_two_colors() -> None:
    """Red and cyan are never one colour; grey is none."""
    assert hue_share(halves((255, 0, 0), (0, 255, 255))) == 0.75
    assert hue_share(halves((255, 0, 0), (90, 90, 90))) == 0.75
    assert hue_share(fill((90, 90, 90))) == 0


@pytest.mark.parametrize(("size", "expected"), [((300, 1024), (75, 256)), ((256, 10), (256, 10))])
def test_large_pictures_are_measured_small(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """The long side comes down to 256 pixels; what is smaller stays."""
    assert shrink(fill((1, 2, 3), *size)).shape[:2] == expected


def test_a_line_of_pixels_survives_shrinking() -> None:
    """A strip of 2 pixels is shrunk to 1 pixel at least, and its true size is reported."""
    m = measure(fill((200, 20, 20), 2, 3000))
    assert (m.short_side_px, m.colored_share) == (2, 1.0)


def test_size_changes_little() -> None:
    """The same picture four times as large measures nearly the same."""
    small = paint(1, 250, 200)
    large = cv2.resize(small, (800, 1000), interpolation=cv2.INTER_CUBIC)
    a, b = vars(measure(small)), vars(measure(large))
    for name in ("colored_share", "bright_share", "dark_share", "tone_share", "hue_share"):
        assert a[name] == pytest.approx(b[name], abs=0.03), name


@pytest.mark.parametrize("seed", range(8))
def test_the_hash_is_robust(seed: int) -> None:
    """Enlarged, compressed or slightly brightened it stays within 6 bits; mirrored it does not."""
    picture = paint(seed)
    value = perceptual_hash(picture)
    larger = cv2.resize(picture, None, fx=2.3, fy=2.3, interpolation=cv2.INTER_CUBIC)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_COLOR)
    brighter = cv2.convertScaleAbs(picture, alpha=0.95, beta=4)
    for same in (larger, jpeg, brighter):
        assert hamming(value, perceptual_hash(same)) <= 6
    assert hamming(value, perceptual_hash(np.ascontiguousarray(picture[:, ::-1]))) > 6


def test_different_pictures_have_different_hashes() -> None:
    """Among 60 pictures no two are within 6 bits."""
    hashes = [perceptual_hash(paint(seed)) for seed in range(60)]
    least = min(hamming(a, b) for i, a in enumerate(hashes) for b in hashes[:i])
    assert least > 6
    assert all(0 <= value < 2**64 for value in hashes)


@given(value=st.integers(0, 2**64 - 1), bits=st.sets(st.integers(0, 63)))
def test_hamming_counts_turned_bits(value: int, bits: set[int]) -> None:
    """Hashes that differ in n bits have distance n."""
    assert hamming(value, value ^ sum(1 << bit for bit in bits)) == len(bits)
