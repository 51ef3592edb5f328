"""OpenEXR files: linear light, premultiplied, of any range."""

import io
from typing import Any

import numpy as np
import OpenEXR
from jaxtyping import Float32, UInt8
from PIL import Image

from lineart.codec.colors.profiles import SRGB_PRIMARIES, encode_srgb, matrix_to_srgb
from lineart.codec.limits import check_size

_LAYOUTS = (("R", "G", "B", "A"), ("R", "G", "B"), ("Y", "A"), ("Y",))
"""Channels of a picture, in order of preference."""
_CHROMA = "RY"
_MAX_SAMPLES = 16
"""Maximum number of samples, of all channels, for each pixel that is allowed."""


def read_exr(data: bytes, max_pixels: int) -> Image.Image:
    """Decode the first part of an OpenEXR file to sRGB with straight alpha.

    Light below 0 becomes black and above 1 white. The picture is the display window.

    Raises:
        ValueError: it is damaged or too large, or has no channels R, G, B or Y.
        Exception: as OpenEXR raises for damaged files.

    Source:
        "Technical Introduction to OpenEXR", openexr.com.
    """
    header = _open(data, header_only=True).header()
    shown, stored = header["displayWindow"], header["dataWindow"]
    check_size(_size(shown), max_pixels)
    check_size(_size(stored), max_pixels)
    names = [channel.name for channel in header["channels"]]
    if len(names) * np.prod(_size(stored), dtype=np.int64) > _MAX_SAMPLES * max_pixels:
        raise ValueError(f"its {len(names)} channels are too many for its size; save fewer")
    layout = next((one for one in _LAYOUTS if set(one) <= set(names)), None)
    if layout is None or _CHROMA in names or "deep" in str(header["type"]):
        raise ValueError(
            f"it has the channels {', '.join(names) or 'none'}; save it with R, G, B, or Y"
        )
    file = _open(data)
    if not file.parts:
        raise ValueError("its pixels are damaged or cut off")
    planes = [file.channels()[name].pixels.astype(np.float32) for name in layout]
    samples = _to_samples(np.stack(planes, axis=2), header.get("chromaticities"))
    picture = Image.fromarray(samples[:, :, 0] if len(layout) == 1 else samples)
    canvas = Image.new(picture.mode, _size(shown))
    canvas.paste(picture, tuple(stored[0] - shown[0]))
    return canvas


def _open(data: bytes, *, header_only: bool = False) -> Any:
    # A single thread, as all decoding here.
    return OpenEXR.File(
        io.BytesIO(data), separate_channels=True, header_only=header_only, num_threads=0
    )


def _size(window: Any) -> tuple[int, int]:
    """Return width and height of a window, which includes its last row and column."""
    (left, top), (right, bottom) = window
    return int(right) - int(left) + 1, int(bottom) - int(top) + 1


def _to_samples(linear: Float32[np.ndarray, "H W C"], primaries: Any) -> UInt8[np.ndarray, "H W C"]:
    """Return sRGB with straight alpha for premultiplied linear light.

    Args:
        linear: Grey or RGB, or either with alpha.
        primaries: x and y of red, green, blue and white; None: those of sRGB.
    """
    linear = np.nan_to_num(linear, nan=0, posinf=1, neginf=0)
    channels = linear.shape[2]
    colors, alpha = linear, None
    if channels in (2, 4):
        colors, alpha = linear[:, :, :-1], linear[:, :, -1:].clip(0, 1)
        colors = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0)
    if primaries is not None and colors.shape[2] == 3:
        points = np.asarray(primaries, np.float64).ravel()
        # White last here, first there.
        matrix = matrix_to_srgb(np.roll(points, 2))
        if not np.allclose(np.roll(points, 2), SRGB_PRIMARIES, atol=1e-3):
            colors = colors @ matrix.T.astype(np.float32)
    levels = encode_srgb(colors)
    if alpha is None:
        return levels
    return np.concatenate((levels, np.rint(alpha * 255).astype(np.uint8)), axis=2)
