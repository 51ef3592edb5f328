from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.datasets.items import Query, list_items, read_boxes, read_item, read_provenance, source
from lineart.datasets.layouts import find_photographs
from lineart.storage import Storage
from tests.datasets.paintings import paint, read_all, save

BOXES = {"x.png": ((3, 4, 20, 30), (-5, 0, 10, 99))}
GRAY = np.random.default_rng(0).integers(0, 256, (60, 50), dtype=np.uint8)


def touch(folder: Path, *names: str) -> Storage:
    """Create empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return Storage.at(str(folder))


def test_items_come_in_natural_order(tmp_path: Path) -> None:
    """Pictures of any format are items; line drawings and other files are not."""
    pictures = ["a/2.jpg", "a/10.png", "b.WEBP", "online/1.bmp"]
    storage = touch(tmp_path, *reversed(pictures), "a/line/2.png", "line/3.png", "notes.txt")
    assert [item.name for item in list_items(storage, Query())] == pictures


def test_patterns_choose_paths(tmp_path: Path) -> None:
    """One of the included patterns must match, and none of the excluded."""
    storage = touch(tmp_path, "x/1.png", "x/2.png", "y/1.png", "z/1.png")
    query = Query(include=("^x/", "^y/"), exclude=("2",))
    assert [item.name for item in list_items(storage, query)] == ["x/1.png", "y/1.png"]
    with pytest.raises(ValueError, match="no pictures"):
        list_items(storage, Query(include=("nothing",)))
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        Query(exclude=("(",))


def test_a_line_drawing_belongs_to_its_colors(tmp_path: Path) -> None:
    """`color/x.jpg` belongs to `line/x.png`, cut by the same boxes; others have no drawing."""
    save(tmp_path / "set/color/x.png", paint(0))
    save(tmp_path / "set/line/x.bmp", GRAY)
    save(tmp_path / "set/color/alone.png", paint(0))
    storage = Storage.at(str(tmp_path))
    alone, pair = list_items(storage, Query(boxes=BOXES))
    assert (alone.files.line, pair.files.line) == (None, "set/line/x.bmp")
    assert {source(item.files.path) for item in (alone, pair)} == {"set"}
    first, second = read_item(storage, pair)
    assert [first.name, second.name] == ["set/color/x.png#0", "set/color/x.png#1"]
    assert_array_equal(first.color, paint(0)[4:30, 3:20])
    assert_array_equal(first.line, GRAY[4:30, 3:20])
    assert_array_equal(second.line, GRAY[:, :10])


def test_maps_are_cut_by_the_same_boxes(tmp_path: Path) -> None:
    """Regions and depth of a picture are cut as its colours are."""
    for folder, image in (("images", paint(0)), ("segmentation", GRAY), ("depth", GRAY)):
        save(tmp_path / folder / "x.png", image)
    first, second = read_all(tmp_path, Query(boxes=BOXES, find=find_photographs))
    assert_array_equal(first.segmentation, GRAY[4:30, 3:20])
    assert_array_equal(first.depth, GRAY[4:30, 3:20].astype(np.float32) / np.float32(255))
    assert_array_equal(second.segmentation, GRAY[:, :10])
    assert_array_equal(second.color, paint(0)[:, :10])


@pytest.mark.parametrize(
    ("folder", "image", "sentence"),
    [
        ("segmentation", np.zeros((50, 60), np.uint8), "another aspect than 50x60"),
        ("segmentation", paint(1), "this one is 8-bit colour"),
        ("depth", paint(1), "depth is PNG, grey"),
    ],
)
def test_maps_that_do_not_fit_are_refused(
    tmp_path: Path, folder: str, image: np.ndarray, sentence: str
) -> None:
    """The error names the map's file and what is wrong with it."""
    save(tmp_path / "images/x.png", paint(0))
    save(tmp_path / folder / "x.png", image)
    with pytest.raises(ValueError, match=f"its map {folder}/x.png: .*{sentence}"):
        read_all(tmp_path, Query(find=find_photographs))


def test_rows_of_parquet_are_items(tmp_path: Path) -> None:
    """Names, licences and authors come from the columns; without names, the number is the name."""
    pictures = [encode_png(paint(seed)) for seed in range(20)]
    named = {"image": pictures, "name": [f"n{i}" for i in range(20)], "licence": ["CC0"] * 20}
    parquet.write_table(pa.table(named), tmp_path / "a.parquet", row_group_size=6)
    parquet.write_table(pa.table({"image": pictures[:2]}), tmp_path / "b.parquet")
    storage = Storage.at(str(tmp_path))
    items = list_items(storage, Query(provenance={"b.parquet": ("MIT", "me")}))
    assert len(items) == 22
    assert (items[19].name, items[19].licence) == ("a.parquet/n19", "CC0")
    assert (items[21].name, items[21].licence, items[21].author) == ("b.parquet/1", "MIT", "me")
    for number in (19, 0, 6, 5, 11):
        assert_array_equal(read_item(storage, items[number])[0].color, paint(number))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"picture": [b""]}, r"a\.parquet holds no pictures: no column image"),
        ({"image": [b"", b""], "name": ["x", "x"]}, r"stand twice, one is a\.parquet/x"),
    ],
)
def test_other_parquet_is_refused(
    tmp_path: Path, table: dict[str, list[object]], sentence: str
) -> None:
    """A file without a column `image`, or with a name twice, is named."""
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=sentence):
        list_items(Storage.at(str(tmp_path)), Query())


@pytest.mark.parametrize(
    "text", ["[]", '{"a": [[1, 2, 3]]}', '{"a": [[0, 0, 0, 9]]}', '{"a": [[0, 0, 1.5, 2]]}', "{"]
)
def test_boxes_of_another_form_are_refused(text: str) -> None:
    """Boxes are four whole numbers with an area."""
    with pytest.raises(ValueError, match="boxes are"):
        read_boxes(text.encode())


def test_a_provenance_needs_its_columns() -> None:
    """Missing columns are named; empty cells are unknown."""
    with pytest.raises(ValueError, match="no column author, licence"):
        read_provenance(b"file,x\n1,2\n")
    known = read_provenance(b"\xef\xbb\xbffile,licence,author,x\na.png,,Me,\n")
    assert known == {"a.png": (None, "Me")}
