"""What counts in the hint pictures of artists, and where it lies."""

import io

import numpy as np
import pytest
from PIL import Image

from lineart.codec import encode_png
from lineart.imaging.hint_pictures import (
    DEFAULT_RULES,
    HintRules,
    center_hints,
)
from lineart.imaging.hints import FAINT_ALPHA, no_hints

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
