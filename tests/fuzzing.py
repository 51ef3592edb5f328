"""Damaged picture files and the checks that must hold for each; for test_fuzz and drills.fuzz."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from PIL import Image
from psd_tools import PSDImage

from lineart.codec import decode_cel, decode_color, decode_line, encode_png

MAX_PIXELS = 2**18
"""Limit for fuzzed pictures, so that each is decoded in milliseconds."""
DECODERS = {1: decode_line, 3: decode_color, 4: decode_cel}
"""Channels that a decoder gives -> the decoder."""

Chunk = tuple[bytes, bytes]


def draw(rng: np.random.Generator) -> np.ndarray:
    """Return a small picture of any size and number of channels: noise, cels, or lines."""
    height, width = (int(side) for side in rng.integers(1, 40, 2))
    tail = [(), (3,), (4,)][rng.integers(3)]
    noise = rng.integers(0, 256, (height, width, *tail), dtype=np.uint8)
    return [noise, noise // 128 * 255, np.full_like(noise, noise.flat[0])][rng.integers(3)]


def seeds(rng: np.random.Generator) -> list[bytes]:
    """Return one file of each format and kind, all of them whole."""
    color, gray = (rng.integers(0, 256, (9, 14, *tail), dtype=np.uint8) for tail in ((3,), ()))
    alpha = np.dstack((color, gray))
    files = [encode_png(image) for image in (gray, color, alpha)]
    plans: tuple[tuple[str, np.ndarray, dict[str, object]], ...] = (
        ("PNG", color, {}), ("PNG", gray, {"bits": 4}), ("TGA", alpha, {"compression": "tga_rle"}),
        ("JPEG", color, {}), ("JPEG", color, {"progressive": True}), ("JPEG", gray, {}),
        ("WEBP", alpha, {"lossless": True}), ("WEBP", color, {}), ("BMP", color, {}),
        ("TGA", color, {}), ("TIFF", color, {"compression": "tiff_lzw"}), ("TIFF", gray, {}),
        ("TIFF", alpha, {"compression": "tiff_adobe_deflate"}),
        ("TIFF", color, {"big_tiff": True}), ("GIF", gray, {}), ("SGI", alpha, {}),
        ("PCX", color, {}), ("PPM", color, {}), ("JPEG2000", alpha, {"irreversible": False}),
        ("AVIF", color, {}),
    )  # fmt: skip
    for kind, image, options in plans:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, **options)
        files.append(buffer.getvalue())
    palette = io.BytesIO()
    Image.fromarray(color).quantize(7).save(palette, "PNG", transparency=2)
    deep = cv2.imencode(".png", rng.integers(0, 2**16, (9, 14, 4), dtype=np.uint16))[1].tobytes()
    return [*files, palette.getvalue(), deep, *_documents(color, alpha)]


def _documents(color: np.ndarray, alpha: np.ndarray) -> list[bytes]:
    """Return a Photoshop document and an OpenRaster file."""
    document, archive = io.BytesIO(), io.BytesIO()
    PSDImage.frompil(Image.fromarray(color)).save(document)
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("mergedimage.png", encode_png(alpha))
    return [document.getvalue(), archive.getvalue()]


def mutate(rng: np.random.Generator, files: list[bytes]) -> bytes:
    """Return a file with one to four things wrong: bits, cuts, numbers, splices, PNG parts."""
    data = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 5)):
        data = _MUTATIONS[rng.integers(len(_MUTATIONS))](rng, data, files)
    return bytes(data)


Mutation = Callable[[np.random.Generator, bytearray, list[bytes]], bytearray]


def _flip(rng: np.random.Generator, data: bytearray, _: list[bytes]) -> bytearray:
    if data:
        data[_place(rng, data)] ^= 1 << int(rng.integers(8))
    return data


def _cut(rng: np.random.Generator, data: bytearray, _: list[bytes]) -> bytearray:
    return data[: rng.integers(len(data) + 1)]


def _number(rng: np.random.Generator, data: bytearray, _: list[bytes]) -> bytearray:
    """Put a number of 2 or 4 bytes at the rim of what it can be somewhere into the header."""
    value = int(rng.choice([0, 1, 2, 255, 60_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1]))
    form = str(rng.choice(["<H", ">H", "<I", ">I"]))
    piece = struct.pack(form, value % 2 ** (8 * struct.calcsize(form)))
    at = _place(rng, data) if data else 0
    data[at : at + len(piece)] = piece
    return data


def _splice(rng: np.random.Generator, data: bytearray, files: list[bytes]) -> bytearray:
    other = files[rng.integers(len(files))]
    start, stop = sorted(int(place) for place in rng.integers(0, len(other) + 1, 2))
    at = int(rng.integers(len(data) + 1))
    gone = int(rng.integers(2)) * (stop - start)
    return data[:at] + other[start:stop] + data[at + gone :]


def _place(rng: np.random.Generator, data: bytearray) -> int:
    """Choose a byte, more often in the header."""
    return int(rng.integers(min(len(data), 64) if rng.integers(2) else len(data)))


def _change_parts(rng: np.random.Generator, data: bytearray, files: list[bytes]) -> bytearray:
    """Change, double, drop or swap parts of a PNG; their checksums are right."""
    parts = list(read_parts(bytes(data)))
    if len(parts) < 3:
        return _flip(rng, data, files)
    first, second = (int(place) for place in rng.integers(0, len(parts), 2))
    match rng.integers(4):
        case 0:
            kind, content = parts[first]
            parts[first] = kind, bytes(_flip(rng, bytearray(content), files))
        case 1:
            parts.insert(first, parts[second])
        case 2:
            del parts[first]
        case _:
            parts[first], parts[second] = parts[second], parts[first]
    return bytearray(b"\x89PNG\r\n\x1a\n" + b"".join(write_part(*part) for part in parts))


_MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _number, _splice, _change_parts, _change_parts)


def read_parts(data: bytes) -> Iterator[Chunk]:
    """Return the parts of a PNG as far as there are any."""
    at = 8
    while data.startswith(b"\x89PNG\r\n\x1a\n") and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def write_part(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG with its right checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def check_decoders(data: bytes) -> bool:
    """Decode any bytes in every way; give whether they were a picture.

    Raises:
        AssertionError: what came was neither a refusal nor a picture, of the size the file says.
    """
    shapes = set()
    for channels, decode in DECODERS.items():
        try:
            image = decode(data, max_pixels=MAX_PIXELS)
        except ValueError:
            continue
        assert image.dtype == np.uint8
        assert image.shape[2:] == (() if channels == 1 else (channels,))
        assert image.flags.c_contiguous
        assert image.flags.writeable
        shapes.add(image.shape[:2])
    assert len(shapes) <= 1
    said = said_size(data)
    assert said is None or shapes <= {said, said[::-1]}
    return bool(shapes)


def said_size(data: bytes) -> tuple[int, int] | None:
    """Return height and width that the header of a PNG, BMP or TIFF says, by Pillow alone."""
    if data[:4] not in (b"\x89PNG", b"II*\0", b"MM\0*") and data[:2] != b"BM":
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.height, image.width
    except Exception:  # noqa: BLE001 - then it says none
        return None


def check_round_trip(image: np.ndarray) -> None:
    """Write a picture; we, Pillow and OpenCV must read it back to the bit.

    Raises:
        AssertionError: one of them does not.
    """
    data = encode_png(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if channels > 1:
        by_opencv = by_opencv[:, :, [2, 1, 0, 3][:channels]]
    with Image.open(io.BytesIO(data)) as picture:
        by_pillow = np.asarray(picture)
    for read in (DECODERS[channels](data), by_opencv, by_pillow):
        assert np.array_equal(read, image)
