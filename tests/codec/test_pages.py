"""Pages of TIFF files and frames of animations: counted, and each read by its number."""

import io
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lineart.codec import (
    count_pages,
    decode_cel,
    decode_color,
    decode_drawing,
    decode_line_art,
    encode_png,
    extract_page,
    may_have_pages,
)
from tests.fuzzing import write_part

RNG = np.random.default_rng(0)
PAGES = list(RNG.integers(0, 256, (4, 21, 13, 3), dtype=np.uint8))
FLAT = [np.full((21, 13, 3), value, np.uint8) for value in (40, 90, 200, 250)]
"""Pictures that a GIF holds without loss."""
CLEAR = (0, 0, 0, 0)


def save_pages(pages: Sequence[np.ndarray], kind: str, **options: object) -> bytes:
    """Let Pillow write pages."""
    first, *others = map(Image.fromarray, pages)
    sink = io.BytesIO()
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(sink, kind, **more, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "options", "pages"),
    [
        ("TIFF", {}, PAGES),
        ("TIFF", {"big_tiff": True}, PAGES),
        ("TIFF", {"compression": "tiff_lzw"}, PAGES),
        ("PNG", {}, PAGES),
        ("WEBP", {"lossless": True}, PAGES),
        ("GIF", {}, FLAT),
    ],
)
def test_every_page_is_read(kind: str, options: dict[str, object], pages: list[np.ndarray]) -> None:
    """All pages are counted and read to the bit; one more is refused; a cut file is not counted."""
    data = save_pages(pages, kind, **options)
    assert count_pages(data) == 4
    for number, page in enumerate(pages):
        assert_array_equal(decode_color(data, page=number), page)
    with pytest.raises(ValueError, match=r"no (page|frame) 5"):
        decode_color(data, page=4)
    # Pillow writes the first directories of a TIFF behind its pixels.
    with pytest.raises(ValueError, match="cut off"):
        count_pages(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TGA", "JPEG", "TIFF", "WEBP", "GIF"])
def test_one_page(kind: str) -> None:
    """A file of one page has one page, and no second one."""
    data = save_pages(PAGES[:1], kind)
    assert count_pages(data) == 1
    with pytest.raises(ValueError, match=r"no (page|frame) 2"):
        decode_color(data, page=1)
    assert count_pages(b"no picture") == 1


def test_frames_of_an_avif_sequence() -> None:
    """They are counted, and read by number, nearly without loss."""
    data = save_pages(FLAT, "AVIF", quality=100)
    assert count_pages(data) == 4
    for number, page in enumerate(FLAT):
        assert np.abs(decode_color(data, page=number).astype(int) - page).max() <= 2


def tiff(pages: Sequence[tuple[int, int]]) -> bytes:
    """Return a TIFF of directories with (subfile type, grey value), one pixel each."""
    data, pointer = b"II*\0" + bytes(4), 4
    for subfile_type, value in pages:
        at = len(data)
        entries = [
            (254, subfile_type), (256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, at),
            (277, 1), (278, 1), (279, 1),
        ]  # fmt: skip
        table = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in entries)
        data = data[:pointer] + struct.pack("<I", at + 2) + data[pointer + 4 :]
        data += bytes([value, 0]) + struct.pack("<H", len(entries)) + table
        pointer = len(data)
        data += bytes(4)
    return data


def test_previews_in_a_tiff_are_no_pages() -> None:
    """Smaller copies and masks are not counted; the pages around them are read by number."""
    data = tiff([(1, 10), (0, 20), (4, 30), (2, 40), (1, 50)])
    assert count_pages(data) == 2
    assert [decode_color(data, page=page).item(0) for page in range(2)] == [20, 40]
    assert decode_color(tiff([(1, 10)])).item(0) == 10


def test_a_ring_of_pages_is_refused() -> None:
    """A TIFF whose last page points to its first is refused, not read for ever."""
    data = tiff([(0, 10), (0, 20)])
    ring = data[:-4] + data[4:8]
    with pytest.raises(ValueError, match="no end"):
        count_pages(ring)
    with pytest.raises(ValueError, match="no end"):
        decode_color(ring, page=7)


def animation(
    frames: Sequence[tuple[np.ndarray, tuple[int, int], int, int]], *, hidden: bool
) -> bytes:
    """Return an APNG of RGBA frames: pixels, place, disposal and blending.

    Args:
        frames: The frames.
        hidden: The picture for viewers without animation is black and no frame.
    """
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 8, 6, 0, 0, 0))]
    parts += [(b"acTL", struct.pack(">II", len(frames), 0))]
    if hidden:
        black = np.zeros((3, 4, 4), np.uint8)
        black[..., 3] = 255
        parts.append((b"IDAT", pack(black)))
    number = 0
    for index, (pixels, (left, top), disposal, blending) in enumerate(frames):
        height, width = pixels.shape[:2]
        control = (number, width, height, left, top, 1, 10, disposal, blending)
        parts.append((b"fcTL", struct.pack(">IIIIIHHBB", *control)))
        number += 1
        if index == 0 and not hidden:
            parts.append((b"IDAT", pack(pixels)))
        else:
            parts.append((b"fdAT", struct.pack(">I", number) + pack(pixels)))
            number += 1
    chunks = b"".join(write_part(*part) for part in [*parts, (b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + chunks


def pack(pixels: np.ndarray) -> bytes:
    """Return compressed scan lines without a filter."""
    rows = np.pad(pixels.reshape(len(pixels), -1), ((0, 0), (1, 0)))
    return zlib.compress(rows.tobytes())


def test_frames_of_an_apng_are_composited() -> None:
    """Frames over, in place of, and after cleared or restored areas are those of a viewer."""
    red, blue, clear = (
        np.full((3, 4, 4), color, np.uint8) for color in ((255, 0, 0, 255), (0, 0, 255, 255), CLEAR)
    )
    frames = [
        (red, (0, 0), 0, 0),
        (blue[:1, :2], (1, 1), 2, 1),  # restored afterwards
        (blue[:2, :1], (0, 0), 1, 0),  # cleared afterwards
        (clear[:1, :1], (3, 2), 0, 1),  # a clear pixel over: nothing
        (clear[:1, :1], (3, 2), 0, 0),  # a clear pixel in place of red
    ]
    for hidden in (False, True):
        data = animation(frames, hidden=hidden)
        assert count_pages(data) == 5
        shown = [decode_cel(data, page=page) for page in range(5)]
        expected = [red.copy() for _ in range(5)]
        expected[1][1, 1:3] = blue[0, 0]
        expected[2][:2, 0] = blue[0, 0]
        expected[3][:2, 0] = 0
        expected[4][:2, 0] = 0
        expected[4][2, 3] = 0
        for page, (one, other) in enumerate(zip(shown, expected, strict=True)):
            assert_array_equal(one, other, err_msg=f"{hidden=} {page=}")


def test_damaged_frames_of_an_apng_are_refused() -> None:
    """A frame that is cut off, wrong by a bit or outside the picture is no frame."""
    whole = np.full((3, 4, 4), 255, np.uint8)
    data = bytearray(animation([(whole, (0, 0), 0, 0), (whole, (0, 0), 0, 0)], hidden=False))
    outside = animation([(whole, (0, 0), 0, 0), (whole, (1, 0), 0, 0)], hidden=False)
    short = animation([(whole, (0, 0), 0, 0), (whole[:2], (0, 0), 0, 0)], hidden=False)
    control = short.rindex(b"fcTL")
    content = bytearray(short[control + 4 : control + 30])
    content[11] = 3
    short = short[: control - 4] + write_part(b"fcTL", bytes(content)) + short[control + 34 :]
    data[data.index(b"fdAT") + 12] ^= 1
    for damaged, why in ((bytes(data), "checksum"), (outside, "larger"), (short, "pixels where")):
        with pytest.raises(ValueError, match=why):
            decode_color(damaged, page=1)
    assert_array_equal(decode_color(bytes(data)), whole[..., :3])
    assert count_pages(encode_png(whole)) == 1


@pytest.mark.parametrize(
    ("kind", "options", "pages"),
    [
        *(("TIFF", {"compression": name}, PAGES) for name in ("raw", "tiff_lzw", "jpeg")),
        ("TIFF", {"big_tiff": True, "compression": "tiff_adobe_deflate"}, PAGES),
        *(("PNG", {}, PAGES), ("WEBP", {"lossless": True}, PAGES), ("GIF", {}, FLAT)),
    ],
)
def test_a_page_as_a_file(kind: str, options: dict[str, object], pages: list[np.ndarray]) -> None:
    """A page is a file of one page with the same pixels, and without the bytes of the others."""
    data = save_pages(pages, kind, dpi=(350, 350), **options)
    files = [extract_page(data, number) for number in range(len(pages))]
    assert len({*files}) == len(pages)
    for number, file in enumerate(files):
        assert count_pages(file) == 1
        assert_array_equal(decode_color(file), decode_color(data, page=number))
        if kind == "TIFF":
            assert len(file) < len(data) / 2
            with Image.open(io.BytesIO(file)) as image:
                assert image.info["dpi"] == (350, 350)
                assert image.info["compression"] == options["compression"]
        # A page without transparency is no cel.
        assert_array_equal(decode_line_art(file), decode_drawing(data, page=number))
    with pytest.raises(ValueError, match=r"no (page|frame) 5"):
        extract_page(data, 4)


def test_the_pages_of_a_tiff_of_any_kind() -> None:
    """Big-endian, 16 bit, one bit, palette, tiles and previews: a page keeps its samples."""
    values = RNG.integers(0, 65536, (48, 32), dtype=np.uint16)
    for mode, save in {
        "16 bit": {"data": values},
        "tiles": {"data": (values >> 8).astype(np.uint8), "tile": (16, 16)},
        "one bit": {"data": values > 30000},
        "planes": {"data": np.stack([values >> 8] * 3).astype(np.uint8), "planarconfig": 2},
    }.items():
        sink = io.BytesIO()
        with tifffile.TiffWriter(sink, byteorder=">") as writer:
            writer.write(np.zeros((5, 5), np.uint8))
            writer.write(**save, photometric="rgb" if mode == "planes" else "minisblack")
        data = sink.getvalue()
        file = extract_page(data, 1)
        with tifffile.TiffFile(io.BytesIO(file)) as read:
            assert len(read.pages) == 1
            assert_array_equal(read.pages.first.asarray(), save["data"])
        assert_array_equal(decode_color(file), decode_color(data, page=1))
    previews = tiff([(1, 10), (0, 20), (4, 30), (2, 40), (1, 50)])
    assert [decode_color(extract_page(previews, page)).item(0) for page in range(2)] == [20, 40]


def write_strips(places: list[tuple[int, int]], content: bytes) -> bytes:
    """Return a TIFF with a row of 8 pixels a strip; its strips are at these places in it."""
    head = 8 + len(content)
    tables = [struct.pack(f"<{len(places)}I", *one) for one in zip(*places, strict=True)]
    at = head + sum(len(one) for one in tables)
    entries = [
        *((256, 1, 8), (257, 1, len(places)), (258, 1, 8), (259, 1, 1), (262, 1, 1)),
        *((273, len(places), head), (277, 1, 1), (278, 1, 1)),
        (279, len(places), head + len(tables[0])),
    ]
    table = b"".join(struct.pack("<HHII", tag, 4, *rest) for tag, *rest in entries)
    directory = struct.pack("<H", len(entries)) + table + bytes(4)
    return b"II*\0" + struct.pack("<I", at) + content + b"".join(tables) + directory


def test_strips_of_a_tiff_may_be_one_place() -> None:
    """Equal rows are stored once; strips that overlap do not make a page longer than the file."""
    shared = write_strips([(8, 8), (16, 8), (8, 8)] * 400, bytes(range(16)))
    page = extract_page(shared, 0)
    assert len(page) <= len(shared)
    assert_array_equal(decode_color(page), decode_color(shared))
    overlapping = write_strips([(8 + at, 1000) for at in range(400)], bytes(2000))
    with pytest.raises(ValueError, match="strips overlap"):
        extract_page(overlapping, 0)


def test_tags_of_a_tiff_do_not_overlap() -> None:
    """Many tags of one long value, or one of very many values, do not fill the memory."""
    data = write_strips([(8, 8)], bytes(5000))
    start = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, start)
    table = data[start + 2 : start + 2 + 12 * count]
    for further, message in (
        ([struct.pack("<HHII", 50000 + tag, 1, 4000, 8) for tag in range(9)], "tags overlap"),
        ([struct.pack("<HHII", 50000, 4, 200_000, 8)], "has 200000 values"),
    ):
        entries = table + b"".join(further)
        head = struct.pack("<H", len(entries) // 12)
        with pytest.raises(ValueError, match=message):
            extract_page(data[:start] + head + entries + bytes(4), 0)


def test_few_bytes_tell_whether_there_are_pages() -> None:
    """One page or more is known from the start of a file and the end of a TIFF's first tags."""
    large = RNG.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for kind in ("PNG", "TIFF", "WEBP", "GIF"):
        for pages in ([large], [large, large[::-1]]):
            data = save_pages(pages, kind, **({"lossless": True} if kind == "WEBP" else {}))
            read: list[int] = []

            def part(start: int, length: int, data: bytes = data, read: list[int] = read) -> bytes:
                read.append(length)
                return data[start : start + length]

            assert may_have_pages(part) == (len(pages) > 1 or kind == "GIF")
            assert sum(read) <= 8192 < len(data)
    noted = PngInfo()
    noted.add_text("note", "x" * 9000)
    for pages in (PAGES[:1], PAGES):
        data = save_pages(pages, "PNG", pnginfo=noted)
        assert may_have_pages(lambda start, length, data=data: data[start : start + length]) == (
            len(pages) > 1
        )
    for data in (b"", b"no picture", b"RIFF", save_pages(PAGES[:1], "BMP")):
        assert not may_have_pages(lambda start, length, data=data: data[start : start + length])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_pages(data: st.DataObject) -> None:
    """A damaged file gives a page with its pixels, or a sentence, and no other error."""
    kind = data.draw(st.sampled_from(["TIFF", "GIF", "PNG", "WEBP"]))
    whole = bytearray(save_pages(FLAT, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file = bytes(whole[: data.draw(st.integers(8, len(whole)))])
    with suppress(ValueError, struct.error, OverflowError):
        may = may_have_pages(lambda start, length: file[start : start + length])
        assert may or count_pages(file) == 1
    page = data.draw(st.integers(0, 4))
    with suppress(ValueError):
        extracted = extract_page(file, page)
        assert_array_equal(decode_color(extracted), decode_color(file, page=page))
