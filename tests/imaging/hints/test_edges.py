"""Soft edges of strokes on white paper, beside copied lines too."""

import cv2
import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.imaging.hints.cleaning import drop_ink_hints, drop_mixtures
from lineart.imaging.hints.edges import find_painted, restore_rims
from lineart.imaging.hints.pictures import HintRules
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.lines.paper import PAPER_FROM

SKIN, HAIR, RED, PINK = (244, 190, 160), (150, 80, 40), (200, 60, 70), (250, 220, 222)
SIZE = (120, 160)


def draw() -> np.ndarray:
    """Draw soft lines: a circle, an arc below it, an upright."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.circle(line, (70, 60), 45, 0, 4, cv2.LINE_AA)
    cv2.line(line, (10, 20), (150, 44), 0, 3, cv2.LINE_AA)
    cv2.line(line, (135, 10), (135, 110), 0, 2)
    return line


def cover(blur_px: float, *strokes: tuple[int, int, int, int, int]) -> np.ndarray:
    """Return how much strokes of a round brush, from x, y to x, y and with a width, cover."""
    large = np.zeros((SIZE[0] * 4, SIZE[1] * 4), np.uint8)
    for *ends, width in strokes:
        x, y, to_x, to_y = (4 * end for end in ends)
        cv2.line(large, (x, y), (to_x, to_y), 255, 4 * width)
    share = cv2.resize(large, SIZE[::-1], interpolation=cv2.INTER_AREA) / 255
    return cv2.GaussianBlur(share, (0, 0), blur_px) if blur_px else share


STROKES = ((20, 60, 70, 66, 12), (130, 50, 131, 90, 5), (60, 30, 100, 36, 10), (50, 90, 90, 98, 5))


@pytest.mark.parametrize("color", [SKIN, HAIR, RED, PINK, (255, 245, 200)])
@pytest.mark.parametrize("is_under", [False, True])
@pytest.mark.parametrize("blur_px", [0.0, 0.8])
def test_edges_at_copied_lines_are_no_hints(
    color: tuple[int, int, int], is_under: bool, blur_px: float
) -> None:
    """On a copy of the drawing, strokes over lines, under them and beside them have one colour."""
    line, share = draw(), cover(blur_px, *STROKES)
    share = share[:, :, np.newaxis]
    paper = np.full((*SIZE, 3), 255) if is_under else np.repeat(line[:, :, np.newaxis], 3, axis=2)
    picture = paper * (1 - share) + np.array(color) * share
    if is_under:
        picture *= line[:, :, np.newaxis] / 255
    hint = HintRules(on_paper=True).read(encode_png(picture.round().astype(np.uint8)))
    kept = drop_mixtures(drop_ink_hints(find_hints(hint), line)).picture()
    found = kept[(kept[:, :, 3] > 0) & (line >= PAPER_FROM)][:, :3]
    assert np.abs(found.astype(int) - color).max() <= 12
    full = (share[:, :, 0] >= 0.99) & (line == 255)
    assert (kept[full][:, 3] > 0).mean() > 0.85


def test_pale_strokes_are_paint() -> None:
    """A pale dab beside a red one stays, and so do thin pale strokes, and grey beside a line."""
    picture = np.full((*SIZE, 3), 255, np.uint8)
    picture[20:40, 20:30], picture[20:40, 30:36] = RED, PINK
    picture[60:62, 20:60] = picture[70:100, 40:42] = PINK
    picture[80:100, 80:82], picture[80:100, 82:87] = 0, 160
    picture[80:100, 120:122], picture[80:100, 122:132] = 0, 250
    np.testing.assert_array_equal(find_painted(picture), picture.min(axis=2) < 255)


def test_a_gradient_to_paper_is_an_edge() -> None:
    """A wide soft brush leaves no pale levels, whatever lies beside it."""
    row = np.linspace(0, 1, 9)[np.newaxis, :, np.newaxis]
    picture = np.full((*SIZE, 3), 255.0)
    picture[20:80, 40:49] = 255 * (1 - row) + np.array(HAIR) * row
    picture[20:80, 49:80], picture[40:44] = HAIR, 0
    painted = find_painted(picture.round().astype(np.uint8))
    assert not painted[20:40, 40:48].any()
    assert painted[20:80, 49:80].all()


def test_small_pictures_are_read() -> None:
    """Pictures of few pixels are no special case."""
    for size in ((1, 1), (1, 4), (2, 2)):
        picture = np.full((*size, 3), 255, np.uint8)
        picture[0, 0] = RED
        assert find_painted(picture).sum() == 1


@pytest.mark.parametrize("matte", [0, 255])
@pytest.mark.parametrize("softness", [0, 9])
def test_rims_mixed_with_black_or_white_have_the_colour_of_their_dab(
    matte: int, softness: int
) -> None:
    """As premultiplied alpha and layers cut out of paper have them; other strokes stay."""
    alpha = np.zeros((120, 120), np.uint8)
    cv2.circle(alpha, (60, 60), 25, 255, -1, cv2.LINE_AA)
    if softness:
        alpha = cv2.GaussianBlur(alpha, (0, 0), softness)
    share = alpha[:, :, np.newaxis] / 255
    color = (200, 90, 40)
    mixed = np.rint(np.array(color) * share + matte * (1 - share)).astype(np.uint8)
    other = np.full((120, 20, 4), (30, 60, 200, 140), np.uint8)
    hint = np.hstack((np.dstack((mixed, alpha)), other))
    restored = restore_rims(hint)
    is_hint = alpha >= 32
    apart = np.abs(restored[:, :120, :3].astype(int) - color).max(axis=2)[is_hint]
    assert apart.max() <= 6
    assert (restored[:, 120:] == other).all()
    # Straight alpha stays as it is.
    straight = hint.copy()
    straight[:, :120, :3] = color
    assert (restore_rims(straight) == straight).all()
