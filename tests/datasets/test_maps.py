import io

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from lineart.codec import encode_png
from lineart.datasets.maps import (
    DEPTHS,
    LABELS,
    decode_depth,
    encode_depth,
    fit,
    read_labels,
    read_metres,
    read_nearness,
    resize_depth,
    resize_labels,
)


def png(image: Image.Image, **options: int) -> bytes:
    """Encode by Pillow."""
    sink = io.BytesIO()
    image.save(sink, "PNG", **options)
    return sink.getvalue()


def png_16(levels: np.ndarray) -> bytes:
    """Encode 16 bits by OpenCV."""
    data: bytes = cv2.imencode(".png", levels.astype(np.uint16))[1].tobytes()
    return data


def with_palette(labels: np.ndarray) -> Image.Image:
    """Return labels colours that have nothing to do with their numbers."""
    image = Image.fromarray(labels).convert("P")
    image.putdata(labels.ravel().tolist())
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768, dtype=np.uint8).tobytes())
    return image


def test_labels_are_the_numbers_and_never_colors() -> None:
    """Grey and palettes of 1 to 8 bits give the same numbers, 0 and 255 among them."""
    labels = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)
    assert_array_equal(read_labels(encode_png(labels)), labels)
    assert_array_equal(read_labels(png(with_palette(labels))), labels)
    for bits in (1, 2, 4):
        few = labels % 2**bits
        data = png(with_palette(few), bits=bits)
        assert data[24] == bits
        assert_array_equal(read_labels(data), few)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (png_16(np.zeros((4, 4))), "this one is 16-bit grey$"),
        (encode_png(np.zeros((4, 4, 3), np.uint8)), "this one is 8-bit colour$"),
        (encode_png(np.zeros((4, 4, 4), np.uint8)), "this one is 8-bit colour with alpha$"),
        (png(Image.new("1", (4, 4))), "this one is 1-bit grey$"),
        (b"\xff\xd8\xff\xe0 JPEG, surely", "maps are PNG"),
        (b"", "maps are PNG"),
        (encode_png(np.zeros((40, 40), np.uint8))[:60], "cut off"),
    ],
    ids=["16 bits", "colour", "transparent", "1 bit", "JPEG", "empty", "cut off"],
)
def test_labels_of_another_kind_are_refused(data: bytes, sentence: str) -> None:
    """The sentence says what the file is."""
    with pytest.raises(ValueError, match=sentence):
        read_labels(data)


def test_nearness_is_a_share_of_the_full_range() -> None:
    """Black is 0 and white is 1, at 8 and at 16 bits."""
    levels = np.array([[0, 51, 255]], np.uint8)
    assert_allclose(read_nearness(encode_png(levels)), [[0, 0.2, 1]], atol=1e-7)
    assert_allclose(read_nearness(png_16(levels.astype(int) * 257)), [[0, 0.2, 1]], atol=1e-7)
    with pytest.raises(ValueError, match="grey of 8 or 16 bits; this one is 8-bit colour"):
        read_nearness(encode_png(np.zeros((4, 4, 3), np.uint8)))


def test_metres_become_inverse_depth() -> None:
    """Of 2, 4 and 8 m the nearest is 1, the farthest 0, 4 m a third; 0 is unknown."""
    depth = read_metres(png_16(np.array([[2 * 256, 4 * 256], [8 * 256, 0]])))
    assert_allclose(depth, [[1, 1 / 3], [0, np.nan]], atol=1e-6)
    assert_array_equal(read_metres(png_16(np.full((2, 2), 700))), np.zeros((2, 2)))
    assert np.isnan(read_metres(png_16(np.zeros((2, 2))))).all()
    with pytest.raises(ValueError, match="have 16 bits"):
        read_metres(encode_png(np.zeros((2, 2), np.uint8)))


def test_depth_comes_back_from_a_shard() -> None:
    """Encoded depth is off by half a step of 65534 at most; 0, 1 and unknown are exact."""
    depth = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    depth[0, :3] = 0, 1, np.nan
    again = decode_depth(encode_depth(depth))
    assert again.dtype == np.float32
    assert_allclose(again, depth, atol=0.5 / 65534 + 1e-7)
    assert_array_equal(again[0, :3], [0, 1, np.nan])
    with pytest.raises(ValueError, match="grey PNG of 16 bits"):
        decode_depth(encode_png(np.zeros((4, 4), np.uint8)))


def test_labels_are_never_mixed() -> None:
    """Resized labels have no number that was not there."""
    labels = np.random.default_rng(0).choice(np.array([3, 100, 255], np.uint8), (30, 40))
    for size in ((7, 11), (30, 40), (64, 81)):
        resized = resize_labels(labels, size)
        assert resized.shape == size
        assert set(np.unique(resized)) == {3, 100, 255}
    assert_array_equal(resize_labels(labels.repeat(3, 0).repeat(3, 1), (30, 40)), labels)


def test_sparse_depth_shrinks_to_the_mean_of_what_is_known() -> None:
    """Shrinking averages the known pixels alone."""
    depth = np.full((4, 8), np.nan, np.float32)
    depth[0, 0], depth[1, 1], depth[3, 6] = 0.2, 0.6, 1
    shrunk = resize_depth(depth, (2, 4))
    assert_allclose(shrunk[0, 0], 0.4, atol=1e-6)
    assert_allclose(shrunk[1, 3], 1.0, atol=1e-6)
    assert np.isnan(shrunk).sum() == 6
    assert_array_equal(resize_depth(shrunk, (4, 8)), shrunk.repeat(2, 0).repeat(2, 1))


def test_a_map_of_the_same_aspect_fits() -> None:
    """A map may differ by rounding from the aspect; another aspect is refused."""
    labels = encode_png(np.zeros((50, 75), np.uint8))
    for size in ((50, 75), (100, 149), (25, 38), (333, 500)):
        assert fit(LABELS, labels, size).shape == size
        assert fit(DEPTHS["nearness"], labels, size).shape == size
    for size in ((75, 50), (50, 50), (100, 160)):
        with pytest.raises(ValueError, match=f"75x50 .* another aspect than {size[1]}x{size[0]}"):
            fit(LABELS, labels, size)
