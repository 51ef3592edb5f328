"""Colours of pictures with profiles are brought to sRGB; those without are kept to the bit."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from psd_tools import PSDImage
from psd_tools.constants import Resource
from psd_tools.psd.image_resources import ImageResource

from lineart.codec import PictureWarning, decode_cel, decode_color, decode_line, encode_png
from lineart.codec.writing.encode import srgb_profile
from tests.fuzzing import write_part
from tests.icc import ADOBE, D50, P3, SRGB, cmyk_profile, gray_profile, rgb_profile

RNG = np.random.default_rng(0)
RGB = RNG.integers(60, 200, (21, 13, 3), dtype=np.uint8)
RGBA = np.dstack((RGB, RNG.integers(0, 256, (21, 13), dtype=np.uint8)))
GRAY = RNG.integers(0, 256, (21, 13), dtype=np.uint8)

SRGB_GAMMA = 1 / 2.2


def to_levels(linear: np.ndarray) -> np.ndarray:
    """Encode linear light as sRGB, in float: the formula."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_linear(levels: np.ndarray) -> np.ndarray:
    """Decode sRGB, in float: the formula."""
    levels = levels / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def from_p3(colors: np.ndarray) -> np.ndarray:
    """Return Display P3 as sRGB, by matrices."""
    return to_levels(to_linear(colors) @ np.array(P3) @ np.linalg.inv(SRGB))


def from_adobe(colors: np.ndarray) -> np.ndarray:
    """Return Adobe RGB as sRGB, by matrices."""
    return to_levels((colors / 255) ** (563 / 256) @ np.array(ADOBE) @ np.linalg.inv(SRGB))


P3_PROFILE = rgb_profile(P3, None)
ADOBE_PROFILE = rgb_profile(ADOBE, 563 / 256)
CASES = {"P3": (P3_PROFILE, from_p3), "Adobe RGB": (ADOBE_PROFILE, from_adobe)}


def save(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """Let Pillow write a picture."""
    sink = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(sink, kind, **options)
    return sink.getvalue()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_profiles_of_displays(kind: str, case: str) -> None:
    """Wide colours are those of sRGB to a level; alpha is kept to the bit; so in small strips."""
    profile, formula = CASES[case]
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    hint = decode_cel(save(RGBA, kind, icc_profile=profile, **options))
    assert_allclose(hint[..., :3], formula(RGBA[..., :3]), atol=1)
    assert_array_equal(hint[..., 3], RGBA[..., 3])
    assert_allclose(
        decode_color(save(RGB, kind, icc_profile=profile, **options)), formula(RGB), atol=1
    )


def test_profile_of_a_jpeg() -> None:
    """The profile of a JPEG counts; one in many segments, too."""
    smooth = np.full((32, 32, 3), (180, 90, 60), np.uint8)
    for profile in (P3_PROFILE, P3_PROFILE + bytes(200_000)):
        data = save(smooth, "JPEG", quality=98, icc_profile=profile)
        assert_allclose(decode_color(data), from_p3(smooth), atol=2)


def test_profile_of_a_psd() -> None:
    """The profile of a document counts for its merged picture."""
    document = PSDImage.frompil(Image.fromarray(RGB))
    resource = ImageResource(key=Resource.ICC_PROFILE, data=P3_PROFILE)
    document.image_resources[Resource.ICC_PROFILE] = resource
    sink = io.BytesIO()
    document.save(sink)
    assert_allclose(decode_color(sink.getvalue()), from_p3(RGB), atol=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("profile", [srgb_profile(), rgb_profile(SRGB, None)])
def test_srgb_is_kept_to_the_bit(kind: str, profile: bytes) -> None:
    """A profile of sRGB, ours or another, changes no value."""
    options = {"lossless": True} if kind == "WEBP" else {}
    assert_array_equal(decode_color(save(RGB, kind, icc_profile=profile, **options)), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_profile_of_grey(dtype: type[np.generic]) -> None:
    """Grey of another gamma is brought to sRGB, at 8 and 16 bits; paper stays white."""
    values = GRAY.copy()
    values[0] = 255
    stored = values if dtype is np.uint8 else values.astype(np.uint16) * 257
    data = save(stored, "TIFF", icc_profile=gray_profile(1.0))
    line = decode_line(data)
    assert_allclose(line, to_levels(values / 255), atol=1)
    assert (line[0] == 255).all()
    assert_array_equal(decode_line(save(values, "PNG", icc_profile=b"")), values)


def test_palette_with_a_profile() -> None:
    """Colours of a palette are brought to sRGB; its clear entries stay clear."""
    palette = Image.fromarray(RGB).quantize(16)
    colors = np.asarray(palette.convert("RGB"))
    hint = decode_cel(save(palette, "PNG", icc_profile=P3_PROFILE, transparency=bytes([0, 255])))
    assert_allclose(hint[..., :3], from_p3(colors), atol=1)
    assert_array_equal(hint[..., 3] == 0, np.asarray(palette) == 0)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_with_a_profile(kind: str) -> None:
    """Inks are the colours that the press profile gives them; without, each ink takes its share."""
    inks = Image.new("CMYK", (16, 16))
    inks.paste((255, 0, 0, 0), (0, 8, 16, 16))
    profile = cmyk_profile((55, -37, -50))
    color = decode_color(save(inks, kind, icc_profile=profile, quality=95))
    assert_allclose(color[:4], 255, atol=1)
    assert_allclose(color[12:], np.broadcast_to(from_lab(55, -37, -50), (4, 16, 3)), atol=3)
    plain = decode_color(save(inks, kind, quality=95))
    assert_allclose(plain[12:], np.broadcast_to((0, 255, 255), (4, 16, 3)), atol=3)


def from_lab(lightness: float, a: float, b: float) -> np.ndarray:
    """Return a Lab colour as sRGB, by the formula of CIE 1976."""
    y = (lightness + 16) / 116
    roots = np.array((y + a / 500, y, y - b / 200))
    xyz = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * D50
    return np.rint(to_levels(xyz @ np.linalg.inv(SRGB)))


def test_lab_of_a_tiff() -> None:
    """Lab colours become sRGB."""
    lab = Image.new("LAB", (4, 4), (140, 148, 148))
    expected = from_lab(140 / 2.55, 20, 20)
    assert_allclose(decode_color(save(lab, "TIFF"))[0, 0], expected, atol=2)


# Gamma and primaries of a PNG.


def png_with(*parts: tuple[bytes, bytes], image: np.ndarray = RGB) -> bytes:
    """Return a PNG without our tag of sRGB, with other chunks before its pixels."""
    plain = save(image, "PNG")
    return plain[:33] + b"".join(write_part(*part) for part in parts) + plain[33:]


def gama(gamma: float) -> tuple[bytes, bytes]:
    """Return a chunk gAMA."""
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(*points: float) -> tuple[bytes, bytes]:
    """Return a chunk cHRM."""
    return b"cHRM", struct.pack(">8I", *(round(point * 100_000) for point in points))


SRGB_POINTS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_POINTS = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
D50_POINTS = (0.3457, 0.3585, *SRGB_POINTS[2:])
LINEAR: Callable[[np.ndarray], np.ndarray] = lambda colors: to_levels(colors / 255)  # noqa: E731
CHUNKS = {
    "linear": ([gama(1.0)], LINEAR),
    "linear, P3 profile": ([gama(1.0), (b"iCCP", b"x\0\0" + zlib.compress(P3_PROFILE))], from_p3),
    "P3": ([gama(SRGB_GAMMA), chrm(*P3_POINTS)], from_p3),
    "P3 by code": ([(b"cICP", bytes((12, 13, 0, 1)))], from_p3),
    "sRGB": ([gama(SRGB_GAMMA), chrm(*SRGB_POINTS)], None),
    "tagged as sRGB": ([gama(1.0), (b"sRGB", b"\0")], None),
    "gamma of nothing": ([gama(0)], None),
    "primaries of nothing": ([chrm(*[0.0] * 8)], None),
}  # fmt: skip


@pytest.mark.parametrize("name", CHUNKS)
def test_gamma_and_primaries(name: str) -> None:
    """Where no profile is, gAMA and cHRM count; those of sRGB, and impossible ones, do nothing."""
    parts, formula = CHUNKS[name]
    color = decode_color(png_with(*parts))
    if formula is None:
        assert_array_equal(color, RGB)
    else:
        assert_allclose(color, formula(RGB), atol=1)
    assert_array_equal(decode_cel(png_with(*parts, image=RGBA))[..., 3], RGBA[..., 3])


def test_white_stays_white() -> None:
    """Whatever the white point, paper is white."""
    white = np.full((3, 3, 3), 255, np.uint8)
    assert_array_equal(decode_color(png_with(chrm(*D50_POINTS), image=white)), white)


# Profiles that cannot be used.


def damaged() -> bytes:
    """Return a profile whose tags are gone."""
    return P3_PROFILE[:128] + bytes(len(P3_PROFILE) - 128)


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (damaged(), "cannot be used"),
        (b"no profile", "cannot be used"),
        (gray_profile(1.0), "a profile for GRAY colours"),
        (cmyk_profile((50, 0, 0)), "a profile for CMYK colours"),
        (P3_PROFILE + bytes(5 << 20), "are the most"),
    ],
)
def test_profiles_that_cannot_be_used(profile: bytes, why: str) -> None:
    """The picture is read as if it had no profile, with a warning that says so."""
    data = png_with((b"iCCP", b"x\0\0" + zlib.compress(profile)))
    with pytest.warns(PictureWarning, match=why):
        assert_array_equal(decode_color(data), RGB)
    with pytest.warns(PictureWarning, match=why):
        assert_array_equal(decode_color(save(RGB, "TIFF", icc_profile=profile)), RGB)


def test_our_own_pictures_raise_no_warning() -> None:
    """What the encoder writes is read to the bit, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_array_equal(decode_color(encode_png(RGB)), RGB)
