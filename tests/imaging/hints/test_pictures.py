"""What counts in the hint pictures of artists, and where it lies."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from lineart.codec import encode_png
from lineart.codec.errors import noting_warnings
from lineart.film.tasks.colorize import ColorizeTask
from lineart.imaging.hints.pictures import (
    DEFAULT_RULES,
    HintRules,
    center_hints,
)
from lineart.imaging.hints.pixels import FAINT_ALPHA, no_hints

RED = (200, 0, 0, 255)


def test_faint_hints_are_none() -> None:
    """What an eraser leaves is no hint and loses its colour; an eighth of full opacity is one."""
    hint = no_hints((4, 6))
    hint[1, 2], hint[2, 3], hint[3, 3] = (200, 0, 0, 31), (0, 200, 0, FAINT_ALPHA), (9, 9, 9, 0)
    clean = DEFAULT_RULES.clean(hint)
    assert np.argwhere(clean.any(axis=2)).tolist() == [[2, 3]]
    assert clean[2, 3].tolist() == [0, 200, 0, 32]


def test_an_opaque_hint_is_refused_unless_its_paper_is_white() -> None:
    """Where all is opaque, paper is told from hints by the flag alone: 251 to 255 is paper."""
    hint = np.full((4, 12, 3), 255, np.uint8)
    hint[0, 0], hint[1, 1], hint[2, 8] = (251, 251, 251), (250, 250, 250), RED[:3]
    jpeg = io.BytesIO()
    Image.fromarray(hint).save(jpeg, "JPEG", quality=100, subsampling=0)
    opaque = np.dstack((hint, np.full((4, 12), 255, np.uint8)))
    for data in (encode_png(hint), encode_png(opaque), jpeg.getvalue()):
        with pytest.raises(ValueError, match=r"has no transparency: it is opaque .* --hint-paper"):
            DEFAULT_RULES.read(data)
    on_paper = HintRules(on_paper=True)
    for data in (encode_png(hint), encode_png(opaque)):
        read = on_paper.read(data)
        assert np.argwhere(read[:, :, 3]).tolist() == [[1, 1], [2, 8]]
        assert read[2, 8].tolist() == list(RED)
        assert read[1, 1].tolist() == [250, 250, 250, 255]
    with pytest.raises(ValueError, match="has no white paper"):
        on_paper.read(encode_png(np.zeros((4, 6), np.uint8)))
    # White on transparency is a hint, with the flag, too.
    white = no_hints((4, 6))
    white[1, 1] = 255
    np.testing.assert_array_equal(on_paper.read(encode_png(white)), white)


@pytest.mark.parametrize(("level", "grain"), [(255, 2), (255, 6), (252, 2), (243, 3), (243, 0)])
def test_paper_of_a_scan_is_no_hint(level: int, grain: int) -> None:
    """Grain and the paper's level are taken away; dabs have one colour each."""
    colors = {(40, 40): (200, 40, 40), (40, 120): (40, 120, 220), (90, 80): (240, 225, 190)}
    page = np.full((120, 160, 3), 255, np.uint8)
    for (row, column), color in colors.items():
        page[row - 12 : row + 12, column - 12 : column + 12] = color
    noise = np.random.default_rng(1).normal(0, grain, page.shape)
    scan = np.clip(page * (level / 255) + noise, 0, 255).astype(np.uint8)
    with noting_warnings() as noted:
        hint = HintRules(on_paper=True).read(encode_png(scan))
    assert not noted
    assert cv2.connectedComponents((hint[:, :, 3] > 0).view(np.uint8))[0] == 4
    for place, color in colors.items():
        assert np.abs(hint[place][:3].astype(int) - color).max() <= 4
        assert hint[place][3] == 255


def test_a_page_that_counts_as_painted_is_told() -> None:
    """Uneven paper may be what is taken for paint; one with white paper is not told."""
    page = np.full((40, 60, 3), 255, np.uint8)
    page[:, :36] = (255, 240, 200)
    with noting_warnings() as noted:
        HintRules(on_paper=True).read(encode_png(page))
    assert noted == ["60% of the hint picture counts as painted; if it is paper, make it white"]


def test_hints_of_another_canvas_are_refused() -> None:
    """A hint picture has the drawing's aspect ratio, to rounding, at any size, or a flag says."""
    for size in ((60, 90), (240, 360), (7, 11)):
        DEFAULT_RULES.check(size, (120, 180))
    with pytest.raises(ValueError, match=r"is 90x91 and the drawing .* --hint-canvas"):
        DEFAULT_RULES.check((91, 90), (120, 180))
    HintRules(canvas="stretch").check((90, 90), (120, 180))
    HintRules(canvas="center").check((90, 90), (120, 180))


@pytest.mark.parametrize(
    ("size", "point", "lands"),
    [
        ((4, 6), (1, 2), (1, 2)),
        ((2, 2), (0, 1), (1, 3)),
        ((8, 10), (3, 4), (1, 2)),
        ((2, 10), (1, 9), None),
        ((3, 7), (1, 3), (1, 2)),
    ],
)
def test_centred_hints_keep_their_scale(
    size: tuple[int, int], point: tuple[int, int], lands: tuple[int, int] | None
) -> None:
    """A smaller canvas lies in the middle, a larger one is cut off on both sides alike."""
    hint = no_hints(size)
    hint[point] = RED
    for placed in (center_hints(hint, (4, 6)), HintRules(canvas="center").place(hint, (4, 6))):
        assert placed.shape == (4, 6, 4)
        assert np.argwhere(placed[:, :, 3]).tolist() == ([] if lands is None else [list(lands)])
    if size != (4, 6):
        assert HintRules(canvas="stretch").place(hint, (4, 6)) is hint


def test_only_rules_that_were_asked_for_are_settings() -> None:
    """The settings of finished films stay as they are; other rules make other pixels."""
    assert DEFAULT_RULES.settings == {}
    assert HintRules(on_paper=True, canvas="center").settings == {
        "hint_paper": True,
        "hint_canvas": "center",
    }


@pytest.mark.parametrize("size", [(10, 400), (400, 10), (40, 40), (20, 20)])
def test_stretched_hints_are_no_larger_than_the_drawing(size: tuple[int, int]) -> None:
    """Smaller ones keep their size; one that is longer on one side has that of the drawing."""
    hint = no_hints(size)
    hint[2:-2, 2:5] = RED
    task = ColorizeTask(64, 1, hint_rules=HintRules(canvas="stretch"))
    (placed,) = task.place_hints([hint], (40, 40))
    assert placed.size == ((20, 20) if size == (20, 20) else (40, 40))
    assert len(placed.rows)
