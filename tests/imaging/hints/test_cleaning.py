"""Which pixels of hint pictures are no hints."""

import io

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lineart.codec import encode_png
from lineart.imaging.hints.cleaning import drop_ink_hints, drop_mixtures, even_textures
from lineart.imaging.hints.pictures import DEFAULT_RULES, HintRules
from lineart.imaging.hints.pixels import find_hints, no_hints

SKIN, BLUE, WHITE = (240, 190, 160), (40, 90, 200), (255, 255, 255)
SIZE = (120, 160)


def draw_circle() -> np.ndarray:
    """Draw a circle with a soft line."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.circle(line, (80, 60), 40, 0, 3, cv2.LINE_AA)
    return line


def paint_dabs(paper: np.ndarray) -> np.ndarray:
    """Paint two dabs with soft edges on a picture, inside the circle and beside it."""
    dabs = paper.copy()
    cv2.circle(dabs, (70, 60), 9, SKIN, -1, cv2.LINE_AA)
    cv2.circle(dabs, (20, 20), 7, BLUE, -1, cv2.LINE_AA)
    return dabs


def colors_of(hint: np.ndarray) -> set[tuple[int, ...]]:
    """Return the colours of hints."""
    return {*map(tuple, hint[hint[:, :, 3] > 0][:, :3].tolist())}


def test_hints_on_ink_belong_to_it() -> None:
    """A dab loses its pixels on a line; small dark dabs on lines go; those for black areas stay."""
    line = np.full((60, 80), 255, np.uint8)
    line[20:23], line[40:] = 0, 0
    hint = no_hints((60, 80))
    hint[15:25, 10:20] = (200, 30, 40, 255)
    hint[21, 40] = (20, 20, 20, 255)
    hint[21, 60] = (250, 220, 90, 255)
    hint[45:55, 10:20] = (30, 30, 60, 255)
    kept = drop_ink_hints(find_hints(hint), line).picture()
    expected = hint.copy()
    expected[20:23, 10:20], expected[21, 40] = 0, 0
    assert_array_equal(kept, expected)
    only = no_hints((60, 80))
    only[21, 40] = (20, 20, 20, 255)
    assert_array_equal(drop_ink_hints(find_hints(only), line).picture(), only)


def test_the_rim_of_a_soft_brush_is_no_hint() -> None:
    """It reaches over a line; a faint stroke, and one that touches another, stay."""
    hint = no_hints(SIZE)
    alpha = np.zeros(SIZE, np.float32)
    cv2.circle(alpha, (60, 60), 14, 200, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 6)
    hint[alpha > 0] = (*SKIN, 0)
    hint[:, :, 3] = alpha
    hint[90:96, 50:70] = (*BLUE, 70)
    hint[100:104, 50:70], hint[104:108, 50:70] = (*BLUE, 255), (*SKIN, 90)
    kept = DEFAULT_RULES.clean(hint)
    is_core = alpha >= alpha.max() / 2
    assert (kept[is_core] == hint[is_core]).all()
    assert not kept[20:86][~is_core[20:86]].any()
    for rows in (slice(90, 96), slice(100, 108)):
        assert_array_equal(kept[rows, 50:70], hint[rows, 50:70])


@pytest.mark.parametrize("has_paper", [False, True])
def test_lines_in_a_hint_picture_are_no_hints(has_paper: bool) -> None:
    """A copy of the drawing below the dabs, on paper or without, goes with its soft edges."""
    line = draw_circle()
    if has_paper:
        picture = paint_dabs(np.repeat(line[:, :, np.newaxis], 3, axis=2))
        hint = HintRules(on_paper=True).read(encode_png(picture))
    else:
        hint = np.dstack((np.zeros((*SIZE, 3), np.uint8), 255 - line))
        hint[55:65, 60:70], hint[15:25, 15:25] = (*SKIN, 255), (*BLUE, 255)
        hint = DEFAULT_RULES.read(encode_png(hint))
    assert len(colors_of(hint)) > 2
    kept = drop_mixtures(drop_ink_hints(find_hints(hint), line))
    assert colors_of(kept.picture()) == {SKIN, BLUE}
    # What the lines joined is apart.
    assert len(np.unique(kept.dabs)) == 2


def test_a_dark_dab_is_no_copy_of_the_lines() -> None:
    """Black hair over a line stays, up to the soft edge of the line."""
    line, hint = draw_circle(), no_hints(SIZE)
    hint[10:50, 60:100] = (20, 16, 16, 255)
    kept = drop_ink_hints(find_hints(hint), line).picture()
    assert (kept[:, :, 3] > 0).sum() > 0.8 * (hint[:, :, 3] > 0).sum()
    assert kept[15, 80].tolist() == kept[40, 80].tolist() == [20, 16, 16, 255]


def test_black_paint_over_most_of_the_lines_is_meant() -> None:
    """Thin strands of hair that are painted black keep it; beside them, nothing is black."""
    line, hint = np.full(SIZE, 255, np.uint8), no_hints(SIZE)
    line[20:22, 20:82] = line[100:102, 20:82] = 0
    for left in range(20, 86, 6):
        line[20:102, left : left + 2] = 0
    hint[19:103, 19:83] = (10, 10, 10, 255)
    hint[60:66, 120:126] = (*SKIN, 255)
    kept = drop_ink_hints(find_hints(hint), line).picture()
    assert (kept[22:100, 20:82, 3] > 0)[line[22:100, 20:82] == 255].all()
    assert colors_of(kept) == {SKIN, (10, 10, 10)}
    assert not kept[19, 19:83].any()


@pytest.mark.parametrize("blur_px", [1.0, 4.0])
def test_mixtures_are_no_hints(blur_px: float) -> None:
    """Where a soft brush passes from one colour to another, what lies between is neither."""
    hint = no_hints(SIZE)
    hint[40:80, 20:140] = (*SKIN, 255)
    hint[60:80, 20:140] = (*BLUE, 255)
    blurred = cv2.GaussianBlur(hint[:, :, :3], (0, 0), blur_px)
    hint[50:70, 20:140, :3] = blurred[50:70, 20:140]
    hint[50:70, 20:30, :3] = hint[50:70, 30:31, :3]
    hint[50:70, 130:140, :3] = hint[50:70, 129:130, :3]
    assert len(colors_of(hint)) > 5
    found = colors_of(drop_mixtures(find_hints(hint)).picture())
    distances = [
        min(np.abs(np.subtract(color, pure)).max() for pure in (SKIN, BLUE)) for color in found
    ]
    assert {SKIN, BLUE} <= found
    assert max(distances) <= 6


def test_thin_strokes_are_no_mixtures() -> None:
    """A stroke of a pixel over another colour stays, and so does a tone of three between two."""
    hint = no_hints(SIZE)
    hint[20:60, 20:60] = (*SKIN, 255)
    hint[40, 20:60] = (*BLUE, 255)
    for place, level in enumerate((60, 120, 180)):
        hint[80:100, 20 + 8 * place : 28 + 8 * place] = (level, level, level, 255)
    assert colors_of(drop_mixtures(find_hints(hint)).picture()) == colors_of(hint)
    assert_array_equal(drop_mixtures(find_hints(hint)).picture()[40], hint[40])


@pytest.mark.parametrize(("levels", "channels"), [(12, 3), (30, 1)])
@pytest.mark.parametrize("radius", [5, 20])
def test_a_textured_dab_has_one_colour(levels: int, channels: int, radius: int) -> None:
    """Jitter of a brush is no colours of their own; gradients and clear colours stay."""
    rng, hint = np.random.default_rng(2), no_hints(SIZE)
    cv2.circle(hint, (40, 60), radius, (180, 120, 90, 255), -1)
    is_hint = hint[:, :, 3] > 0
    jitter = rng.integers(-levels, levels + 1, (*SIZE, channels))
    hint[is_hint, :3] = (hint[:, :, :3] + jitter)[is_hint]
    (found,) = colors_of(even_textures(find_hints(hint)).picture())
    assert np.abs(np.subtract(found, (180, 120, 90))).max() <= levels / 4
    clear = no_hints(SIZE)
    clear[40:60, 20:26], clear[40:60, 26:32] = (*SKIN, 255), (225, 160, 130, 255)
    clear[80:100, 20:60, :3] = (np.arange(40)[:, np.newaxis] + (120, 90, 60)).astype(np.uint8)
    clear[80:100, 20:60, 3] = 255
    # A brush that sets pixels of two colours at random.
    coin = rng.integers(0, 2, (20, 20, 1)).astype(bool)
    clear[40:60, 80:100, :3], clear[40:60, 80:100, 3] = np.where(coin, SKIN, BLUE), 255
    assert_array_equal(even_textures(find_hints(clear)).picture(), clear)


@pytest.mark.parametrize(
    ("form", "quality"), [("PNG", 0), ("JPEG", 92), ("JPEG", 60), ("WEBP", 80), ("AVIF", 75)]
)
def test_dabs_on_paper_have_their_colour_alone(form: str, quality: int) -> None:
    """Soft edges on white paper are no hints, nor are the traces of compression."""
    sink = io.BytesIO()
    paper = np.full((*SIZE, 3), 255, np.uint8)
    Image.fromarray(paint_dabs(paper)).save(sink, form, quality=quality)
    hint = HintRules(on_paper=True).read(sink.getvalue())
    tolerance = 0 if form == "PNG" else 12
    for (row, column), color in {(60, 70): SKIN, (20, 20): BLUE}.items():
        assert np.abs(hint[row, column, :3].astype(int) - color).max() <= tolerance
    for color in colors_of(hint):
        assert min(np.abs(np.subtract(color, one)).max() for one in (SKIN, BLUE)) <= tolerance


@pytest.mark.parametrize(("form", "quality"), [("WEBP", 60), ("WEBP", 90), ("AVIF", 60)])
def test_lossy_dabs_have_the_colour_of_their_middle(form: str, quality: int) -> None:
    """Transparent pixels, whose colour is black, do not darken the dabs beside them."""
    hint = no_hints(SIZE)
    cv2.circle(hint, (70, 60), 9, (*SKIN, 255), -1)
    hint[20:40, 20:30], hint[20:40, 30:40] = (*BLUE, 255), (200, 40, 40, 255)
    cv2.line(hint, (20, 100), (140, 90), (60, 170, 80, 255), 3)
    sink = io.BytesIO()
    Image.fromarray(hint).save(sink, form, quality=quality)
    read = DEFAULT_RULES.read(sink.getvalue())
    is_hint = (hint[:, :, 3] > 0) & (read[:, :, 3] > 0)
    assert is_hint.sum() > 0.95 * (hint[:, :, 3] > 0).sum()
    # What two colours beside one another share may be mixed.
    is_hint[20:40, 27:33] = False
    difference = np.abs(read[is_hint][:, :3].astype(int) - hint[is_hint][:, :3]).max(axis=1)
    assert np.quantile(difference, 0.98) <= 12
    assert difference.max() <= 24
    # A lossless one stays as it is.
    sink = io.BytesIO()
    Image.fromarray(hint).save(sink, "WEBP", lossless=True)
    assert_array_equal(DEFAULT_RULES.read(sink.getvalue()), hint)


@pytest.mark.parametrize("quality", [95, 90])
def test_a_small_dab_beside_a_line_of_a_jpeg_stays(quality: int) -> None:
    """Black lines near a blue dab do not make it a trace of compression."""
    sink, page = io.BytesIO(), np.full((*SIZE, 3), 255, np.uint8)
    cv2.circle(page, (70, 60), 12, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.circle(page, (70, 60), 4, BLUE, -1, cv2.LINE_AA)
    Image.fromarray(page).save(sink, "JPEG", quality=quality)
    hint = HintRules(on_paper=True).read(sink.getvalue())
    assert hint[60, 70, 3] == 255
    assert np.abs(hint[60, 70, :3].astype(int) - BLUE).max() <= 24


def test_white_paper_with_a_hole_is_paper() -> None:
    """A picture that is white but for its dabs is no hint of white, whatever an eraser took."""
    hint = np.dstack((paint_dabs(np.full((*SIZE, 3), 255, np.uint8)), np.full(SIZE, 255, np.uint8)))
    hint[0, 0] = 0
    with pytest.raises(ValueError, match=r"has an opaque white paper, .* give --hint-paper"):
        DEFAULT_RULES.clean(hint)
    assert colors_of(HintRules(on_paper=True).clean(hint)) == {SKIN, BLUE}
    # A picture that is painted all over may have much white.
    painted = hint.copy()
    painted[:, :40, :3] = SKIN
    assert DEFAULT_RULES.clean(painted)[0, 1].tolist() == [*SKIN, 255]


def test_the_palest_edge_of_a_copied_line_is_no_hint() -> None:
    """Where the drawing is nearly white, a copy of it is a line as well."""
    line, hint = np.full(SIZE, 255, np.uint8), no_hints(SIZE)
    line[40:44, 20:140], line[44, 20:140] = 0, 230
    hint[line < 255] = (0, 0, 0, 255)
    hint[44, 20:140] = (*(round(0.9 * level) for level in SKIN), 255)
    hint[50:60, 20:140] = (*SKIN, 255)
    assert colors_of(drop_ink_hints(find_hints(hint), line).picture()) == {SKIN}
