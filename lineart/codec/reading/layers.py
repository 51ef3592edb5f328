"""Layers of documents: Photoshop (PSD, PSB), OpenRaster and Krita files."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineart.codec.colors.samples import to_rgba
from lineart.codec.documents.archive import MERGED, Archive
from lineart.codec.documents.krita import DOCUMENT, KritaLayer, read_krita_layers
from lineart.codec.errors import reading
from lineart.codec.limits import MAX_PIXELS, check_size
from lineart.codec.reading.decode import read_image
from lineart.image import Hint

if TYPE_CHECKING:
    from lineart.codec.documents.psd import PsdLayer

_MAX_LAYERS = 8_000


@dataclass(frozen=True, slots=True)
class DocumentLayer:
    """Layer of a document, whose pixels are decoded when they are asked for."""

    name: str
    groups: tuple[str, ...]
    """Names of the groups around it, the innermost first."""
    is_visible: bool
    """Whether it and all groups around it are shown."""
    _read: Callable[[], Hint]

    def read(self) -> Hint:
        """Decode the layer: sRGB at the size of the canvas.

        In the alpha are its opacity and its masks, and those of the groups around it; what it is
        clipped to in a PSD; and layers of erasers above. What lies outside the canvas is cut off;
        blending modes are left out.

        Raises:
            ValueError: the layer is damaged or too large.
        """
        return self._read()


def is_document(data: bytes) -> bool:
    """Return whether a file begins as those that `read_layers` reads."""
    return data.startswith((b"8BPS", b"PK\3\4"))


def read_layers(data: bytes, *, max_pixels: int = MAX_PIXELS) -> list[DocumentLayer]:
    """Return the layers of a document that have pixels, from bottom to top.

    A Krita file without its layers gives its merged picture as one layer without a name.

    Args:
        data: Content of a PSD, PSB, ORA or KRA file.
        max_pixels: Maximum number of pixels of the document, and of each layer.

    Raises:
        ValueError: `data` is no such document, is damaged, or is above `max_pixels`.
    """
    if data.startswith(b"8BPS"):
        # Its import takes as long as that of all other modules here together.
        from lineart.codec.documents.psd import read_psd_layers

        with reading("Photoshop"):
            size, layers = read_psd_layers(data, max_pixels)
            return [_of_psd(layer, size) for layer in layers]
    if data.startswith(b"PK\3\4"):
        with reading("OpenRaster or Krita"):
            return _of_archive(Archive(data), max_pixels)
    raise ValueError(
        f"no document with layers, the file begins with {data[:8]!r}; give PSD, PSB, ORA or KRA"
    )


def _of_psd(layer: "PsdLayer", size: tuple[int, int]) -> DocumentLayer:
    def read() -> Hint:
        with reading("Photoshop"):
            picture, offset = layer.read()
            return _on_canvas(to_rgba(picture), offset, size)

    return DocumentLayer(layer.name, layer.groups, layer.is_visible, read)


def _read_krita(layer: KritaLayer) -> Hint:
    with reading("Krita"):
        return layer.read()


# OpenRaster baseline 0.0.6, freedesktop.org; Krita's files have the merged picture in common.


_ERASER = "svg:dst-out"
"""Compositing operator of layers that erase what is below."""


class _Place(NamedTuple):
    """Attributes of a layer, or of a group around it."""

    left: int = 0
    top: int = 0
    opacity: float = 1.0
    is_visible: bool = True
    groups: tuple[str, ...] = ()


def _of_archive(archive: Archive, max_pixels: int) -> list[DocumentLayer]:
    of_krita = read_krita_layers(archive, max_pixels) if DOCUMENT in archive.names else []
    if of_krita:
        found = [
            DocumentLayer(one.name, one.groups, one.is_visible, partial(_read_krita, one))
            for one in of_krita
        ]
        return _erase(found, [one.is_eraser for one in of_krita])
    if "stack.xml" not in archive.names:
        read = partial(_read_member, archive, MERGED, max_pixels)
        return [DocumentLayer("", (), True, read)]
    root = archive.read_xml("stack.xml")
    size = int(root.get("w", "0")), int(root.get("h", "0"))
    check_size(size, max_pixels)
    elements = [pair for stack in root.findall("stack") for pair in _flatten(stack, _Place())]
    if len(elements) > _MAX_LAYERS:
        raise ValueError(f"it has {len(elements)} layers and {_MAX_LAYERS} are the most")
    layers = [
        DocumentLayer(
            element.get("name", ""),
            place.groups,
            place.is_visible,
            partial(_read_placed, archive, element.get("src", ""), max_pixels, place, size),
        )
        for element, place in reversed(elements)
    ]
    erases = [element.get("composite-op") == _ERASER for element, _ in reversed(elements)]
    return _erase(layers, erases)


def _erase(layers: list[DocumentLayer], erases: list[bool]) -> list[DocumentLayer]:
    """Return the layers, from bottom to top, less what layers of erasers above them erase.

    An eraser in a group erases in this group only.
    """
    rest: list[DocumentLayer] = []
    erasers: list[DocumentLayer] = []
    for layer, is_eraser in zip(reversed(layers), reversed(erases), strict=True):
        if is_eraser:
            erasers += [layer] if layer.is_visible else []
            continue
        above = [one for one in erasers if _is_in(layer.groups, one.groups)]
        rest.append(replace(layer, _read=partial(_read_erased, layer, above)) if above else layer)
    return rest[::-1]


def _is_in(groups: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return groups[max(0, len(groups) - len(outer)) :] == outer


def _read_erased(layer: DocumentLayer, erasers: list[DocumentLayer]) -> Hint:
    pixels = layer.read()
    for eraser in erasers:
        pixels[:, :, 3] = cv2.multiply(pixels[:, :, 3], 255 - eraser.read()[:, :, 3], scale=1 / 255)
    return pixels


def _flatten(
    stack: ElementTree.Element, around: _Place
) -> Iterator[tuple[ElementTree.Element, _Place]]:
    """Yield the layers of a stack and of the stacks in it, the topmost first."""
    for element in stack:
        place = _Place(
            around.left + round(_number(element, "x", 0.0)),
            around.top + round(_number(element, "y", 0.0)),
            around.opacity * min(1.0, max(0.0, _number(element, "opacity", 1.0))),
            around.is_visible and element.get("visibility", "visible") == "visible",
            around.groups,
        )
        if element.tag == "layer":
            yield element, place
        elif element.tag == "stack":
            groups = (element.get("name", ""), *around.groups)
            yield from _flatten(element, place._replace(groups=groups))


def _number(element: ElementTree.Element, key: str, default: float) -> float:
    said = element.get(key)
    try:
        number = default if said is None else float(said)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"the {key} of its layer {element.get('name', '')!r} is {said!r}, which is no number; "
            "save it again"
        )
    return number


def _read_member(archive: Archive, name: str, max_pixels: int) -> Hint:
    with reading("OpenRaster or Krita"):
        return to_rgba(read_image(archive.read_png(name, max_pixels), max_pixels))


def _read_placed(
    archive: Archive, name: str, max_pixels: int, place: _Place, size: tuple[int, int]
) -> Hint:
    pixels = _read_member(archive, name, max_pixels)
    if place.opacity < 1:
        pixels[:, :, 3] = np.rint(pixels[:, :, 3] * place.opacity)
    return _on_canvas(pixels, (place.left, place.top), size)


def _on_canvas(
    pixels: UInt8[np.ndarray, "LayerH LayerW 4"], offset: tuple[int, int], size: tuple[int, int]
) -> Hint:
    """Return pixels at their place on a transparent canvas of width and height `size`."""
    canvas = Image.new("RGBA", size)
    canvas.paste(Image.fromarray(pixels), offset)
    return np.array(canvas)
