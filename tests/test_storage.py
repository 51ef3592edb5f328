"""Folders and S3 behave alike."""

from functools import partial
from pathlib import Path

import pytest

from lineart.storage import Entry, Storage, read_file


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty storage of each kind; S3 is a real server on loopback."""
    if request.param == "folder":
        return Storage.at(str(tmp_path))
    bucket: Path = request.getfixturevalue("bucket")
    return Storage.at(f"s3://{bucket.name}/some/prefix")


def test_round_trip(storage: Storage) -> None:
    """What is written is listed and read, and gone once deleted; names may be anything plain."""
    names = ["a.png", "shot 1/f1.png", "été/日本 (2)+%.png"]
    for name in names:
        storage.write(name, name.encode() * 3)
    entries = sorted(storage.entries(), key=lambda entry: entry.path)
    assert entries == sorted((Entry(n, len(n.encode()) * 3) for n in names), key=lambda e: e.path)
    assert storage.read(names[2]) == names[2].encode() * 3
    storage.write("a.png", b"other")
    assert storage.read("a.png") == b"other"
    storage.delete("a.png")
    storage.delete("a.png")
    assert not storage.exists("a.png")
    assert [entry.path for entry in storage.entries("shot 1")] == ["shot 1/f1.png"]


def test_nothing_there(storage: Storage) -> None:
    """An empty place lists nothing, and reading from it is an error."""
    assert list(storage.entries("none")) == []
    with pytest.raises(FileNotFoundError):
        storage.read("none.png")


def test_create(storage: Storage) -> None:
    """Something is stored where nothing is, and what is there stays as it is."""
    assert storage.create("x/a", b"first")
    assert not storage.create("x/a", b"second")
    assert storage.read("x/a") == b"first"
    storage.delete("x/a")
    assert storage.create("x/a", b"third")
    assert [entry.path for entry in storage.entries()] == ["x/a"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a\0", "a//b", "./a"])
def test_paths_that_leave_the_root(storage: Storage, path: str) -> None:
    """A path that is not plain is never opened."""
    for use in (
        *(storage.read, storage.exists, storage.delete, storage.open_file),
        *(partial(write, data=b"") for write in (storage.write, storage.create)),
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


def test_missing_bucket(bucket: Path) -> None:
    """A bucket that is not there is told from one that is."""
    Storage.at(f"s3://{bucket.name}/x").check()
    with pytest.raises(FileNotFoundError, match="no bucket 'absent'"):
        Storage.at("s3://absent/x").check()


def test_wrong_key(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong credentials are an error that says so."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(PermissionError, match="is denied"):
        Storage.at(f"s3://{bucket.name}/x").check()


@pytest.mark.parametrize("address", ["{folder}/a/b.txt", "a/b.txt", "b.txt"])
def test_a_file_is_read_by_its_address(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute, relative, or beside."""
    for path in (tmp_path / "a" / "b.txt", tmp_path / "b.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"here")
    monkeypatch.chdir(tmp_path)
    assert read_file(address.format(folder=tmp_path)) == b"here"


def test_a_file_in_a_bucket_is_read_by_its_address(bucket: Path) -> None:
    """So is an object, below a prefix or not."""
    for key in ("a/b.txt", "b.txt"):
        Storage.at(f"s3://{bucket.name}").write(key, b"there")
        assert read_file(f"s3://{bucket.name}/{key}") == b"there"
