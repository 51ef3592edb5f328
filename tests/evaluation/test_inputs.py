from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.datasets.samples import NamedPicture
from lineart.datasets.shards import ShardRow, Shards, finish, write_shard
from lineart.evaluation.inputs import (
    PictureFolder,
    choose,
    find_units,
    make_absolute,
    name_places,
    open_pictures,
    read_unit,
    source_of,
)
from lineart.evaluation.methods import name_weights
from lineart.evaluation.request import (
    ClipScoreRequest,
    ColorsRequest,
    FilmRequest,
    KeysRequest,
    KidRequest,
    PictureRequest,
    Request,
    StudyRequest,
)
from lineart.evaluation.session import Session
from lineart.image import hash_pixels
from lineart.storage import Storage


@pytest.fixture
def folder(tmp_path: Path, pair: NamedPicture) -> Path:
    """Two sources of pairs, one of pictures without lines, and one colour without its line."""
    for source in ("a", "b"):
        for name in ("1", "2", "3", "4"):
            write(tmp_path / source / "color" / f"{name}.png", pair.color)
            assert pair.line is not None
            write(tmp_path / source / "line" / f"{name}.bmp", np.dstack([pair.line] * 3))
    (tmp_path / "b/line/4.bmp").unlink()
    write(tmp_path / "line" / "5.png", pair.color)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def write(path: Path, picture: np.ndarray) -> None:
    """Store a picture in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])


def test_folder_finds_pairs(folder: Path, pair: NamedPicture) -> None:
    """Colours get the lines of the same name, whatever the format; lines are no pictures."""
    pictures = PictureFolder(Storage.at(str(folder)))
    pairs = [f"{source}/color/{name}.png" for source in "ab" for name in "1234"]
    assert pictures.names == [*pairs, "line/5.png"]
    place = folder.name
    assert pictures.sources == [f"{place}/a"] * 4 + [f"{place}/b"] * 4 + [f"{place}/line"]
    first = pictures.read(0)
    assert first.name == "a/color/1.png"
    np.testing.assert_array_equal(first.color, pair.color)
    np.testing.assert_array_equal(first.line, pair.line)
    assert pictures.read(7).line is None
    assert pictures.read(8).line is None


def test_shards_are_taken_as_they_are(tmp_path: Path, pair: NamedPicture) -> None:
    """A folder of shards gives the pictures, names and sources that were put in."""
    storage = Storage.at(str(tmp_path / "validation"))
    rows = [shard_row(f"s/color/{name}.png", pair) for name in "12"]
    finish(storage, [write_shard(storage, 0, rows)])
    shards = open_pictures(storage.uri)
    assert isinstance(shards, Shards)
    assert list(shards.names) == ["s/color/1.png", "s/color/2.png"]
    assert list(choose(shards, 1)) == [0]
    np.testing.assert_array_equal(shards.read(1).color, pair.color)


def shard_row(name: str, pair: NamedPicture) -> ShardRow:
    """Give a picture as shards hold it."""
    assert pair.line is not None
    height, width = pair.line.shape
    gray = cv2.imencode(".png", pair.line)[1].tobytes()
    image = encode_png(pair.color)
    digest = hash_pixels(pair.color)
    return ShardRow(name, image, gray, width, height, digest, "0", name, "s", None, None)


def test_a_folder_of_pairs_may_be_the_root(folder: Path) -> None:
    """Opened at the folder that holds color/ and line/, pairs are pairs and have its name."""
    pictures = PictureFolder(Storage.at(str(folder / "a")))
    assert pictures.names == [f"color/{name}.png" for name in "1234"]
    assert set(pictures.sources) == {"a"}
    assert pictures.read(2).line is not None


def test_what_is_wrong_is_refused(folder: Path) -> None:
    """No folder, no picture, or lines of another size."""
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_pictures(str(folder / "missing"))
    write(folder / "a/line/1.bmp", np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="but its colours are"):
        open_pictures(str(folder)).read(0)
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no picture"):
        PictureFolder(Storage.at(str(folder / "empty")))


def test_a_whole_prepared_set_is_refused(tmp_path: Path, pair: NamedPicture) -> None:
    """Of its sides one is to be given, as elsewhere: the training is not for evaluation."""
    for side in ("train", "validation"):
        storage = Storage.at(str(tmp_path / "set" / side))
        finish(storage, [write_shard(storage, 0, [shard_row("a/0.png", pair)])])
    with pytest.raises(ValueError, match=r"give one side of it, .*set/validation or .*set/train"):
        open_pictures(str(tmp_path / "set"))
    (tmp_path / "set").rename(tmp_path / "source")
    with pytest.raises(ValueError, match=r"give one side of it, .*source/validation or "):
        open_pictures(str(tmp_path))


def test_choice_is_spread_and_may_be_bounded(folder: Path) -> None:
    """At most so many of each source, evenly spread."""
    pictures = PictureFolder(Storage.at(str(folder)))
    assert list(choose(pictures, None)) == list(range(9))
    assert list(choose(pictures, 2)) == [0, 2, 4, 6, 8]


def test_held_out_is_what_has_the_pixels(folder: Path, pair: NamedPicture) -> None:
    """Another picture of the name, even below the same folders, and a broken one are not."""
    rows = [shard_row(f"pairs/a/color/{name}.png", pair) for name in "12"]
    face = shard_row("3.png", pair)._replace(sha256="of the face", group=hash_pixels(pair.color))
    storage = Storage.at(str(folder / "held_out"))
    finish(storage, [write_shard(storage, 0, [*rows, face])])
    other = 255 - pair.color
    for name in ("a/color/2.png", "b/color/1.png", "b/color/3.png"):
        write(folder / name, other)
    (folder / "b/color/2.png").write_bytes(b"broken")
    images = (str(folder / "a"), str(folder / "b"))
    request = PictureRequest(images=images, held_out=storage.uri)
    units = find_units(request, Session(), images)
    assert [unit.name for unit in units] == ["a/color/1.png", "a/color/3.png"]


def test_units_name_their_pictures(folder: Path) -> None:
    """Places may hold pictures of one name; the shown ones are spread over all."""
    images = (str(folder / "a"), str(folder / "b"))
    request = PictureRequest(images=images, limit_per_source=2, num_sheet_samples=2)
    session = Session()
    units = find_units(request, session, images)
    names = ["a/color/1.png", "a/color/3.png", "b/color/1.png", "b/color/3.png"]
    assert [unit.name for unit in units] == names
    assert [unit.is_shown for unit in units] == [True, False, True, False]
    assert read_unit(session, units[3]).name == "color/3.png"
    assert source_of(session, units[3]) == "b"
    with pytest.raises(ValueError, match="of those that"):
        find_units(replace(request, held_out=make_shards(folder)), session, images[:1])


def make_shards(folder: Path) -> str:
    """Make shards with a picture of a name of its own."""
    storage = Storage.at(str(folder / "held_out"))
    black = NamedPicture("x", np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8))
    finish(storage, [write_shard(storage, 0, [shard_row("nowhere/else.png", black)])])
    return storage.uri


def test_places_of_one_name_stay_apart(folder: Path) -> None:
    """Where last folders are called the same, those above tell places, pictures and sources."""
    images = (str(folder / "a/color"), str(folder / "b/color"))
    session = Session()
    units = find_units(PictureRequest(images=images, limit_per_source=1), session, images)
    assert [unit.place for unit in units] == ["a/color", "b/color"]
    assert [unit.name for unit in units] == ["a/color/1.png", "b/color/1.png"]
    assert [source_of(session, unit) for unit in units] == ["a/color", "b/color"]


def test_places_have_names_that_no_other_has() -> None:
    """One folder is enough where it is; a folder and a bucket of one path have their addresses."""
    assert list(name_places(["/x/val", "s3://b/test"]).values()) == ["val", "test"]
    assert list(name_places(["/x/val", "/y/val", "/t"]).values()) == ["x/val", "y/val", "t"]
    assert list(name_places(["/b/v", "s3://b/v"]).values()) == ["/b/v", "s3://b/v"]
    with pytest.raises(ValueError, match="/x/val is named twice"):
        name_places(["/x/val", "/x/val/"])


# Absolute addresses.


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, whose name has a comma, with a file in it."""
    folder = tmp_path / "a,b"
    folder.mkdir()
    (folder / "w.pth").touch()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            KidRequest(images=("a", "s3://bucket/b"), targets=("x/t",), fid_features="w.pth"),
            KidRequest(
                images=("HERE/a", "s3://bucket/b"),
                targets=("HERE/x/t",),
                fid_features="HERE/w.pth",
            ),
        ),
        (
            ColorsRequest(images=("a",), held_out="o", lpips="alex=w.pth"),
            ColorsRequest(images=("HERE/a",), held_out="HERE/o", lpips="alex=HERE/w.pth"),
        ),
        (
            ClipScoreRequest(images=("a",), classes="c.json", clip="ViT-B-32=w.pth"),
            ClipScoreRequest(images=("HERE/a",), classes="HERE/c.json", clip="ViT-B-32=HERE/w.pth"),
        ),
        (KeysRequest(sequences=("s",)), KeysRequest(sequences=("HERE/s",))),
        (KeysRequest(weights="r/weights"), KeysRequest(weights="HERE/r/weights")),
        (FilmRequest(film="f", lines="l"), FilmRequest(film="HERE/f", lines="HERE/l")),
        (
            StudyRequest(study="s", answers=("p/1.json", "q")),
            StudyRequest(study="HERE/s", answers=("HERE/p/1.json", "HERE/q")),
        ),
    ],
)
def test_relative_addresses_become_absolute(here: Path, given: Request, expected: Request) -> None:
    """What lies below this folder is found from any other; buckets and bare names stay."""
    found = make_absolute(given)
    assert repr(found) == repr(expected).replace("HERE", str(here))
    assert make_absolute(found) == found


def test_weights_keep_their_names(here: Path) -> None:
    """Own names, names of folders and those that come with the program stay what they were."""
    weights = ("ours=runs/a", "runs/lr=0.1/weights", "default", "new=default", "s3://bucket/y")
    found = make_absolute(ColorsRequest(images=("x",), weights=weights)).weights
    assert list(name_weights(found)) == list(name_weights(weights))
    assert found == (f"ours={here}/runs/a", f"{here}/runs/lr=0.1/weights", *weights[2:])
