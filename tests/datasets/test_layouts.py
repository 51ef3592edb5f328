"""Every layout, on a miniature of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.datasets.items import Crop, Query
from lineart.datasets.layouts import LAYOUTS, Files, LayoutName, find_colored
from tests.datasets.paintings import paint, read_all, save

LABELS = (np.arange(3000).reshape(60, 50) % 256).astype(np.uint8)


def find(name: LayoutName, *paths: str) -> list[Files]:
    """Return what the source of a layout finds among paths."""
    return list(LAYOUTS[name].source(paths))


def read(root: Path, name: LayoutName, *, target: bool = False) -> dict[str, Crop]:
    """Read everything of one side of a layout."""
    found = LAYOUTS[name].target if target else LAYOUTS[name].source
    assert found is not None
    return {crop.name: crop for crop in read_all(root, Query(find=found))}


def test_colored_pictures_know_their_lines() -> None:
    """A drawing in `line/` belongs with the colours of that name, and is no picture itself."""
    paths = ("a/color/1.png", "a/line/1.bmp", "a/2.png", "line/3.png", "b.parquet", "notes.txt")
    assert list(find_colored(paths)) == [
        Files("a/color/1.png", line="a/line/1.bmp"), Files("a/2.png"), Files("b.parquet")
    ]  # fmt: skip


def test_folder(tmp_path: Path) -> None:
    """Maps lie at the same path below `segmentation/` and `depth/`, and are read with a photo."""
    save(tmp_path / "set/images/a/x.jpg", paint(1))
    save(tmp_path / "set/segmentation/a/x.png", LABELS)
    save(tmp_path / "set/depth/a/x.png", LABELS)
    save(tmp_path / "set/images/b/x.png", paint(2))
    save(tmp_path / "color/y.png", paint(3))
    save(tmp_path / "line/y.png", LABELS)
    save(tmp_path / "segmentation/y.png", LABELS)
    save(tmp_path / "z.png", paint(4))
    crops = read(tmp_path, "folder")
    assert set(crops) == {"set/images/a/x.jpg", "set/images/b/x.png", "color/y.png", "z.png"}
    first = crops["set/images/a/x.jpg"]
    assert_array_equal(first.segmentation, LABELS)
    assert first.depth is not None
    np.testing.assert_allclose(first.depth, LABELS / 255, atol=1e-6)
    assert_array_equal(crops["color/y.png"].segmentation, LABELS)
    assert crops["set/images/b/x.png"].segmentation is crops["z.png"].segmentation is None
    assert "line/y.png" in read(tmp_path, "folder", target=True)


def test_coco_stuff(tmp_path: Path) -> None:
    """A JPEG's pixel map is the PNG of its stem, a palette's too; 0 stays a class."""
    save(tmp_path / "images/train2017/000000000009.jpg", paint(1))
    save(tmp_path / "stuffthingmaps/train2017/000000000009.png", LABELS)
    save(tmp_path / "images/val2017/000000000139.jpg", paint(2))
    crops = read(tmp_path, "coco_stuff")
    assert set(crops) == {"images/train2017/000000000009.jpg", "images/val2017/000000000139.jpg"}
    labels = crops["images/train2017/000000000009.jpg"].segmentation
    assert labels is not None
    assert_array_equal(labels, LABELS)
    assert {0, 255} <= set(labels.ravel().tolist())
    assert crops["images/val2017/000000000139.jpg"].segmentation is None


def test_coco_stuff_has_labels_of_one_kind() -> None:
    """Where there are `_labelTrainIds`, the maps with other numbers are left alone."""
    found = find(
        "coco_stuff",
        "annotations/train2014/COCO_train2014_1.png",
        "annotations/train2014/COCO_train2014_1_labelTrainIds.png",
        "annotations/train2014/COCO_train2014_2.png",
        "images/train2014/COCO_train2014_1.jpg",
        "images/train2014/COCO_train2014_2.jpg",
    )
    assert [files.segmentation for files in found] == [
        "annotations/train2014/COCO_train2014_1_labelTrainIds.png", None
    ]  # fmt: skip


def test_kitti(tmp_path: Path) -> None:
    """Raw frames have their drive and its depth; those of the benchmarks have their labels."""
    drive, other = "2011_09_26_drive_0001_sync", "2011_09_26_drive_0002_sync"
    metres = np.zeros((60, 50), np.uint16)
    metres[20:40] = np.linspace(5, 80, 50) * 256
    raw, annotated = tmp_path / "2011_09_26", "train/{}/proj_depth/groundtruth/image_02"
    save(raw / drive / "image_02/data/0000000005.png", paint(1))
    save(raw / drive / "image_03/data/0000000005.png", paint(2))
    save(raw / other / "image_02/data/0000000005.png", paint(3))
    save(tmp_path / annotated.format(drive) / "0000000005.png", metres)
    save(tmp_path / "data_semantics/training/image_2/000000_10.png", paint(4))
    save(tmp_path / "data_semantics/training/semantic/000000_10.png", LABELS)
    save(tmp_path / "data_semantics/training/semantic_rgb/000000_10.png", paint(5))
    save(tmp_path / "data_object_image_2/testing/image_2/000000.png", paint(6))
    crops = read(tmp_path, "kitti")
    first = crops[f"2011_09_26/{drive}/image_02/data/0000000005.png"]
    assert first.depth is not None
    assert np.isnan(first.depth[:20]).all()
    assert np.isnan(first.depth[40:]).all()
    assert (first.depth[30, 0], first.depth[30, -1]) == (1, 0)
    assert (np.diff(first.depth[30]) < 0).all()
    assert crops[f"2011_09_26/{other}/image_02/data/0000000005.png"].depth is None
    labels = crops["data_semantics/training/image_2/000000_10.png"].segmentation
    assert_array_equal(labels, LABELS)
    assert crops["data_object_image_2/testing/image_2/000000.png"].segmentation is None
    assert len(crops) == 4
    paths = (f"d/{drive}/image_02/data/5.png", f"d/{drive}/image_02/data/6.png")
    assert {files.group for files in find("kitti", *paths)} == {drive}


def test_fivek(tmp_path: Path) -> None:
    """TIFF of 16 bits and JPEG are photographs; what the experts made of one is one group."""
    picture = paint(1)
    save(tmp_path / "expertC/a0001-x.tif", picture.astype(np.uint16) * 257)
    save(tmp_path / "expertA/a0001-x.jpg", picture)
    save(tmp_path / "expertA/a0002-y.tif", paint(2))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a0001-x.dng").touch()
    crops = read(tmp_path, "fivek")
    assert set(crops) == {"expertC/a0001-x.tif", "expertA/a0001-x.jpg", "expertA/a0002-y.tif"}
    assert_array_equal(crops["expertC/a0001-x.tif"].color, picture)
    groups = [files.group for files in find("fivek", *sorted(crops))]
    assert groups == ["a0001-x", "a0002-y", "a0001-x"]


def test_contour_drawings(tmp_path: Path) -> None:
    """Photographs are one side, drawings of width 3 the other; what shows the same is one group."""
    photo, drawing = "image/{}.jpg", "sketch-rendered/width-{}/{}_0{}.png"
    for number in ("2008_1", "2008_2"):
        save(tmp_path / photo.format(number), paint(1))
        for width in (1, 3):
            for k in range(1, 6):
                save(tmp_path / drawing.format(width, number, k), LABELS // k)
    (tmp_path / "list").mkdir()
    (tmp_path / "list/train.txt").touch()
    photographs = read(tmp_path, "contour_drawings")
    drawings = read(tmp_path, "contour_drawings", target=True)
    assert set(photographs) == {"image/2008_1.jpg", "image/2008_2.jpg"}
    assert len(drawings) == 10
    fifth = drawings["sketch-rendered/width-3/2008_2_05.png"]
    assert_array_equal(fifth.color, cv2.merge([LABELS // 5] * 3))
    target = LAYOUTS["contour_drawings"].target
    assert target is not None
    groups = [files.group for files in target(sorted(drawings))]
    assert groups == ["2008_1"] * 5 + ["2008_2"] * 5
    assert [f.group for f in find("contour_drawings", *photographs)] == ["2008_1", "2008_2"]


def test_anime_sketch_pair(tmp_path: Path) -> None:
    """The left half is the colours, the right half the drawing; neither is the whole file."""
    color, sketch = paint(1, 50), cv2.merge([LABELS[:50]] * 3)
    save(tmp_path / "train/1.png", np.hstack((color, sketch)))
    (left,) = read(tmp_path, "anime_sketch_pair").values()
    (right,) = read(tmp_path, "anime_sketch_pair", target=True).values()
    assert_array_equal(left.color, color)
    assert_array_equal(right.color, sketch)
    assert left.data is right.data is None
    save(tmp_path / "train/1.png", color)
    with pytest.raises(ValueError, match="50x50 pixels are not two squares side by side"):
        read(tmp_path, "anime_sketch_pair")
