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
from psd_tools.constants import ChannelID, ColorMode, Resource, Tag
from psd_tools.psd.image_resources import ImageResource

from lineart.codec.colors.samples import to_samples
from lineart.codec.errors import PictureWarning
from lineart.codec.limits import check_size

_HEADER = struct.Struct(">4sH6xHIIHH")
_MAX_CHANNELS = 56
_MAX_LAYERS = 8_000
"""Maximum number of layers: that of Photoshop."""


def read_psd(data: bytes, max_pixels: int) -> Image.Image:
    """Return the merged picture of a document; if it was saved without, its layers composited.

    Raises:
        ValueError: the document is damaged, too large, or of 32 bits a channel.
        Exception: as psd-tools raises for damaged files.
    """
    alpha = None
    with _strict():
        document = _open(data, max_pixels)
        if document.has_preview():
            _check_merged(data)
            channel = _mark_transparency(document)
            picture = _to_image(document, document, channel)
            if channel is not None and picture is not None and picture.mode in _WITHOUT_ALPHA:
                alpha = document.topil(channel=channel)
        else:
            picture = document.composite(force=True)
    if picture is None:
        raise ValueError("it has no merged picture; save it with maximized compatibility")
    picture = _with_profile(picture, document)
    return picture if alpha is None else _with_alpha(picture, alpha)


class PsdLayer:
    """Layer of an open document."""

    def __init__(
        self, document: PSDImage, layer: Layer, base: Layer | None, max_pixels: int
    ) -> None:
        self._document, self._layer, self._max_pixels = document, layer, max_pixels
        self.name = layer.name
        self.groups = tuple(group.name for group in _groups(layer))
        self._base = base
        self.is_visible = layer.is_visible() and (self._base is None or self._base.visible)

    def read(self) -> tuple[Image.Image, tuple[int, int]]:
        """Return its pixels and their left and top on the canvas.

        Its opacity and its masks, also those of the groups around it, and the layer that it is
        clipped to are in the alpha.
        """
        parts = [self._layer] if self._base is None else [self._layer, self._base]
        for part in parts:
            check_size(part.size, self._max_pixels)
        with _strict():
            picture = _to_image(self._layer, self._document)
            assert picture is not None, "a layer with pixels"
            alpha = _alpha(picture, self._layer)
            for group in _groups(self._layer):
                alpha = ImageChops.multiply(alpha, _shown_by(group, self._layer))
                # psd-tools says that groups of Photoshop are not.
                if group._record.clipping:
                    _warn(group, "is a clipped group, which is taken as it is; merge it")
            if self._base is not None:
                alpha = ImageChops.multiply(alpha, self._shown_by_base(self._base))
        return _with_alpha(_with_profile(picture, self._document), alpha), self._layer.offset

    def _shown_by_base(self, base: Layer) -> Image.Image:
        """Return the alpha of the layer that this one is clipped to, where this one lies."""
        picture = _to_image(base, self._document) if base.has_pixels() else None
        if picture is None:
            if base.is_group():
                _warn(self._layer, f"is clipped to the group {base.name!r}, which is left out")
            return _shown_by(base, self._layer)
        shown = Image.new("L", self._layer.size)
        shown.paste(_alpha(picture, base), _from(self._layer, base.left, base.top))
        return shown


def read_psd_layers(data: bytes, max_pixels: int) -> tuple[tuple[int, int], list[PsdLayer]]:
    """Return width and height, and the layers that have pixels from bottom to top.

    Raises:
        ValueError: as for `read_psd`, or there are too many layers.
        Exception: as for `read_psd`.
    """
    with _strict():
        document = _open(data, max_pixels)
        layers = [layer for layer in document.descendants() if layer.has_pixels()]
        if len(layers) > _MAX_LAYERS:
            raise ValueError(f"it has {len(layers)} layers and {_MAX_LAYERS} are the most")
        bases = _find_bases(document)
        return document.size, [
            PsdLayer(document, layer, bases.get(id(layer)), max_pixels) for layer in layers
        ]


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
    if channels > _MAX_CHANNELS:
        raise ValueError(f"it has {channels} channels and {_MAX_CHANNELS} are the most")
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


_COLORS = {ColorMode.GRAYSCALE: 1, ColorMode.RGB: 3, ColorMode.CMYK: 4, ColorMode.LAB: 3}
"""Modes -> number of channels with colours; a merged picture may have further ones."""
_WITHOUT_ALPHA = "CMYK", "LAB"
"""Pillow's modes that have no variant with alpha."""
_TRANSPARENT = Tag.SAVING_MERGED_TRANSPARENCY, Tag.SAVING_MERGED_TRANSPARENCY16
"""Tags of documents whose first further channel is transparency."""


def _mark_transparency(document: PSDImage) -> int | None:
    """Return which channel of the merged picture is transparency; others are saved selections.

    psd-tools, which looks for layers only where files of 8 bits have them, is told by identifiers.
    """
    colors = _COLORS.get(document.color_mode, document.channels)
    further = document.channels - colors
    if further <= 0:
        return None
    place = _place_of_transparency(document, further)
    identifiers = bytes(number != place for number in range(further))
    key = Resource.ALPHA_IDENTIFIERS
    document.image_resources[key] = ImageResource(key=key, data=identifiers)
    return None if place is None else colors + place


def _place_of_transparency(document: PSDImage, further: int) -> int | None:
    """Return which of the further channels is transparency, from 0.

    Source:
        "Adobe Photoshop File Formats Specification", 2019: layer count, resources 1006, 1053.
    """
    identifiers = list(document.image_resources.get_data(Resource.ALPHA_IDENTIFIERS, ()))
    layers = document._record._get_layer_info()
    count = 0 if layers is None else layers.layer_count
    if 0 in identifiers:
        return max(0, further - len(identifiers) + identifiers.index(0))
    if count < 0 or any(tag in (document.tagged_blocks or ()) for tag in _TRANSPARENT):
        return 0
    if identifiers or count > 0:
        return None
    # Written by other programs, without layers.
    names = document.image_resources.get_data(Resource.ALPHA_NAMES_PASCAL, ())
    return 0 if not names or "Transparency" in map(str, names) else None


def _to_image(
    part: PSDImage | Layer, document: PSDImage, alpha: int | None = None
) -> Image.Image | None:
    """Return the pixels of a document, or of a layer of it, at 8 bits a channel.

    Args:
        part: The document, or a layer.
        document: The document.
        alpha: Which channel of the document is transparency.
    """
    if document.depth != 16 or document.color_mode not in (ColorMode.RGB, ColorMode.GRAYSCALE):
        return part.topil(apply_icc=False)
    # `topil` cuts 16 bits off; this rounds.
    values = part.numpy()
    if values is None:
        return None
    channels = list(range(values.shape[2]))
    if part is document:
        channels = [*range(_COLORS[document.color_mode]), *([] if alpha is None else [alpha])]
    planes = [np.rint(values[:, :, one] * 255).astype(np.uint8) for one in channels]
    return Image.fromarray(planes[0] if len(planes) == 1 else np.dstack(planes))


def _alpha(picture: Image.Image, layer: Layer) -> Image.Image:
    """Return the alpha of a layer's picture, with the layer's opacity and mask."""
    if picture.mode in ("RGBA", "LA"):
        alpha = picture.getchannel("A")
    else:
        transparency = layer.topil(ChannelID.TRANSPARENCY_MASK)
        alpha = transparency or Image.new("L", picture.size, 255)
    return ImageChops.multiply(alpha, _shown_by(layer, layer))


def _shown_by(part: Layer, layer: Layer) -> Image.Image:
    """Return what opacity and mask of a layer, or of a group around it, show where it lies."""
    strength = part.opacity * part.fill_opacity // 255
    opacity = Image.new("L", layer.size, strength)
    mask, vector = part.mask, part.vector_mask
    is_pixels = mask is not None and mask.has_real()
    if vector is not None and not (vector.disabled or is_pixels or part.kind == "shape"):
        _warn(part, "has a vector mask, which is left out; rasterize it")
    if mask is None or mask.disabled:
        return opacity
    shown = Image.new("L", layer.size, mask.background_color)
    pixels = mask.topil()
    if pixels is not None:
        shown.paste(pixels, _from(layer, mask.left, mask.top))
    return ImageChops.multiply(opacity, shown)


def _from(layer: Layer, left: int, top: int) -> tuple[int, int]:
    return left - layer.left, top - layer.top


def _warn(layer: Layer, what: str) -> None:
    warnings.warn(f"its layer {layer.name!r} {what}", PictureWarning, stacklevel=2)


def _find_bases(document: PSDImage) -> dict[int, Layer]:
    """Return the layer that each clipped one is clipped to, by the `id` of the clipped one.

    It is the next one below in the same group that is not clipped itself.
    """
    bases, below = dict[int, Layer](), dict[int, Layer]()
    for layer in document.descendants():
        if not layer.clipping:
            below[id(layer.parent)] = layer
        elif id(layer.parent) in below:
            bases[id(layer)] = below[id(layer.parent)]
    return bases


def _with_alpha(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return a picture with alpha; one of CMYK or Lab, for which Pillow has none, as sRGB."""
    if picture.mode in _WITHOUT_ALPHA:
        picture = Image.fromarray(to_samples(picture, lambda strip: strip))
    picture.putalpha(alpha)
    return picture


def _groups(layer: Layer) -> Iterator[Layer]:
    """Yield the groups around a layer, the innermost first."""
    parent = layer.parent
    while isinstance(parent, Layer):
        yield parent
        parent = parent.parent


def _with_profile(picture: Image.Image, document: PSDImage) -> Image.Image:
    profile = document.image_resources.get_data(Resource.ICC_PROFILE)
    if profile:
        picture.info["icc_profile"] = profile
    return picture
