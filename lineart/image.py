"""Image array types with their value ranges; hashing, resizing and padding.

All arrays are NumPy. Tensor types are in `lineart.models.layers`, so that processes without a
network never import torch.
"""

import hashlib

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

Frame = UInt8[np.ndarray, "H W 3"]
"""Colour picture: sRGB, 0..255, as in the PNG."""

Picture = UInt8[np.ndarray, "H W *C"]
"""Picture of any kind: grey, RGB, or RGBA of straight alpha, 0..255."""

Color = tuple[int, int, int]
"""One sRGB colour, 0..255."""

Line = UInt8[np.ndarray, "H W"]
"""Line drawing: 0 = ink, 255 = paper."""

Hint = UInt8[np.ndarray, "H W 4"]
"""Colour hints: sRGB and alpha, 0..255; alpha 255 = hint of this colour, 0 = no hint."""

Mask = Bool[np.ndarray, "H W"]
"""Whether something holds at each pixel."""

Labels = UInt8[np.ndarray, "H W"]
"""Region labels: class number of each pixel; 255 = unknown."""

Depth = Float32[np.ndarray, "H W"]
"""Relative depth: 0 = farthest, 1 = nearest; NaN = unknown."""

Size = tuple[int, int]
"""Height and width in pixels, as in `array.shape[:2]`."""


def check_picture(picture: np.ndarray, what: str, *channels: int) -> None:
    """Check an argument of a public function.

    Args:
        picture: The argument.
        what: What it should be, for the error.
        channels: Numbers of channels that it may have; 1 stands for H x W.

    Raises:
        ValueError: it is no uint8 array of such a shape, or is empty.
    """
    found = 1 if picture.ndim == 2 else picture.shape[2] if picture.ndim == 3 else 0
    if picture.dtype != np.uint8 or found not in channels or not picture.size:
        shapes = " or ".join("H x W" if one == 1 else f"H x W x {one}" for one in channels)
        raise ValueError(
            f"{what} is an array of {picture.dtype}, {' x '.join(map(str, picture.shape))}; it "
            f"must be uint8, 0 to 255, {shapes}"
        )


def hash_pixels(picture: UInt8[np.ndarray, "H W *C"]) -> str:
    """Return the SHA-256 hash of a picture's size and pixels, in hexadecimal."""
    height, width = picture.shape[:2]
    pixels = hashlib.sha256(f"{height}x{width}:".encode())
    pixels.update(np.ascontiguousarray(picture).data)
    return pixels.hexdigest()


def fit_short_side(size: Size, short_side_px: int) -> Size:
    """Return the size with the short side `short_side_px` and the same aspect ratio.

    Raises:
        ValueError: `short_side_px` or a side of `size` is not positive.
    """
    height, width = size
    if short_side_px < 1 or min(size) < 1:
        raise ValueError(f"sizes must be positive, got size={size}, short_side_px={short_side_px}")
    scale = short_side_px / min(size)
    return max(1, round(height * scale)), max(1, round(width * scale))


def limit_long_side(size: Size, long_side_px: int) -> Size:
    """Return the size, or if a side is longer, one of this longest side and the same aspect."""
    scale = min(1.0, long_side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(image: UInt8[np.ndarray, "H W *C"], size: Size) -> UInt8[np.ndarray, "NewH NewW *C"]:
    """Resize to `size`: area interpolation to fewer pixels, else bicubic."""
    height, width = size
    if image.shape[:2] == size:
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized: UInt8[np.ndarray, "NewH NewW *C"]
    resized = cv2.resize(image, (width, height), interpolation=interpolation)
    return resized


def pad_to_multiple(
    image: UInt8[np.ndarray, "H W *C"], multiple: int
) -> UInt8[np.ndarray, "PH PW *C"]:
    """Pad with white at the bottom and right until both sides are multiples of `multiple`."""
    height, width = image.shape[:2]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return image
    widths = ((0, below), (0, right)) + ((0, 0),) * (image.ndim - 2)
    return np.pad(image, widths, constant_values=255)


def pack_colors(colors: UInt8[np.ndarray, "*N 3"]) -> Int64[np.ndarray, "*N"]:
    """Return colours as numbers of 24 bits, red first."""
    packed: Int64[np.ndarray, "*N"] = colors.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return packed


def unpack_colors(packed: Int64[np.ndarray, "*N"]) -> UInt8[np.ndarray, "*N 3"]:
    """Return the colours of numbers as `pack_colors` returns them; higher bits do not count."""
    return np.stack((packed >> 16 & 255, packed >> 8 & 255, packed & 255), axis=-1).astype(np.uint8)


def to_hex(color: UInt8[np.ndarray, " 3"] | tuple[int, int, int]) -> str:
    """Return a colour, as three levels, as `#rrggbb`."""
    return f"#{bytes(color).hex()}"


def is_gray(picture: UInt8[np.ndarray, "H W C"]) -> bool:
    """Return whether the first three channels of each pixel are equal."""
    red, green, blue = cv2.split(picture)[:3]
    return not cv2.norm(red, green, cv2.NORM_INF) and not cv2.norm(green, blue, cv2.NORM_INF)


def darkest_channel(picture: Line | Frame) -> Line:
    """Return the lowest channel of each pixel; a grey picture is returned unchanged."""
    if picture.ndim == 2:
        return picture
    red, green, blue = cv2.split(picture)
    darkest: Line = cv2.min(cv2.min(red, green), blue)
    return darkest


def brightest_channel(picture: Line | Frame) -> Line:
    """Return the highest channel of each pixel; a grey picture is returned unchanged."""
    if picture.ndim == 2:
        return picture
    red, green, blue = cv2.split(picture)
    brightest: Line = cv2.max(cv2.max(red, green), blue)
    return brightest


def to_gray(picture: Line | Frame) -> Line:
    """Return the luminance of a colour picture; a grey one is returned unchanged."""
    if picture.ndim == 2:
        return picture
    gray: Line = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return gray


def to_rgb(picture: Line | Frame) -> Frame:
    """Return a grey picture with three equal channels; a colour one is returned unchanged."""
    if picture.ndim == 3:
        return picture
    color: Frame = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    return color
