"""Folders and S3 behave alike."""

from functools import partial
from pathlib import Path

import pytest

from lineart.storage import Entry, Storage, read_file


def test_round_trip(each_storage: Storage) -> None:
    """What is written is listed and read, and gone once deleted; names may be anything plain."""
    storage, names = each_storage, ["a.png", "shot 1/f1.png", "été/日本 (2)+%.png"]
    for name in names:
        storage.write(name, name.encode() * 3)
    assert {*storage.entries()} == {Entry(name, len(name.encode()) * 3) for name in names}
    stamps = {entry.path: entry.stamp for entry in storage.entries()}
    assert stamps == {name: storage.stamp(name) for name in names}
    assert [entry.path for entry in storage.entries("shot 1")] == ["shot 1/f1.png"]
    assert storage.read(names[2]) == names[2].encode() * 3
    storage.write("a.png", b"other")
    assert storage.read("a.png") == b"other"
    assert storage.is_s3 == (storage.stamp("a.png") != stamps["a.png"])
    for _ in range(2):
        storage.delete("a.png")
    assert not storage.exists("a.png")


def test_nothing_there(each_storage: Storage) -> None:
    """An empty place lists nothing, and reading from it is an error."""
    assert list(each_storage.entries("none")) == []
    with pytest.raises(FileNotFoundError):
        each_storage.read("none.png")


def test_create(each_storage: Storage) -> None:
    """An object is stored only where none is, and what is there stays as it is."""
    assert each_storage.create("x/a", b"first")
    assert not each_storage.create("x/a", b"second")
    assert each_storage.read("x/a") == b"first"
    each_storage.delete("x/a")
    assert each_storage.create("x/a", b"third")
    assert [entry.path for entry in each_storage.entries()] == ["x/a"]


def test_put_file(each_storage: Storage) -> None:
    """A draft is not listed; it is stored as a whole where it is put, and gone after its block."""
    with each_storage.draft(".mp4") as draft:
        draft.write_bytes(b"movie")
        assert draft.suffix == ".mp4"
        assert list(each_storage.entries()) == []
        each_storage.put_file("x/a.mp4", draft)
    with each_storage.draft() as left:
        left.write_bytes(b"unused")
    assert not draft.exists()
    assert not left.exists()
    assert {entry.path: each_storage.read(entry.path) for entry in each_storage.entries()} == {
        "x/a.mp4": b"movie"
    }


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a\0", "a//b", "./a"])
def test_paths_that_leave_the_root(each_storage: Storage, path: str) -> None:
    """A path that is not plain is never opened."""
    storage = each_storage
    for use in (
        *(storage.read, storage.exists, storage.delete, storage.open_file),
        *(partial(write, data=b"") for write in (storage.write, storage.create)),
        partial(storage.put_file, draft=Path("none")),
    ):
        with pytest.raises(ValueError, match="plain relative path"):
            use(path)


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails leaves neither a file nor a part of it."""
    storage = Storage.at(str(tmp_path))
    storage.write("a.png", b"whole")
    with pytest.raises(TypeError):
        storage.write("a.png", "no bytes")  # type: ignore[arg-type]
    assert storage.read("a.png") == b"whole"
    assert list((tmp_path / ".partial").iterdir()) == []
    storage.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_address_is_taken_as_it_is(each_storage: Storage) -> None:
    """Signs that end the path of a web page's address are part of a folder's name."""
    for number, name in enumerate(("ep#1", "ep#2", "ep?x=1", "ep%202")):
        Storage.at(f"{each_storage.uri}/{name}").write("a", bytes([number]))
    names = [entry.path for entry in each_storage.entries()]
    assert sorted(names) == ["ep#1/a", "ep#2/a", "ep%202/a", "ep?x=1/a"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c#d", "/a/b c#d"),
        ("file://localhost/a", "/a"),
        ("FILE:///a", "/a"),
        ("/a/b%20c", "/a/b%20c"),
    ],
)
def test_the_address_of_a_folder(uri: str, path: str) -> None:
    """Only the address of a file is written with percent signs."""
    assert Storage.at(uri).root == path


def test_the_folder_of_another_machine() -> None:
    """An address with a host is refused; its path would be another folder here."""
    with pytest.raises(ValueError, match="is not on this machine; write file:///folder"):
        Storage.at("file://server/films")


@pytest.mark.parametrize(
    ("above", "below", "is_below"),
    [("/", "/x", True), ("/x", "/x", True), ("/x", "/xy", False), ("/x/y", "/x", False)],
)
def test_what_lies_below_a_folder(above: str, below: str, *, is_below: bool) -> None:
    """A folder lies below itself and below the root of the file system."""
    assert Storage.at(above).contains(Storage.at(below)) is is_below


@pytest.mark.parametrize("address", ["{root}/a/b.txt", "{root}/b.txt", "a/b.txt", "b.txt"])
def test_a_file_is_read_by_its_address(
    address: str, each_storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is absolute, relative or in this folder; an object is below a prefix or not."""
    storage = each_storage if address.startswith("{") else Storage.at(str(tmp_path))
    for path in ("a/b.txt", "b.txt"):
        storage.write(path, path.encode())
    monkeypatch.chdir(tmp_path)
    assert address.endswith(read_file(address.format(root=storage.uri)).decode())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """It is said of its address with a slash at the end as of that without one."""
    for address in (str(tmp_path), f"{tmp_path}/", f"{tmp_path}//"):
        with pytest.raises(IsADirectoryError):
            read_file(address)


def test_parts_of_an_object(each_storage: Storage) -> None:
    """A range is read without the rest; what lies behind the end is empty."""
    each_storage.write("x/a.tif", b"0123456789")
    each_storage.write("x/empty.tif", b"")
    assert each_storage.read_range("x/a.tif", 2, 3) == b"234"
    assert each_storage.read_range("x/a.tif", 8, 100) == b"89"
    assert each_storage.read_range("x/a.tif", 10, 1) == b""
    assert each_storage.read_range("x/empty.tif", 0, 4096) == b""
    with pytest.raises(FileNotFoundError):
        each_storage.read_range("x/none.tif", 0, 1)
    with pytest.raises(ValueError, match="not a plain relative path"):
        each_storage.read_range("../a.tif", 0, 1)


def test_a_root_that_is_a_file(each_storage: Storage) -> None:
    """An object is told from a folder, and from what does not exist."""
    each_storage.write("x.y/a.png", b"0")
    assert each_storage.child("x.y/a.png").as_file() == (each_storage.child("x.y"), "a.png")
    for root in ("x.y", "x.y/b.png", "none/a.png"):
        assert each_storage.child(root).as_file() is None
    assert Storage("bucket", is_s3=True).as_file() is None


def test_an_object_is_moved(each_storage: Storage) -> None:
    """It replaces what is there, leaves no empty folder, and a missing one is told by its name."""
    each_storage.write("frames/s1/f 1.png", b"new")
    each_storage.write("frames/s2/f2.png", b"other")
    each_storage.write("removed/s1/f 1.png", b"old")
    each_storage.move("frames/s1/f 1.png", "removed/s1/f 1.png")
    assert each_storage.read("removed/s1/f 1.png") == b"new"
    assert [entry.path for entry in each_storage.entries("frames")] == ["frames/s2/f2.png"]
    if not each_storage.is_s3:
        assert not (Path(each_storage.root) / "frames/s1").exists()
        assert (Path(each_storage.root) / "frames").exists()
    with pytest.raises(FileNotFoundError, match="s9"):
        each_storage.move("frames/s9.png", "removed/s9.png")
    assert not each_storage.exists("removed/s9.png")
