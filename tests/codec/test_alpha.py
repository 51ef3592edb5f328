"""Alpha as an artist sees it, in every format that has one."""

import io
import struct

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from lineart.codec import decode_cel, decode_color, decode_line
from tests.icc import gray_profile

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (9, 7, 4), dtype=np.uint8)
RGBA[0, 0, 3], RGBA[0, 1, 3] = 0, 255
GRAY_ALPHA = np.ascontiguousarray(RGBA[:, :, [0, 3]])
GRAY_HINT = RGBA[:, :, [0, 0, 0, 3]]
INK = np.zeros((9, 7, 4), np.uint8)
INK[4, 1:6, 3] = 255
"""Black lines on transparent black, as a cel is stored."""
INK_ON_WHITE = 255 - INK[:, :, 3]


def tiff(samples: np.ndarray, extra: object, **options: object) -> bytes:
    """Return a TIFF with a meaning of its last channel."""
    sink = io.BytesIO()
    photometric = "rgb" if samples.shape[2] >= 4 else "minisblack"
    options = {"photometric": photometric, "extrasamples": extra, **options}
    tifffile.imwrite(sink, samples, **options)
    return sink.getvalue()


def premultiply(samples: np.ndarray) -> np.ndarray:
    """Multiply colours by alpha, rounded."""
    top = np.iinfo(samples.dtype).max
    alpha = samples[..., -1:].astype(np.float64) / top
    return np.rint(np.concatenate((samples[..., :-1] * alpha, alpha * top), axis=2)).astype(
        samples.dtype
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_deep", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_fourth_channel_of_a_tiff(order: str, is_deep: bool, compression: str | None) -> None:
    """Unspecified or straight, the last channel is alpha; premultiplied colours are divided."""
    for samples, hint in ((RGBA, RGBA), (GRAY_ALPHA, GRAY_HINT)):
        stored = samples.astype(np.uint16) * 257 if is_deep else samples
        options = {"byteorder": order, "compression": compression}
        if order == "<" and not (is_deep and samples is GRAY_ALPHA):
            assert_array_equal(decode_cel(tiff(stored, ["unspecified"], bigtiff=True)), hint)
        for extra in ("unspecified", "unassalpha"):
            assert_array_equal(decode_cel(tiff(stored, [extra], **options)), hint, err_msg=extra)
        found = decode_cel(tiff(premultiply(stored), ["assocalpha"], **options)).astype(int)
        # Colours under little alpha were rounded before, those of 16 bits to 8 bits.
        tolerance = 1 + (300 if is_deep else 128) / np.maximum(hint[..., 3:], 1)
        seen = hint[..., 3] > 0
        assert (np.abs(found - hint)[seen] <= tolerance[seen]).all()
        assert_array_equal(found[..., 3], hint[..., 3])


def test_gray_alpha_of_16_bits_is_turned_and_has_its_profile() -> None:
    """As in all other TIFFs, orientation and ICC profile count, and empty alpha is none."""
    stored, profile = GRAY_ALPHA.astype(np.uint16) * 257, gray_profile(1.0)
    for turned, orientation in (
        (stored[::-1, ::-1], 3),
        (stored[:, ::-1], 2),
        (np.rot90(stored), 6),
    ):
        tags = [(274, "H", 1, orientation, True)]
        data = tiff(np.ascontiguousarray(turned), ["unassalpha"], extratags=tags)
        assert_array_equal(decode_cel(data), GRAY_HINT, err_msg=str(orientation))
    found = decode_cel(tiff(stored, ["unassalpha"], iccprofile=profile))
    of_8_bits = decode_cel(tiff(GRAY_ALPHA, ["unassalpha"], iccprofile=profile))
    assert (of_8_bits[..., 0] > GRAY_HINT[..., 0]).mean() > 0.9
    assert_array_equal(found, of_8_bits)
    stored[..., 1] = 0
    assert (decode_cel(tiff(stored, ["unspecified"]))[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tile": (16, 16)}, "in tiles; save it in strips"),
        ({"tile": (16, 16), "compression": "zlib"}, "in tiles; save it in strips"),
        ({"bigtiff": True}, "is a BigTIFF .*; save it as TIFF"),
    ],
)
def test_kinds_of_gray_alpha_of_16_bits_that_are_refused(
    options: dict[str, object], why: str
) -> None:
    """FFmpeg would return an empty picture of tiles."""
    with pytest.raises(ValueError, match=why):
        decode_cel(tiff(GRAY_ALPHA.astype(np.uint16), ["unassalpha"], **options))


@pytest.mark.parametrize("is_deep", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("samples", "photometric", "planes", "kind"),
    [
        (GRAY_ALPHA, "minisblack", "separate", r"2 channels of \d+ bits \(grey, each apart\)"),
        (GRAY_ALPHA, "miniswhite", "contig", r"2 channels of \d+ bits \(grey, white is zero\)"),
        (
            RGBA[..., [0, 1, 2, 3, 3]],
            "rgb",
            "separate",
            r"5 channels of \d+ bits \(RGB, each apart",
        ),
        (RGBA[..., [0, 1, 2, 3, 3]], "separated", "contig", r"5 channels of \d+ bits \(CMYK\)"),
    ],
)
def test_channels_that_are_refused(
    is_deep: bool,
    compression: str | None,
    samples: np.ndarray,
    photometric: str,
    planes: str,
    kind: str,
) -> None:
    """What Pillow does not read, or reads as an empty picture, is named, with a way out."""
    stored = samples.astype(np.uint16) * 257 if is_deep else samples
    if planes == "separate":
        stored = np.ascontiguousarray(np.moveaxis(stored, 2, 0))
    extra = ["unassalpha", "unspecified"][: 2 if photometric == "rgb" else 1]
    sink = io.BytesIO()
    options = {"photometric": photometric, "planarconfig": planes, "compression": compression}
    tifffile.imwrite(sink, stored, extrasamples=extra, **options)
    with pytest.raises(ValueError, match=f"its {kind}.* cannot be read; save it as grey, RGB or"):
        decode_cel(sink.getvalue())


@pytest.mark.parametrize("channels", [3, 4])
def test_channels_of_16_bits_apart_are_refused(channels: int) -> None:
    """Their layout is named, not their depth; with 8 bits they are read."""
    planes = np.ascontiguousarray(np.moveaxis(RGBA[..., :channels], 2, 0))
    options = {"photometric": "rgb", "planarconfig": "separate"}
    shallow, deep = io.BytesIO(), io.BytesIO()
    tifffile.imwrite(shallow, planes, **options)
    tifffile.imwrite(deep, planes.astype(np.uint16) * 257, **options)
    assert_array_equal(decode_cel(shallow.getvalue())[..., :channels], RGBA[..., :channels])
    said = rf"its {channels} channels of 16 bits \(RGB, each apart\) .* with interleaved channels "
    with pytest.raises(ValueError, match=said):
        decode_cel(deep.getvalue())


def test_big_endian_bigtiff_is_refused() -> None:
    """Pillow does not read it; a sentence says so."""
    with pytest.raises(ValueError, match="big-endian BigTIFF"):
        decode_cel(tiff(RGBA, ["unassalpha"], bigtiff=True, byteorder=">"))


def test_further_channels_of_a_tiff() -> None:
    """Of several further channels the first is alpha; without a word, the fourth is."""
    mask = RNG.integers(0, 256, (9, 7, 1), dtype=np.uint8)
    five = np.concatenate((RGBA, mask), axis=2)
    for extra in (["unspecified"] * 2, ["unassalpha", "unspecified"]):
        assert_array_equal(decode_cel(tiff(five, extra)), RGBA)
    data = tiff(RGBA, ["unassalpha"])
    entry = data.index(struct.pack("<HH", 338, 3))
    assert_array_equal(decode_cel(data[:entry] + b"\xff\xff" + data[entry + 2 :]), RGBA)


def test_lines_on_transparency() -> None:
    """Black lines on transparent black are lines on white paper, not a black page."""
    for data in (tiff(INK, ["unspecified"]), tga(INK, attribute_bits=0), tga(INK), bmp(INK)):
        assert_array_equal(decode_line(data), INK_ON_WHITE)


def tga(samples: np.ndarray, *, attribute_bits: int = 8, kind: int | None = None) -> bytes:
    """Return a TGA of 32 bits, with the kind of alpha in an extension area."""
    height, width = samples.shape[:2]
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 32, attribute_bits)
    data = header + np.ascontiguousarray(samples[::-1, :, [2, 1, 0, 3]]).tobytes()
    if kind is None:
        return data
    extension = struct.pack("<H", 495) + bytes(492) + bytes([kind])
    return data + extension + struct.pack("<II", len(data), 0) + b"TRUEVISION-XFILE.\0"


def bmp(samples: np.ndarray) -> bytes:
    """Return a BMP of 32 bits with a mask for alpha."""
    height, width = samples.shape[:2]
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, 0, 0, 0, 0, 0)
    header += masks + bytes(108 - 56)
    pixels = np.ascontiguousarray(samples[::-1, :, [2, 1, 0, 3]]).tobytes()
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


EMPTY = np.dstack((RGBA[..., :3], np.zeros((9, 7), np.uint8)))


@pytest.mark.parametrize("write", [tga, bmp, lambda samples: tiff(samples, ["unspecified"])])
def test_alpha_that_is_zero_everywhere(write: object) -> None:
    """It was never written: the picture is opaque, unless its colours are 0, too: an empty cel."""
    assert callable(write)
    assert_array_equal(decode_color(write(EMPTY)), EMPTY[..., :3])
    assert (decode_color(write(np.zeros_like(EMPTY))) == 255).all()


def test_formats_that_say_what_is_alpha() -> None:
    """A clear picture of a format that names its alpha stays clear."""
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        sink = io.BytesIO()
        Image.fromarray(EMPTY).save(sink, kind, **options)
        assert_array_equal(decode_cel(sink.getvalue()), EMPTY, err_msg=kind)


@pytest.mark.parametrize("attribute_bits", [0, 8])
def test_kinds_of_alpha_of_a_tga(attribute_bits: int) -> None:
    """Alpha counts as the extension area says; without, as in OpenToonz, whatever its bits."""
    assert_array_equal(decode_cel(tga(RGBA, attribute_bits=attribute_bits)), RGBA)
    assert_array_equal(decode_cel(tga(RGBA, attribute_bits=attribute_bits, kind=3)), RGBA)
    for kind in (0, 1, 2):
        data = tga(RGBA, attribute_bits=attribute_bits, kind=kind)
        assert_array_equal(decode_color(data), RGBA[..., :3])
    divided = decode_cel(tga(premultiply(RGBA), attribute_bits=attribute_bits, kind=4))
    solid = RGBA[..., 3] > 127
    assert_allclose(divided[solid], RGBA[solid], atol=2)


@pytest.mark.parametrize("bit", [0, 0x8000])
def test_tga_of_16_bits_is_opaque(bit: int) -> None:
    """The single bit beside 15 bits of colour is no alpha."""
    values = RNG.integers(0, 2**15, (4, 6), dtype=np.uint16)
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 6, 4, 16, 0x20)
    colors = np.stack([(values >> shift & 31) for shift in (10, 5, 0)], axis=2)
    data = header + (values | np.uint16(bit)).astype("<u2").tobytes()
    assert_allclose(decode_color(data), colors * (255 / 31), atol=1)


@pytest.mark.parametrize("alpha", [0, 255, 90])
def test_tga_with_a_palette_of_32_bits(alpha: int) -> None:
    """Alpha of a palette counts, unless it is 0 everywhere."""
    palette = np.array([[10, 20, 30, 255], [40, 50, 60, alpha]], np.uint8)
    if not alpha:
        palette[:, 3] = 0
    header = struct.pack("<BBBHHBHHHHBB", 0, 1, 1, 0, 2, 32, 0, 0, 3, 2, 8, 0x20)
    values = np.array([[0, 1, 0], [1, 1, 0]], np.uint8)
    data = header + np.ascontiguousarray(palette[:, [2, 1, 0, 3]]).tobytes() + values.tobytes()
    if alpha in (0, 255):
        assert_array_equal(decode_color(data), palette[values][..., :3])
    else:
        assert_array_equal(decode_cel(data), palette[values])


def test_tga_of_one_pixel() -> None:
    """A file that is shorter than the footer of version 2 is read."""
    pixel = np.array([[[1, 2, 3, 200]]], np.uint8)
    assert_array_equal(decode_cel(tga(pixel)), pixel)
