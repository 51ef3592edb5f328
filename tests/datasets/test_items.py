from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.datasets.items import (
    Query,
    list_items,
    read_boxes,
    read_item,
    read_provenance,
    source,
)
from lineart.datasets.layouts import find_photographs
from lineart.storage import Storage
from tests.datasets.paintings import paint, save


def test_pages_come_in_natural_order(tmp_path: Path) -> None:
    """Pictures of any format are pages; line drawings and other files are not."""
    for name in ("a/10.png", "a/2.jpg", "a/line/2.png", "line/3.png", "b.WEBP", "online/1.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    names = [page.name for page in list_items(Storage.at(str(tmp_path)), Query())]
    assert names == ["a/2.jpg", "a/10.png", "b.WEBP", "online/1.bmp"]


def test_patterns_choose_paths(tmp_path: Path) -> None:
    """One of the included patterns must be found, none of the excluded."""
    for name in ("x/1.png", "x/2.png", "y/1.png", "z/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    storage = Storage.at(str(tmp_path))
    offer = Query(include=("^x/", "^y/"), exclude=("2",))
    assert [page.name for page in list_items(storage, offer)] == ["x/1.png", "y/1.png"]
    with pytest.raises(ValueError, match="no pictures"):
        list_items(storage, Query(include=("nothing",)))
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        Query(exclude=("(",))


def test_a_line_drawing_stands_beside_its_colors(tmp_path: Path) -> None:
    """`color/x.jpg` belongs with `line/x.png`, cut by the same boxes; others stand alone."""
    color, line = paint(0), np.random.default_rng(0).integers(0, 256, (60, 50), dtype=np.uint8)
    save(tmp_path / "set/color/x.png", color)
    save(tmp_path / "set/line/x.bmp", line)
    save(tmp_path / "set/color/alone.png", color)
    storage = Storage.at(str(tmp_path))
    lonely, pair = list_items(storage, Query(boxes={"x.png": ((3, 4, 20, 30), (-5, 0, 10, 99))}))
    assert (lonely.files.line, pair.files.line) == (None, "set/line/x.bmp")
    first, second = read_item(storage, pair)
    assert [first.name, second.name] == ["set/color/x.png#0", "set/color/x.png#1"]
    assert_array_equal(first.color, color[4:30, 3:20])
    assert first.line is not None
    assert second.line is not None
    assert_array_equal(first.line, line[4:30, 3:20])
    assert_array_equal(second.line, line[:, :10])
    assert {source(page.files.path) for page in (lonely, pair)} == {"set"}


def test_maps_are_cut_by_the_same_boxes(tmp_path: Path) -> None:
    """Regions and depth of a page are cut as its colours are."""
    labels = np.random.default_rng(0).integers(0, 256, (60, 50), dtype=np.uint8)
    for folder, image in (("images", paint(0)), ("segmentation", labels), ("depth", labels)):
        save(tmp_path / folder / "x.png", image)
    storage = Storage.at(str(tmp_path))
    boxes = {"x.png": ((3, 4, 20, 30), (-5, 0, 10, 99))}
    (page,) = list_items(storage, Query(boxes=boxes, find=find_photographs))
    first, second = read_item(storage, page)
    assert_array_equal(first.segmentation, labels[4:30, 3:20])
    assert_array_equal(first.depth, labels[4:30, 3:20].astype(np.float32) / np.float32(255))
    assert_array_equal(second.segmentation, labels[:, :10])
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
    """The sentence names the map's file, and what is wrong with it."""
    save(tmp_path / "images/x.png", paint(0))
    save(tmp_path / folder / "x.png", image)
    storage = Storage.at(str(tmp_path))
    (page,) = list_items(storage, Query(find=find_photographs))
    with pytest.raises(ValueError, match=f"its map {folder}/x.png: .*{sentence}"):
        read_item(storage, page)


def test_the_rows_of_parquet_are_pages(tmp_path: Path) -> None:
    """Names, licences and authors come from the columns; without names the number is one."""
    pictures = [encode_png(paint(seed)) for seed in range(20)]
    named = {"image": pictures, "name": [f"n{i}" for i in range(20)], "licence": ["CC0"] * 20}
    parquet.write_table(pa.table(named), tmp_path / "a.parquet", row_group_size=6)
    parquet.write_table(pa.table({"image": pictures[:2]}), tmp_path / "b.parquet")
    storage = Storage.at(str(tmp_path))
    pages = list_items(storage, Query(provenance={"b.parquet": ("MIT", "me")}))
    assert len(pages) == 22
    assert (pages[19].name, pages[19].licence) == ("a.parquet/n19", "CC0")
    assert (pages[21].name, pages[21].licence, pages[21].author) == ("b.parquet/1", "MIT", "me")
    for number in (19, 0, 6, 5, 11):
        assert_array_equal(read_item(storage, pages[number])[0].color, paint(number))


def test_parquet_of_something_else_is_refused(tmp_path: Path) -> None:
    """No column `image`, or one name twice: the file is named."""
    parquet.write_table(pa.table({"picture": [b""]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet holds no pictures: no column image"):
        list_items(Storage.at(str(tmp_path)), Query())
    parquet.write_table(pa.table({"image": [b"", b""], "name": ["x", "x"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"stand twice, one is a\.parquet/x"):
        list_items(Storage.at(str(tmp_path)), Query())


@pytest.mark.parametrize(
    "text", ["[]", '{"a": [[1, 2, 3]]}', '{"a": [[0, 0, 0, 9]]}', '{"a": [[0, 0, 1.5, 2]]}', "{"]
)
def test_boxes_of_another_form_are_refused(text: str) -> None:
    """Boxes are four whole numbers that hold something."""
    with pytest.raises(ValueError, match="boxes are"):
        read_boxes(text.encode())


def test_a_provenance_needs_its_columns() -> None:
    """The missing ones are named; empty cells are unknown."""
    with pytest.raises(ValueError, match="no column author, licence"):
        read_provenance(b"file,x\n1,2\n")
    assert read_provenance(b"\xef\xbb\xbffile,licence,author,x\na.png,,Me,\n") == {
        "a.png": (None, "Me")
    }
