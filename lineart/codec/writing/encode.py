"""Picture files of every format that is written, tagged as sRGB: PNG, TGA, TIFF and WebP."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageCms

from lineart.codec.writing.png import Dpi, deflate, encode_png
from lineart.image import Picture

FormatName = Literal["png", "tga", "tiff", "webp"]
Bits = Literal[8, 16]


@dataclass(frozen=True)
class FileFormat:
    """Format of the picture files of a run.

    Raises:
        ValueError: the format has no such number of bits.
    """

    name: FormatName = "png"
    bits: Bits = 8
    """Bits per channel; with 16, a level is 257 times as high."""

    def __post_init__(self) -> None:
        if self.bits == 16 and self.name not in ("png", "tiff"):
            raise ValueError(
                f"--bits 16: {self.name} files have 8 bits a channel; choose png or tiff"
            )

    @property
    def suffix(self) -> str:
        """Suffix of the files, with its dot."""
        return ".tif" if self.name == "tiff" else f".{self.name}"

    @property
    def settings(self) -> dict[str, int]:
        """What its name and suffix do not say about a file."""
        return {} if self.bits == 8 else {"bits": self.bits}

    def encode(self, picture: Picture, dpi: Dpi | None = None) -> bytes:
        """Encode a picture.

        Args:
            picture: Grey, RGB or RGBA.
            dpi: Resolution that is noted in the file; TGA has no place for it.

        Raises:
            ValueError: the array is no picture, or is too large for the format.
        """
        if self.name == "png":
            return encode_png(picture, bits=self.bits, dpi=dpi)
        if self.name == "tiff":
            return encode_tiff(picture, bits=self.bits, dpi=dpi)
        return encode_tga(picture) if self.name == "tga" else encode_webp(picture, dpi=dpi)


PNG = FileFormat()
"""Format that is written unless another is asked for."""


def encode_tga(picture: Picture) -> bytes:
    """Encode a picture as TGA: 8, 24 or 32 bits per pixel, rows from the bottom, run lengths.

    As PaintMan needs it, no packet goes on in the next row.

    Raises:
        ValueError: the array is no picture, or a side is longer than 65,535 pixels.
    """
    _check(picture, "TGA", 0xFFFF)
    return _save(picture, "TGA", compression="tga_rle")


def encode_tiff(picture: Picture, *, bits: int = 8, dpi: Dpi | None = None) -> bytes:
    """Encode a picture as TIFF, compressed with deflate and the predictor of differences.

    Colour pictures get an ICC profile of sRGB. Alpha is unassociated.

    Args:
        picture: Grey, RGB or RGBA.
        bits: Bits per channel: 8, or 16, in which a level is 257 times as high.
        dpi: Resolution that is noted in the file.

    Raises:
        ValueError: the array is no picture.
    """
    import tifffile  # Imported here: few runs need it.

    _check(picture, "TIFF", 2**31)
    levels: UInt8[np.ndarray, "H W *C"] | UInt16[np.ndarray, "H W *C"] = picture
    if bits == 16:
        levels = picture.astype(np.uint16) * np.uint16(257)
    differences = levels.copy()
    differences[:, 1:] -= levels[:, :-1]
    facts: dict[str, Any] = {"photometric": "minisblack"}
    if picture.ndim == 3:
        facts = {"photometric": "rgb", "iccprofile": srgb_profile(), "planarconfig": "contig"}
        facts["extrasamples"] = ["unassalpha"] * (picture.shape[2] - 3)
    if dpi is not None:
        facts |= {"resolution": dpi, "resolutionunit": "inch"}
    sink = io.BytesIO()
    # The strip is compressed here: ISA-L is six times as fast as zlib.
    tifffile.imwrite(
        sink,
        iter([deflate(differences)]),
        shape=levels.shape,
        dtype=levels.dtype,
        compression="adobe_deflate",
        predictor="horizontal",
        rowsperstrip=len(levels),
        metadata=None,
        software=False,
        **facts,
    )
    return sink.getvalue()


def encode_webp(picture: Picture, *, dpi: Dpi | None = None) -> bytes:
    """Encode a picture as lossless WebP with an ICC profile of sRGB; grey becomes RGB.

    Raises:
        ValueError: the array is no picture, or a side is longer than 16,383 pixels.
    """
    _check(picture, "WebP", 0x3FFF)
    exif = Image.Exif()
    if dpi is not None:
        exif.update({_X_RESOLUTION: dpi[0], _Y_RESOLUTION: dpi[1], _UNIT: _INCH})
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, np.newaxis], 3, axis=2)
    # Method 0 makes files 10 % larger than 1 in a fifth of the time.
    options = {"lossless": True, "quality": 0, "method": 0, "exact": True}
    return _save(picture, "WEBP", **options, icc_profile=srgb_profile(), exif=exif)


_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_INCH = 2
"""EXIF tags of the resolution and its unit, and the unit's number for pixels per inch."""


@cache
def srgb_profile() -> bytes:
    """Return the ICC profile of sRGB, the same bytes on each day."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CREATED] = (2000).to_bytes(2) + bytes((0, 1, 0, 1)) + bytes(6)
    return bytes(profile)


_CREATED: Final = slice(24, 36)
"""Place of the date in an ICC profile: six numbers of two bytes, year to second."""


def _save(picture: Picture, name: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, name, **options)
    return sink.getvalue()


def _check(picture: np.ndarray, name: str, most_px: int) -> None:
    """Raise unless `picture` is a picture whose sides the format can hold."""
    channels = picture.shape[2] if picture.ndim == 3 else 1
    is_picture = picture.ndim in (2, 3) and channels in (1, 3, 4) and picture.size > 0
    if picture.dtype != np.uint8 or not is_picture:
        raise ValueError(
            f"cannot write {picture.dtype} of shape {picture.shape} as {name}; "
            "give uint8 of shape H x W, H x W x 3 (RGB) or H x W x 4 (RGBA)"
        )
    height, width = picture.shape[:2]
    if max(height, width) > most_px:
        raise ValueError(
            f"{width}x{height} pixels are too long for {name}, {most_px} are the most; "
            "choose --output-format png or tiff"
        )
