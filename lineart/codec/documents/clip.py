"""Clip Studio Paint documents: their preview, or their layers composited."""

import sqlite3
import zlib
from collections.abc import Iterator

from csp_format.clip import ClipFile, Layer
from csp_format.errors import CspFormatError
from csp_format.offscreen import Attribute, iter_blocks
from PIL import Image

from lineart.codec.limits import check_size

_NORMAL, _THROUGH = 0, 30
"""Codes of blending modes; a folder of the second lets its layers blend with those below."""
_WHITE = (255, 255, 255, 255)
_PAPER_COLOR = ("DrawColorMainRed", "DrawColorMainGreen", "DrawColorMainBlue")
"""Columns with the colour of a paper layer, each of 32 bits."""


def read_clip(data: bytes, max_pixels: int) -> Image.Image | bytes:
    """Return the picture of a document.

    That is the preview which Clip Studio Paint saved, if it has the size of the canvas, else the
    visible layers over each other, if they are raster and paper layers that blend normally.

    Returns:
        The composited layers, or the preview as a PNG file.

    Raises:
        ValueError: the document is damaged or too large, or only Clip Studio Paint can draw it.
        Exception: as csp-format raises for damaged files.
    """
    try:
        with ClipFile(data) as clip:
            size = clip.canvas.width_px, clip.canvas.height_px
            check_size(size, max_pixels)
            preview: bytes | None = clip.preview_png()
            if preview is not None and _png_size(preview) == size:
                return preview
            return _composite(clip, size, max_pixels)
    except (CspFormatError, sqlite3.Error) as error:
        raise ValueError(f"it is damaged: {error}") from error


def _png_size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _composite(clip: ClipFile, size: tuple[int, int], max_pixels: int) -> Image.Image:
    canvas = Image.new("RGBA", size)
    for layer in _visible(clip.root):
        if layer.kind == "paper":
            canvas.paste(_paper_color(clip, layer), (0, 0, *size))
            continue
        _check_pixels(clip, layer, max_pixels)
        found = clip.layer_pixels(layer)
        if found is None:
            continue
        pixels, offset = found
        above = Image.new("RGBA", size)
        picture = Image.frombytes("RGBA", (pixels.width, pixels.height), bytes(pixels.rgba))
        above.paste(picture, offset)
        if layer.opacity < 1:
            above.putalpha(above.getchannel("A").point(_times(layer.opacity)))
        canvas.alpha_composite(above)
    return canvas


def _visible(folder: Layer) -> Iterator[Layer]:
    """Yield the visible layers from bottom to top; raise ValueError if one cannot be composited."""
    for layer in folder.children:
        if not layer.visible:
            continue
        is_plain = not (layer.clipping or (layer.has_mask and layer.mask_enabled))
        if layer.is_folder and layer.kind == "folder":
            is_plain &= layer.blend in (_NORMAL, _THROUGH) and layer.opacity == 1
        else:
            is_plain &= layer.kind in ("raster", "paper") and layer.blend == _NORMAL
        if not is_plain:
            raise ValueError(
                f"only Clip Studio Paint can draw its layer {layer.name!r}, and its preview is "
                "smaller than the canvas; save it as PNG"
            )
        if layer.is_folder:
            yield from _visible(layer)
        else:
            yield layer


def _paper_color(clip: ClipFile, layer: Layer) -> tuple[int, ...]:
    row = clip.layer_row(layer)
    if not set(_PAPER_COLOR) <= set(row.keys()):
        return _WHITE
    return (*(int(row[column]) >> 24 & 255 for column in _PAPER_COLOR), 255)


def _check_pixels(clip: ClipFile, layer: Layer, max_pixels: int) -> None:
    """Raise ValueError if the pixels of a layer would unpack to more than they need."""
    levels = clip.mipmap_levels(layer.render_mipmap) if layer.render_mipmap else []
    found = clip.offscreen(levels[0][1]) if levels else None
    if found is None or found[1] is None:
        return
    parameter = Attribute.parse(found[0]).parameter
    check_size((parameter.width, parameter.height), max_pixels)
    most = 2 * parameter.block_bytes
    for index, packed in iter_blocks(found[1], parameter.block_bytes, inflate=False):
        if packed is not None and len(zlib.decompressobj().decompress(packed, most + 1)) > most:
            raise ValueError(f"block {index} of its layer {layer.name!r} is damaged")


def _times(opacity: float) -> list[int]:
    """Return the table of alpha times an opacity, rounded."""
    return [round(alpha * opacity) for alpha in range(256)]
