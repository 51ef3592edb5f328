"""Photoshop documents as an artist sees them: transparency and saved selections."""

import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageCms

from lineart.codec import PictureWarning, decode_cel
from lineart.codec.reading.layers import read_layers
from tests.documents import CMYK, LAB, PsdPart, group, photoshop, resource

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
MASK = np.zeros((6, 8, 1), np.uint8)
MASK[2:4, 2:5] = 255
OPAQUE = np.dstack((RGB, np.full((6, 8), 255, np.uint8)))
NO_INK = np.full((6, 8, 1), 255, np.uint8)
"""Black ink as it is stored, inverted."""
NAMES = resource(1006, b"\7Alpha 1")
"""What Photoshop calls a saved selection."""
TRANSPARENT_NAME = resource(1006, b"\x0cTransparency")


def identifiers(*numbers: int) -> bytes:
    """Return the resource that says which further channel is transparency: 0."""
    return resource(1053, struct.pack(f">{len(numbers)}I", *numbers))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize(
    ("resources", "layers"),
    [(identifiers(3), 0), (NAMES + identifiers(3), 0), (NAMES, 0), (b"", 1)],
    ids=["identifier", "name and identifier", "name", "layer"],
)
def test_a_saved_selection_is_no_transparency(
    depth: int, colors: int, resources: bytes, layers: int
) -> None:
    """A further channel that the file calls a selection, or that layers lie beside, is left out."""
    merged = np.concatenate((RGB[..., :colors], MASK), axis=2)
    parts = [PsdPart("Background", OPAQUE[..., [*range(colors), 3]])] * layers
    found = decode_cel(photoshop(merged, parts, depth=depth, resources=resources))
    assert_array_equal(found, OPAQUE if colors == 3 else OPAQUE[..., [0, 0, 0, 3]])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["identifier", "name", "layers", "nothing"])
def test_transparency_beside_a_saved_selection(depth: int, kind: str) -> None:
    """The channel that the file calls transparency is alpha, and the first one without a word."""
    selection = np.full((6, 8, 1), 9, np.uint8)
    stored = np.where(MASK > 0, RGB, 255).astype(np.uint8)
    merged = np.concatenate((stored, MASK, selection), axis=2)
    resources, parts = b"", []
    if kind == "identifier":
        merged = merged[..., [0, 1, 2, 4, 3]]
        resources = identifiers(5, 0)
    if kind == "name":
        resources = TRANSPARENT_NAME
    if kind == "layers":
        parts = [PsdPart("lines", OPAQUE)]
    data = photoshop(merged, parts, depth=depth, resources=resources, is_transparent=True)
    assert_array_equal(decode_cel(data), np.concatenate((stored, MASK), axis=2))


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB to Lab as Photoshop stores it."""
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(*spaces, "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.fromarray(rgb), transform)
    assert converted is not None
    # Pillow's bytes are signed.
    return np.asarray(converted) ^ np.array((0, 128, 128), np.uint8)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", [CMYK, LAB])
def test_transparency_of_cmyk_and_lab(depth: int, mode: int) -> None:
    """Layers and the merged picture keep it, although Pillow has no such pixels."""
    rgb = RGB // 2 + 64
    colors = np.dstack((rgb, NO_INK)) if mode == CMYK else to_lab(rgb)
    cel = np.concatenate((colors, MASK), axis=2)
    data = photoshop(
        cel, [PsdPart("hint", cel[1:, 2:], 2, 1)], mode=mode, depth=depth, is_transparent=True
    )
    (layer,) = read_layers(data)
    expected = np.concatenate((rgb, MASK), axis=2).astype(int)
    # Lab of 8 bits is coarse.
    tolerance = 0 if mode == CMYK else 6
    for found in (decode_cel(data), layer.read()):
        seen = expected[..., 3] > 0
        assert_array_equal(found[..., 3], expected[..., 3])
        assert np.abs(found - expected)[seen].max() <= tolerance


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ({"opacity": 0}, np.zeros((6, 8))),
        ({"opacity": 128}, np.full((6, 8), 128)),
        ({"mask": MASK[..., 0]}, MASK[..., 0]),
        ({"mask": MASK[..., 0], "opacity": 128}, MASK[..., 0] // 255 * 128),
    ],
)
def test_what_groups_hide(depth: int, around: dict[str, object], expected: np.ndarray) -> None:
    """Opacity and mask of the groups around a layer are in its alpha."""
    inner = PsdPart("hint", OPAQUE[1:, 2:], 2, 1)
    parts = group("outer", group("inner", [inner]), **around)
    (layer,) = read_layers(photoshop(RGB, parts, depth=depth))
    expected[:1], expected[:, :2] = 0, 0
    assert_array_equal(layer.read()[..., 3], expected)
    assert layer.groups == ("inner", "outer")


def test_clipped_layers() -> None:
    """They show where the next layer below that is not clipped does, with its mask and opacity."""
    base = PsdPart("base", OPAQUE[:5, :6], mask=MASK[..., 0], opacity=128)
    clipped = [PsdPart(name, OPAQUE[1:, 2:], 2, 1, is_clipped=True) for name in "ab"]
    parts = [PsdPart("below", OPAQUE), base, *clipped, PsdPart("above", OPAQUE)]
    below, _, first, second, above = read_layers(photoshop(RGB, parts))
    for one in (first, second):
        assert_array_equal(one.read()[..., 3], np.where(MASK[..., 0], 128, 0) * (np.arange(8) >= 2))
        assert one.is_visible
    assert (below.read()[..., 3] == 255).all()
    assert (above.read()[..., 3] == 255).all()
    parts[1] = base._replace(is_visible=False)
    assert [one.is_visible for one in read_layers(photoshop(RGB, parts))] == [
        True, False, False, False, True
    ]  # fmt: skip


def test_what_hides_and_is_left_out() -> None:
    """Clipping to a group, and of a group, is a warning, and so is a vector mask."""
    vector = b"8BIMvmsk" + struct.pack(">III", 8, 3, 0)
    ink = PsdPart("ink", OPAQUE)
    to_group = [*group("folder", [ink]), PsdPart("hint", OPAQUE, is_clipped=True)]
    of_group = [ink, *group("folder", [PsdPart("hint", OPAQUE)], is_clipped=True)]
    for parts, name, what in (
        (to_group, "hint", "is clipped to the group 'folder'"),
        (of_group, "folder", "is a clipped group"),
        ([PsdPart("hint", OPAQUE, blocks=vector)], "hint", "has a vector mask"),
    ):
        layer = read_layers(photoshop(RGB, parts))[-1]
        with pytest.warns(PictureWarning, match=f"its layer '{name}' {what}"):
            assert (layer.read()[..., 3] == 255).all()
