import cv2
import numpy as np
import pytest

from lineart.image import Line, resize
from lineart.imaging.frequency import enlarge_drawing
from tests.conftest import DrawLine

SIZE = (432, 768)


@pytest.fixture
def truth() -> Line:
    """Curves of two to four pixels at full size."""
    rng = np.random.default_rng(0)
    drawing = np.full(SIZE, 255, np.uint8)
    for _ in range(12):
        center = tuple((rng.random(2) * SIZE[::-1] * 16).astype(int).tolist())
        axes = tuple((rng.uniform(20, 200, 2) * 16).astype(int).tolist())
        width = int(rng.integers(2, 5))
        cv2.ellipse(drawing, center, axes, 30, 0, 250, 0, width, cv2.LINE_AA, 4)
    return drawing


def shrink(drawing: Line, factor: int) -> Line:
    """Bring a drawing to the size of a network."""
    return resize(drawing, (drawing.shape[0] // factor, drawing.shape[1] // factor))


def error(drawing: Line, truth: Line) -> float:
    """Give the mean square error."""
    return float(((drawing.astype(float) - truth) ** 2).mean())


def ink(drawing: Line) -> float:
    """Give the area that ink covers, in pixels."""
    return float((255 - drawing.astype(float)).sum() / 255)


def num_gray(drawing: Line) -> int:
    """Count pixels that are neither ink nor paper."""
    return int(((drawing > 40) & (drawing < 215)).sum())


@pytest.mark.parametrize(("factor", "share"), [(2, 0.3), (3, 0.45)])
def test_lines_come_closer_to_the_truth(truth: Line, factor: int, share: float) -> None:
    """A drawing that was small has a fraction of bicubic's error, and of its grey pixels."""
    small = shrink(truth, factor)
    bicubic, ours = resize(small, SIZE), enlarge_drawing(small, SIZE)
    assert error(ours, truth) < share * error(bicubic, truth)
    assert num_gray(ours) < 0.6 * num_gray(bicubic)


@pytest.mark.parametrize("factor", [2, 3])
def test_lines_keep_their_ink(truth: Line, factor: int) -> None:
    """Lines become neither thicker nor thinner: their ink stays, to a few percent."""
    assert ink(enlarge_drawing(shrink(truth, factor), SIZE)) == pytest.approx(ink(truth), rel=0.03)


def test_faint_lines_stay(truth: Line) -> None:
    """A pale drawing keeps its ink and its darkest level; mid-grey is no threshold."""
    pale = 255 - (255 - truth) // 4
    ours = enlarge_drawing(shrink(pale, 2), SIZE)
    assert ink(ours) == pytest.approx(ink(pale), rel=0.03)
    assert abs(int(ours.min()) - int(pale.min())) <= 3


def test_no_level_is_invented(draw_line: DrawLine) -> None:
    """Every level lies between the darkest and the lightest around it: there are no halos."""
    small = np.clip(draw_line(3), 60, 200)
    ours = enlarge_drawing(small, (4 * small.shape[0], 4 * small.shape[1]))
    around = np.ones((5, 5), np.uint8)
    rows, columns = np.arange(ours.shape[0]) // 4, np.arange(ours.shape[1]) // 4
    assert (ours >= cv2.erode(small, around)[rows][:, columns]).all()
    assert (ours <= cv2.dilate(small, around)[rows][:, columns]).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_stays_flat(level: int) -> None:
    """Paper stays paper, and a tone stays that tone."""
    assert (enlarge_drawing(np.full((9, 13), level, np.uint8), (40, 50)) == level).all()


@pytest.mark.parametrize("size", [(72, 128), (36, 64)], ids=["same", "smaller"])
def test_what_does_not_grow_is_resized(draw_line: DrawLine, size: tuple[int, int]) -> None:
    """At the same size nothing changes, and a smaller one is the plain `resize`."""
    drawing = draw_line(1)
    np.testing.assert_array_equal(enlarge_drawing(drawing, size), resize(drawing, size))
