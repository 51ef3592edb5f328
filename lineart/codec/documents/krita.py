"""Layers of Krita documents, whose pixels are in tiles that are compressed by LZF."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineart.codec.colors.samples import to_rgba
from lineart.codec.documents.archive import Archive
from lineart.codec.errors import PictureWarning
from lineart.codec.limits import check_size
from lineart.image import Hint

DOCUMENT = "maindoc.xml"
"""Member that lists the layers."""
_FRAMES = ".keyframes.xml"
"""End of the names of members with the frames of an animated layer."""
_FRAME = re.compile(rb"<keyframe\s[^>]*?\bframe=[\"']([^\"']+)")
"""A frame, and the member with its tiles."""
_HEADER = re.compile(
    rb"VERSION 2\nTILEWIDTH (\d{1,4})\nTILEHEIGHT (\d{1,4})\nPIXELSIZE (\d{1,2})\nDATA (\d{1,7})\n"
)
_TILE = re.compile(rb"(-?\d{1,8}),(-?\d{1,8}),LZF,(\d{1,8})\n")
_PIXEL_BYTES = {"RGBA": 4, "RGBA16": 8, "GRAYA": 2, "GRAYA16": 4}
"""Colour spaces that are read -> bytes of a pixel."""
_MAX_BYTES_A_PIXEL = 16
_WITHOUT_PIXELS = ("adjustmentlayer", "referenceimages")
"""Kinds of layers that show nothing of their own."""


_FILL = "generatorlayer"
_KINDS = {
    _FILL: "fill layer that does not cover all",
    "shapelayer": "vector layer",
    "clonelayer": "clone layer",
}
"""Kinds of layers without pixels of their own -> what Krita calls them."""
_TRANSPARENCY, _SELECTION = "transparencymask", "selectionmask"
"""Kinds of masks: one that hides, and one that shows nothing of its own."""


class _Mask(NamedTuple):
    name: str
    kind: str
    member: str
    """Member with its tiles."""
    offset: tuple[int, int]


@dataclass(frozen=True, slots=True)
class KritaLayer:
    """Layer of an open document."""

    archive: Archive
    size: tuple[int, int]
    """Width and height of the document."""
    name: str = ""
    groups: tuple[str, ...] = ()
    is_visible: bool = True
    opacity: float = 1.0
    kind: str = "paintlayer"
    colors: str = "RGBA"
    member: str = ""
    """Member with its tiles."""
    offset: tuple[int, int] = (0, 0)
    """Left and top of its tiles' origin on the canvas."""
    masks: tuple[_Mask, ...] = ()
    """Visible masks of the layer, and of the groups around it."""
    is_eraser: bool = False
    """Whether it erases what is below."""
    is_animated: bool = False
    """Whether it has several frames."""

    def read(self) -> Hint:
        """Decode the layer at the size of the canvas, with its opacity and masks in the alpha.

        A fill layer that covers all is white paper.

        Raises:
            ValueError: it is no layer of pixels, is animated, of unusual colours, or damaged.
        """
        if self.kind == _FILL and self._covers_all():
            return np.full((self.size[1], self.size[0], 4), 255, np.uint8)
        self._check()
        canvas = self._draw(self.member, self.offset, _PIXEL_BYTES[self.colors])
        image = Image.fromarray(self._in_8_bits(canvas))
        if f"{self.member}.icc" in self.archive.names:
            image.info["icc_profile"] = self.archive.read(f"{self.member}.icc")
        pixels = to_rgba(image)
        if self.opacity < 1:
            pixels[:, :, 3] = np.rint(pixels[:, :, 3] * self.opacity)
        for mask in self.masks:
            if mask.member in self.archive.names and mask.kind == _TRANSPARENCY:
                shown = self._draw(mask.member, mask.offset, 1)[:, :, 0]
                pixels[:, :, 3] = cv2.multiply(pixels[:, :, 3], shown, scale=1 / 255)
            else:
                warnings.warn(
                    f"its layer {self.name!r} has the {mask.kind} {mask.name!r}, which is left "
                    "out; flatten the layer",
                    PictureWarning,
                    stacklevel=2,
                )
        return pixels

    def _covers_all(self) -> bool:
        """Return whether a fill layer is paper; its pixels are not in the document."""
        selection = f"{self.member}.pixelselection"
        is_everywhere = selection not in self.archive.names or bool(
            self._draw(selection, self.offset, 1).min() == 255
        )
        return is_everywhere and self.opacity == 1 and not self.masks

    def _check(self) -> None:
        """Raise ValueError if it has no pixels, several pictures, or unusual colours."""
        if self.is_animated:
            raise ValueError(
                f"its layer {self.name!r} is animated; save the hints of each drawing as a "
                "picture, or put hints into a layer called 'hint' that is not animated"
            )
        if self.kind != "paintlayer":
            raise ValueError(
                f"its layer {self.name!r} is a {_KINDS.get(self.kind, self.kind)}; convert it to "
                "a paint layer, hide it, or give the layers of hints the name 'hint'"
            )
        if self.colors not in _PIXEL_BYTES:
            raise ValueError(
                f"its layer {self.name!r} has the colours {self.colors}; convert it to RGBA with "
                "8 or 16 bits"
            )

    def _draw(
        self, member: str, offset: tuple[int, int], num_bytes: int
    ) -> UInt8[np.ndarray, "H W _"]:
        """Return the canvas with the tiles of a member, with all bytes of a pixel."""
        (width, height), (left, top) = self.size, offset
        data = self.archive.read(member, width * height * _MAX_BYTES_A_PIXEL + 2**24)
        header = _HEADER.match(data)
        if header is None or int(header[3]) != num_bytes:
            raise ValueError(f"the pixels of its layer {self.name!r} are damaged")
        default = f"{member}.defaultpixel"
        pixel = self.archive.read(default) if default in self.archive.names else bytes(num_bytes)
        canvas = np.empty((height, width, num_bytes), np.uint8)
        canvas[:] = np.frombuffer(pixel, np.uint8)
        for x, y, tile in _tiles(data, header):
            y, x = y + top, x + left
            place = canvas[max(0, y) : max(0, y + tile.shape[0]), max(0, x) :][:, : tile.shape[1]]
            part = tile[max(0, -y) :, max(0, -x) :][: place.shape[0], : place.shape[1]]
            place[: part.shape[0], : part.shape[1]] = part
        return canvas

    def _in_8_bits(self, canvas: UInt8[np.ndarray, "H W _"]) -> UInt8[np.ndarray, "H W _"]:
        """Return RGBA, which is stored as BGRA, or grey and alpha."""
        if self.colors.endswith("16"):
            values = np.ascontiguousarray(canvas).view("<u2").astype(np.uint32)
            canvas = ((values + 128) // 257).astype(np.uint8)
        order = [2, 1, 0, 3] if self.colors.startswith("RGB") else [0, 1]
        return np.ascontiguousarray(canvas[:, :, order])


def read_krita_layers(archive: Archive, max_pixels: int) -> list[KritaLayer]:
    """Return the layers of a document, without masks and groups, from bottom to top.

    A document whose layers are not in the archive has none.

    Raises:
        ValueError: the document is above `max_pixels`, or its list of layers is damaged.
        ElementTree.ParseError: as above.
    """
    if not any("/layers/" in name for name in archive.names):
        return []
    image = next(one for one in archive.read_xml(DOCUMENT).iter() if _tag(one) == "IMAGE")
    size = int(image.get("width", "0")), int(image.get("height", "0"))
    check_size(size, max_pixels)
    root = KritaLayer(archive, size, member=f"{image.get('name', '')}/layers/")
    return [*_layers_in(image, root)][::-1]


def _layers_in(parent: ElementTree.Element, around: KritaLayer) -> Iterator[KritaLayer]:
    """Yield the layers in the image or in a group, the topmost first."""
    elements = (one for layers in parent if _tag(layers) == "layers" for one in layers)
    for element in elements:
        layer = replace(
            around,
            name=element.get("name", ""),
            is_visible=around.is_visible and element.get("visible") != "0",
            opacity=around.opacity * int(element.get("opacity", "255")) / 255,
            kind=element.get("nodetype", ""),
            colors=element.get("colorspacename", ""),
            offset=_offset(element),
            masks=(*around.masks, *_masks_of(element, around.member)),
            is_eraser=element.get("compositeop") == "erase",
        )
        if layer.kind == "grouplayer":
            yield from _layers_in(element, replace(layer, groups=(layer.name, *around.groups)))
        elif _tag(element) == "layer" and layer.kind not in _WITHOUT_PIXELS:
            frames = _frames(around.archive, around.member + element.get("keyframes", ""))
            member = frames[0] if len(frames) == 1 else element.get("filename", "")
            yield replace(layer, member=around.member + member, is_animated=len(frames) > 1)


def warn_of_animation(archive: Archive) -> None:
    """Warn if a document, of which the merged picture is read, has further frames."""
    members = (name for name in archive.names if name.endswith(_FRAMES))
    if any(len(_frames(archive, name)) > 1 for name in members):
        warnings.warn(
            "it is animated, and only the frame that Krita showed when it was saved is read; "
            "render the animation to pictures",
            PictureWarning,
            stacklevel=2,
        )


def _frames(archive: Archive, member: str) -> list[str]:
    """Return the members with the frames of a layer; none if it is not animated."""
    if member not in archive.names or not member.endswith(_FRAMES):
        return []
    return list(dict.fromkeys(found.decode() for found in _FRAME.findall(archive.read(member))))


def _masks_of(element: ElementTree.Element, folder: str) -> Iterator[_Mask]:
    """Yield the visible masks of a layer that change what it shows."""
    for mask in (one for masks in element if _tag(masks) == "masks" for one in masks):
        kind = mask.get("nodetype", "")
        if mask.get("visible") != "0" and kind != _SELECTION:
            member = f"{folder}{mask.get('filename', '')}.pixelselection"
            yield _Mask(mask.get("name", ""), kind, member, _offset(mask))


def _offset(element: ElementTree.Element) -> tuple[int, int]:
    return int(element.get("x", "0")), int(element.get("y", "0"))


def _tag(element: ElementTree.Element) -> str:
    """Return a tag without its namespace."""
    return element.tag.rpartition("}")[2]


def _tiles(
    data: bytes, header: re.Match[bytes]
) -> Iterator[tuple[int, int, UInt8[np.ndarray, "TileH TileW _"]]]:
    """Yield left, top and pixels of each tile."""
    width, height, num_bytes, count = (int(number) for number in header.groups())
    position = header.end()
    for _ in range(count):
        found = _TILE.match(data, position)
        if found is None:
            raise ValueError("a tile of a layer is damaged")
        position = found.end() + int(found[3])
        packed = data[found.end() : position]
        length = width * height * num_bytes
        # The first byte says whether the rest is compressed: then all first bytes of the pixels
        # come first, then all second ones, ...
        if packed[:1] == b"\1":
            planes = np.frombuffer(_unpack(packed[1:], length), np.uint8)
            tile = planes.reshape(num_bytes, height, width).transpose(1, 2, 0)
        else:
            tile = np.frombuffer(packed[1:], np.uint8).reshape(height, width, num_bytes)
        yield int(found[1]), int(found[2]), tile


def _unpack(data: bytes, length: int) -> bytes:
    """Unpack LZF to `length` bytes; raise ValueError or IndexError for other data."""
    out, at = bytearray(), 0
    while at < len(data) and len(out) <= length:
        control = data[at]
        at += 1
        if control < 32:
            out += data[at : at + control + 1]
            at += control + 1
            continue
        count = control >> 5
        if count == 7:
            count += data[at]
            at += 1
        start = len(out) - ((control & 31) << 8) - data[at] - 1
        at += 1
        if start < 0:
            raise ValueError("a tile of a layer refers to pixels before it")
        count += 2
        run = out[start : start + count]
        # What is copied may overlap what is written.
        out += (run * -(-count // len(run)))[:count]
    if len(out) != length:
        raise ValueError(f"a tile of a layer has {len(out)} bytes, not {length}")
    return bytes(out)
