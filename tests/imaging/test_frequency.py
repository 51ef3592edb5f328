import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lineart.image import Frame, Line, Size, fit_short_side
from lineart.imaging.frequency import compose, compose_literal, low_band


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Give the peak signal-to-noise ratio in dB."""
    error = np.mean((image.astype(float) - reference) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def draw(size: Size, network_px: int, *, noise: float = 1.0) -> tuple[Frame, Line]:
    """Draw flat cels with soft shading and a little noise at network size, and their lines."""
    rng = np.random.default_rng(7)
    height, width = fit_short_side(size, network_px)
    color = np.full((height, width, 3), rng.integers(120, 256, 3), np.uint8)
    line = np.full(size, 255, np.uint8)
    for _ in range(12):
        corners = rng.random((6, 2))
        fill = [int(value) for value in rng.integers(40, 256, 3)]
        points = np.rint(corners * (width, height) * 16).astype(np.int32)
        cv2.fillPoly(color, [points], fill, cv2.LINE_AA, 4)
        points = np.rint(corners * size[::-1] * 16).astype(np.int32)
        cv2.polylines(line, [points], True, 0, 2, cv2.LINE_AA, 4)
    shading = np.linspace(-10, 10, width)[:, np.newaxis] + rng.normal(0, noise, color.shape)
    return np.clip(np.rint(color + shading), 0, 255).astype(np.uint8), line


@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (1440, 1080), (2160, 3840)])
def test_low_blur_is_the_same_picture(size: Size) -> None:
    """The shortcut is above 50 dB against Algorithm 2 to the letter, at every size."""
    color, line = draw(size, 512)
    assert psnr(compose(color, line), compose_literal(color, line)) > 50


@pytest.mark.parametrize("sigma", [0.0, 0.2, 0.7, 1.0, 3.0])
def test_any_blur_is_nearly_the_same_picture(sigma: float) -> None:
    """At blurs other than the default the shortcut is above 45 dB against the letter."""
    color, line = draw((480, 640), 160)
    composed = compose(color, line, sigma=sigma)
    assert psnr(composed, compose_literal(color, line, sigma=sigma)) > 45


def test_the_papers_level() -> None:
    """`paper_level=127` is the algorithm with its clamp at 127: one level is lost under paper."""
    color, line = draw((300, 400), 300)
    composed = compose(color, line, sigma=0.0, paper_level=127)
    assert_array_equal(composed, compose_literal(color, line, sigma=0.0, paper_level=127.0))
    exact = compose(color, line, sigma=0.0)
    paper = line >= 128
    assert_array_equal(composed[paper], np.maximum(exact[paper], 1) - 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.sampled_from([None, 127, 100, 0]))
def test_formula(color: int, line: int, paper_level: int | None) -> None:
    """A pixel is `clip(color + 2 * high - 255)`, with `high` the line clamped at the level."""
    colors = np.full((3, 4, 3), color, np.uint8)
    lines = np.full((6, 8), line, np.uint8)
    high = min(line, 127.5 if paper_level is None else paper_level)
    expected = np.clip(color + 2 * high - 255, 0, 255)
    assert (compose(colors, lines, paper_level=paper_level) == expected).all()


def test_paper_and_ink() -> None:
    """Colours under paper stay as they are; ink is black; more ink is never lighter."""
    colors = np.full((2, 256, 3), 200, np.uint8)
    row = compose(colors, np.tile(np.arange(256, dtype=np.uint8), (2, 1)), sigma=0.0)[0, :, 0]
    assert (row[128:] == 200).all()
    assert row[0] == 0
    assert (np.diff(row.astype(int)) >= 0).all()
    assert np.diff(row.astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("color_size", "size"),
    [
        ((8, 12), (1, 1)),
        ((7, 5), (700, 3)),
        ((1, 1), (5, 9)),
        ((64, 64), (64, 64)),
        ((90, 70), (13, 401)),
    ],
)
def test_any_size_and_aspect(color_size: Size, size: Size) -> None:
    """The result has the size of the line, whatever the sizes; a plain colour stays plain."""
    color = np.full((*color_size, 3), (10, 120, 240), np.uint8)
    composed = compose(color, np.full(size, 255, np.uint8))
    assert_array_equal(composed, np.broadcast_to((10, 120, 240), (*size, 3)))


def test_inputs_are_left_alone() -> None:
    """Neither picture changes, not even where nothing has to be enlarged or blurred."""
    color, line = draw((40, 60), 40)
    before = color.copy(), line.copy()
    for sigma in (0.0, 0.45):
        compose(color, line, sigma=sigma)
        compose(color, line, sigma=sigma, paper_level=127)
    assert_array_equal(color, before[0])
    assert_array_equal(line, before[1])


def test_the_same_every_time() -> None:
    """The result does not depend on the number of threads."""
    color, line = draw((270, 480), 128)
    threads = cv2.getNumThreads()
    try:
        results = []
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            results.append(compose(color, line))
    finally:
        cv2.setNumThreads(threads)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])


def test_blur_grows_with_the_enlargement() -> None:
    """An edge is as soft, in pixels of the colour picture, at any enlargement."""
    color = np.zeros((64, 64, 3), np.uint8)
    color[:, 32:] = 255
    widths = []
    for scale in (2, 4, 8):
        low = low_band(color, (64 * scale, 64 * scale), sigma=1.5)[10, :, 0].astype(float)
        slope = np.diff(low) / 255
        position = np.arange(len(slope)) - (slope * np.arange(len(slope))).sum()
        widths.append(np.sqrt((slope * position**2).sum()) / scale)
    assert_allclose(widths, widths[0], rtol=0.05)
    assert_allclose(widths[0], 1.5, rtol=0.1)


@pytest.mark.parametrize(
    ("sigma", "paper_level"), [(-1.0, None), (float("nan"), None), (1.0, 128), (1.0, -1)]
)
def test_senseless_numbers_are_refused(sigma: float, paper_level: int | None) -> None:
    """A negative blur and a level outside 0..127 are refused."""
    color, line = draw((16, 16), 8)
    with pytest.raises(ValueError, match=r"sigma|paper_level"):
        compose(color, line, sigma=sigma, paper_level=paper_level)
