"""Conversion of colours to sRGB, by an ICC profile or by the gamma and primaries of a PNG."""

import io
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8
from PIL import Image, ImageCms

from lineart.codec.errors import PictureWarning
from lineart.codec.limits import MAX_PROFILE_BYTES

Colors = UInt8[np.ndarray, "H W _"]
"""Colours without alpha, 0..255, of the channels of a picture: grey, RGB, CMYK or Lab."""

ToSrgb = Callable[[Colors], Colors]
"""Converts colours to sRGB: grey to grey, others to RGB."""

SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White point, red, green and blue of sRGB: x and y of each, in the order of PNG's cHRM."""
SRGB_GAMMA = 1 / 2.2
"""Gamma that PNG's gAMA gives for sRGB."""

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's modes -> the colour space that an ICC profile of them has."""
_GRAYS = np.arange(256, dtype=np.uint8).reshape(1, -1, 1)
_GAMMAS = 0.1, 2.0
"""Exponents of encodings that are plausible."""


def find_transform(image: Image.Image, mode: str) -> ToSrgb | None:
    """Return the conversion of a picture's colours to sRGB.

    Args:
        image: Loaded picture. `info` may hold an `icc_profile`, or `gamma` and `chromaticity`.
        mode: Pillow's mode of its colours without alpha: L, RGB, CMYK or LAB.

    Returns:
        The conversion, or None if the colours are sRGB, or are not described. For a profile that
        cannot be used a `PictureWarning` is issued, and the picture is taken as if it had none.
    """
    profile = image.info.get("icc_profile")
    if profile:
        try:
            return _by_profile(profile, mode)
        except (ImageCms.PyCMSError, OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"its colour profile cannot be used, so its colours are taken as sRGB: {error}",
                PictureWarning,
                stacklevel=2,
            )
    if mode == "LAB":
        return _open_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode)
    if mode not in ("L", "RGB") or profile or "srgb" in image.info:
        return None
    return _by_chunks(image.info, mode)


def _by_profile(profile: bytes, mode: str) -> ToSrgb | None:
    if len(profile) > MAX_PROFILE_BYTES:
        raise ValueError(f"it has {len(profile)} bytes and {MAX_PROFILE_BYTES} are the most")
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = opened.profile.xcolor_space.strip()
    if space != _SPACES[mode]:
        raise ValueError(f"it is a profile for {space} colours and they are {_SPACES[mode]}")
    transform = _open_transform(opened, mode)
    is_srgb = mode in ("L", "RGB") and _changes_nothing(transform, mode)
    return None if is_srgb else transform


def _open_transform(profile: Any, mode: str) -> ToSrgb:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC
    if mode == "L":
        # Else littleCMS interpolates dark levels from a few samples.
        flags |= ImageCms.Flags.NOOPTIMIZE
    transform = ImageCms.ImageCmsTransform(
        profile,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=flags,
    )
    convert = partial(_apply, transform, mode)
    return convert if mode != "L" else partial(_look_up, convert(_GRAYS).ravel())


def _apply(transform: Any, mode: str, colors: Colors) -> Colors:
    height, width = colors.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(colors).data)
    converted = np.asarray(transform.apply(image))
    return converted[:, :, 1:2] if mode == "L" else converted


def _changes_nothing(transform: ToSrgb, mode: str) -> bool:
    """Return whether no colour moves by more than one level: the profile is one of sRGB."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    before = _GRAYS
    if mode == "RGB":
        before = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    moved = np.abs(transform(before).astype(np.int16) - before)
    return bool(moved.max() <= 1)


# PNG's chunks gAMA and cHRM.


def _by_chunks(info: dict[Any, Any], mode: str) -> ToSrgb | None:
    gamma = float(info.get("gamma") or SRGB_GAMMA)
    primaries = info.get("chromaticity") or SRGB_PRIMARIES
    has_srgb_primaries = mode == "L" or np.allclose(primaries, SRGB_PRIMARIES, atol=1e-3)
    has_srgb_gamma = abs(gamma - SRGB_GAMMA) < 0.01
    if (has_srgb_primaries and has_srgb_gamma) or not _GAMMAS[0] < gamma < _GAMMAS[1]:
        return None
    levels = np.linspace(0, 1, 256)
    # gAMA is the exponent of the encoding. sRGB's own curve stands for 1 / 2.2.
    decoded = _from_srgb(levels) if has_srgb_gamma else levels ** (1 / gamma)
    if has_srgb_primaries:
        return partial(_look_up, encode_srgb(decoded))
    try:
        return partial(_multiply, decoded, matrix_to_srgb(primaries))
    except ValueError:
        return None


def _look_up(table: UInt8[np.ndarray, " 256"], colors: Colors) -> Colors:
    found: Colors = table[colors]
    return found


def _multiply(
    decoded: Float64[np.ndarray, " 256"], matrix: Float64[np.ndarray, "3 3"], colors: Colors
) -> Colors:
    linear = decoded.astype(np.float32)[colors] @ matrix.astype(np.float32).T
    return encode_srgb(linear)


def matrix_to_srgb(primaries: Any) -> Float64[np.ndarray, "3 3"]:
    """Return the 3 x 3 matrix of linear RGB with other primaries to that of sRGB.

    Args:
        primaries: White point, red, green and blue: x and y of each.

    Raises:
        ValueError: they are no triangle around a white point.
    """
    try:
        to_linear = np.linalg.inv(_to_adapted_xyz(SRGB_PRIMARIES))
        matrix: Float64[np.ndarray, "3 3"] = to_linear @ _to_adapted_xyz(primaries)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"its primaries {primaries} are no triangle") from error
    if not np.isfinite(matrix).all():
        raise ValueError(f"its primaries {primaries} are no triangle")
    return matrix


_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _to_adapted_xyz(primaries: Any) -> Float64[np.ndarray, "3 3"]:
    """Return the matrix of linear RGB to XYZ, adapted to white of XYZ (1, 1, 1).

    Source:
        Lindbloom, "Chromatic Adaptation" (Bradford).
    """
    points = np.asarray(primaries, np.float64).reshape(4, 2)
    with np.errstate(all="ignore"):
        xyz = np.column_stack((points, 1 - points.sum(axis=1))) / points[:, 1:]
    white, corners = xyz[0], xyz[1:].T
    cones = _BRADFORD.sum(axis=1) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    matrix: Float64[np.ndarray, "3 3"] = adapted @ (corners * np.linalg.solve(corners, white))
    return matrix


def _from_srgb(levels: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Decode sRGB, 0..1, to linear light (IEC 61966-2-1)."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def encode_srgb(linear: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Encode linear light as sRGB, 0..255; out-of-gamut values are clipped."""
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels: UInt8[np.ndarray, "*shape"] = np.rint(encoded * 255).astype(np.uint8)
    return levels
