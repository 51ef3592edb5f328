"""Layers of Krita documents, which are written here as Krita writes them."""

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.codec import PictureWarning, decode_cel, encode_png
from lineart.codec.reading.layers import DocumentLayer, read_layers
from lineart.imaging.hints.pictures import DEFAULT_RULES

SIZE = (70, 100)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (*SIZE, 4), dtype=np.uint8)
WHITE = b"\xff\xff\xff\xff"


def pack(data: bytes) -> bytes:
    """Compress by LZF: runs of a byte as references to the byte before, the rest as it is."""
    out, literal, at = bytearray(b"\1"), bytearray(), 0

    def flush() -> None:
        for start in range(0, len(literal), 32):
            part = literal[start : start + 32]
            out.extend((len(part) - 1, *part))
        literal.clear()

    while at < len(data):
        run = 1
        while at + run < len(data) and data[at + run] == data[at] and run < 200:
            run += 1
        literal.append(data[at])
        at += 1
        if run > 4:
            flush()
            length = run - 1
            long = length - 2 >= 7
            out.extend((0xE0, length - 9, 0) if long else ((length - 2) << 5, 0))
            at += length
    flush()
    return bytes(out)


def tiles(pixels: np.ndarray, offset: tuple[int, int] = (0, 0), *, raw: bool = False) -> bytes:
    """Write pixels in tiles of 64 x 64, packed with B, G, R and A apart."""
    height, width, num_bytes = pixels.shape
    left, top = offset
    rows, columns = -(-height // 64), -(-width // 64)
    padded = np.zeros((rows * 64, columns * 64, num_bytes), np.uint8)
    padded[:height, :width] = pixels
    out = f"VERSION 2\nTILEWIDTH 64\nTILEHEIGHT 64\nPIXELSIZE {num_bytes}\nDATA {rows * columns}\n"
    data = out.encode()
    for y in range(0, rows * 64, 64):
        for x in range(0, columns * 64, 64):
            tile = padded[y : y + 64, x : x + 64]
            packed = b"\0" + tile.tobytes() if raw else pack(tile.transpose(2, 0, 1).tobytes())
            data += f"{x + left},{y + top},LZF,{len(packed)}\n".encode() + packed
    return data


def layer(name: str, member: str, **more: str) -> ElementTree.Element:
    """Describe a layer."""
    values = {"name": name, "filename": member, "nodetype": "paintlayer", "visible": "1"}
    return ElementTree.Element("layer", values | {"colorspacename": "RGBA"} | more)


def kra(elements: list[ElementTree.Element], members: dict[str, bytes]) -> bytes:
    """Write a document, whose layers come from the topmost on."""
    root = ElementTree.Element("DOC", xmlns="http://www.calligra.org/DTD/krita")
    height, width = (str(side) for side in SIZE)
    image = ElementTree.SubElement(root, "IMAGE", name="cut 1", width=width, height=height)
    ElementTree.SubElement(image, "layers").extend(elements)
    content = {"mimetype": b"application/x-krita", "maindoc.xml": ElementTree.tostring(root)}
    content |= {f"cut 1/layers/{name}": data for name, data in members.items()}
    content["mergedimage.png"] = encode_png(NOISE)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return sink.getvalue()


def swapped(pixels: np.ndarray) -> np.ndarray:
    """Swap red and blue."""
    return pixels[:, :, [2, 1, 0, 3]]


def test_layers_of_a_krita_document() -> None:
    """Tiles, packed or not, stand at their places; outside them is the default pixel."""
    group = layer("Hints", "g", nodetype="grouplayer", visible="0")
    ElementTree.SubElement(group, "layers").append(layer("dabs", "layer4", x="-30", y="10"))
    deep = np.ascontiguousarray(swapped(NOISE).astype("<u2") * 257)
    gray = layer("grey", "layer6", colorspacename="GRAYA", opacity="128")
    document = kra(
        [
            layer("f", "", nodetype="adjustmentlayer"),
            group,
            gray,
            layer("deep", "layer5", colorspacename="RGBA16"),
            layer("paper", "layer2"),
        ],
        {
            "layer2": tiles(swapped(NOISE), raw=True),
            "layer4": tiles(swapped(NOISE[:64, :64]), (0, -64)),
            "layer4.defaultpixel": WHITE,
            "layer5": tiles(deep.view(np.uint8).reshape(*SIZE, 8)),
            "layer6": tiles(np.full((*SIZE, 2), (90, 255), np.uint8)),
        },
    )
    paper, of_16_bits, grey, dabs = read_layers(document)
    assert [one.name for one in (paper, of_16_bits, grey, dabs)] == [
        "paper",
        "deep",
        "grey",
        "dabs",
    ]
    assert (dabs.groups, dabs.is_visible, paper.is_visible) == (("Hints",), False, True)
    assert_array_equal(paper.read(), NOISE)
    assert_array_equal(of_16_bits.read(), NOISE)
    assert_array_equal(grey.read(), np.full((*SIZE, 4), (90, 90, 90, 128), np.uint8))
    expected = np.full((*SIZE, 4), 255, np.uint8)
    expected[:10, :34] = NOISE[54:64, 30:64]
    assert_array_equal(dabs.read(), expected)


def test_hints_of_a_krita_document() -> None:
    """Hints lie above the white paper that Krita puts into each new document, and the drawing."""
    lines, hints = np.zeros((2, *SIZE, 4), np.uint8)
    lines[20:22, :] = (10, 10, 10, 255)
    hints[40:50, 60:70] = (40, 60, 220, 255)
    document = kra(
        [layer("c", "layer4"), layer("b", "layer3"), layer("a", "layer2")],
        {
            "layer2": tiles(np.zeros((0, 0, 4), np.uint8)),
            "layer2.defaultpixel": WHITE,
            "layer3": tiles(swapped(lines)),
            "layer4": tiles(swapped(hints)),
        },
    )
    assert_array_equal(DEFAULT_RULES.read(document), hints)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"VERSION 1\n", "are damaged"),
        (tiles(NOISE)[:-9000], "bytes, not"),
        (tiles(NOISE[:, :, :2]), "are damaged"),
        (tiles(NOISE).replace(b"LZF", b"ZIP"), "tile of a layer is damaged"),
        (tiles(NOISE[:64, :64], raw=True)[:-16385] + b"\1\xe0\0\0", "refers to pixels before it"),
        (tiles(NOISE[:64, :64], raw=True)[:-16385] + b"\1\0\1" + b"\xe0\xff\0" * 70, "not 16384"),
    ],
)
def test_damaged_tiles_are_refused(data: bytes, sentence: str) -> None:
    """What is no tile, or unpacks to another length, is an error in a sentence."""
    (damaged,) = read_layers(kra([layer("a", "layer2")], {"layer2": data}))
    with pytest.raises(ValueError, match=f"cannot read this Krita picture: .*{sentence}"):
        damaged.read()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"nodetype": "shapelayer"}, "is a vector layer; convert it to a paint layer, hide it, or"),
        ({"nodetype": "clonelayer"}, "is a clone layer; convert"),
        (
            {"nodetype": "generatorlayer", "opacity": "128"},
            "is a fill layer that does not cover all; convert",
        ),
        ({"nodetype": "generatorlayer"}, "is a fill layer that does not cover all; convert"),
        ({"colorspacename": "CMYKA"}, "has the colours CMYKA; convert it to RGBA with 8 or 16"),
    ],
)
def test_layers_without_pixels_are_refused(values: dict[str, str], sentence: str) -> None:
    """They are named when they are asked for; the others are read."""
    members = {
        "layer2": tiles(NOISE),
        "layer3.pixelselection": tiles(np.full((64, 64, 1), 255, np.uint8)),
    }
    odd = layer("shapes", "layer3", **values)
    below, shapes = read_layers(kra([odd, layer("a", "layer2")], members))
    assert isinstance(below, DocumentLayer)
    assert_array_equal(below.read(), swapped(NOISE))
    with pytest.raises(ValueError, match=f"its layer 'shapes' {sentence}"):
        shapes.read()


def test_a_fill_layer_is_paper() -> None:
    """Hints lie above it, as above paper that was painted."""
    hints = np.zeros((*SIZE, 4), np.uint8)
    hints[40:50, 60:70] = (40, 60, 220, 255)
    paper = layer("paper", "layer2", nodetype="generatorlayer")
    everywhere = tiles(np.zeros((0, 0, 1), np.uint8))
    for selection in ({}, {"layer2.pixelselection": everywhere}):
        members = {"layer3": tiles(swapped(hints)), **selection}
        members["layer2.pixelselection.defaultpixel"] = b"\xff"
        document = kra([layer("dabs", "layer3"), paper], members)
        assert_array_equal(DEFAULT_RULES.read(document), hints)


def with_mask(element: ElementTree.Element, **values: str) -> ElementTree.Element:
    """Give a layer or a group a mask."""
    mask = {"name": "m", "filename": "mask1", "nodetype": "transparencymask", "visible": "1"}
    ElementTree.SubElement(ElementTree.SubElement(element, "masks"), "mask", mask | values)
    return element


def test_masks_hide() -> None:
    """Transparency masks of a layer and of its groups count, and others are a warning."""
    half = np.full((64, 128, 1), 128, np.uint8)
    members = {
        "layer2": tiles(swapped(NOISE)),
        "mask1.pixelselection": tiles(half, (-64, 0)),
        "mask1.pixelselection.defaultpixel": b"\xff",
        "mask2.pixelselection": tiles(np.zeros((0, 0, 1), np.uint8)),
    }
    plain = layer("hint", "layer2")
    masked = with_mask(layer("hint", "layer2"), x="64", y="-14")
    group = with_mask(layer("g", "", nodetype="grouplayer"), filename="mask2")
    ElementTree.SubElement(group, "layers").append(with_mask(plain, visible="0"))
    inner, own = read_layers(kra([masked, group], members))
    expected = NOISE[..., 3].astype(float)
    expected[:50] *= 128 / 255
    assert np.abs(own.read()[..., 3] - expected).max() <= 0.5
    assert not inner.read()[..., 3].any()
    for kind, values in (("transparencymask", {"filename": "vector"}), ("colorizemask", {})):
        odd = with_mask(layer("hint", "layer2"), nodetype=kind, **values)
        (found,) = read_layers(kra([odd], members))
        with pytest.warns(PictureWarning, match=f"'hint' has the {kind} 'm', which is left out"):
            assert_array_equal(found.read(), NOISE)


def test_a_layer_erases_what_is_below_it() -> None:
    """Only in its own group, and only if it is shown."""
    members = {"layer2": tiles(swapped(NOISE))}
    eraser = layer("away", "layer2", compositeop="erase")
    group = layer("g", "", nodetype="grouplayer")
    ElementTree.SubElement(group, "layers").extend([eraser, layer("inside", "layer2")])
    outside, inside = read_layers(kra([group, layer("outside", "layer2")], members))
    alpha = NOISE[..., 3] / 255
    assert_array_equal(outside.read(), NOISE)
    assert np.abs(inside.read()[..., 3] / 255 - alpha * (1 - alpha)).max() < 0.002
    eraser.set("visible", "0")
    assert_array_equal(read_layers(kra([group], members))[0].read(), NOISE)


def keyframes(*members: str) -> bytes:
    """List the frames of a layer, as Krita does."""
    root = ElementTree.Element("keyframes")
    channel = ElementTree.SubElement(root, "channel", name="content")
    for time, member in enumerate(members):
        ElementTree.SubElement(channel, "keyframe", time=str(time), frame=member)
    return ElementTree.tostring(root)


def test_animated_documents() -> None:
    """Of lines one frame is read, with a warning; animated hints are refused, unless of one."""
    animated = layer("ink", "layer2", keyframes="layer2.keyframes.xml")
    members = {"layer2": tiles(255 - NOISE), "layer2.f1": tiles(swapped(NOISE))}
    several = kra([animated], members | {"layer2.keyframes.xml": keyframes("layer2", "layer2.f1")})
    with pytest.warns(PictureWarning, match="it is animated, .*; render the animation to pictures"):
        assert_array_equal(decode_cel(several), NOISE)
    with pytest.raises(ValueError, match="its layer 'ink' is animated; save the hints of each"):
        read_layers(several)[0].read()
    one = kra([animated], members | {"layer2.keyframes.xml": keyframes("layer2.f1")})
    assert_array_equal(decode_cel(one), NOISE)
    assert_array_equal(read_layers(one)[0].read(), NOISE)
