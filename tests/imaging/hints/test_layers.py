"""Which layers of a document are hints."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from psd_tools import PSDImage

from lineart.codec.errors import noting_warnings
from lineart.codec.reading.layers import DocumentLayer
from lineart.imaging.hints.layers import flatten_hint_layers
from lineart.imaging.hints.pictures import DEFAULT_RULES, HintRules

SIZE = (8, 6)
PAPER = Image.new("RGBA", SIZE, "white")
RED, BLUE, INK = (255, 0, 0, 255), (0, 0, 255, 255), (20, 24, 20, 255)


def patch(color: tuple[int, ...], left: int, top: int = 0) -> Image.Image:
    """Draw a patch of 2 x 2 pixels on a transparent canvas."""
    canvas = Image.new("RGBA", SIZE)
    canvas.paste(Image.new("RGBA", (2, 2), color), (left, top))
    return canvas


def expected(**patches: tuple[int, ...]) -> np.ndarray:
    """Give what is to be read: patches at their left sides `x0`, `x2`, ..."""
    canvas = np.zeros((6, 8, 4), np.uint8)
    for place, color in patches.items():
        canvas[:2, int(place[1:]) :][:, :2] = color
    return canvas


LINES, REDS, BLUES = patch(INK, 0), patch(RED, 2), patch(BLUE, 4)
OVER, EMPTY = patch(BLUE, 3), Image.new("RGBA", SIZE)


@pytest.mark.parametrize(
    ("layers", "shown"),
    [
        # Above paper and drawing.
        ([("1", PAPER), ("2", REDS)], {"x2": RED}),
        ([("1", PAPER), ("2", LINES), ("3", REDS), ("4", BLUES)], {"x2": RED, "x4": BLUE}),
        ([("1", LINES), ("2", REDS)], {"x2": RED}),
        # Empty layers below a drawing change nothing; one above it is that of the hints.
        ([("1", EMPTY), ("2", LINES), ("3", REDS)], {"x2": RED}),
        ([("1", PAPER), ("2", EMPTY), ("3", EMPTY), ("4", LINES), ("5", REDS)], {"x2": RED}),
        ([("1", EMPTY), ("2", REDS), ("3", EMPTY)], {"x2": RED}),
        ([("1", PAPER), ("2", LINES), ("3", EMPTY)], {}),
        ([("1", EMPTY), ("2", EMPTY)], {}),
        # The upper one counts; a document of ink alone is hints.
        ([("1", REDS), ("2", OVER)], {"x2": RED, "x3": BLUE}),
        ([("1", PAPER), ("2", LINES)], {"x0": INK}),
        # Hidden layers are none, unless they are called so and no other is.
        ([("1", PAPER), ("2", REDS), ("-3", BLUES)], {"x2": RED}),
        ([("1", REDS), ("2", BLUES), ("-Hints ", OVER)], {"x3": BLUE}),
        ([("1", REDS), ("hint", LINES), ("-HINTS", OVER), ("4", PAPER)], {"x0": INK}),
        ([("1", LINES), ("Hint layer", REDS), ("3", BLUES)], {"x2": RED}),
        ([("Hintergrund", LINES), ("2", REDS), ("hint_2", BLUES)], {"x4": BLUE}),
        ([("1", REDS), ("a in Hints", LINES), ("b in hints", BLUES)], {"x0": INK, "x4": BLUE}),
    ],
)
def test_hints_of_a_document(
    layers: list[tuple[str, Image.Image]], shown: dict[str, tuple[int, ...]]
) -> None:
    """Layers called hints are, else the visible ones above paper and drawing."""
    document = [
        DocumentLayer(
            name.partition(" in ")[0].removeprefix("-"),
            tuple(name.partition(" in ")[2:]) if " in " in name else (),
            not name.startswith("-"),
            lambda image=image: np.array(image),
        )
        for name, image in layers
    ]
    np.testing.assert_array_equal(flatten_hint_layers(document), expected(**shown))


def test_a_sketch_in_colour_is_no_hint() -> None:
    """It follows the drawing above it; strokes of hints do not, and lines alone are told."""

    def draw(color: tuple[int, ...], width: int) -> np.ndarray:
        canvas = np.zeros((180, 240, 4), np.uint8)
        for radius in (20, 40, 60, 80):
            cv2.circle(canvas, (120, 90), radius, color, width)
        return canvas

    def read(**layers: np.ndarray) -> tuple[set[tuple[int, ...]], list[str]]:
        document = [
            DocumentLayer(name, (), True, lambda image=image: image)
            for name, image in layers.items()
        ]
        with noting_warnings() as noted:
            hint = flatten_hint_layers(document)
        return {*map(tuple, hint[hint[:, :, 3] > 0].tolist())}, noted

    paper, dabs = np.full((180, 240, 4), 255, np.uint8), np.zeros((180, 240, 4), np.uint8)
    dabs[80:100, 110:130] = RED
    sketch = np.roll(draw(BLUE, 5), 2, axis=1)
    strokes = np.zeros_like(dabs)
    for row in (20, 60, 120):
        cv2.line(strokes, (100, row), (140, row), BLUE, 2)
    found, noted = read(paper=paper, rough=sketch, ink=draw(INK, 2), dabs=dabs)
    assert found == {RED}
    assert noted == [
        "the layer 'rough' has lines alone and is taken for a sketch; "
        'if it is one of hints, give it the name "hint"'
    ]
    found, noted = read(paper=paper, strokes=strokes, ink=draw(INK, 2), dabs=dabs)
    assert (found, noted) == ({RED, BLUE, INK}, [])
    found, noted = read(paper=paper, rough=sketch, dabs=dabs)
    assert found == {RED, BLUE}
    assert noted == [
        "the layer 'rough' has lines alone and counts; "
        'if it is a sketch, give the layers of hints the name "hint"'
    ]
    assert read(paper=paper, hint=sketch, ink=draw(INK, 2), dabs=dabs) == ({BLUE}, [])


def psd(*layers: tuple[str, Image.Image]) -> bytes:
    """Write a Photoshop document, whose layers come from bottom to top."""
    document = PSDImage.new("RGB", SIZE)
    for name, image in layers:
        document.create_pixel_layer(image, name=name)
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def test_documents_are_hint_pictures() -> None:
    """A PSD is read as its layers of hints; painted paper on top is paper by the flag alone."""
    data = psd(("paper", PAPER), ("drawing", LINES), ("colours", REDS))
    np.testing.assert_array_equal(DEFAULT_RULES.read(data), expected(x2=RED))
    painted = PAPER.copy()
    painted.alpha_composite(REDS)
    opaque = psd(("drawing", LINES), ("painted", painted))
    with pytest.raises(ValueError, match="in 'drawing', give it the name \"hint\""):
        DEFAULT_RULES.read(opaque)
    for alone in (psd(("painted", painted)), psd(("hint", painted), ("2", REDS))):
        with pytest.raises(ValueError, match="has no transparency"):
            DEFAULT_RULES.read(alone)
    np.testing.assert_array_equal(HintRules(on_paper=True).read(opaque), expected(x2=RED))
    with pytest.raises(ValueError, match="no visible layer"):
        flatten_hint_layers([DocumentLayer("1", (), False, lambda: np.array(REDS))])
