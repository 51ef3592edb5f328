import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lineart.image import (
    brightest_channel,
    check_picture,
    darkest_channel,
    fit_short_side,
    is_gray,
    pad_to_multiple,
    resize,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (np.ones((4, 6), bool), "bool, 4 x 6"),
        (np.ones((4, 6, 4), np.uint8), "uint8, 4 x 6 x 4"),
        (np.ones((4, 6), np.float32), "float32, 4 x 6"),
        (np.ones(4, np.uint8), "uint8, 4"),
        (np.ones((0, 6), np.uint8), "uint8, 0 x 6"),
    ],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray, found: str) -> None:
    """The error says what an array is and what it must be."""
    needed = f"the drawing is an array of {found}; it must be uint8, 0 to 255, H x W or H x W x 3"
    with pytest.raises(ValueError, match=f"^{needed}$"):
        check_picture(picture, "the drawing", 1, 3)
    check_picture(np.ones((4, 6, 3), np.uint8), "the drawing", 1, 3)


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 2000))
def test_short_side_fits(height: int, width: int, short_side_px: int) -> None:
    """The short side becomes what was asked for, and the aspect is kept to half a pixel."""
    new_height, new_width = fit_short_side((height, width), short_side_px)
    assert min(new_height, new_width) == short_side_px
    scale = short_side_px / min(height, width)
    assert abs(new_height - height * scale) <= 0.5
    assert abs(new_width - width * scale) <= 0.5


@pytest.mark.parametrize(("size", "short_side_px"), [((0, 5), 512), ((5, 5), 0), ((-1, 9), 4)])
def test_invalid_sizes_are_refused(size: tuple[int, int], short_side_px: int) -> None:
    """Sizes that are not positive are refused."""
    with pytest.raises(ValueError, match="positive"):
        fit_short_side(size, short_side_px)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
@pytest.mark.parametrize("size", [(5, 7), (20, 30), (41, 33), (10, 90)])
def test_resize_gives_the_size(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Grey and colour come out in the size asked for, and a plain picture stays plain."""
    assert resize(np.full(shape, 77, np.uint8), size).shape == (*size, *shape[2:])
    assert (resize(np.full(shape, 77, np.uint8), size) == 77).all()


def test_resize_shrinks_by_area() -> None:
    """A halved picture is the mean of its blocks of 2x2."""
    image = RNG.integers(0, 256, (16, 24), dtype=np.uint8)
    mean = image.reshape(8, 2, 12, 2).mean(axis=(1, 3))
    assert abs(resize(image, (8, 12)) - mean).max() <= 0.5


def test_resize_enlarges_bicubic() -> None:
    """A picture that grows is interpolated as OpenCV's bicubic does it."""
    image = RNG.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    expected = cv2.resize(image, (50, 40), interpolation=cv2.INTER_CUBIC)
    assert_array_equal(resize(image, (40, 50)), expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_one_pixel_makes_a_picture_colored(channels: int) -> None:
    """Equal first channels are grey, whatever alpha is; one level in one pixel is a colour."""
    picture = np.dstack([RNG.integers(0, 255, (5, 7), dtype=np.uint8)] * 3 + [np.eye(5, 7)])
    picture = picture[..., :channels].astype(np.uint8)
    assert is_gray(picture)
    for channel in range(3):
        colored = picture.copy()
        colored[4, 3, channel] += 1
        assert not is_gray(colored)


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 16), st.sampled_from([(), (3,), (4,)])
)
def test_padding(height: int, width: int, multiple: int, tail: tuple[int, ...]) -> None:
    """Padding reaches the next multiple, keeps the picture at the top left and adds white."""
    image = RNG.integers(0, 200, (height, width, *tail), dtype=np.uint8)
    padded = pad_to_multiple(image, multiple)
    assert padded.shape[0] % multiple == padded.shape[1] % multiple == 0
    assert 0 <= padded.shape[0] - height < multiple
    assert 0 <= padded.shape[1] - width < multiple
    assert_array_equal(padded[:height, :width], image)
    assert (padded[height:] == 255).all()
    assert (padded[:, width:] == 255).all()


def test_darkest_and_brightest_channel() -> None:
    """The lowest and the highest level of each pixel; of a grey picture its own."""
    picture = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert_array_equal(darkest_channel(picture), picture.min(axis=2))
    assert_array_equal(brightest_channel(picture), picture.max(axis=2))
    gray = picture[..., 0]
    assert darkest_channel(gray) is gray is brightest_channel(gray)
