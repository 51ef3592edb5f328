"""Frequency separation, its layers, and enlargement of drawings."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lineart.benchmark.pixels import compose_literal
from lineart.image import Frame, Line, Size, fit_short_side, resize
from lineart.imaging.compositing.frequency import (
    compose,
    compose_as_drawn,
    enlarge_drawing,
    ink_layer,
    line_layer,
    low_band,
)
from lineart.imaging.lines.paper import whiten_paper
from lineart.metrics import psnr
from tests.conftest import DrawLine


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


@pytest.mark.parametrize(
    ("size", "network_px", "sigma", "least_db"),
    [
        *(
            (size, 512, 0.45, 50)
            for size in ((720, 1280), (1080, 1920), (1440, 1080), (2160, 3840))
        ),
        *(((480, 640), 160, sigma, 45) for sigma in (0.0, 0.2, 0.7, 1.0, 3.0)),
    ],
)
def test_compose_is_nearly_algorithm_2(
    size: Size, network_px: int, sigma: float, least_db: float
) -> None:
    """Against the literal algorithm: above 50 dB at the default blur, above 45 dB at others."""
    color, line = draw(size, network_px)
    composed = compose(color, line, sigma=sigma)
    assert psnr(composed, compose_literal(color, line, sigma=sigma)) > least_db


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_formula(color: int, line: int) -> None:
    """A pixel is `clip(color + 2 * high - 255)`, with `high` the line clamped at mid-grey."""
    colors = np.full((3, 4, 3), color, np.uint8)
    lines = np.full((6, 8), line, np.uint8)
    expected = np.clip(color + 2 * min(line, 127.5) - 255, 0, 255)
    assert (compose(colors, lines) == expected).all()


def test_paper_and_ink() -> None:
    """Paper leaves colours unchanged, ink is black, and more ink is never lighter."""
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
    """`compose` changes neither input, with and without blur."""
    color, line = draw((40, 60), 40)
    before = color.copy(), line.copy()
    for sigma in (0.0, 0.45):
        compose(color, line, sigma=sigma)
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


@pytest.mark.parametrize("sigma", [-1.0, float("nan")])
def test_a_negative_blur_is_refused(sigma: float) -> None:
    """It is a ValueError that names sigma."""
    color, line = draw((16, 16), 8)
    with pytest.raises(ValueError, match="sigma"):
        compose(color, line, sigma=sigma)


def multiply(color: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Multiply as Krita does 8-bit pictures: to the nearest, in integers."""
    product = color.astype(np.uint32) * lines.reshape(*lines.shape[:2], -1) + 128
    return ((product + (product >> 8)) >> 8).astype(np.uint8)


def test_the_layers_are_the_frame() -> None:
    """For every colour and every ink the multiplied layers are the frame, to the bit."""
    levels = np.arange(256, dtype=np.uint8)
    color = np.dstack([np.repeat(levels[:, np.newaxis], 256, axis=1)] * 3)
    line = np.repeat(levels[np.newaxis], 256, axis=0)
    frame = compose(color, line, sigma=0.0)
    assert_array_equal(multiply(color, line_layer(frame, color, line)), frame)


def test_lines_are_the_drawing(draw_line: DrawLine) -> None:
    """Paper is white and full ink black on any colour; on black the layer is twice the drawing."""
    line = draw_line(3)
    color = np.random.default_rng(0).integers(0, 256, (*line.shape, 3), dtype=np.uint8)
    color[:, :40] = 0
    lines = line_layer(compose(color, line, sigma=0.0), color, line)
    assert lines[line >= 128].min() == 255
    assert lines[line == 0].max() == 0
    assert (line == 0).any()
    doubled = np.minimum(2 * line[:, :40].astype(int), 255)
    assert_array_equal(lines[:, :40], np.dstack([doubled] * 3))


SIZE = (432, 768)


@pytest.fixture
def truth() -> Line:
    """Curves of two to four pixels at full size."""
    rng = np.random.default_rng(0)
    drawing = np.full(SIZE, 255, np.uint8)
    for _ in range(12):
        center = tuple((rng.random(2) * SIZE[::-1] * 16).astype(int).tolist())
        axes = tuple((rng.uniform(20, 200, 2) * 16).astype(int).tolist())
        width = int(rng.integers(2, 5))
        cv2.ellipse(drawing, center, axes, 30, 0, 250, 0, width, cv2.LINE_AA, 4)
    return drawing


def shrink(drawing: Line, factor: int) -> Line:
    """Bring a drawing to the size of a network."""
    return resize(drawing, (drawing.shape[0] // factor, drawing.shape[1] // factor))


def error(drawing: Line, truth: Line) -> float:
    """Return the mean square error."""
    return float(((drawing.astype(float) - truth) ** 2).mean())


def ink(drawing: Line) -> float:
    """Return the area that ink covers, in pixels."""
    return float((255 - drawing.astype(float)).sum() / 255)


def num_gray(drawing: Line) -> int:
    """Count pixels that are neither ink nor paper."""
    return int(((drawing > 40) & (drawing < 215)).sum())


@pytest.mark.parametrize(("factor", "share"), [(2, 0.3), (3, 0.45)])
def test_lines_come_closer_to_the_truth(truth: Line, factor: int, share: float) -> None:
    """An enlarged drawing has a fraction of bicubic's error and of its grey pixels."""
    small = shrink(truth, factor)
    bicubic, ours = resize(small, SIZE), enlarge_drawing(small, SIZE)
    assert error(ours, truth) < share * error(bicubic, truth)
    assert num_gray(ours) < 0.6 * num_gray(bicubic)


@pytest.mark.parametrize("factor", [2, 3])
def test_lines_keep_their_ink(truth: Line, factor: int) -> None:
    """Enlarging keeps the ink of lines within 3 %."""
    assert ink(enlarge_drawing(shrink(truth, factor), SIZE)) == pytest.approx(ink(truth), rel=0.03)


def test_faint_lines_stay(truth: Line) -> None:
    """A pale drawing keeps its ink and its darkest level; mid-grey is no threshold."""
    pale = 255 - (255 - truth) // 4
    ours = enlarge_drawing(shrink(pale, 2), SIZE)
    assert ink(ours) == pytest.approx(ink(pale), rel=0.03)
    assert abs(int(ours.min()) - int(pale.min())) <= 3


def test_no_level_is_invented(draw_line: DrawLine) -> None:
    """Every level lies between the darkest and the lightest near it."""
    small = np.clip(draw_line(3), 60, 200)
    ours = enlarge_drawing(small, (4 * small.shape[0], 4 * small.shape[1]))
    around = np.ones((5, 5), np.uint8)
    rows, columns = np.arange(ours.shape[0]) // 4, np.arange(ours.shape[1]) // 4
    assert (ours >= cv2.erode(small, around)[rows][:, columns]).all()
    assert (ours <= cv2.dilate(small, around)[rows][:, columns]).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_stays_flat(level: int) -> None:
    """A drawing of one level keeps that level."""
    assert (enlarge_drawing(np.full((9, 13), level, np.uint8), (40, 50)) == level).all()


@pytest.mark.parametrize("size", [(72, 128), (36, 64)], ids=["same", "smaller"])
def test_drawings_are_shrunk_as_pictures(draw_line: DrawLine, size: tuple[int, int]) -> None:
    """At the same size nothing changes, and a smaller one is the plain `resize`."""
    drawing = draw_line(1)
    np.testing.assert_array_equal(enlarge_drawing(drawing, size), resize(drawing, size))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_grey_lines_multiply_colours(color: int, line: int) -> None:
    """As drawn, a pixel is `color * line / 255`: pencil of any strength shows, ink is black."""
    colors, lines = np.full((3, 4, 3), color, np.uint8), np.full((6, 8), 255, np.uint8)
    lines[0] = line
    composed = compose_as_drawn(colors, lines)
    assert (composed[0] == round(color * line / 255)).all()
    assert (composed[1:] == color).all()


def test_coloured_lines_keep_their_colour() -> None:
    """On white a drawing in colour is itself; a red line is red on any colour, ink black."""
    rng = np.random.default_rng(0)
    drawing = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    drawing[:14] = 255
    white = np.full((20, 30, 3), 255, np.uint8)
    assert_array_equal(compose_as_drawn(white, drawing), drawing)
    drawing[:14, 3], drawing[:14, 5] = (255, 0, 0), 0
    blue = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    composed = compose_as_drawn(blue, drawing)
    assert_array_equal(composed[0, 3], (255, 0, 0))
    assert_array_equal(composed[0, 5], (0, 0, 0))
    assert_array_equal(composed[0, 0], (0, 0, 255))


def test_paper_of_a_scan_is_white() -> None:
    """Grey or yellowish paper leaves colours unchanged; white paper changes no level."""
    colors = np.full((30, 40, 3), (10, 120, 240), np.uint8)
    scan = np.full((30, 40), 232, np.uint8)
    scan[4] = 116
    composed = compose_as_drawn(colors, scan)
    assert_array_equal(composed[0, 0], (10, 120, 240))
    assert abs(int(composed[4, 0, 2]) - 120) <= 1
    yellow = np.full((30, 40, 3), (250, 240, 210), np.uint8)
    assert_array_equal(compose_as_drawn(colors, yellow)[0, 0], (10, 120, 240))
    levels = np.full((4, 256), 255, np.uint8)
    levels[0] = np.arange(256)
    assert whiten_paper(levels) is levels


def test_ink_layer_over_colours_is_the_frame() -> None:
    """The ink of a drawing in colour, over the colours, is the composed frame to a level."""
    rng = np.random.default_rng(1)
    drawing = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    drawing[:30] = 255
    colors = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    layer = ink_layer(drawing).astype(float)
    opacity = layer[:, :, 3:] / 255
    over = layer[:, :, :3] * opacity + colors * (1 - opacity)
    assert np.abs(over - compose_as_drawn(colors, drawing, sigma=0.0)).max() <= 1
