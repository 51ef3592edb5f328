"""OpenRaster files, read by zipfile, ElementTree and Pillow."""

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lineart.codec.writing.openraster import MULTIPLY, Layer, encode_openraster
from lineart.codec.writing.png import encode_png


def draw(seed: int, height: int = 30, width: int = 40) -> np.ndarray:
    """Draw noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(png: bytes) -> np.ndarray:
    """Read a PNG."""
    return np.asarray(Image.open(io.BytesIO(png)))


def make(merged: np.ndarray, *layers: Layer) -> bytes:
    """Make a file."""
    return encode_openraster(layers, merged, encode_png(merged))


def test_archive_and_stack() -> None:
    """The file begins with its uncompressed type; the stack names the layers in order."""
    top, bottom, merged = draw(1), draw(2), draw(3)
    data = make(
        merged, Layer("a < b", encode_png(top), MULTIPLY), Layer("colour", encode_png(bottom))
    )
    # A local header of zip is 30 bytes and a name.
    assert data[30:62] == b"mimetypeimage/openrasterPK\x03\x04\x14\x00\x00\x00"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        image = ElementTree.fromstring(archive.read("stack.xml"))
        assert (image.tag, image.get("w"), image.get("h")) == ("image", "40", "30")
        first, second = image.findall("./stack/layer")
        assert (first.get("name"), first.get("composite-op")) == ("a < b", "svg:multiply")
        assert second.get("composite-op") == "svg:src-over"
        assert_array_equal(read(archive.read(str(first.get("src")))), top)
        assert_array_equal(read(archive.read(str(second.get("src")))), bottom)
        assert_array_equal(read(archive.read("mergedimage.png")), merged)


@pytest.mark.parametrize(
    ("size", "small"), [((600, 1200), (128, 256)), ((30, 40), (30, 40)), ((2, 2000), (1, 256))]
)
def test_thumbnail(size: tuple[int, int], small: tuple[int, int]) -> None:
    """The thumbnail is at most 256 px long, in the picture's proportions, and never enlarged."""
    merged = draw(1, *size)
    with zipfile.ZipFile(io.BytesIO(make(merged, Layer("colour", encode_png(merged))))) as archive:
        assert read(archive.read("Thumbnails/thumbnail.png")).shape[:2] == small


def test_equal_layers_make_equal_files() -> None:
    """Equal layers give equal bytes; other layers give others."""
    layer = Layer("colour", encode_png(draw(1)))
    assert make(draw(1), layer) == make(draw(1), layer) != make(draw(2), layer)
