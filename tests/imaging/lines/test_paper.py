"""Which tones of a drawing are paper."""

import cv2
import numpy as np
import pytest

from lineart.imaging.lines.paper import find_tone, whiten_paper

SIZE = (180, 240)


def draw(*paper: int, grain: float = 0.0) -> np.ndarray:
    """Draw black circles on a tone, a number or one for each channel."""
    ink = np.zeros(SIZE, np.float64)
    for radius in (20, 50, 80):
        cv2.circle(ink, (120, 90), radius, 1.0, 2)
    levels = (1 - ink)[:, :, np.newaxis] * paper
    levels += np.random.default_rng(0).normal(0, grain, (*SIZE, 1)) if grain else 0
    drawing = np.clip(levels, 0, 255).round().astype(np.uint8)
    return drawing[:, :, 0] if len(paper) == 1 else drawing


@pytest.mark.parametrize("grain", [0.0, 3.0])
@pytest.mark.parametrize(
    "paper", [(232,), (188,), (150,), (214, 184, 140), (250, 240, 150), (190, 215, 245)]
)
def test_paper_of_any_tone_becomes_white(paper: tuple[int, ...], grain: float) -> None:
    """All channels do, of grey paper below 192, kraft and coloured paper; ink stays dark."""
    white = whiten_paper(draw(*paper, grain=grain))
    assert (np.median(white.reshape(-1, len(paper)), axis=0) >= 250).all()
    assert white[90, 140].max() < 30
    assert find_tone(draw(*paper, grain=grain)) is None


def test_uneven_paper_below_ink_of_one_level_becomes_white() -> None:
    """The ink may be more frequent than each single level of the paper."""
    shade = np.linspace(-10, 10, SIZE[1])[np.newaxis, :, np.newaxis]
    paper = np.array((214, 196, 163)) + shade + np.random.default_rng(0).normal(0, 2, (*SIZE, 1))
    drawing = paper.round().astype(np.uint8)
    ink = draw(255)[:, :, np.newaxis]
    cv2.rectangle(ink, (20, 140), (90, 170), (0,), -1)
    drawing = np.where(ink < 128, np.uint8(40), drawing)
    assert np.bincount(drawing[:, :, 0].ravel()).argmax() == 40
    white = whiten_paper(drawing)
    assert (np.median(white[ink[:, :, 0] > 128], axis=0) >= 245).all()
    assert white[150, 50].max() < 80
    assert find_tone(drawing) is None


def test_paint_and_night_are_no_paper() -> None:
    """Even tints beside other colours, or on white paper, stay, and so does a dark scene."""
    face = draw(240, 190, 160)
    face[60:80, 100:110], face[60:80, 130:140], face[:30] = 255, (40, 90, 220), (90, 50, 40)
    night = draw(60, 70, 110)
    night[10:30, 200:220] = (250, 245, 200)
    shadow = draw(255)
    shadow[:, :140] = np.minimum(shadow[:, :140], 200)
    for drawing in (face, night, shadow, draw(255, 255, 255), draw(120)):
        assert whiten_paper(drawing) is drawing
    assert find_tone(face) == [240, 190, 160]
    assert find_tone(draw(120)) == [120]
    assert find_tone(shadow) is find_tone(draw(255)) is None


def test_channels_are_whitened_together() -> None:
    """Where one channel is too dark to be paper, the others keep their levels, too."""
    drawing = draw(214, 184, 140)
    drawing[:60] = (40, 90, 220)
    assert whiten_paper(drawing) is drawing
