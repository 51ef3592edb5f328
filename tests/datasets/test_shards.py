import json
import multiprocessing
import pickle
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.datasets.maps import encode_depth
from lineart.datasets.shard_rows import CACHE_BYTES, choose_cache
from lineart.datasets.shards import (
    ShardRow,
    Shards,
    decode,
    decode_gray,
    finish,
    to_bytes,
    write_shard,
)
from lineart.storage import Storage


def draw(seed: int) -> np.ndarray:
    """Draw a small picture of noise; its size depends on the seed."""
    return np.random.default_rng(seed).integers(0, 256, (9, 7 + seed % 5, 3), dtype=np.uint8)


def make_row(seed: int) -> ShardRow:
    """Make a row; every third has a line drawing."""
    color = draw(seed)
    return ShardRow(
        name=f"folder/{seed}.png",
        image=encode_png(color),
        line=encode_png(color[..., 1]) if seed % 3 == 0 else None,
        width=color.shape[1],
        height=color.shape[0],
        sha256=f"{seed:064x}",
        perceptual_hash=f"{seed:016x}",
        group=f"group {seed}",
        source=f"source {seed % 4}",
        licence="CC0-1.0",
        author=None,
    )


def make_mapped_row(seed: int) -> ShardRow:
    """Make a row with maps; every third has no depth."""
    height, width = draw(seed).shape[:2]
    depth = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    return make_row(seed)._replace(
        segmentation=encode_png(draw(seed)[..., 2]),
        depth=encode_depth(depth) if seed % 3 else None,
    )


def write_set(storage: Storage, sizes: list[int], first: int = 0) -> list[int]:
    """Write a set whose shards have these sizes; give the seeds of its pictures in order."""
    seeds = list(range(first, first + sum(sizes)))
    paths, rest = [], list(seeds)
    for number, size in enumerate(sizes):
        paths.append(write_shard(storage, number, [make_row(seed) for seed in rest[:size]]))
        rest = rest[size:]
    finish(storage, paths)
    return seeds


def assert_holds(pictures: Shards, seeds: list[int], order: list[int]) -> None:
    """Check every picture, read in an order."""
    assert pictures.names == [f"folder/{seed}.png" for seed in seeds]
    assert pictures.sources == [f"source {seed % 4}" for seed in seeds]
    for index in order:
        picture, color = pictures.read(index), draw(seeds[index])
        assert picture.name == pictures.names[index]
        assert_array_equal(picture.color, color)
        assert (picture.line is None) == (seeds[index] % 3 != 0)
        if picture.line is not None:
            assert_array_equal(picture.line, color[..., 1])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Return the test's folder as a storage."""
    return Storage.at(str(tmp_path))


@pytest.mark.parametrize("sizes", [[1], [8], [9], [3, 20, 8, 17]])
def test_shards_round_trip(storage: Storage, sizes: list[int]) -> None:
    """Every picture comes back by its number, whatever the order and the shards' sizes."""
    seeds = write_set(storage, sizes)
    pictures = Shards(storage)
    assert len(pictures) == sum(sizes)
    order = np.random.default_rng(0).permutation(len(seeds)).tolist()
    assert_holds(pictures, seeds, order)


def test_maps_are_read_beside_shards_without(tmp_path: Path, storage: Storage) -> None:
    """Only shards with maps have columns for them; shards of one set may differ."""
    rows = [make_row(seed) if seed < 10 else make_mapped_row(seed) for seed in range(24)]
    paths = [write_shard(storage, i, part) for i, part in enumerate((rows[:9], rows[9:]))]
    finish(storage, paths)
    plain, mapped = (parquet.read_schema(tmp_path / path).names for path in paths)
    assert mapped == [*plain, "segmentation", "depth"]
    pictures = Shards(storage)
    assert_holds(pictures, list(range(24)), list(range(9)))
    assert pictures.read(9).segmentation is pictures.read(9).depth is None
    for seed in (10, 11, 12, 23):
        picture = pictures.read(seed)
        assert picture.segmentation is not None
        assert_array_equal(picture.segmentation, draw(seed)[..., 2])
        assert (picture.depth is None) == (seed % 3 == 0)
        if picture.depth is not None:
            expected = np.linspace(0, 1, picture.depth.size)
            np.testing.assert_allclose(picture.depth.ravel(), expected, atol=1e-5)


def test_small_caches_change_nothing(storage: Storage) -> None:
    """With room for one open file and one row group, the same pictures are read."""
    seeds = write_set(storage, [10, 10, 10])
    assert choose_cache(128 * 2**30, 16) == 2**30
    assert choose_cache(4 * 2**30, 16) == CACHE_BYTES
    pictures = Shards(storage, cache_bytes=1, open_files=1)
    assert_holds(pictures, seeds, [0, 29, 1, 15, 0, 29])


def test_row_groups_are_kept(tmp_path: Path, storage: Storage) -> None:
    """Pictures of a row group that was read are there even when the files are gone."""
    seeds = write_set(storage, [8])
    pictures = Shards(storage)
    pictures.read(0)
    for file in tmp_path.glob("*.parquet"):
        file.write_bytes(b"")
    assert_holds(pictures, seeds, list(range(8)))


def test_decoded_pictures_are_kept(storage: Storage) -> None:
    """Of pictures of about 200 bytes each, three stay in 700 bytes; nobody can change them."""
    seeds = write_set(storage, [12])
    pictures = Shards(storage, decoded_bytes=700)
    assert_holds(pictures, seeds, [1, 2, 4, 1, 5])
    kept = pictures.read(1)
    with pytest.raises(ValueError, match="read-only"):
        kept.color[:] = 0
    assert pictures.read(1) is kept
    assert_holds(pictures, seeds, [7, 8, 10])
    assert pictures.read(1) is not kept
    copy = pickle.loads(pickle.dumps(pictures))
    assert draw(1).tobytes() not in pickle.dumps(copy)
    assert_holds(copy, seeds, list(range(12)))
    # By default, it is what the row groups leave of a process's share of the memory.
    assert_holds(Shards(storage, decoded_bytes=None), seeds, [3, 3, 11])


def test_a_copy_in_another_process_reads(storage: Storage) -> None:
    """Pickled after use it reads the same, without the cache; so does a forked process."""
    seeds = write_set(storage, [12])
    pictures = Shards(storage)
    assert_holds(pictures, seeds, [3])
    data = pickle.dumps(pictures)
    assert make_row(3).image not in data
    assert_holds(pickle.loads(data), seeds, [11, 0])
    child = multiprocessing.get_context("fork").Process(
        target=assert_holds, args=(pictures, seeds, [3, 11])
    )
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert_holds(pictures, seeds, [11, 3])


def test_it_reads_from_s3(bucket: Path) -> None:
    """A set in a bucket reads as one in a folder."""
    storage = Storage.at(f"s3://{bucket.name}/set/train")
    seeds = write_set(storage, [3, 9])
    assert_holds(pickle.loads(pickle.dumps(Shards(storage))), seeds, [0, 11, 4])


def test_equal_rows_make_equal_bytes() -> None:
    """Equal rows give equal bytes, and another order other bytes."""
    assert to_bytes([make_row(1), make_row(2)]) == to_bytes([make_row(1), make_row(2)])
    assert to_bytes([make_row(1), make_row(2)]) != to_bytes([make_row(2), make_row(1)])


def test_a_shard_is_plain_parquet(tmp_path: Path, storage: Storage) -> None:
    """Any reader of Parquet finds the columns, in row groups of eight."""
    path = write_shard(storage, 0, [make_row(seed) for seed in range(20)])
    file = parquet.ParquetFile(tmp_path / path)
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [8, 8, 4]
    expected = make_row(7)._asdict()
    assert expected.pop("segmentation") is expected.pop("depth") is None
    assert file.read().to_pylist()[7] == expected


def test_pictures_are_not_compressed_twice() -> None:
    """A shard is little larger than its pictures."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    rows = [make_row(seed)._replace(image=encode_png(noise)) for seed in range(1, 3)]
    assert 0 < len(to_bytes(rows)) - sum(len(row.image) for row in rows) < 10_000


def test_a_new_set_replaces_the_old_one(tmp_path: Path, storage: Storage) -> None:
    """Shards that are not finished are not seen; once they are, the old ones are gone."""
    old = write_set(storage, [4, 4])
    half = write_shard(storage, 0, [make_row(50)])
    assert_holds(Shards(storage), old, [0, 7])
    finish(storage, [half])
    assert_holds(Shards(storage), [50], [0])
    assert sorted(file.name for file in tmp_path.glob("*")) == [half, "shards.json"]


def test_a_place_without_shards_is_refused(tmp_path: Path) -> None:
    """A missing, an unfinished and an empty set and an unreadable index have their own errors."""
    storage = Storage.at(str(tmp_path / "train"))
    with pytest.raises(FileNotFoundError, match="no finished set of shards"):
        Shards(storage)
    write_shard(storage, 0, [make_row(0)])
    with pytest.raises(FileNotFoundError, match="no finished set of shards"):
        Shards(storage)
    finish(storage, [])
    with pytest.raises(ValueError, match="no pictures"):
        Shards(storage)
    storage.write("shards.json", b"[]")
    with pytest.raises(ValueError, match=r"shards\.json cannot be read"):
        Shards(storage)


def test_other_files_are_no_shards(tmp_path: Path, storage: Storage) -> None:
    """A file that is no Parquet, and Parquet with other columns, are named."""
    parquet.write_table(pa.table({"name": ["a"]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no")
    for name in ("other.parquet", "text.parquet"):
        storage.write("shards.json", json.dumps({"shards": [name]}).encode())
        with pytest.raises(ValueError, match=f"{name} is no shard"):
            Shards(storage)


def test_numbers_outside_are_refused(storage: Storage) -> None:
    """There is no picture -1, nor one after the last."""
    write_set(storage, [2])
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"picture {index} of 2"):
            Shards(storage).read(index)


def test_decoded_colors_are_rgb() -> None:
    """Decoded colours are RGB, and a line drawing is grey to the bit."""
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert_array_equal(decode(encode_png(red)), red)
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4)
    webp = cv2.imencode(".webp", gray, (cv2.IMWRITE_WEBP_QUALITY, 101))[1].tobytes()
    assert_array_equal(decode_gray(webp), gray)
