"""Photoshop documents as an artist sees them: transparency and saved selections."""

import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.codec import decode_hint
from tests.documents import PsdPart, photoshop, resource

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
MASK = np.zeros((6, 8, 1), np.uint8)
MASK[2:4, 2:5] = 255
OPAQUE = np.dstack((RGB, np.full((6, 8), 255, np.uint8)))
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
    found = decode_hint(photoshop(merged, parts, depth=depth, resources=resources))
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
    assert_array_equal(decode_hint(data), np.concatenate((stored, MASK), axis=2))
