"""DPX files of film scanners and compositing programs."""

import struct
import warnings

import numpy as np
from jaxtyping import UInt, UInt8
from PIL import Image

from lineart.codec.errors import PictureWarning
from lineart.codec.formats.ffmpeg import decode_frame
from lineart.codec.limits import check_size

_SIZE_AT, _TRANSFER_AT, _DEPTH_AT = 772, 801, 803
_HEADER_BYTES = 1664
_LOGARITHMIC = (1, 3)
"""Transfer characteristics: printing density, logarithmic."""


def read_dpx(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a DPX of grey, RGB or RGBA with 8 to 16 bits, rounded to 8 bits.

    Logarithmic values of film are taken as they are, with a `PictureWarning`.

    Raises:
        ValueError: it is damaged, cut off, too large, or holds other samples.
        struct.error: it is cut off in its header.

    Source:
        SMPTE 268M-2003.
    """
    order = ">" if data.startswith(b"SDPX") else "<"
    size = struct.unpack_from(f"{order}II", data, _SIZE_AT)
    check_size(size, max_pixels)
    if len(data) < _HEADER_BYTES:
        raise ValueError("the file is cut off")
    if data[_TRANSFER_AT] in _LOGARITHMIC:
        warnings.warn(
            "its values are logarithmic, as film scanners store them, and are shown as they are; "
            "convert it to sRGB",
            PictureWarning,
            stacklevel=2,
        )
    frame = decode_frame(data, "dpx")
    name = frame.format.name
    if not name.startswith(("gray", "rgb", "gbr", "abgr", "argb")):
        raise ValueError(f"it has samples of the kind {name}; save it as RGB")
    values = frame.to_ndarray()
    if name == "abgr":
        values = values[:, :, ::-1]
    elif name == "argb":
        values = np.roll(values, -1, axis=2)
    return Image.fromarray(_to_8_bits(values, data[_DEPTH_AT]))


def _to_8_bits(values: UInt[np.ndarray, "H W *C"], depth: int) -> UInt8[np.ndarray, "H W *C"]:
    """Return samples of 8 to 16 bits, rounded to 8 bits."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    top = 2**depth - 1
    rounded: UInt8[np.ndarray, "H W *C"]
    rounded = ((values.astype(np.uint32) * 255 + top // 2) // top).clip(0, 255).astype(np.uint8)
    return rounded
