"""What a film is, from names alone and from Parquet."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from lineart.film.pictures.frames import (
    PictureReader,
    Source,
    assemble,
    list_pictures,
)
from lineart.film.pictures.names import stem
from lineart.storage import Storage


def sources(*names: str) -> list[Source]:
    """Give files by name."""
    return [Source(name, name) for name in names]


def test_natural_order() -> None:
    """Frame 2 comes before frame 10, and shot 2 before shot 10."""
    frames = assemble(sources("s10/f2.png", "s2/f10.png", "s2/f2.png"), "film")
    assert [frame.name for frame in frames] == ["s2/f2.png", "s2/f10.png", "s10/f2.png"]
    assert [frame.number for frame in frames] == [1, 2, 1]


def test_shot_is_a_folder() -> None:
    """A folder's frames stay together beside its subfolders; the root is a shot of its own."""
    frames = assemble(sources("a/1.png", "a/b/1.png", "a/c.png", "top.png"), "film")
    assert [frame.shot for frame in frames] == ["film", "a", "a", "a/b"]


def test_output_is_png() -> None:
    """A frame goes to the same relative path, as PNG."""
    (frame,) = assemble(sources("s1/f.v2.tif"), "film")
    assert frame.output == "frames/s1/f.v2.png"


def test_digits_behind_a_point_are_no_suffix() -> None:
    """Rows of Parquet files need no suffix; a number or version is the frame's own."""
    names = ["s1/f.v2", "s1/f.0002", "s1/f.0010", "s1/F.0011a", "s1/f.0012.png"]
    frames = assemble(sources(*names), "film")
    assert [frame.refusal for frame in frames] == [None] * 5
    assert {frame.output for frame in frames} == {
        f"frames/{name.removesuffix('.png')}.png" for name in names
    }
    assert [frame.name for frame in frames if frame.shot == "s1"][-4:] == names[1:]
    for name in ("f.JP2", "f.dat", "f.parquet", "f.m2ts"):
        assert stem(f"s.1/{name}") == "s.1/f"


@pytest.mark.parametrize("twin", ["s/f.tif", "s/F.png"])
def test_twins_are_refused(twin: str) -> None:
    """Two drawings that would be written to one output are refused, naming each other; no third."""
    one, two, third = assemble(sources("s/f.png", "s/g.png", twin), "film")
    assert third.name == "s/g.png"
    assert third.refusal is None
    assert {one.name, two.name} == {"s/f.png", twin}
    for frame, other in ((one, two), (two, one)):
        assert frame.refusal is not None
        assert f"{frame.name!r} and {other.name!r} would be written to one output" in frame.refusal


def test_parquet_rows(tmp_path: Path) -> None:
    """Every row of a Parquet file is a picture, whatever its row group."""
    images = [bytes([value]) * 5 for value in range(7)]
    table = pa.table({"frame": [f"s/{n}.png" for n in range(7)], "image": images})
    parquet.write_table(table, tmp_path / "film.parquet", row_group_size=3)
    storage = Storage.at(str(tmp_path))
    pictures = list_pictures(storage)
    assert [picture.name for picture in pictures] == [f"s/{n}.png" for n in range(7)]
    assert [PictureReader(storage).read(picture) for picture in pictures] == images


def test_a_row_group_is_read_once(tmp_path: Path) -> None:
    """Rows in order, by one reader: each group of them is read once, and the file stays open."""
    images = [bytes([value]) * 5 for value in range(7)]
    table = pa.table({"frame": [f"s/{n}.png" for n in range(7)], "image": images})
    parquet.write_table(table, tmp_path / "film.parquet", row_group_size=3)
    reader = PictureReader(Storage.at(str(tmp_path)))
    pictures = list_pictures(reader.storage)
    assert [reader.read(picture) for picture in pictures] == images
    assert (reader._open.cache_info().misses, reader._images_of.cache_info().misses) == (1, 3)


def test_kinds_of_files(tmp_path: Path) -> None:
    """Documents give way to pictures of their name; what cannot be read fails; the rest is none."""
    names = (
        "a.png",
        "a.psd",
        "b.HEIC",
        "c.psd",
        "c.xcf",
        "d.exr",
        "d.kra",
        "e.tlv",
        "f.tga",
        "f.heic",
    )
    for name in (*names, "notes.txt", "Thumbs.db", "take.wav", ".hidden.gif", "without"):
        (tmp_path / name).write_bytes(b"")
    pictures = {
        picture.name: picture.refusal for picture in list_pictures(Storage.at(str(tmp_path)))
    }
    way_out = "cannot be read; save it as PNG, TIFF or TGA"
    assert pictures == {
        **dict.fromkeys(("a.png", "c.psd", "d.exr", "f.tga")),
        "b.HEIC": f"HEIC files (.heic) {way_out}",
        "e.tlv": f"Toonz raster level files (.tlv) {way_out}",
    }
