"""Inputs that were made to break a film: each is a refusal by its own name, the rest a film."""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lineart.film.colors.hints import attach_hints
from lineart.film.execution.worker import hash_hints
from lineart.film.pictures import frames
from lineart.film.pictures.frames import (
    FilmFrame,
    PictureReader,
    Source,
    assemble,
    list_pictures,
)
from lineart.film.records import Failure, FilmJob
from lineart.film.tasks.colorize import ColorizeTask
from lineart.storage import Entry, Storage


def refusals(film: Sequence[FilmFrame]) -> dict[str, str]:
    """Give by name why frames are refused."""
    return {frame.name: frame.refusal for frame in film if frame.refusal is not None}


def list_film(folder: Path) -> list[FilmFrame]:
    """Give the film in a folder."""
    return assemble(list_pictures(Storage.at(str(folder))), "film")


def write_rows(path: Path, names: Sequence[object], images: Sequence[object] | None = None) -> None:
    """Write a Parquet file of frames."""
    images = [b"x"] * len(names) if images is None else images
    parquet.write_table(pa.table({"frame": names, "image": images}), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of the film with one good picture."""
    (tmp_path / "in/s").mkdir(parents=True)
    (tmp_path / "in/s/good.png").write_bytes(b"good")
    return tmp_path / "in"


# Folders.


def test_links_that_lead_out_are_not_read(folder: Path) -> None:
    """A link to a file or folder outside is a refusal by its name, and nothing of it is read."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    (folder / "s/link.png").symlink_to(outside / "secret.png")
    (folder / "s/up.png").symlink_to("../../outside/secret.png")
    (folder / "t").symlink_to(outside)
    (folder / "film.parquet").symlink_to(outside / "secret.png")
    film = list_film(folder)
    refused = refusals(film)
    assert refused.keys() == {"s/link.png", "s/up.png", "t", "film.parquet"}
    assert "leads out" in refused["s/link.png"]
    assert "link to a folder" in refused["t"]
    for frame in film:
        if frame.name != "s/good.png":
            with pytest.raises(ValueError, match="link"):
                PictureReader(Storage.at(str(folder))).read(frame.source)


def test_a_link_that_comes_later_is_not_read(folder: Path) -> None:
    """A file, or its folder, that becomes a link after it was listed is not read."""
    secret = folder.parent / "good.png"
    secret.write_bytes(b"secret")
    place = Storage.at(str(folder))
    (picture,) = list_pictures(place)
    assert PictureReader(place).read(picture) == b"good"
    (folder / "s/good.png").unlink()
    (folder / "s/good.png").symlink_to(secret)
    with pytest.raises(ValueError, match="leads out"):
        PictureReader(place).read(picture)
    (folder / "s/good.png").unlink()
    (folder / "s").rmdir()
    (folder / "s").symlink_to(folder.parent)
    with pytest.raises(ValueError, match="leads out"):
        PictureReader(place).read(picture)


def test_links_within_the_film(folder: Path) -> None:
    """A link to another picture of the film is a picture; a folder in a ring ends the listing."""
    (folder / "s/again.png").symlink_to("good.png")
    (folder / "s/ring").symlink_to("..")
    (folder / "s/self.png").symlink_to("self.png")
    film = list_film(folder)
    assert {frame.name for frame in film if not frame.refusal} == {"s/good.png", "s/again.png"}
    assert PictureReader(Storage.at(str(folder))).read(Source("x", "s/again.png")) == b"good"
    assert refusals(film).keys() == {"s/ring", "s/self.png"}


def test_what_is_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and sockets, which would be read for ever, and links to nothing are refusals."""
    monkeypatch.chdir(folder / "s")  # a socket's address must be short
    os.mkfifo("pipe.png")
    Path("gone.png").symlink_to("nothing")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        refused = refusals(list_film(folder))
    assert refused == dict.fromkeys(["s/pipe.png", "s/gone.png", "s/socket.png"], "it is no file")


def test_names_that_are_no_text(folder: Path) -> None:
    """A file name that is no UTF-8 is a refusal whose key can be written anywhere."""
    Path(os.fsdecode(os.fsencode(folder) + b"/s/\xff.png")).write_bytes(b"")
    (folder / "s/a\nb ü.png").write_bytes(b"")
    (folder / "s/back\\slash.png").write_bytes(b"")
    film = list_film(folder)
    assert [frame.name for frame in film if not frame.refusal] == ["s/a\nb ü.png", "s/good.png"]
    refused = refusals(film)
    assert refused.keys() == {r"s/\udcff.png", r"s/back\slash.png"}
    assert "UTF-8" in refused[r"s/\udcff.png"]
    "".join(refused.values()).encode()


def test_a_folder_that_cannot_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed is a refused shot; the others are a film.

    No folder, no film.
    """
    (folder / "t").mkdir()
    scan, refused_names = os.scandir, {"t"}

    def refuse(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name in refused_names:
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    film = list_film(folder)
    assert [(frame.shot, frame.name) for frame in film] == [("s", "s/good.png"), ("t", "t")]
    why = "this folder cannot be listed: Permission denied; none of its pictures is made"
    assert refusals(film) == {"t": why}
    assert not list_film(folder / "nowhere")
    refused_names.add("in")
    with pytest.raises(PermissionError):
        list_film(folder)


# Buckets.


def test_keys_that_are_no_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """On S3, where a key is any text, keys that lead out or nowhere are refusals."""
    keys = ["a/../../b.png", "../c.png", "d//e.png", "/f.png", "g\\h.png", "i/./j.png", "k/l.png"]
    entries = [Entry(key, 1) for key in [*keys, ".hidden/m.png", "n/.o.png"]]
    monkeypatch.setattr(Storage, "entries", lambda _: iter(entries))
    film = assemble(list_pictures(Storage("bucket/film", is_s3=True)), "film")
    assert {frame.name for frame in film if not frame.refusal} == {"k/l.png"}
    assert len(refusals(film)) == 6


# Parquet.


def test_parquet_names(folder: Path) -> None:
    """Rows with names that lead out, or without one, are refusals; the rows between are frames."""
    long = "n" * 300 + ".png"
    names = ["../../x", "/etc/passwd", "", None, "p/1.png", "nul\0.png", long, "p/2.png", "a\\b"]
    write_rows(folder / "film.parquet", names)
    film = list_film(folder)
    assert {frame.name for frame in film if not frame.refusal} == {
        "s/good.png",
        "p/1.png",
        "p/2.png",
    }
    assert refusals(film).keys() == {
        *("../../x", "/etc/passwd", "film.parquet\\2", "film.parquet\\3"),
        *(r"nul\x00.png", long, "a\\b"),
    }
    place = Storage.at(str(folder))
    for frame in film:
        if frame.refusal:
            with pytest.raises(ValueError, match=r"plain|too long|no name"):
                PictureReader(place).read(frame.source)


def test_parquet_twice_the_same_frame(folder: Path) -> None:
    """A name that stands often is one frame, refused, that says how often; the file's, too."""
    write_rows(folder / "film.parquet", ["p/1.png", "p/2.png", "p/1.png", "p/1.png", "s/good.png"])
    film = list_film(folder)
    assert [frame.name for frame in film] == ["p/1.png", "p/2.png", "s/good.png"]
    refused = refusals(film)
    assert "3 pictures are called 'p/1.png'" in refused["p/1.png"]
    assert "2 pictures are called 's/good.png'" in refused["s/good.png"]
    assert len(refused) == 2


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"frame": ["a.png"]}, "no column image"),
        ({"picture": [b""]}, "no column frame and image"),
        ({"frame": [1], "image": [b""]}, "frame and image are int64 and binary"),
        ({"frame": [b"a.png"], "image": [b""]}, "are binary and binary"),
        ({"frame": ["a.png"], "image": ["a"]}, "are string and string"),
        ({"frame": [["a.png"]], "image": [b""]}, "not string and binary"),
    ],
)
def test_parquet_columns(folder: Path, columns: dict[str, list[object]], why: str) -> None:
    """A Parquet file without the columns is one refusal by its path."""
    parquet.write_table(pa.table(columns), folder / "film.parquet")
    refused = refusals(list_film(folder))
    assert refused.keys() == {"film.parquet"}
    assert why in refused["film.parquet"]


def test_parquet_columns_that_may_be(folder: Path) -> None:
    """Large strings, dictionaries and large binaries are columns like the plain ones."""
    names = pa.array(["p/1.png", "p/2.png"])
    for index, kind in enumerate((names.cast(pa.large_string()), names.dictionary_encode())):
        table = pa.table({"frame": kind, "image": pa.array([b"1", b"2"], pa.large_binary())})
        path = folder / f"film{index}.parquet"
        parquet.write_table(table, path)
        film = list_film(folder)
        assert [frame.name for frame in film][:2] == ["p/1.png", "p/2.png"]
        assert PictureReader(Storage.at(str(folder))).read(film[1].source) == b"2"
        path.unlink()


def test_no_parquet_file(folder: Path) -> None:
    """Text, nothing, and a file cut at 100 lengths: a refusal by the file's path, or by a row's."""
    write_rows(folder / "film.parquet", [f"p/{n}.png" for n in range(50)], [b"image" * 9] * 50)
    whole = (folder / "film.parquet").read_bytes()
    for data in (
        b"",
        b"PAR1",
        b"hello",
        bytes(99),
        *(whole[: n * len(whole) // 100] for n in range(100)),
    ):
        (folder / "film.parquet").write_bytes(data)
        assert refusals(list_film(folder)).keys() == {"film.parquet"}


def test_damaged_parquet_file(folder: Path) -> None:
    """A Parquet file with a wrong byte anywhere is read, or its rows or the file are refused."""
    path = folder / "film.parquet"
    write_rows(path, [f"p/{n}.png" for n in range(50)], [b"image" * 9] * 50)
    whole = path.read_bytes()
    place = Storage.at(str(folder))
    for position in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        film = list_film(folder)
        assert "s/good.png" in {frame.name for frame in film if not frame.refusal}
        for frame in film[:5]:
            try:
                PictureReader(place).read(frame.source)
            except (ValueError, OSError):
                continue


def test_row_group_that_is_too_large(folder: Path) -> None:
    """A row group above the limit is refused before its pictures are read; others are read."""
    write_rows(folder / "film.parquet", ["p/1.png"], [b"x" * 2000])
    write_rows(folder / "other.parquet", ["p/2.png"], [b"x" * 100])
    reader = PictureReader(Storage.at(str(folder)), max_group_bytes=1000)
    large, small, _ = list_film(folder)
    assert reader.read(small.source) == b"x" * 100
    with pytest.raises(ValueError, match="fewer rows a group"):
        reader.read(large.source)


def test_too_many_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that claims more rows than any film has is refused without listing them."""
    write_rows(folder / "film.parquet", ["p/1.png", "p/2.png"])
    monkeypatch.setattr(frames, "MAX_ROWS", 1)
    film = assemble(list_pictures(Storage.at(str(folder))), "film")
    assert "2 rows" in refusals(film)["film.parquet"]


# Hints.


def test_hints_that_are_twins(folder: Path) -> None:
    """Frames for which a hint of two is meant fail by name of the hints; others do not."""
    lines = [Source(name, name) for name in ("s/1.png", "s/2.png", "s/3.png", "t/1.png")]
    hints = [Source(name, name) for name in ("s/2.png", "s/2.webp", "s/3.png", "t.png")]
    film = attach_hints(assemble(lines, "film"), hints)
    is_refused = [[hint.refusal is not None for hint in frame.hints] for frame in film]
    assert is_refused == [[], [True], [False], [False]]
    assert not refusals(film)
    (broken,) = film[1].hints
    place = Storage.at(str(folder))
    job = FilmJob(place, place, place, ColorizeTask(64, 2), place)
    found = hash_hints(job, [broken])[broken.name]
    assert isinstance(found, Failure)
    assert found.stage == "hint"
    assert "'s/2.webp' and 's/2.png' are hints for one frame" in found.message


# Whatever comes.

NAMES = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["a.png", "A.png", "a.tif", "s/a.png", "s/A.PNG", "../a.png", "s", "s.png", "s/b/c.png", "/a"]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(NAMES, max_size=12), st.lists(NAMES, max_size=4))
def test_each_name_once_and_no_output_twice(names: list[str], hints: list[str]) -> None:
    """From any names: each frame once, no two frames for one output, and none that leads out."""
    film = attach_hints(
        assemble(
            [
                frames._row(name, frames.Listed("film.parquet"), row)
                for row, name in enumerate(names)
            ],
            "film",
        ),
        [frames._row(name, frames.Listed("hints.parquet"), row) for row, name in enumerate(hints)],
    )
    assert len({frame.name for frame in film}) == len(film)
    good = [frame.output for frame in film if frame.refusal is None]
    assert len({output.lower() for output in good}) == len(good)
    assert not any(".." in output.split("/") for output in good)
    "".join(frame.name + (frame.refusal or "") for frame in film).encode()
    shown = {frame.source.row for frame in film if frame.refusal is None}
    assert all(names.count(names[row]) == 1 for row in shown if row is not None)
