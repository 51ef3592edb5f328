"""The sample film: every size, every timing, and hints that tell the truth."""

from collections.abc import Iterator
from itertools import groupby

import cv2
import numpy as np
import pytest

from lineart.image import Size
from lineart.sample_film import SampleFrame, sample_film
from lineart.sample_film.canvas import Canvas, curve, ellipse, tube
from lineart.sample_film.scenes import Scene, give_hints
from lineart.sample_film.studies import STUDIES

SMALL: Size = (108, 192)


def by_shot(frames: list[SampleFrame]) -> dict[str, list[SampleFrame]]:
    """Return the frames of every shot."""
    return {shot: list(group) for shot, group in groupby(frames, key=lambda frame: frame.shot)}


def holds(frames: list[SampleFrame]) -> list[int]:
    """Return the lengths of the runs of equal drawings."""
    return [len(list(run)) for _, run in groupby(frame.line.tobytes() for frame in frames)]


def with_hints(frames: list[SampleFrame]) -> Iterator[tuple[SampleFrame, np.ndarray]]:
    """Return every frame with the hint that holds for it."""
    for shot in by_shot(frames).values():
        hint = None
        for frame in shot:
            hint = frame.hint if frame.hint is not None else hint
            assert hint is not None
            yield frame, hint


@pytest.fixture(scope="module")
def film() -> list[SampleFrame]:
    """Draw a short film once for the tests that only look at it."""
    return list(sample_film(size=(270, 480), frames_per_shot=6))


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (33, 101), (97, 31), (1, 1)])
def test_any_size_and_aspect(size: Size) -> None:
    """Lines, colours and hints have the size that was asked for."""
    for frame in sample_film(size=size, frames_per_shot=1):
        assert frame.line.shape == size
        assert frame.color.shape == (*size, 3)
        assert frame.hint is None or frame.hint.shape == (*size, 4)


def test_three_shots_of_the_length_asked_for(film: list[SampleFrame]) -> None:
    """The film has at least three shots, whose frames count from 1 and whose first has a hint."""
    shots = by_shot(film)
    assert len(shots) >= 3
    for frames in shots.values():
        assert [frame.number for frame in frames] == list(range(1, 7))
        assert frames[0].hint is not None


def test_same_seed_same_bytes() -> None:
    """A film is determined by its arguments, and another seed gives another film."""
    one, two = (list(sample_film(size=SMALL, frames_per_shot=2, seed=5)) for _ in range(2))
    other = list(sample_film(size=SMALL, frames_per_shot=2, seed=6))
    for a, b, c in zip(one, two, other, strict=True):
        assert a.line.tobytes() == b.line.tobytes()
        assert a.color.tobytes() == b.color.tobytes()
        assert (a.hint is None) == (b.hint is None)
        assert a.hint is None or b.hint is None or a.hint.tobytes() == b.hint.tobytes()
        assert a.line.tobytes() != c.line.tobytes()
        assert a.color.tobytes() != c.color.tobytes()


def test_length_does_not_change_a_drawing() -> None:
    """A longer film begins with the drawings of the shorter one."""
    short = by_shot(list(sample_film(size=SMALL, frames_per_shot=1)))
    long = by_shot(list(sample_film(size=SMALL, frames_per_shot=3)))
    for shot, frames in short.items():
        for one, two in zip(frames, long[shot], strict=False):
            np.testing.assert_array_equal(one.line, two.line)
            np.testing.assert_array_equal(one.color, two.color)


def test_shots_are_on_ones_twos_and_threes(film: list[SampleFrame]) -> None:
    """Without a hold the shots keep their own timing, and held frames are equal to the bit."""
    timings = [set(holds(frames)) for frames in by_shot(film).values()]
    assert timings == [{2}, {3}, {1}]


def test_hold_sets_the_timing_of_all_shots() -> None:
    """On ones all drawings differ, on twos each stands for two frames; motion keeps its speed."""
    ones, twos = (list(sample_film(size=(48, 64), frames_per_shot=4, hold=hold)) for hold in (1, 2))
    for film, hold in ((ones, 1), (twos, 2)):
        assert all(set(holds(frames)) == {hold} for frames in by_shot(film).values())
    for one, two in zip(ones[::2], twos[::2], strict=True):
        np.testing.assert_array_equal(one.color, two.color)


@pytest.mark.parametrize("size", [(48, 64), (540, 960)])
def test_hints_agree_with_the_color_under_them(size: Size) -> None:
    """In every frame it holds for, a hint has the flat colour under it and touches no line."""
    for frame, hint in with_hints(list(sample_film(size=size, frames_per_shot=4))):
        given = hint[:, :, 3] > 0
        assert given.any()
        np.testing.assert_array_equal(frame.color[given], hint[given][:, :3])
        assert (frame.line[given] == 255).all()


def test_hints_are_few_and_reach_the_colors(film: list[SampleFrame]) -> None:
    """A hint image covers little of the picture and names most of its larger colours."""
    for frame in film:
        if frame.hint is None:
            continue
        given = frame.hint[:, :, 3] > 0
        assert given.mean() < 0.05
        paper = frame.color[frame.line == 255]
        colors, counts = np.unique(paper, axis=0, return_counts=True)
        large = {tuple(color) for color in colors[counts > 0.004 * given.size]}
        named = {tuple(color) for color in frame.hint[given][:, :3]}
        assert len(large & named) >= 0.9 * len(large)


def test_lines_have_ink_and_paper(film: list[SampleFrame]) -> None:
    """A drawing is mostly paper with some ink, the ink is dark, and its edges are soft."""
    for frame in film:
        assert (frame.line == 255).mean() > 0.6
        assert 0.02 < (frame.line == 0).mean() < 0.3
        assert ((frame.line > 60) & (frame.line < 200)).any()
        assert frame.color[frame.line == 0].max() < 64


def test_color_has_many_flat_regions(film: list[SampleFrame]) -> None:
    """A painted frame has at least 20 flat colours of 50 pixels or more."""
    for frame in film[::3]:
        _, counts = np.unique(frame.color.reshape(-1, 3), axis=0, return_counts=True)
        assert (counts >= 50).sum() >= 20


@pytest.mark.parametrize(
    "wrong", [{"size": (0, 5)}, {"frames_per_shot": 0}, {"hold": 0}, {"seed": -1}]
)
def test_wrong_numbers_are_refused(wrong: dict[str, int]) -> None:
    """A number that is not positive is refused before the first frame."""
    with pytest.raises(ValueError, match="positive"):
        sample_film(**wrong)


def test_curve_passes_its_control_points() -> None:
    """A curve goes through its control points, open or closed, at corners too."""
    control = np.array([(0.0, 0.0), (10, 4), (14, 20), (2, 9)])
    for closed in (False, True):
        sampled = curve(control, closed=closed, corners=(1,), samples=6)
        np.testing.assert_allclose(sampled[::6], control, atol=1e-9)


def test_tube_has_the_width_asked_for() -> None:
    """Both sides of a straight tube run at the half width from its spine."""
    sides = tube([(0, 0), (50, 0), (100, 0)], [7, 7])
    np.testing.assert_allclose(np.abs(sides[:, 1]), 7)


def test_front_hides_what_is_behind() -> None:
    """A fill removes the ink below it; drawing inside an outline leaves the outside alone."""
    canvas = Canvas((108, 192))
    canvas.stroke(curve([(0, 500), (960, 500), (1920, 500)]), 30)
    assert canvas.ink.min() == 0
    canvas.fill([(-50, -50), (2000, -50), (2000, 1200), (-50, 1200)], (10, 20, 30))
    assert canvas.ink.min() == 255
    with canvas.inside(ellipse(960, 540, 200, 200)) as part:
        part.fill([(0, 0), (1920, 0), (1920, 1080), (0, 1080)], (200, 100, 50))
    assert tuple(canvas.flat[54, 96]) == (200, 100, 50)
    assert tuple(canvas.flat[54, 60]) == (10, 20, 30)


def test_hints_need_agreement_of_all_drawings() -> None:
    """Where two drawings differ there is no hint."""
    one, two = Canvas(SMALL), Canvas(SMALL)
    two.fill([(0, 0), (960, 0), (960, 1080), (0, 1080)], (90, 20, 30))
    hint = give_hints([one, two], np.random.default_rng(0))
    columns = np.nonzero(hint[:, :, 3])[1]
    assert len(columns)
    assert columns.min() > 96


def colors_of(canvas: Canvas) -> set[bytes]:
    """Return the colours that cover 30 pixels or more."""
    colors, counts = np.unique(canvas.flat.reshape(-1, 3), axis=0, return_counts=True)
    return {color.tobytes() for color in colors[counts >= 30]}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_studies_show_motion_in_exact_colours(study: Scene) -> None:
    """A drawing depends on time and seed alone; after shadow lines, a region has one colour."""
    first, again, later = (study.draw((216, 384), time, 1) for time in (0.2, 0.2, 1.4))
    assert np.array_equal(first.ink, again.ink)
    assert np.array_equal(first.flat, again.flat)
    assert (first.ink != later.ink).mean() > 0.01
    later.line_shadows()
    _, labels = cv2.connectedComponents((later.ink >= 150).view(np.uint8), connectivity=4)
    codes = later.flat.astype(np.int64) @ [65536, 256, 1]
    pure = 0
    for label in range(1, labels.max() + 1):
        pure += np.unique(codes[labels == label], return_counts=True)[1].max()
    assert pure > 0.98 * (labels > 0).sum()


def test_things_enter_and_the_camera_moves() -> None:
    """Later drawings have colours that the first lacks; a camera aimed elsewhere shows less."""
    entering = next(study for study in STUDIES if "entering" in study.name)
    assert colors_of(entering.draw(SMALL, 1.4, 1)) - colors_of(entering.draw(SMALL, 0.0, 1))
    whole, near = Canvas(SMALL), Canvas(SMALL)
    near.aim(1200, 700, 2.0)
    for canvas in (whole, near):
        canvas.fill(ellipse(1200, 700, 100, 100), (200, 0, 0))
    rows, columns = np.nonzero(near.flat[:, :, 1] == 0)
    assert abs(rows.mean() - 53.5) < 1
    assert abs(columns.mean() - 95.5) < 1
    assert 3.5 < len(rows) / (whole.flat[:, :, 1] == 0).sum() < 4.5
