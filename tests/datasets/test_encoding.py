from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.codec import decode_color
from lineart.datasets.items import Query, list_items, read_item
from lineart.datasets.layouts import find_photographs
from lineart.datasets.maps import decode_depth
from lineart.datasets.shards import decode, decode_gray
from lineart.datasets.steps import Shrinking, estimate, store
from lineart.storage import Storage
from tests.datasets.paintings import paint, save


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.jpg"])
def test_files_stay_as_they_are(tmp_path: Path, name: str) -> None:
    """Without shrinking, what OpenCV reads right is stored byte for byte."""
    path = save(tmp_path / name, paint(1))
    storage = Storage.at(str(tmp_path))
    (cut,) = read_item(storage, list_items(storage, Query())[0])
    assert store(cut, None) == (path.read_bytes(), None, (60, 50), None, None)
    assert estimate(cut, None) == path.stat().st_size


def test_what_opencv_reads_otherwise_is_encoded_anew(tmp_path: Path) -> None:
    """Transparency, 16 bits and grey come out of the shard as our own decoder reads them."""
    rng = np.random.default_rng(0)
    save(tmp_path / "a.png", rng.integers(0, 256, (40, 30, 4), dtype=np.uint8))
    save(tmp_path / "b.png", rng.integers(0, 65536, (40, 30), dtype=np.uint16))
    storage = Storage.at(str(tmp_path))
    for page in list_items(storage, Query()):
        (cut,) = read_item(storage, page)
        for shrinking in (None, Shrinking(40)):
            data = store(cut, shrinking).image
            expected = decode_color((tmp_path / page.name).read_bytes())
            error = cv2.absdiff(decode(data), expected)
            assert error.max() <= 2 if shrinking is None else error.mean() < 30
        assert_array_equal(cut.color, expected)


def test_pictures_and_lines_shrink_alike(tmp_path: Path) -> None:
    """The short side comes down, both become WebP of one size; the line drawing keeps its ink."""
    save(tmp_path / "color/x.png", paint(2, 90, 120))
    line = np.full((90, 120), 255, np.uint8)
    line[40:50] = 0
    save(tmp_path / "line/x.png", line)
    storage = Storage.at(str(tmp_path))
    (cut,) = read_item(storage, list_items(storage, Query())[0])
    image, drawn, size, *_ = store(cut, Shrinking(30))
    assert size == (30, 40)
    assert drawn is not None
    assert image[8:12] == drawn[8:12] == b"WEBP"
    expected = cv2.resize(paint(2, 90, 120), (40, 30), interpolation=cv2.INTER_AREA)
    assert cv2.absdiff(decode(image), expected).mean() < 6
    assert_array_equal(decode_gray(drawn), cv2.resize(line, (40, 30), interpolation=cv2.INTER_AREA))
    assert len(store(cut, Shrinking(30, quality=20)).image) < len(image)


def test_boxes_are_stored_without_loss(tmp_path: Path) -> None:
    """What is cut from a page has no file of its own; its pixels stay."""
    save(tmp_path / "x.png", paint(3))
    storage = Storage.at(str(tmp_path))
    (page,) = list_items(storage, Query(boxes={"x.png": ((5, 5, 45, 55),)}))
    (cut,) = read_item(storage, page)
    assert_array_equal(decode(store(cut, None).image), paint(3)[5:55, 5:45])


@pytest.mark.parametrize("shrinking", [None, Shrinking(30)])
def test_maps_are_stored_at_the_size_of_the_picture(
    tmp_path: Path, shrinking: Shrinking | None
) -> None:
    """Labels of half the size and depth of the whole become the picture's; no label is invented."""
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 7, 200, 255], np.uint8), (45, 60))
    save(tmp_path / "images/x.png", paint(2, 90, 120))
    save(tmp_path / "segmentation/x.png", labels)
    save(tmp_path / "depth/x.png", np.repeat(np.arange(90, dtype=np.uint8)[:, None], 120, 1))
    storage = Storage.at(str(tmp_path))
    (cut,) = read_item(storage, list_items(storage, Query(find=find_photographs))[0])
    stored = store(cut, shrinking)
    assert stored.segmentation is not None
    assert stored.depth is not None
    segmentation, depth = decode_gray(stored.segmentation), decode_depth(stored.depth)
    assert segmentation.shape == depth.shape == stored.size == (30, 40) if shrinking else (90, 120)
    assert set(np.unique(segmentation)) == {0, 7, 200, 255}
    if shrinking is None:
        assert_array_equal(segmentation, labels.repeat(2, 0).repeat(2, 1))
    rows = np.arange(90).reshape(-1, 90 // stored.size[0]).mean(1)
    np.testing.assert_allclose(depth[:, 0], rows / 255, atol=1e-4)
    assert estimate(cut, shrinking) > estimate(cut._replace(depth=None), shrinking)
