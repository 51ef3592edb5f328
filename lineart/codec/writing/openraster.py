"""OpenRaster files: pictures in layers, which Krita, GIMP and MyPaint open."""

import io
import zipfile
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from jaxtyping import UInt8

from lineart.codec.writing.png import Dpi, encode_png
from lineart.image import Picture, limit_long_side, resize

THUMBNAIL_PX = 256
"""Longest side of the thumbnail in pixels, as the format requires."""
NORMAL, MULTIPLY = "svg:src-over", "svg:multiply"
_VERSION = "0.0.6"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""Constant time stamp in the archive, so that equal layers make equal files."""


class Layer(NamedTuple):
    """Layer of the same size as the picture."""

    name: str
    png: bytes
    operator: str = NORMAL
    """Compositing operator over the layers below: `NORMAL` or `MULTIPLY`."""


def encode_openraster(
    layers: Sequence[Layer], merged: Picture, merged_png: bytes, dpi: Dpi | None = None
) -> bytes:
    """Encode layers and their merged picture as an OpenRaster file.

    Args:
        layers: Layers of the size of `merged`, the topmost first.
        merged: Picture of all layers composited.
        merged_png: The same picture as a PNG file.
        dpi: Resolution that is noted in the file, in whole pixels per inch.

    Source:
        OpenRaster baseline 0.0.6, freedesktop.org.
    """
    height, width = merged.shape[:2]
    members = {
        "mimetype": b"image/openraster",
        "stack.xml": _stack(layers, width, height, dpi),
        **{_path(number): layer.png for number, layer in enumerate(layers)},
        "mergedimage.png": merged_png,
        "Thumbnails/thumbnail.png": encode_png(_thumbnail(merged)),
    }
    sink = io.BytesIO()
    # Stored: PNG is already compressed, and readers recognize the type by the first bytes.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _FIRST_DAY), content)
    return sink.getvalue()


def _path(number: int) -> str:
    return f"data/layer{number}.png"


def _stack(layers: Sequence[Layer], width: int, height: int, dpi: Dpi | None) -> bytes:
    image = ElementTree.Element("image", version=_VERSION, w=str(width), h=str(height))
    if dpi is not None:
        image.attrib |= {"xres": str(round(dpi[0])), "yres": str(round(dpi[1]))}
    stack = ElementTree.SubElement(image, "stack")
    for number, layer in enumerate(layers):
        facts = {"name": layer.name, "src": _path(number), "composite-op": layer.operator}
        place = {"x": "0", "y": "0", "opacity": "1.0", "visibility": "visible"}
        ElementTree.SubElement(stack, "layer", facts | place)
    document: bytes = ElementTree.tostring(image, encoding="UTF-8", xml_declaration=True)
    return document


def _thumbnail(merged: Picture) -> UInt8[np.ndarray, "SmallH SmallW C"]:
    return resize(merged, limit_long_side(merged.shape[:2], THUMBNAIL_PX))
