"""Photoshop documents (PSD, PSB): their merged picture and their layers."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageChops
from psd_tools import PSDImage
from psd_tools.api.layers import Layer
from psd_tools.compression import PSDDecompressionWarning
from psd_tools.constants import ColorMode, Resource

from lineart.codec.limits import check_size

_HEADER = struct.Struct(">4sH6xHIIHH")
_MOST_CHANNELS = 56
_MOST_LAYERS = 8_000
"""Maximum number of layers: that of Photoshop."""


def read_psd(data: bytes, max_pixels: int) -> Image.Image:
    """Return the merged picture of a document; if it was saved without, its layers composited.

    Raises:
        ValueError: the document is damaged, too large, or of 32 bits a channel.
        Exception: as psd-tools raises for damaged files.
    """
    with _strict():
        document = _open(data, max_pixels)
        if document.has_preview():
            _check_merged(data)
            picture = _to_image(document, document)
        else:
            picture = document.composite(force=True)
    if picture is None:
        raise ValueError("it has no merged picture; save it with maximized compatibility")
    return _with_profile(picture, document)


class PsdLayer:
    """Layer of an open document."""

    def __init__(self, document: PSDImage, layer: Layer, max_pixels: int) -> None:
        self._document, self._layer, self._max_pixels = document, layer, max_pixels
        self.name = layer.name
        self.groups = tuple(_groups(layer))
        self.is_visible = layer.is_visible()

    def read(self) -> tuple[Image.Image, tuple[int, int]]:
        """Return its pixels and their left and top on the canvas.

        Its opacity and its mask are in the alpha.
        """
        check_size(self._layer.size, self._max_pixels)
        with _strict():
            picture = _to_image(self._layer, self._document)
            assert picture is not None, "a layer with pixels"
            alpha = _alpha(picture, self._layer)
        picture = _with_profile(picture, self._document)
        picture.putalpha(alpha)
        return picture, self._layer.offset


def read_psd_layers(data: bytes, max_pixels: int) -> tuple[tuple[int, int], list[PsdLayer]]:
    """Return width and height, and the layers that have pixels from bottom to top.

    Raises:
        ValueError: as for `read_psd`, or there are too many layers.
        Exception: as for `read_psd`.
    """
    with _strict():
        document = _open(data, max_pixels)
        layers = [layer for layer in document.descendants() if layer.has_pixels()]
        if len(layers) > _MOST_LAYERS:
            raise ValueError(f"it has {len(layers)} layers and {_MOST_LAYERS} are the most")
        return document.size, [PsdLayer(document, layer, max_pixels) for layer in layers]


@contextmanager
def _strict() -> Iterator[None]:
    """Make an error of what psd-tools would replace by black pixels with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PSDDecompressionWarning)
        yield


def _open(data: bytes, max_pixels: int) -> PSDImage:
    """Open a document after a check of its header."""
    _, _, channels, height, width, depth, _ = _HEADER.unpack_from(data)
    check_size((width, height), max_pixels)
    if depth == 32:
        raise ValueError("it has 32 bits a channel; save it with 8 or 16 bits")
    if channels > _MOST_CHANNELS:
        raise ValueError(f"it has {channels} channels and {_MOST_CHANNELS} are the most")
    return PSDImage.open(io.BytesIO(data))


_RAW, _RUNS = 0, 1
"""Compressions of the merged picture; psd-tools notices itself where others are cut off."""


def _check_merged(data: bytes) -> None:
    """Raise ValueError if the merged picture is cut off: psd-tools would fill it up.

    Source:
        "Adobe Photoshop File Formats Specification", 2019.
    """
    _, version, channels, height, width, depth, _ = _HEADER.unpack_from(data)
    at = _HEADER.size
    for form in (">I", ">I", ">Q" if version == 2 else ">I"):
        at += struct.calcsize(form) + struct.unpack_from(form, data, at)[0]
    (compression,) = struct.unpack_from(">H", data, at)
    at += 2
    if compression == _RAW:
        needed = channels * height * ((width * depth + 7) // 8)
    elif compression == _RUNS:
        lengths = np.frombuffer(data, ">u4" if version == 2 else ">u2", channels * height, at)
        needed = lengths.nbytes + int(lengths.sum())
    else:
        return
    if at + needed > len(data):
        raise ValueError("the file is cut off")


def _to_image(part: PSDImage | Layer, document: PSDImage) -> Image.Image | None:
    """Return the pixels of a document, or of a layer of it, at 8 bits a channel."""
    if document.depth != 16 or document.color_mode not in (ColorMode.RGB, ColorMode.GRAYSCALE):
        return part.topil(apply_icc=False)
    # `topil` cuts 16 bits off; this rounds.
    values = part.numpy()
    if values is None:
        return None
    colors = 3 if document.color_mode == ColorMode.RGB else 1
    samples = np.rint(values[:, :, : colors + 1] * 255).astype(np.uint8)
    return Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)


def _alpha(picture: Image.Image, layer: Layer) -> Image.Image:
    """Return the alpha of a layer's picture, with the layer's opacity and mask."""
    opaque = Image.new("L", picture.size, 255)
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else opaque
    strength = layer.opacity * layer.fill_opacity // 255
    alpha = ImageChops.multiply(alpha, Image.new("L", alpha.size, strength))
    mask = layer.mask
    if mask is None or mask.disabled:
        return alpha
    shown = Image.new("L", alpha.size, mask.background_color)
    pixels = mask.topil()
    if pixels is not None:
        shown.paste(pixels, (mask.left - layer.left, mask.top - layer.top))
    return ImageChops.multiply(alpha, shown)


def _groups(layer: Layer) -> Iterator[str]:
    """Yield the names of the groups around a layer, the innermost first."""
    parent = layer.parent
    while isinstance(parent, Layer):
        yield parent.name
        parent = parent.parent


def _with_profile(picture: Image.Image, document: PSDImage) -> Image.Image:
    profile = document.image_resources.get_data(Resource.ICC_PROFILE)
    if profile:
        picture.info["icc_profile"] = profile
    return picture
