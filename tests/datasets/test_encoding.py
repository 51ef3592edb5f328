from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lineart.codec import decode_color
from lineart.datasets.items import Query
from lineart.datasets.layouts import find_photographs
from lineart.datasets.maps import decode_depth
from lineart.datasets.shards import decode, decode_gray
from lineart.datasets.steps import Shrinking, estimate, store
from tests.datasets.paintings import paint, read_all, save


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.jpg"])
def test_files_stay_as_they_are(tmp_path: Path, name: str) -> None:
    """Without shrinking, a file that OpenCV reads right is stored byte for byte."""
    path = save(tmp_path / name, paint(1))
    (crop,) = read_all(tmp_path)
    assert store(crop, None) == (path.read_bytes(), None, (60, 50), None, None)
    assert estimate(crop, None) == path.stat().st_size


def test_files_that_opencv_reads_otherwise_are_encoded_anew(tmp_path: Path) -> None:
    """Transparency, 16 bits and grey come out of the shard as our own decoder reads them."""
    rng = np.random.default_rng(0)
    save(tmp_path / "a.png", rng.integers(0, 256, (40, 30, 4), dtype=np.uint8))
    save(tmp_path / "b.png", rng.integers(0, 65536, (40, 30), dtype=np.uint16))
    for crop in read_all(tmp_path):
        expected = decode_color((tmp_path / crop.name).read_bytes())
        assert_array_equal(crop.color, expected)
        assert cv2.absdiff(decode(store(crop, None).image), expected).max() <= 2
        assert cv2.absdiff(decode(store(crop, Shrinking(40)).image), expected).mean() < 30


def test_pictures_and_lines_shrink_alike(tmp_path: Path) -> None:
    """Both become WebP with the wanted short side; the line drawing keeps its ink."""
    save(tmp_path / "color/x.png", paint(2, 90, 120))
    line = np.full((90, 120), 255, np.uint8)
    line[40:50] = 0
    save(tmp_path / "line/x.png", line)
    (crop,) = read_all(tmp_path)
    image, drawn, size, *_ = store(crop, Shrinking(30))
    assert size == (30, 40)
    assert drawn is not None
    assert image[8:12] == drawn[8:12] == b"WEBP"
    expected = cv2.resize(paint(2, 90, 120), (40, 30), interpolation=cv2.INTER_AREA)
    assert cv2.absdiff(decode(image), expected).mean() < 6
    assert_array_equal(decode_gray(drawn), cv2.resize(line, (40, 30), interpolation=cv2.INTER_AREA))
    assert len(store(crop, Shrinking(30, quality=20)).image) < len(image)


def test_boxes_are_stored_without_loss(tmp_path: Path) -> None:
    """The content of a box has no file of its own; its pixels stay."""
    save(tmp_path / "x.png", paint(3))
    (crop,) = read_all(tmp_path, Query(boxes={"x.png": ((5, 5, 45, 55),)}))
    assert_array_equal(decode(store(crop, None).image), paint(3)[5:55, 5:45])


@pytest.mark.parametrize("shrinking", [None, Shrinking(30)])
def test_maps_are_stored_at_the_size_of_the_picture(
    tmp_path: Path, shrinking: Shrinking | None
) -> None:
    """Labels of half the size and depth of the whole become the picture's; no label is invented."""
    labels = np.random.default_rng(0).choice(np.array([0, 7, 200, 255], np.uint8), (45, 60))
    save(tmp_path / "images/x.png", paint(2, 90, 120))
    save(tmp_path / "segmentation/x.png", labels)
    save(tmp_path / "depth/x.png", np.repeat(np.arange(90, dtype=np.uint8)[:, None], 120, 1))
    (crop,) = read_all(tmp_path, Query(find=find_photographs))
    stored = store(crop, shrinking)
    assert stored.segmentation is not None
    assert stored.depth is not None
    segmentation, depth = decode_gray(stored.segmentation), decode_depth(stored.depth)
    expected_size = (30, 40) if shrinking else (90, 120)
    assert segmentation.shape == depth.shape == stored.size == expected_size
    assert set(np.unique(segmentation)) == {0, 7, 200, 255}
    if shrinking is None:
        assert_array_equal(segmentation, labels.repeat(2, 0).repeat(2, 1))
    rows = np.arange(90).reshape(-1, 90 // stored.size[0]).mean(1)
    assert_allclose(depth[:, 0], rows / 255, atol=1e-4)
    assert estimate(crop, shrinking) > estimate(crop._replace(depth=None), shrinking)
