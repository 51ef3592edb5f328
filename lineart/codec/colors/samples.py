"""Conversion of Pillow's pixel modes to 8 bits per channel."""

from collections.abc import Callable
from itertools import chain

import numpy as np
from jaxtyping import Bool, UInt8
from PIL.Image import Image
from PIL.TiffImagePlugin import TiffImageFile

from lineart.codec.colors.profiles import ToSrgb, find_transform
from lineart.image import Hint

Samples = UInt8[np.ndarray, "H W _"]
"""Decoded picture, 0..255, of 1 to 4 channels: grey, grey + alpha, RGB or RGBA."""

Finish = Callable[[Samples], Samples]
"""Converts pixels row by row; keeps height and width, may change the channels.

A strip of one channel beside strips of three is grey.
"""

_MODES = dict.fromkeys(("RGB", "RGBX", "P", "CMYK", "YCbCr"), "RGB")
_MODES |= dict.fromkeys(("RGBA", "RGBa", "PA"), "RGBA")
_MODES |= dict.fromkeys(("L", "1"), "L") | dict.fromkeys(("LA", "La"), "LA")
"""Pillow's pixel modes -> the 8-bit mode that holds the same."""

_TIFF_BITS, _TIFF_MEANING, _TIFF_NUMBERS = 258, 262, 339
"""TIFF tags: bits per sample, photometric (0: white is zero), sample format."""


STRIP_PIXELS = 2**20
"""Pixels converted at once; steps on the whole picture would each need a further copy of it."""


def to_rgba(image: Image) -> Hint:
    """Return a loaded picture as RGBA of 8 bits; without transparency it is opaque."""
    samples = to_samples(image, lambda strip: strip)
    channels = samples.shape[2]
    if channels <= 2:
        samples = np.repeat(samples, [3] + [1] * (channels - 1), axis=2)
    if channels % 2:
        samples = np.dstack((samples, np.full(samples.shape[:2], 255, np.uint8)))
    return samples


def to_samples(image: Image, finish: Finish) -> Samples:
    """Return the samples of a loaded picture in sRGB, converted in strips of rows."""
    is_inverted = isinstance(image, TiffImageFile) and _is_inverted(image)
    to_srgb = find_transform(image, _color_mode(image.mode))
    rows = max(1, STRIP_PIXELS // image.width)
    strips = (
        finish(
            _strip(
                image.crop((0, top, image.width, min(image.height, top + rows))),
                is_inverted,
                to_srgb,
            )
        )
        for top in range(0, image.height, rows)
    )
    first = next(strips)
    samples = np.empty((image.height, *first.shape[1:]), np.uint8)
    for index, strip in enumerate(chain([first], strips)):
        if strip.shape[2] > samples.shape[2]:
            samples = np.repeat(samples, strip.shape[2], axis=2)
        samples[index * rows :][: len(strip)] = strip
    return samples


def _color_mode(mode: str) -> str:
    """Return Pillow's mode of the colours of a picture, without alpha."""
    if mode in ("CMYK", "LAB"):
        return mode
    return "L" if mode.startswith("I;16") or _MODES.get(mode, "") in ("L", "LA") else "RGB"


def _strip(image: Image, is_inverted: bool, to_srgb: ToSrgb | None) -> Samples:
    """Return the samples of some rows in sRGB."""
    if to_srgb is None:
        return _device_samples(image, is_inverted)
    if image.mode in ("CMYK", "LAB"):
        return to_srgb(np.asarray(image))
    samples = _device_samples(image, is_inverted)
    colors = samples.shape[2] - 1 if samples.shape[2] in (2, 4) else samples.shape[2]
    return np.dstack((to_srgb(samples[:, :, :colors]), samples[:, :, colors:]))


def _device_samples(image: Image, is_inverted: bool) -> Samples:
    """Return the samples of some rows, without loss except for depths above 8 bits."""
    if image.mode.startswith("I;16"):
        return _samples_16_bit(image, is_inverted)
    if image.mode not in _MODES:
        raise ValueError(
            f"it has pixels of the kind {image.mode!r}; save it with 8 or 16 bits a channel"
        )
    if image.mode == "P" and image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    mode = _MODES[image.mode]
    samples = np.asarray(image if image.mode == mode else image.convert(mode))
    samples = samples.reshape(*samples.shape[:2], -1)
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, (samples == key).all(axis=2))


def _samples_16_bit(image: Image, is_inverted: bool) -> Samples:
    """Convert 16-bit grey to 8 bits, rounded."""
    values = np.asarray(image).astype(np.uint32)[:, :, np.newaxis]
    samples = ((values + 128) // 257).astype(np.uint8)
    if is_inverted:
        return 255 - samples
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, values[:, :, 0] == key)


def _is_inverted(image: TiffImageFile) -> bool:
    """Return whether 16-bit samples must be inverted; raise for samples that Pillow misreads."""
    bits = image.tag_v2.get(_TIFF_BITS, (1,))
    is_unsigned = set(image.tag_v2.get(_TIFF_NUMBERS, (1,))) == {1}
    if set(bits) - {1, 2, 4, 8, 16} or not is_unsigned:
        raise ValueError("its samples are of an unusual kind; save it with 8 bits a channel")
    # Pillow inverts "white is zero" for 8 bits but not for 16.
    return bool(image.tag_v2.get(_TIFF_MEANING) == 0)


def _cut_out(samples: Samples, is_clear: Bool[np.ndarray, "H W"]) -> Samples:
    """Add an alpha channel that is 0 where `is_clear`."""
    return np.dstack((samples, np.where(is_clear, np.uint8(0), np.uint8(255))))
