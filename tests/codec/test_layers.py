"""Layers of PSD, ORA and KRA documents, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from psd_tools import PSDImage

from lineart.codec import encode_png
from lineart.codec.reading.layers import read_layers

RED, BLUE, HALF = (255, 0, 0, 255), (0, 0, 255, 255), (0, 128, 0, 128)
SIZE = (8, 6)


def patch(color: tuple[int, ...], size: tuple[int, int] = (4, 3)) -> Image.Image:
    """Return a patch of one colour, of width and height `size`."""
    return Image.new("RGBA", size, color)


def at(color: tuple[int, ...], left: int, top: int) -> np.ndarray:
    """Return the canvas with a patch at a place."""
    canvas = Image.new("RGBA", SIZE)
    canvas.paste(patch(color), (left, top))
    return np.array(canvas)


def psd(depth: int = 8) -> bytes:
    """Return a document: a patch that hangs out, a hidden one, and a group with a faint one."""
    document = PSDImage.new("RGB", SIZE, depth=depth)
    document.create_pixel_layer(patch(RED), name="paint", left=-2, top=-1)
    document.create_pixel_layer(patch(BLUE), name="line", left=1, top=1).visible = False
    group = document.create_group(name="hints")
    inside = document.create_pixel_layer(patch(HALF), name="Ebene 3", left=6, top=4, opacity=128)
    inside.move_to_group(group)
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def ora(members: dict[str, bytes] | None = None) -> bytes:
    """Return the same document as OpenRaster, with members replaced."""
    stack = b"""<image w="8" h="6"><stack>
        <stack name="hints" x="6" y="4" opacity="0.5">
            <layer name="Ebene 3" src="data/c.png"/>
        </stack>
        <layer name="line" src="data/b.png" x="1" y="1" visibility="hidden"/>
        <layer name="paint" src="data/a.png" x="-2.0" y="-1"/></stack></image>"""
    content = {"mimetype": b"image/openraster", "stack.xml": stack}
    for name, color in (("a", RED), ("b", BLUE), ("c", HALF)):
        content[f"data/{name}.png"] = encode_png(np.array(patch(color)))
    return archive(content | (members or {}))


def archive(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return sink.getvalue()


@pytest.mark.parametrize("data", [psd(), psd(16), ora()], ids=["psd", "psd of 16 bits", "ora"])
def test_layers_of_a_document(data: bytes) -> None:
    """Layers come from bottom to top, at their place, with their opacity, names and groups."""
    layers = read_layers(data)
    assert [(layer.name, layer.groups, layer.is_visible) for layer in layers] == [
        ("paint", (), True),
        ("line", (), False),
        ("Ebene 3", ("hints",), True),
    ]
    expected = [at(RED, -2, -1), at(BLUE, 1, 1), at((*HALF[:3], 64), 6, 4)]
    for layer, pixels in zip(layers, expected, strict=True):
        assert_array_equal(layer.read(), pixels, err_msg=layer.name)


def test_mask_of_a_psd_layer() -> None:
    """What a mask hides is clear."""
    document = PSDImage.new("RGB", SIZE)
    layer = document.create_pixel_layer(patch(RED), left=1, top=1)
    mask = Image.new("L", (4, 3))
    mask.putpixel((2, 1), 255)
    if layer.has_mask():
        layer.remove_mask()
    layer.create_mask(mask)
    sink = io.BytesIO()
    document.save(sink)
    (found,) = read_layers(sink.getvalue())
    expected = at((255, 0, 0, 0), 1, 1)
    expected[2, 3, 3] = 255
    assert_array_equal(found.read()[..., 3], expected[..., 3])


def test_an_openraster_layer_erases_what_is_below_it() -> None:
    """What an artist erased without changing the layer is no hint."""
    stack = b"""<image w="8" h="6"><stack>
        <layer name="above" src="data/a.png"/>
        <layer name="away" src="data/b.png" x="2" y="1" composite-op="svg:dst-out"/>
        <layer name="below" src="data/a.png"/></stack></image>"""
    below, above = read_layers(ora({"stack.xml": stack}))
    assert_array_equal(above.read(), at(RED, 0, 0))
    erased = at(RED, 0, 0)
    erased[1:, 2:, 3] = 0
    assert_array_equal(below.read(), erased)


def test_a_krita_file_is_its_merged_picture() -> None:
    """A Krita file gives its merged picture as one layer."""
    merged = np.array(at(RED, 1, 1))
    (layer,) = read_layers(archive({"maindoc.xml": b"", "mergedimage.png": encode_png(merged)}))
    assert layer.is_visible
    assert_array_equal(layer.read(), merged)


def resized_psd() -> bytes:
    """Return a document whose header claims a large canvas."""
    data = bytearray(psd())
    data[14:22] = (60_000).to_bytes(4, "big") * 2
    return bytes(data)


REFUSED = {
    "PNG": (encode_png(np.array(patch(RED))), "no document with layers"),
    "PSD, cut": (psd()[:200], "cannot read this Photoshop"),
    "PSD, large": (resized_psd(), "60000x60000"),
    "ORA, cut": (ora()[:300], "cannot read this OpenRaster or Krita"),
    "ORA without picture": (ora({"data/a.png": b""}), "no PNG"),
    "ORA, bomb": (
        ora({"data/a.png": encode_png(np.array(patch(RED))) + bytes(10**8)}),
        "are the most",
    ),
    "ORA, large canvas": (ora({"stack.xml": b'<image w="90000" h="90000"/>'}), "90000x90000"),
    "ORA, odd place": (
        ora({"stack.xml": b'<image w="8" h="6"><stack><layer name="a" x="left"/></stack></image>'}),
        "the x of its layer 'a' is 'left', which is no number; save it again",
    ),
    "ORA, odd opacity": (
        ora({"stack.xml": b'<image w="8" h="6"><stack><layer opacity="nan"/></stack></image>'}),
        "the opacity of its layer '' is 'nan'",
    ),
    "ORA, large XML": (ora({"stack.xml": b" " * 10**8}), "are the most"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_documents_that_are_refused(name: str) -> None:
    """Other kinds, damaged files and those that would take much memory are refused."""
    data, why = REFUSED[name]
    with pytest.raises(ValueError, match=why):
        _ = [layer.read() for layer in read_layers(data)]
