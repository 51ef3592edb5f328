"""Hint pictures that an editor has scaled."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lineart.codec import encode_png
from lineart.film.tasks.colorize import clean_hints
from lineart.imaging.hints import scaling
from lineart.imaging.hints.cleaning import drop_mixtures
from lineart.imaging.hints.pictures import HintRules
from lineart.imaging.hints.pixels import find_hints, no_hints

SKY, SKIN, SHADE, IRIS = (150, 200, 245), (250, 214, 190), (228, 190, 170), (40, 120, 200)
SIZE = (120, 160)
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def draw_dabs() -> np.ndarray:
    """Paint a dab at the border, one of two colours that touch, and a small one."""
    hint = no_hints(SIZE)
    dabs = ((0, 40, 12, SKY), (60, 60, 16, SKIN), (84, 60, 10, SHADE), (130, 90, 4, IRIS))
    for x, y, radius, color in dabs:
        share = np.zeros(SIZE, np.uint8)
        cv2.circle(share, (x, y), radius, 255, -1, cv2.LINE_AA)
        hint[share > 0, :3] = color
        hint[:, :, 3] = np.maximum(hint[:, :, 3], share)
    return hint


def scale(picture: np.ndarray, factor: float, name: str) -> np.ndarray:
    """Scale a picture as editors do."""
    size = round(SIZE[1] * factor), round(SIZE[0] * factor)
    return np.array(Image.fromarray(picture).resize(size, FILTERS[name]))


def count_far(hint: np.ndarray, tolerance: int = 6) -> int:
    """Return how many hints at the drawing's size are no colour of the dabs."""
    hints = drop_mixtures(find_hints(hint).resize(SIZE))
    found = hints.values[:, np.newaxis, :3].astype(int)
    apart = np.abs(found - np.array((SKY, SKIN, SHADE, IRIS))).max(axis=2)
    assert (apart.min(axis=0) <= tolerance).all()
    return int((apart.min(axis=1) > tolerance).sum())


@pytest.mark.parametrize("name", ["bicubic", "lanczos", "bilinear", "box"])
@pytest.mark.parametrize("factor", [0.5, 1.5, 2, 3])
def test_a_scaled_dab_has_one_colour(name: str, factor: float) -> None:
    """Filters brighten the rims of dabs; two strokes that touch stay two colours."""
    scaled = scale(draw_dabs(), factor, name)
    found = HintRules().read(encode_png(scaled), SIZE)
    assert count_far(found, 8 if factor < 1 else 6) <= 15
    # One that was painted at its size stays.
    have = scaled.shape[0], scaled.shape[1]
    plain = HintRules().clean(scaled)
    assert_array_equal(HintRules().clean(scaled, have), plain)
    assert_array_equal(HintRules(canvas="center").clean(scaled, SIZE), plain)


def draw_hard_dabs() -> np.ndarray:
    """Paint dabs without soft edges that lie apart: round ones, a square and a stroke."""
    hint = no_hints(SIZE)
    for x, y, radius, color in ((30, 30, 9, SKIN), (80, 40, 6, SKY), (120, 40, 9, IRIS)):
        cv2.circle(hint, (x, y), radius, (*color, 255), -1)
    hint[80:100, 20:40] = (*SKIN, 255)
    hint[86:98, 60:140] = (*SHADE, 255)
    return hint


@pytest.mark.parametrize("name", ["bicubic", "lanczos", "bilinear", "box"])
@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2, 3])
def test_a_scaled_hard_dab_has_no_rim(name: str, factor: float) -> None:
    """Where alpha ends at 255, sharp filters leave opaque pixels that are far too bright."""
    data = encode_png(scale(draw_hard_dabs(), factor, name))
    assert count_far(HintRules().read(data, SIZE)) == 0


@pytest.mark.parametrize("matte", [0, 255])
@pytest.mark.parametrize("name", ["linear", "cubic", "lanczos4", "area"])
@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2, 3])
def test_straight_alpha_leaves_no_rim(matte: int, name: str, factor: float) -> None:
    """Filters mix a dab with the black or white of transparent pixels."""
    hint = draw_hard_dabs()
    hint[hint[:, :, 3] == 0, :3] = matte
    filters = {
        "linear": cv2.INTER_LINEAR,
        "cubic": cv2.INTER_CUBIC,
        "lanczos4": cv2.INTER_LANCZOS4,
        "area": cv2.INTER_AREA,
    }
    scaled = cv2.resize(hint, None, fx=factor, fy=factor, interpolation=filters[name])
    found = HintRules().read(encode_png(scaled), SIZE)
    assert count_far(found) == 0
    assert (found[:, :, 3] > 0).sum() > 0.8 * factor**2 * (hint[:, :, 3] > 0).sum()


@pytest.mark.parametrize("matte", [0, 255])
@pytest.mark.parametrize("factor", [1, 1.5, 2])
def test_a_scaled_soft_brush_has_one_colour(matte: int, factor: float) -> None:
    """The wide rim of a brush that was mixed with black or white has the colour of its middle."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    share = np.clip(1 - np.hypot(rows - 60, columns - 80) / 55, 0, 1)[:, :, np.newaxis]
    colors = (share * SKIN + (1 - share) * matte).round().astype(np.uint8)
    hint = np.dstack((colors, (255 * share).round().astype(np.uint8)))
    hint[hint[:, :, 3] == 0] = 0
    found = HintRules().read(encode_png(scale(hint, factor, "box")), SIZE)
    kept = found[:, :, 3] > 0
    assert kept.sum() > 0.9 * factor**2 * (share >= 0.5).sum()
    is_far = np.abs(found[:, :, :3].astype(int) - SKIN).max(axis=2) > 8
    assert is_far[kept].mean() < 0.05


@pytest.mark.parametrize("name", ["bicubic", "lanczos", "bilinear"])
@pytest.mark.parametrize("factor", [1.5, 2])
def test_a_scaled_stroke_on_paper_has_one_colour(name: str, factor: float) -> None:
    """Filters darken the rims of strokes on paper."""
    hint = draw_dabs()
    alpha = hint[:, :, 3:] / 255
    page = (hint[:, :, :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    data = encode_png(scale(page, factor, name))
    found = HintRules(on_paper=True).read(data, SIZE)
    assert count_far(found) <= 15
    assert (found[:, :, 3] > 0).sum() > 0.8 * factor**2 * (hint[:, :, 3] > 127).sum()


@pytest.mark.parametrize("name", ["nearest", "box", "bicubic"])
def test_lines_of_a_small_copy_are_no_hints(name: str) -> None:
    """A copy of the drawing of half its size goes, and the dabs on it stay."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.circle(line, (60, 60), 45, 0, 3, cv2.LINE_AA)
    cv2.line(line, (10, 21), (150, 5), 0, 3, cv2.LINE_AA)
    page = np.repeat(line[:, :, np.newaxis], 3, axis=2)
    page[40:60, 40:70], page[80:100, 120:140] = SKIN, SKY
    hint = HintRules(on_paper=True).read(encode_png(scale(page, 0.5, name)), SIZE)
    (kept,) = clean_hints(line, [find_hints(hint)])
    assert kept.size == SIZE
    far = np.abs(kept.values[:, np.newaxis, :3].astype(int) - np.array((SKIN, SKY))).max(axis=2)
    assert (far.min(axis=1) > 12).sum() <= 4
    assert (far.min(axis=0) <= 2).all()


def test_even_strokes_at_another_size_stay() -> None:
    """Hard strokes and thin lines of other colours stay, and so does a gradient, to a level."""
    hint = no_hints(SIZE)
    hint[20:40, 20:80], hint[60:62, 20:40], hint[80:100, 20:40] = [(*SKIN, 255)] * 3
    hint[29:31, 40:60] = (*IRIS, 255)
    hint[88:92, 25:35] = (*SHADE, 255)
    double = np.kron(hint, np.ones((2, 2, 1), np.uint8))
    assert_array_equal(HintRules().clean(double, SIZE), double)
    hint[20:40, 90:120] = (*SKY, 255)
    hint[20:40, 90:120, 0] = np.arange(100, 130)
    double = np.kron(hint, np.ones((2, 2, 1), np.uint8))
    np.testing.assert_allclose(HintRules().clean(double, SIZE).astype(int), double, atol=1)


def test_of_equal_pixels_the_middle_one_counts() -> None:
    """Where pixels of a dab are as light as each other, it is the same one on each processor."""
    places, count = np.arange(1001), 143
    dabs = (places % 7 + 1).astype(np.int32)
    own = np.full((len(places), 4), 255, np.uint8)
    own[places, places % 3] = 100
    middles = scaling._find_middles(own, places, dabs)
    assert_array_equal(middles, (dabs - 1) + 7 * (count // 2))
