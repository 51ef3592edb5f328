"""Formats: each kind that is read, to the pixel; kinds that are not, by name; hostile files."""

import io
import re
import sqlite3
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageFile
from psd_tools import PSDImage

from lineart.codec import PictureWarning, decode_cel, decode_color, decode_line, encode_png
from lineart.codec.formats.table import FORMATS, find_format
from lineart.codec.reading.decode import _READERS

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (21, 24, 3), dtype=np.uint8)
RGBA = np.dstack((RGB, RNG.integers(0, 2, (21, 24), dtype=np.uint8) * 255))
RGBA[RGBA[..., 3] == 0] = 0
GRAY = RGB[..., 0]
ON_WHITE = np.where(RGBA[..., 3:] == 0, 255, RGB).astype(np.uint8)


def save(image: np.ndarray, kind: str, **options: object) -> bytes:
    """Let Pillow write a picture."""
    sink = io.BytesIO()
    Image.fromarray(image).save(sink, kind, **options)
    return sink.getvalue()


def psd(image: np.ndarray) -> bytes:
    """Return a document with one layer and its merged picture."""
    document = PSDImage.frompil(Image.fromarray(image))
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def archive(mimetype: bytes, members: dict[str, bytes]) -> bytes:
    """Return a KRA or ORA file."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as target:
        for name, content in {"mimetype": mimetype, **members}.items():
            target.writestr(name, content)
    return sink.getvalue()


def dpx(samples: np.ndarray, pix_fmt: str) -> bytes:
    """Let FFmpeg write a DPX."""
    encoder = av.CodecContext.create("dpx", "w")
    encoder.height, encoder.width = samples.shape[:2]
    encoder.pix_fmt, encoder.time_base = pix_fmt, Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples), format=pix_fmt)
    return b"".join(bytes(part) for part in [*encoder.encode(frame), *encoder.encode(None)])


def linear(levels: np.ndarray) -> np.ndarray:
    """Decode sRGB to linear light: the formula."""
    part = levels / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def exr(samples: np.ndarray, names: str, path: Path, **header: object) -> bytes:
    """Let OpenEXR write samples of sRGB as premultiplied linear light."""
    values = linear(samples.astype(np.float64)).astype(np.float32)
    if names.endswith("A"):
        alpha = samples[..., -1:] / np.float32(255)
        values = np.concatenate((values[..., :-1] * alpha, alpha), axis=2)
    if values.ndim == 2:
        values = values[..., np.newaxis]
    channels = {name: values[..., index].copy() for index, name in enumerate(names)}
    start = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(start | header, channels).write(str(path))
    return path.read_bytes()


def clip(
    preview: bytes | None, layers: list[tuple[object, ...]], blocks: Sequence[bytes] = ()
) -> bytes:
    """Return a Clip Studio Paint document of 24 x 21 pixels.

    Args:
        preview: PNG.
        layers: Rows of layers below the root, from bottom to top: kind, visible, blend, opacity.
        blocks: Pixels of the raster layers.
    """
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE Project (ProjectName, ProjectInternalVersion)")
    base.execute("INSERT INTO Project VALUES ('a', '1.1.0')")
    base.execute(
        "CREATE TABLE Canvas (MainId, CanvasUnit, CanvasWidth, CanvasHeight, CanvasResolution,"
        " CanvasRootFolder)"
    )
    base.execute("INSERT INTO Canvas VALUES (1, 0, 24, 21, 72, 1)")
    base.execute(
        "CREATE TABLE Layer (MainId, LayerName, LayerType, LayerVisibility, LayerComposite,"
        " LayerOpacity, LayerFolder, LayerNextIndex, LayerFirstChildIndex, LayerRenderMipmap)"
    )
    base.execute(
        "INSERT INTO Layer VALUES (1, '', 256, 1, 0, 256, 1, 0, ?, 0)", (2 if layers else 0,)
    )
    base.execute("CREATE TABLE Mipmap (MainId, BaseMipmapInfo)")
    base.execute("CREATE TABLE MipmapInfo (MainId, ThisScale, Offscreen, NextIndex)")
    base.execute("CREATE TABLE Offscreen (MainId, Attribute, BlockData)")
    for index, (kind, visible, blend, opacity) in enumerate(layers):
        own, last = index + 2, index + 1 == len(layers)
        row = (
            own,
            f"layer {own}",
            kind,
            visible,
            blend,
            opacity,
            0,
            0 if last else own + 1,
            0,
            own,
        )
        base.execute("INSERT INTO Layer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        base.execute("INSERT INTO Mipmap VALUES (?, ?)", (own, own))
        base.execute("INSERT INTO MipmapInfo VALUES (?, 100, ?, 0)", (own, own))
        base.execute("INSERT INTO Offscreen VALUES (?, ?, ?)", (own, attribute(), f"{own:040}"))
    if preview is not None:
        base.execute("CREATE TABLE CanvasPreview (ImageData)")
        base.execute("INSERT INTO CanvasPreview VALUES (?)", (preview,))
    base.commit()
    chunks = b""
    for index, block in enumerate(blocks):
        content = struct.pack(">Q", 40) + f"{index + 2:040}".encode() + block
        chunks += b"CHNKExta" + struct.pack(">Q", len(content)) + content
    image = base.serialize()
    chunks += b"CHNKSQLi" + struct.pack(">Q", len(image)) + image + b"CHNKFoot" + bytes(8)
    return b"CSFCHUNK" + struct.pack(">QQ", 24 + len(chunks), 24) + chunks


def utf16(text: str) -> bytes:
    """Return a name as such documents store it."""
    return struct.pack(">I", len(text)) + text.encode("utf-16-be")


def attribute() -> bytes:
    """Return the description of a layer of 24 x 21 pixels in colour."""
    values = [24, 21, 1, 1, 0x21, 1, 4, 5, 256 * 256, 0, 256 * 4, 0, 256, 0, 256, 256, 0, 0]
    sections = (("Parameter", values), ("InitColor", []), ("BlockSize", []))
    lengths = [len(utf16(name)) + 4 * len(content) for name, content in sections]
    data = struct.pack(">4I", 16, *lengths)
    for name, content in sections:
        data += utf16(name) + struct.pack(f">{len(content)}I", *content)
    return data


def block(samples: np.ndarray, raw: bytes | None = None) -> bytes:
    """Return the pixels of a layer."""
    alpha, colors = np.zeros((256, 256), np.uint8), np.zeros((256, 256, 4), np.uint8)
    height, width = samples.shape[:2]
    alpha[:height, :width] = samples[..., 3]
    colors[:height, :width, :3] = samples[..., 2::-1]
    plain = alpha.tobytes() + colors.tobytes()
    packed = zlib.compress(plain if raw is None else raw)
    content = utf16("BlockDataBeginChunk") + struct.pack(">5I", 0, len(plain), 256, 256, 1)
    content += struct.pack(">I", len(packed) + 4) + struct.pack("<I", len(packed)) + packed
    content += utf16("BlockDataEndChunk")
    record = struct.pack(">I", len(content) + 4) + content
    return struct.pack(">Q", len(record)) + record


RASTER, PAPER, TEXT = 1, 1584, 99


def kinds(path: Path) -> dict[str, tuple[bytes, np.ndarray, float]]:
    """Return files with their pixels, RGB or RGBA, and the tolerance of reading them."""
    flat = np.zeros_like(RGB)
    flat[5:10, 3:9] = (40, 80, 120)
    deep = RGB.astype(np.uint16) * 257
    tens = np.rint(RGB / 255 * 1023).astype(np.uint16)
    merged = {"mergedimage.png": encode_png(RGBA)}
    opaque = np.dstack((RGB, np.full((21, 24), 255, np.uint8)))
    return {
        "gif": (save(flat, "GIF"), flat, 0),
        "avif": (save(RGB, "AVIF", quality=100, subsampling="4:4:4"), RGB, 4),
        "jp2": (save(RGB, "JPEG2000", irreversible=False), RGB, 0),
        "jp2 with alpha": (save(RGBA, "JPEG2000", irreversible=False), RGBA, 0),
        "sgi": (save(RGB, "SGI"), RGB, 0),
        "sgi with alpha": (save(RGBA, "SGI"), RGBA, 0),
        "sgi of 16 bits": (save(RGB, "SGI", bpc=2), RGB, 255),
        "pcx": (save(RGB, "PCX"), RGB, 0),
        "ppm": (save(RGB, "PPM"), RGB, 0),
        "dpx": (dpx(RGB, "rgb24"), RGB, 0),
        "dpx with alpha": (dpx(RGBA, "rgba"), RGBA, 0),
        "dpx of 10 bits": (dpx(tens, "gbrp10le"), RGB, 0),
        "dpx of 16 bits": (dpx(deep, "rgb48be"), RGB, 0),
        "exr": (exr(RGB, "RGB", path), RGB, 0),
        "exr with alpha": (exr(RGBA, "RGBA", path), RGBA, 0),
        "exr of grey": (exr(GRAY, "Y", path), np.dstack([GRAY] * 3), 0),
        "psd": (psd(RGB), RGB, 0),
        "psd with alpha": (psd(RGBA), RGBA, 0),
        "psd of grey": (psd(GRAY), np.dstack([GRAY] * 3), 0),
        "kra": (archive(b"application/x-krita", merged), RGBA, 0),
        "ora": (archive(b"image/openraster", merged), RGBA, 0),
        "clip, preview": (clip(encode_png(RGBA), []), RGBA, 0),
        "clip, layers": (
            clip(encode_png(RGBA[:4]), [(RASTER, 1, 0, 256)] * 2, [block(opaque), block(RGBA)]),
            opaque,
            0,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, np.ndarray, float]]:
    """Give files of all kinds."""
    return kinds(tmp_path_factory.mktemp("exr") / "picture.exr")


def test_every_kind_is_read(files: dict[str, tuple[bytes, np.ndarray, float]]) -> None:
    """Files of every kind have the pixels that were written, laid on white, and as hints."""
    for name, (data, pixels, tolerance) in files.items():
        if pixels.shape[2] == 4:
            assert_array_equal(decode_cel(data), pixels, err_msg=name)
        if pixels.shape[2] == 4 and pixels[..., 3].min() == 0:
            pixels = ON_WHITE
        assert_allclose(decode_color(data), pixels[..., :3], atol=tolerance, err_msg=name)
        assert decode_line(data).shape == (21, 24)


def test_clip_layers_are_composited() -> None:
    """Hidden layers are left out, faint ones are faint, paper is white."""
    layers = [(PAPER, 1, 0, 256), (RASTER, 1, 0, 128), (RASTER, 0, 0, 256)]
    ink = np.zeros((21, 24, 4), np.uint8)
    ink[4] = (0, 0, 0, 255)
    data = clip(None, layers, [block(ink)] * 3)
    color = decode_color(data)
    assert (color[4] == 127).all()
    assert (np.delete(color, 4, axis=0) == 255).all()


def test_exr_windows_and_primaries(tmp_path: Path) -> None:
    """Pixels lie at their place in the display window; other primaries are converted."""
    path = tmp_path / "a.exr"
    stored, shown = (
        np.array(corners, np.int32) for corners in ([(2, 1), (25, 21)], [(0, 0), (29, 25)])
    )
    hint = decode_cel(exr(RGBA, "RGBA", path, dataWindow=tuple(stored), displayWindow=tuple(shown)))
    assert hint.shape == (26, 30, 4)
    assert_array_equal(hint[1:22, 2:26], RGBA)
    bright = np.full((4, 4, 3), 255, np.uint8)
    p3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329)
    assert_array_equal(decode_color(exr(bright, "RGB", path, chromaticities=p3)), bright)
    green = np.full((4, 4, 3), (0, 200, 0), np.uint8)
    assert_allclose(
        decode_color(exr(green, "RGB", path, chromaticities=p3))[0, 0], (0, 204, 0), atol=2
    )


def test_logarithmic_dpx_is_a_warning() -> None:
    """Scans of film are read as they are, with a word."""
    data = bytearray(dpx(RGB, "rgb24"))
    data[801] = 1
    with pytest.warns(PictureWarning, match="logarithmic"):
        assert_array_equal(decode_color(bytes(data)), RGB)


# Formats that are not read, and names.

UNREAD = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0",
    "JPEG XL": b"\xff\x0a\x00\x00",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "IFF": b"FORM\0\0\0\x20ILBM",
    "GIMP": b"gimp xcf v011\0",
    "Toonz raster level": b"TLV15" + bytes(40),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
}


@pytest.mark.parametrize("name", UNREAD)
def test_kinds_that_cannot_be_read_are_named(name: str) -> None:
    """The first bytes give the name of a format that is not read, and the sentence a way out."""
    with pytest.raises(ValueError, match=f"^{name} files cannot be read; save it as PNG"):
        decode_line(UNREAD[name] + bytes(100))


def test_the_table_is_complete() -> None:
    """All formats that are read have a decoder; no suffix is there twice; all are on the page."""
    assert _READERS.keys() == {form.name for form in FORMATS if form.is_read}
    suffixes = [suffix for form in FORMATS for suffix in form.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    page = (Path(__file__).parents[2] / ".github/colorize.md").read_text()
    for form in FORMATS:
        row = re.search(rf"^\| {re.escape(form.name)} \|(.*)$", page, re.MULTILINE)
        assert row is not None, form.name
        assert ("yes" if form.is_read else "no") in row[1]
        assert all(f"`{suffix}`" in row[1] for suffix in form.suffixes), form.name


def test_what_is_read_is_recognized(
    files: dict[str, tuple[bytes, np.ndarray, float]],
) -> None:
    """The first bytes of each kind of file are those of its format alone."""
    for name, (data, _, _) in files.items():
        form = find_format(data)
        assert form is not None
        assert f".{name.split(',')[0].split()[0]}" in form.suffixes


# Hostile files.


def test_no_truncated_file_is_half_read(
    files: dict[str, tuple[bytes, np.ndarray, float]],
) -> None:
    """A file cut at any length is refused, or, where only a trailer is lost, read in full."""
    for name, (data, _, _) in files.items():
        whole = decode_color(data)
        for length in {*range(0, len(data), 1 + len(data) // 60), *range(len(data) - 9, len(data))}:
            try:
                part = decode_color(data[:length])
            except ValueError:
                continue
            assert_array_equal(part, whole, err_msg=f"{name} cut at {length} of {len(data)}")


def test_damaged_files_are_refused_or_pictures(
    files: dict[str, tuple[bytes, np.ndarray, float]],
) -> None:
    """A wrong byte anywhere makes a refusal, or a picture; no other error, and no long work."""
    rng = np.random.default_rng(1)
    for name, (data, _, _) in files.items():
        for place in rng.integers(0, min(len(data), 3000), 40):
            damaged = bytearray(data)
            damaged[place] ^= 1 << int(rng.integers(8))
            started = time.process_time()
            with suppress(ValueError):
                decode_color(bytes(damaged), max_pixels=2**20)
            assert time.process_time() - started < 5, f"{name} at {place}"


def resized(name: str, data: bytes) -> bytes:
    """Return a file whose header claims 60,000 x 60,000 pixels, or near that."""
    changed = bytearray(data)
    big, end = 60_000, ">" if data.startswith((b"SDPX", b"8BPS")) else "<"
    places = {
        "gif": (6, "<HH"), "pcx": (8, "<HH"), "dpx": (772, f"{end}II"), "psd": (14, ">II"),
        "sgi": (6, ">HH"),
    }  # fmt: skip
    at, form = places[name]
    changed[at : at + struct.calcsize(form)] = struct.pack(form, big, big)
    return bytes(changed)


@pytest.mark.parametrize("name", ["gif", "pcx", "dpx", "psd", "sgi"])
def test_bombs(name: str, files: dict[str, tuple[bytes, np.ndarray, float]]) -> None:
    """A header that claims a huge picture is refused before its memory is taken."""
    decode_color(files[name][0])  # The decoder's modules are imported.
    started = time.process_time()
    with pytest.raises(ValueError, match=r"limit is|exceeds"):
        decode_color(resized(name, files[name][0]))
    assert time.process_time() - started < 1


def test_size_is_checked_first(
    files: dict[str, tuple[bytes, np.ndarray, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header alone decides: no pixel of a picture above the limit is decoded."""

    def fail(self: ImageFile.ImageFile) -> None:
        raise AssertionError(f"{self} was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    for data, _, _ in files.values():
        with pytest.raises(ValueError, match=r"24x21 .* limit is 503"):
            decode_color(data, max_pixels=503)


def test_archives_that_are_bombs() -> None:
    """A member that unpacks to more than its pixels need is refused."""
    bomb = encode_png(RGB) + bytes(10**8)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("mimetype", b"image/openraster")
        target.writestr("mergedimage.png", bomb)
    with pytest.raises(ValueError, match="are the most"):
        decode_color(sink.getvalue())
    with pytest.raises(ValueError, match="no merged picture"):
        decode_color(archive(b"application/x-krita", {}))


CLIP_REFUSALS: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: clip(None, [(TEXT - 1, 1, 0, 256)]), "only Clip Studio Paint can draw"),
    "multiply": (lambda: clip(None, [(RASTER, 1, 2, 256)], [block(RGBA)]), "'layer 2'"),
    "bomb": (
        lambda: clip(None, [(RASTER, 1, 0, 256)], [block(RGBA, bytes(10**8))]),
        "is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLIP_REFUSALS)
def test_clip_documents_that_are_refused(name: str) -> None:
    """Layers that we cannot draw as Clip Studio Paint does are named, not drawn wrong."""
    make, why = CLIP_REFUSALS[name]
    with pytest.raises(ValueError, match=why):
        decode_color(make())
