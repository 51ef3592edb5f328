import io
import struct
import time
import warnings
import zlib

import cv2
import numpy as np
import pytest
from isal import isal_zlib
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageFile

from lineart.codec import decode_cel, decode_color, decode_drawing, decode_line, encode_png
from lineart.codec.colors import samples
from tests.fuzzing import check_round_trip, write_part

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (21, 13), dtype=np.uint8)
RGB = RNG.integers(0, 256, (21, 13, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (21, 13, 4), dtype=np.uint8)

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def pack_rows(samples: np.ndarray, depth: int) -> bytes:
    """Write samples of shape H x W x C as scan lines without a filter."""
    lines = []
    for row in samples.reshape(len(samples), -1):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        elif depth == 8:
            packed = row.astype(np.uint8).tobytes()
        else:
            bits = (row[:, np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
            packed = np.packbits(bits.astype(np.uint8)).tobytes()
        lines.append(b"\0" + packed)
    return b"".join(lines)


def write_png(
    samples: np.ndarray,
    depth: int,
    color_type: int,
    *,
    extra: bytes = b"",
    interlace: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Write a PNG of any kind, slowly: the oracle of the reader."""
    height, width = size or samples.shape[:2]
    samples = samples.reshape(*samples.shape[:2], CHANNELS[color_type])
    passes = [samples]
    if interlace:
        passes = [samples[::8, ::8], samples[::8, 4::8], samples[4::8, ::4], samples[::4, 2::4]]
        passes += [samples[2::4, ::2], samples[::2, 1::2], samples[1::2]]
    raw = b"".join(pack_rows(part, depth) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace)
    chunks = write_part(b"IHDR", header) + extra + write_part(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + chunks + write_part(b"IEND", b"")


def save(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """Let Pillow write a picture."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def on_white(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay on white, in float: the formula."""
    opacity = alpha[..., np.newaxis] / 255 if color.ndim == 3 else alpha / 255
    return np.rint(255 - (255 - color.astype(float)) * opacity)


# Writing. `test_fuzz.py` writes and reads pictures of every shape.

MANY_BLOCKS = RNG.integers(0, 256, (600, 800, 3), dtype=np.uint8)
MANY_BLOCKS[100:500] //= 64


@pytest.mark.parametrize("image", [RGB[:, ::-1], GRAY.T, RGB[::2], MANY_BLOCKS])
def test_any_layout_in_memory_is_encoded(image: np.ndarray) -> None:
    """Pillow, OpenCV and our decoder read exactly what was encoded, also in many deflate blocks."""
    check_round_trip(image)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (4, 4, 2)])
def test_arrays_that_are_no_picture_are_not_encoded(shape: tuple[int, ...]) -> None:
    """Empty arrays and other numbers of channels are refused."""
    with pytest.raises(ValueError, match="PNG"):
        encode_png(np.zeros(shape, np.uint8))


# Reading PNG.


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (21, 13)])
def test_gray_png_of_every_depth(depth: int, interlace: bool, size: tuple[int, int]) -> None:
    """Grey of 1 to 16 bits is scaled to 0..255, to the nearest; interlacing changes nothing."""
    top = 2**depth - 1
    values = RNG.integers(0, top + 1, size)
    line = decode_line(write_png(values, depth, 0, interlace=interlace))
    assert_array_equal(line, np.rint(values * (255 / top)))


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize(
    ("color_type", "depth"), [(2, 8), (2, 16), (6, 8), (6, 16), (4, 8), (4, 16)]
)
def test_color_png_of_every_depth(color_type: int, depth: int, interlace: bool) -> None:
    """RGB, RGBA and grey + alpha of 8 and 16 bits agree with the formula, 16 bits to one level."""
    top = 2**depth - 1
    values = RNG.integers(0, top + 1, (21, 13, CHANNELS[color_type]))
    data = write_png(values, depth, color_type, interlace=interlace)
    scaled = values * (255 / top)
    color, alpha = (
        (scaled, np.full((21, 13), 255.0))
        if color_type == 2
        else (scaled[..., :-1], scaled[..., -1])
    )
    expected = on_white(np.broadcast_to(color, (21, 13, 3)), alpha)
    assert_allclose(decode_color(data), expected, atol=0 if depth == 8 else 2)
    luminance = expected @ (0.299, 0.587, 0.114)
    assert_allclose(decode_line(data), luminance, atol=1.6 if depth == 8 else 3)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_png(depth: int) -> None:
    """Palettes of every depth give their colours; entries with alpha are laid on white."""
    colors = RNG.integers(0, 256, (2**depth, 3), dtype=np.uint8)
    alphas = RNG.integers(0, 256, 2**depth, dtype=np.uint8)
    values = RNG.integers(0, 2**depth, (21, 13))
    palette = write_part(b"PLTE", colors.tobytes())
    assert_array_equal(decode_color(write_png(values, depth, 3, extra=palette)), colors[values])
    clear = palette + write_part(b"tRNS", alphas.tobytes())
    data = write_png(values, depth, 3, extra=clear)
    assert_array_equal(decode_color(data), on_white(colors[values], alphas[values]))
    assert_array_equal(decode_cel(data), np.dstack((colors[values], alphas[values])))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_transparent_gray(depth: int) -> None:
    """The grey that a PNG declares transparent becomes paper, at every depth."""
    top = 2**depth - 1
    values = np.array([[0, top, 0], [top, 0, 1]])
    data = write_png(values, depth, 0, extra=write_part(b"tRNS", struct.pack(">H", 0)))
    assert_array_equal(decode_line(data) == 255, values != 1 if depth > 1 else np.ones((2, 3)))
    assert_array_equal(decode_cel(data)[:, :, 3], np.where(values == 0, 0, 255))


@pytest.mark.parametrize("depth", [8, 16])
def test_transparent_color(depth: int) -> None:
    """The RGB colour that a PNG declares transparent is no hint; all others are."""
    key = np.array([1, 2, 3]) * (257 if depth == 16 else 1)
    values = np.array([[key, key[::-1]], [key[::-1], key]])
    data = write_png(values, depth, 2, extra=write_part(b"tRNS", struct.pack(">3H", *key)))
    assert_array_equal(decode_cel(data)[:, :, 3], [[0, 255], [255, 0]])


def test_black_lines_on_transparency() -> None:
    """Line art on transparency is laid on white, whatever colour hides below."""
    art = np.zeros((4, 6, 4), np.uint8)
    art[1, :, 3] = [0, 64, 128, 192, 254, 255]
    line = decode_line(save(art, "PNG"))
    assert_array_equal(line[1], [255, 191, 127, 63, 1, 0])
    assert (line[[0, 2, 3]] == 255).all()


def test_gray_png_is_exact_as_opencv_reads_it() -> None:
    """Every filter that encoders choose is undone: the pixels are those that OpenCV reads."""
    y, x = np.mgrid[:180, :240]
    image = ((x * y // 7 + 3 * x) % 256).astype(np.uint8)
    image[40:90] = np.minimum(x[40:90], 255)
    data = save(image, "PNG", optimize=True)
    assert_array_equal(
        decode_line(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    )


def test_first_frame_of_an_animation() -> None:
    """Of animated PNG, WebP and many-paged TIFF the first picture is read."""
    pages = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        data = save(pages[0], kind, save_all=True, append_images=pages[1:], **options)
        assert_array_equal(decode_color(data), RGB, err_msg=kind)


# Reading other formats.

LOSSLESS = {
    "bmp": ("BMP", {}),
    "tga": ("TGA", {}),
    "tga-rle": ("TGA", {"compression": "tga_rle"}),
    "webp": ("WEBP", {"lossless": True, "exact": True}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff-deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-packbits": ("TIFF", {"compression": "packbits"}),
    "tiff-big": ("TIFF", {"big_tiff": True}),
}


@pytest.mark.parametrize(("kind", "options"), LOSSLESS.values(), ids=LOSSLESS)
def test_lossless_formats(kind: str, options: dict[str, object]) -> None:
    """BMP, TGA, WebP and TIFF of RGB and RGBA are read to the bit."""
    assert_array_equal(decode_color(save(RGB, kind, **options)), RGB)
    if kind != "BMP":
        assert_array_equal(decode_cel(save(RGBA, kind, **options)), RGBA)
        assert_array_equal(
            decode_color(save(RGBA, kind, **options)), on_white(RGBA[..., :3], RGBA[..., 3])
        )


@pytest.mark.parametrize("kind", ["BMP", "TGA", "TIFF", "PNG"])
def test_gray_and_bilevel(kind: str) -> None:
    """Grey and black-and-white drawings, faxes among them, are read to the bit."""
    assert_array_equal(decode_line(save(GRAY, kind)), GRAY)
    bilevel = Image.fromarray(GRAY).point(lambda value: 255 * (value > 99), "1")
    assert_array_equal(decode_line(save(bilevel, kind)), np.where(GRAY > 99, 255, 0))
    assert_array_equal(decode_color(save(GRAY, kind)), np.dstack([GRAY] * 3))
    if kind == "TIFF":
        fax = save(bilevel, kind, compression="group4")
        assert_array_equal(decode_line(fax), np.where(GRAY > 99, 255, 0))


@pytest.mark.parametrize(("order", "meaning"), [("<", 0), ("<", 1), (">", 1)])
def test_tiff_of_16_bits(order: str, meaning: int) -> None:
    """16-bit grey TIFF of either byte order is scaled; "white is zero" is turned round."""
    values = RNG.integers(0, 65536, (21, 13))
    data = write_tiff(values.astype(order + "u2"), order, meaning)
    expected = np.rint(values / 257)
    assert_array_equal(decode_line(data), expected if meaning else 255 - expected)


def write_tiff(
    values: np.ndarray, order: str, meaning: int, bits: int = 16, numbers: int = 1
) -> bytes:
    """Write grey samples as the plainest TIFF."""
    height, width = values.shape
    entries = (
        (256, width), (257, height), (258, bits), (259, 1), (262, meaning), (273, 8), (277, 1),
        (278, height), (279, values.nbytes), (339, numbers),
    )  # fmt: skip
    table = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + values.nbytes)
    return start + values.tobytes() + struct.pack(order + "H", len(entries)) + table + bytes(4)


def test_color_tiff_of_16_bits() -> None:
    """16-bit RGB TIFF, as OpenCV writes it, is scaled to within one level."""
    values = RNG.integers(0, 65536, (21, 13, 3), dtype=np.uint16)
    data = cv2.imencode(".tiff", values[..., ::-1])[1].tobytes()
    assert_allclose(decode_color(data), values / 257, atol=1)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (cv2.imencode(".tiff", GRAY.astype(np.float32))[1].tobytes(), r"8 (or 16 )?bits"),
        (cv2.imencode(".tiff", GRAY.astype(np.int32))[1].tobytes(), r"8 (or 16 )?bits"),
        (write_tiff(GRAY[:, :12].astype(np.uint16), "<", 1, 12), "TIFF"),
        (write_tiff(GRAY[:, :12].astype(np.uint16), "<", 1, 8, 2), "TIFF"),
    ],
    ids=["float", "32 bits", "12 bits", "signed"],
)
def test_tiff_of_other_samples_is_refused(data: bytes, sentence: str) -> None:
    """Samples without a known white, or that Pillow would take for others, are refused."""
    with pytest.raises(ValueError, match=sentence):
        decode_line(data)


def test_cmyk() -> None:
    """CMYK of TIFF and JPEG becomes RGB: no ink is white, black ink is black."""
    inks = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    inks.paste((0, 0, 0, 255), (8, 0, 16, 16))
    for kind in ("TIFF", "JPEG"):
        color = decode_color(save(inks, kind))
        assert_allclose(color[:, :6], 255, atol=3)
        assert_allclose(color[:, 10:], 0, atol=3)


def test_exif_turns_a_jpeg() -> None:
    """The EXIF orientation is honoured, and colours are those of the JPEG."""
    smooth = cv2.resize(RGB[:4, :4], (48, 32), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save(smooth, "JPEG", quality=95, exif=exif)
    plain = save(smooth, "JPEG", quality=95)
    assert_array_equal(decode_color(turned), np.rot90(decode_color(plain), -1))
    assert_allclose(decode_color(plain).astype(int), smooth, atol=40)
    gray = decode_line(save(cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), "JPEG", quality=95))
    assert gray.shape == (32, 48)


# Refusals.


def all_kinds() -> dict[str, bytes]:
    """Return one file of each format."""
    big = cv2.resize(RGB, (48, 32), interpolation=cv2.INTER_CUBIC)
    kinds = {name: save(big, kind, **options) for name, (kind, options) in LOSSLESS.items()}
    return kinds | {"png": encode_png(big), "jpeg": save(big, "JPEG")}


@pytest.mark.parametrize("name", all_kinds())
def test_no_truncated_picture_is_half_read(name: str) -> None:
    """A file cut at any length is refused, or, where only a trailer is lost, read in full."""
    data = all_kinds()[name]
    whole = decode_color(data)
    for length in {*range(0, len(data), 1 + len(data) // 150), *range(len(data) - 30, len(data))}:
        try:
            part = decode_color(data[:length])
        except ValueError:
            continue
        assert name.startswith("tga")
        assert_array_equal(part, whole)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG", b"hello, this is text and no picture", bytes(64), b"GIF89a" + bytes(99)],
)
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    """Empty files, texts and formats that are not ours are refused with a reason."""
    with pytest.raises(ValueError, match=r"empty|unknown picture format|cannot read"):
        decode_line(data)


def test_damaged_png_is_refused() -> None:
    """One wrong bit in the pixels is noticed; a PNG with too few rows is not half read."""
    data = bytearray(encode_png(RGB))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        decode_color(bytes(data))
    with pytest.raises(ValueError, match="pixels where"):
        decode_line(write_png(GRAY, 8, 0, size=(22, 13)))


def test_large_pictures_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header alone decides: no pixel of a picture above the limit is decoded."""

    def fail(self: ImageFile.ImageFile) -> None:
        raise AssertionError(f"{self} was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    for data in all_kinds().values():
        with pytest.raises(ValueError, match=r"48x32 .* limit is 1535"):
            decode_color(data, max_pixels=1535)
    bomb = write_png(GRAY, 8, 0, size=(60_000, 60_000))
    with pytest.raises(ValueError, match=r"60000x60000 .* limit is 200000000"):
        decode_line(bomb)


def test_limit_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above Pillow's own limit and below ours, PNG, JPEG, BMP and TGA are read."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name, data in all_kinds().items():
        if name == "webp" or "tiff" in name:  # there Pillow's own limit is inside its reader
            with pytest.raises(ValueError, match="above the limit"):
                decode_color(data)
        else:
            assert decode_color(data, max_pixels=48 * 32).shape == (32, 48, 3), name


def test_no_warning_is_raised() -> None:
    """Unusual metadata raise no warning."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\0\0\0\0\0\0\0"
    data = save(RGB, "JPEG", exif=exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_color(data)
    assert not caught


def test_hints_are_rgba() -> None:
    """A hint picture without transparency is opaque, and grey ones have three equal channels."""
    opaque = np.full_like(GRAY, 255)
    assert_array_equal(decode_cel(save(RGB, "PNG")), np.dstack((RGB, opaque)))
    assert_array_equal(decode_cel(save(GRAY, "PNG")), np.dstack((GRAY, GRAY, GRAY, opaque)))
    gray_hint = Image.fromarray(np.dstack((GRAY, GRAY)), "LA")
    assert_array_equal(decode_cel(save(gray_hint, "PNG")), np.dstack([GRAY] * 4))


# Files that are made to cost much.


def bomb(num_bytes: int) -> bytes:
    """Return a zlib stream of zeros."""
    return zlib.compress(bytes(num_bytes), 9)


def jpeg_after(parts: bytes) -> bytes:
    """Return a JPEG with more parts in its header."""
    data = save(RGB, "JPEG")
    return data[:2] + parts + data[2:]


def jpeg_part(kind: int, content: bytes) -> bytes:
    """Return one part of a JPEG."""
    return struct.pack(">BBH", 0xFF, kind, len(content) + 2) + content


def gray_with(parts: bytes) -> bytes:
    """Return a grey PNG with more parts before its pixels."""
    return write_png(GRAY, 8, 0, extra=parts)


EXIF = b"Exif\0\0" + bytes(65_000)

CHEAP = {
    "PNG profile": lambda: gray_with(write_part(b"iCCP", b"x\0\0" + bomb(10**7))),
    "PNG text": lambda: gray_with(write_part(b"iTXt", b"x\0\1\0\0\0" + bomb(10**7))),
    "PNG long text": lambda: gray_with(write_part(b"zTXt", b"k\0\0" + bomb(10**7))),
    "PNG texts": lambda: gray_with(write_part(b"tEXt", b"k\0" + b"v" * 99) * 10_000),
    "PNG private": lambda: gray_with(write_part(b"abCd", bytes(10**7))),
    "PNG pixels": lambda: write_png(np.zeros((4000, 4, 1), int), 8, 0, size=(4, 4)),
    "JPEG notes": lambda: jpeg_after(jpeg_part(0xFE, b"") * 20_000),
    "JPEG profiles": lambda: jpeg_after(jpeg_part(0xE2, b"ICC_PROFILE\0" + bytes(60_000)) * 200),
    "JPEG padding": lambda: jpeg_after(b"\xff" * 10**6),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:its colour profile")
@pytest.mark.parametrize("name", CHEAP)
def test_parts_that_are_no_pixels_cost_nothing(name: str) -> None:
    """Texts, profiles, padding and what follows the last row are not unpacked: all is read."""
    image = decode_line(CHEAP[name]())
    expected = decode_line(save(RGB, "JPEG")) if name.startswith("JPEG") else GRAY
    assert_array_equal(image, np.zeros((4, 4)) if name == "PNG pixels" else expected)


def test_orientation_of_a_jpeg_is_kept() -> None:
    """XMP and EXIF turn a JPEG, other notes do nothing, and long EXIF is read."""
    plain = decode_color(save(RGB, "JPEG"))
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    turned = decode_color(jpeg_after(jpeg_part(0xFE, b"note") + jpeg_part(0xE1, xmp)))
    assert_array_equal(turned, np.rot90(plain, -1))
    assert_array_equal(decode_color(jpeg_after(jpeg_part(0xE1, EXIF))), plain)


def progressive(scans: int) -> bytes:
    """Return a JPEG whose last scan is there many times."""
    data = save(RGB, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def many_values(tag: int, count: int) -> bytes:
    """Return a TIFF one of whose tags has very many values."""
    data = bytearray(write_tiff(GRAY.astype("<u2"), "<", 1))
    at = data.index(struct.pack("<HHI", tag, 4, 1), 8 + 2 * GRAY.size)
    data[at : at + 8] = struct.pack("<HHI", tag, 4, count)
    return bytes(data)


def run_length_bmp(num_bytes: int) -> bytes:
    """Return the beginning of a BMP with runs, and what may be runs."""
    header = struct.pack("<IiiHHIIiiII", 40, 9, 9, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + header + bytes(1024) + bytes(num_bytes)


PALETTES = write_part(b"PLTE", b"abc") * 2
ENDLESS = {
    "PNG parts": (lambda: gray_with(write_part(b"abCd", b"") * 300_000), "more than 300000 parts"),
    "PNG palettes": (lambda: write_png(GRAY, 8, 3, extra=PALETTES), "its part PLTE twice"),
    "PNG row": (lambda: write_png(GRAY, 1, 0, size=(1, 2**20 + 1)), "too long"),
    "JPEG EXIF": (lambda: jpeg_after(jpeg_part(0xE1, EXIF) * 200), "100 parts"),
    "JPEG tables": (lambda: jpeg_after(jpeg_part(0xDB, bytes(65)) * 200), "100 parts"),
    "JPEG scans": (lambda: progressive(101), "100 scans"),
    "TIFF strips": (lambda: many_values(273, 10**6), "tag 273 has 1000000 values"),
    "TIFF depths": (lambda: many_values(258, 2**31), "tag 258 has"),
    "TIFF tags": (lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535), "65535 tags"),
    "TIFF, big": (lambda: b"II+\0\x08\0\0\0\x10" + bytes(7) + b"\xff" * 8, "tags"),
    "BMP runs": (lambda: run_length_bmp(2**23), "above 8 MiB"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_parts_without_end_are_refused(name: str) -> None:
    """Files that would cost minutes or gigabytes are refused within 2 s."""
    make, why = ENDLESS[name]
    data = make()
    started = time.process_time()
    with pytest.raises(ValueError, match=why):
        decode_line(data)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP", "TGA", "WEBP"])
def test_bombs(kind: str) -> None:
    """A header that claims 60,000 x 60,000 pixels is refused without taking their memory."""
    data = bytearray(save(RGB, kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "PNG":
        data = bytearray(write_png(RGB, 8, 2, size=(60_000, 60_000)))
    elif kind == "TIFF":
        data = bytearray(write_tiff(GRAY.astype("<u2"), "<", 1))
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4, 1))
            data[at + 8 : at + 12] = struct.pack("<I", 60_000)
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", 60_000, 60_000)
    elif kind == "TGA":
        data[12:16] = struct.pack("<HH", 60_000, 60_000)
    else:
        frame = struct.pack("<I", 0)[:1] + bytes(3) + struct.pack("<I", 59_999)[:3] * 2
        data = bytearray(
            b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + frame
        )
    started = time.process_time()
    with pytest.raises(ValueError, match=r"limit|exceeds"):
        decode_color(bytes(data))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("image", [RGBA, RGBA[:1], RGBA[:, :1], RGBA[..., :3], GRAY])
def test_pictures_of_many_strips(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of any number of rows give the same picture."""
    data = save(np.ascontiguousarray(image), "PNG")
    whole = decode_line(data), decode_color(data)
    for pixels in (1, 50, 100):
        monkeypatch.setattr(samples, "STRIP_PIXELS", pixels)
        assert_array_equal(decode_line(data), whole[0])
        assert_array_equal(decode_color(data), whole[1])


def test_equal_pixels_are_equal_bytes() -> None:
    """A tiny picture is compressed as a stream.

    ISA-L's call for a whole buffer reads memory that it has not written where there are few bytes:
    of 256 processes five wrote other bytes for these pixels.
    """
    rows = np.zeros((4, 13), np.uint8)
    rows[:, 0] = 2
    stream = isal_zlib.compressobj(1)
    assert stream.compress(rows) + stream.flush() in encode_png(np.zeros((4, 4, 3), np.uint8))


def test_a_drawing_keeps_the_colours_of_its_lines() -> None:
    """A grey picture is H x W however it is stored, one with colour H x W x 3, over white."""
    gray = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)
    for stored in (gray, np.dstack([gray] * 3)):
        assert_array_equal(decode_drawing(encode_png(stored)), gray)
    red = np.full((9, 12, 4), (255, 0, 0, 255), np.uint8)
    red[0, 0, 3] = 0
    drawing = decode_drawing(encode_png(red))
    assert drawing[0, 0].tolist() == [255, 255, 255]
    assert drawing[5, 5].tolist() == [255, 0, 0]


def test_colour_in_one_strip_is_kept() -> None:
    """A drawing that is grey but for its last rows keeps their colour, and its grey."""
    drawing = np.full((2000, 1100, 3), 200, np.uint8)
    drawing[-1] = (255, 0, 0)
    decoded = decode_drawing(encode_png(drawing))
    assert_array_equal(decoded, drawing)
