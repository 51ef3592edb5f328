"""Picture files as other programs read them; each format is parsed by others than its writer."""

import io
import struct
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image, ImageCms
from psd_tools import PSDImage

from lineart.codec import decode_color, encode_png
from lineart.codec.reading.resolution import read_dpi
from lineart.codec.writing.encode import (
    Bits,
    FileFormat,
    FormatName,
    encode_tga,
    encode_tiff,
    encode_webp,
    srgb_profile,
)
from lineart.sample_film import sample_film

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (21, 300, 4), dtype=np.uint8)
FLAT = np.repeat(RNG.integers(0, 256, (5, 3, 4), dtype=np.uint8), [1, 140, 300], axis=1)
FORMATS: tuple[FormatName, ...] = ("png", "tga", "tiff", "webp")


def read_pillow(data: bytes) -> np.ndarray:
    """Read a picture with Pillow."""
    return np.asarray(Image.open(io.BytesIO(data)))


def read_opencv(data: bytes) -> np.ndarray:
    """Read a picture with OpenCV, as RGB or RGBA."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = [2, 1, 0, 3][: picture.shape[2]] if picture.ndim == 3 else None
    return picture if order is None else picture[..., order]


@pytest.mark.parametrize("image", [NOISE, FLAT, NOISE[:, ::-1][::2], NOISE[:1, :1]])
@pytest.mark.parametrize("name", FORMATS)
def test_pixels_are_exact(name: FormatName, image: np.ndarray) -> None:
    """Pillow and, where it reads the format, OpenCV find each pixel of RGB and RGBA pictures."""
    for picture in (image[..., :3], image):
        data = FileFormat(name).encode(picture)
        assert_array_equal(read_pillow(data), picture)
        assert FileFormat(name).encode(picture.copy()) == data
        # OpenCV reads no TGA, and multiplies the colours of a TIFF with its alpha.
        if name != "tga" and (name, picture.shape[2]) != ("tiff", 4):
            assert_array_equal(read_opencv(data), picture)
        if picture.shape[2] == 3:
            assert_array_equal(decode_color(data), picture)


@pytest.mark.parametrize("name", FORMATS)
def test_grey(name: FormatName) -> None:
    """Grey pictures have one channel, but in WebP, which knows none."""
    grey = NOISE[..., 0]
    found = read_pillow(FileFormat(name).encode(grey))
    assert_array_equal(found, np.dstack((grey,) * 3) if name == "webp" else grey)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits(channels: int) -> None:
    """A level of 16 bits is 257 times the level of 8 bits, in PNG and TIFF."""
    picture = NOISE[..., :channels] if channels > 1 else NOISE[..., 0]
    png = FileFormat("png", 16).encode(picture)
    tiff = FileFormat("tiff", 16).encode(picture)
    for found in (read_opencv(png), read_opencv(tiff), tifffile.imread(io.BytesIO(tiff))):
        assert found.dtype == np.uint16
        assert_array_equal(found, picture.astype(np.uint16) * 257)


@pytest.mark.parametrize("name", ["tga", "webp"])
def test_formats_without_sixteen_bits(name: FormatName) -> None:
    """TGA and WebP have 8 bits; a sentence says which formats have 16."""
    with pytest.raises(ValueError, match=r"--bits 16: .* choose png or tiff"):
        FileFormat(name, 16)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(0, 5, 3), (4, 4, 2), (4, 4, 3, 1)])
def test_arrays_that_are_no_picture(name: FormatName, shape: tuple[int, ...]) -> None:
    """Empty arrays and other numbers of channels are refused."""
    with pytest.raises(ValueError, match="cannot write"):
        FileFormat(name).encode(np.zeros(shape, np.uint8))


def test_sides_that_a_format_cannot_hold() -> None:
    """WebP's limit is 16,383 pixels and TGA's 65,535; both say so."""
    with pytest.raises(ValueError, match="16384x1 pixels are too long for WebP, 16383"):
        encode_webp(np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(ValueError, match="1x65536 pixels are too long for TGA, 65535"):
        encode_tga(np.zeros((65536, 1, 3), np.uint8))


# TGA, byte by byte.


def packets(data: bytes) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
    """Yield the header byte and the pixels of each packet of a run-length encoded TGA."""
    bytes_per_pixel, position = data[16] // 8, 18 + data[0]
    width, height = struct.unpack_from("<HH", data, 12)
    left = width * height
    while left > 0:
        head, count = data[position], (data[position] & 127) + 1
        stored = 1 if head & 128 else count
        raw = data[position + 1 : position + 1 + stored * bytes_per_pixel]
        pixels = [tuple(raw[n : n + bytes_per_pixel]) for n in range(0, len(raw), bytes_per_pixel)]
        yield head, pixels * (count if head & 128 else 1)
        left -= count
        position += 1 + len(raw)
    assert left == 0


@pytest.mark.parametrize("image", [NOISE, FLAT])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tga_as_paintman_reads_it(image: np.ndarray, channels: int) -> None:
    """True colour with run lengths, no identifier, rows from the bottom, packets within rows."""
    picture = image[..., :channels] if channels > 1 else image[..., 0]
    data = encode_tga(picture)
    height, width = picture.shape[:2]
    kind = 11 if channels == 1 else 10
    alpha_bits = 8 if channels == 4 else 0
    # The descriptor is the bits of alpha: bit 5, rows from the top, and bit 4 are not set.
    assert data[:3] == bytes((0, 0, kind))
    assert struct.unpack_from("<HHHHBB", data, 8) == (
        *(0, 0, width, height, 8 * channels, alpha_bits),
    )
    rows: list[list[tuple[int, ...]]] = [[]]
    for _, pixels in packets(data):
        if len(rows[-1]) == width:
            rows.append([])
        rows[-1] += pixels
        assert len(rows[-1]) <= width
    found = np.array(rows[::-1], np.uint8)
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    assert_array_equal(found[..., order], picture.reshape(height, width, channels))


def test_tga_of_flat_paint_is_small() -> None:
    """Runs are used: flat colours take a thousandth of the pixels' bytes."""
    assert len(encode_tga(np.full((256, 1024, 3), 7, np.uint8))) < 256 * 1024 * 3 / 90


# Tags.


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG, in order."""
    position, found = 8, {}
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        found[kind] = data[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def test_all_say_srgb() -> None:
    """PNG has the chunk sRGB before its pixels; TIFF and WebP a profile that leaves sRGB as is."""
    png = chunks(encode_png(NOISE[..., :3]))
    assert list(png) == [b"IHDR", b"sRGB", b"IDAT", b"IEND"]
    assert png[b"sRGB"] == b"\0"
    assert list(chunks(encode_png(NOISE[..., 0], dpi=(72.0, 72.0)))) == [
        *(b"IHDR", b"sRGB", b"pHYs", b"IDAT", b"IEND"),
    ]
    for data in (encode_tiff(NOISE[..., :3]), encode_tiff(NOISE, bits=16), encode_webp(NOISE)):
        with (
            tifffile.TiffFile(io.BytesIO(data))
            if data[:2] == b"II"
            else Image.open(io.BytesIO(data)) as file
        ):
            profile = (
                file.pages.first.iccprofile
                if isinstance(file, tifffile.TiffFile)
                else file.info["icc_profile"]
            )
        assert profile == srgb_profile()
    opened = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(opened)
    picture = Image.fromarray(NOISE[..., :3])
    same = ImageCms.profileToProfile(picture, opened, ImageCms.createProfile("sRGB"))
    assert np.abs(np.asarray(same).astype(int) - NOISE[..., :3]).max() <= 1


def test_tiff_says_straight_alpha() -> None:
    """The fourth channel of a TIFF is unassociated alpha."""
    with tifffile.TiffFile(io.BytesIO(encode_tiff(NOISE))) as file:
        page = file.pages.first
        assert [int(kind) for kind in page.extrasamples] == [2]
        assert page.photometric == 2
        assert page.compression == 8


def noted(kind: str, dpi: tuple[float, float]) -> bytes:
    """Let Pillow, or psd-tools, write a picture that notes a resolution."""
    sink, picture = io.BytesIO(), Image.fromarray(NOISE[..., :3])
    if kind == "psd":
        PSDImage.frompil(picture).save(sink)
        data = bytearray(sink.getvalue())
        # The resources follow the header and an empty colour table.
        number = struct.pack(">iHHiHH", int(dpi[0] * 65536), 1, 1, int(dpi[1] * 65536), 1, 1)
        resource = b"8BIM" + struct.pack(">HHI", 1005, 0, len(number)) + number
        (length,) = struct.unpack_from(">I", data, 30)
        data[30:34] = struct.pack(">I", length + len(resource))
        data[34:34] = resource
        return bytes(data)
    options: dict[str, object] = {"dpi": dpi}
    if kind == "webp":
        exif = Image.Exif()
        # In pixels per centimetre.
        exif.update({282: dpi[0] / 2.54, 283: dpi[1] / 2.54, 296: 3})
        options = {"exif": exif, "lossless": True}
    picture.save(sink, {"tif": "tiff"}.get(kind, kind), **options)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["png", "tif", "jpeg", "bmp", "webp", "psd"])
def test_resolution_is_kept(kind: str) -> None:
    """What a scanner noted in any format comes out in each format that can note it."""
    given = noted(kind, (350, 300))
    dpi = read_dpi(given)
    assert dpi == pytest.approx((350, 300), abs=0.02)
    written: tuple[tuple[FormatName, Bits], ...]
    written = ("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16), ("webp", 8)
    for name, bits in written:
        data = FileFormat(name, bits).encode(NOISE, dpi)
        assert read_dpi(data) == pytest.approx(dpi, abs=0.02)
        if name != "webp":
            assert Image.open(io.BytesIO(data)).info["dpi"] == pytest.approx((350, 300), abs=0.02)
    with tifffile.TiffFile(io.BytesIO(encode_tiff(NOISE, dpi=dpi))) as file:
        assert file.pages.first.resolution == pytest.approx(dpi, rel=1e-5)
        assert file.pages.first.resolutionunit == 2


def test_no_resolution_is_invented() -> None:
    """Files that note none, a mere ratio or nonsense have none; nothing raises."""
    for name in FORMATS:
        assert read_dpi(FileFormat(name).encode(NOISE)) is None
    for data in (b"", b"no picture", b"\xff\xd8\xff\xe0", encode_png(NOISE)[:20]):
        assert read_dpi(data) is None
    assert read_dpi(noted("png", (1e7, 1e7))) is None
    ratio = encode_png(NOISE, dpi=(350.0, 350.0)).replace(
        struct.pack(">IIB", 13780, 13780, 1), struct.pack(">IIB", 1, 2, 0)
    )
    assert read_dpi(ratio) is None


def test_a_whole_frame() -> None:
    """A frame of the sample film is equal in every format."""
    color = next(sample_film(size=(270, 480), frames_per_shot=1)).color
    for name in FORMATS:
        assert_array_equal(read_pillow(FileFormat(name).encode(color, (350.0, 350.0))), color)
