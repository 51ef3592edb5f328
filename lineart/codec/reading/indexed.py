"""Decoding of pictures to numbers of colours and their palette."""

import numpy as np
from jaxtyping import Int32, UInt8
from PIL.Image import Image

from lineart.codec.limits import MAX_PIXELS
from lineart.codec.reading.decode import read_image

Numbers = UInt8[np.ndarray, "H W"] | Int32[np.ndarray, "H W"]
Palette = UInt8[np.ndarray, "N C"]


def decode_indexed(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[Numbers, Palette]:
    """Decode a picture to the number of each pixel's colour, and the colours.

    Numbers and colours of an indexed PNG are as in the file; those of other pictures are sorted.

    Args:
        data: Content of the file.
        max_pixels: Maximum number of pixels of the picture.

    Returns:
        The numbers, and colours of RGB, or RGBA if the file has transparency.

    Raises:
        ValueError: `data` is no complete picture of a known format, or is above `max_pixels`.
    """
    image = read_image(data, max_pixels)
    if image.mode == "P":
        return _read_numbers(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    pixels = np.asarray(image.convert("RGBA")).view(">u4")[:, :, 0]
    colors, index = np.unique(pixels, return_inverse=True)
    palette = colors.view(np.uint8).reshape(-1, 4)[:, : len(mode)]
    return index.reshape(pixels.shape).astype(np.int32), palette


def _read_numbers(image: Image) -> tuple[Numbers, Palette]:
    index = np.array(image)
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    if int(index.max()) >= len(palette):
        raise ValueError(f"the picture has a pixel of number {index.max()}, which is no colour")
    transparent = image.info.get("transparency")
    if transparent is None:
        return index, palette
    opacity = np.full(len(palette), 255, np.uint8)
    if isinstance(transparent, int):
        opacity[transparent] = 0
    else:
        opacity[: len(transparent)] = np.frombuffer(transparent, np.uint8)[: len(palette)]
    return index, np.column_stack((palette, opacity))
