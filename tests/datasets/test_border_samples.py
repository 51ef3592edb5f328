"""Samples of the network that finds borders on bare paper."""

import cv2
import numpy as np

from lineart.datasets.border_samples import BorderSamples, find_borders, flatten_painted
from lineart.datasets.samples import NamedPicture
from tests.datasets.paintings import Listed

WHITE, SKIN, HAIR = (255, 255, 255), (250, 200, 160), (90, 60, 200)


def draw_head() -> NamedPicture:
    """Return a head whose hair has a line to the paper, and none to the face."""
    line, color = np.full((120, 100), 255, np.uint8), np.full((120, 100, 3), 255, np.uint8)
    cv2.circle(color, (50, 60), 35, SKIN, cv2.FILLED)
    color[:50][(color[:50] != 255).any(axis=2)] = HAIR
    cv2.circle(line, (50, 60), 35, 0, 3)
    cv2.circle(color, (50, 60), 35, (0, 0, 0), 3)
    return NamedPicture("heads/1", color, line)


def samples() -> BorderSamples:
    """Return samples of the head, and of the same picture without its drawing."""
    head = draw_head()
    return BorderSamples(Listed((head, NamedPicture("heads/2", head.color, None))), 64, 0.5, seed=3)


def test_borders_are_where_colours_meet_without_a_line() -> None:
    """Of three colours in a row, the border with a line on it is none."""
    truth = np.repeat(np.arange(3, dtype=np.uint8), 20)[np.newaxis].repeat(30, axis=0)
    line = np.full(truth.shape, 255, np.uint8)
    line[:, 19:21] = 0
    found = find_borders(line, truth)
    assert not found[:, :35].any()
    assert found[:, 38:42].all()
    assert not found[:, 45:].any()


def test_a_sample_has_its_colours_in_its_hints() -> None:
    """Dabs have the colour at their place, none is on ink, and many samples have borders."""
    made, dabbed = samples(), 0
    for index in range(30):
        sample = made[index]
        is_hint = sample.hint[..., 3] > 0
        assert (sample.hint[..., :3] == sample.color)[is_hint].all()
        assert (sample.line[is_hint] > 0).all()
        assert set(np.unique(sample.borders)) <= {0, 1}
        dabbed += int(is_hint.any() and sample.borders.any())
    assert dabbed > 15


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    """Whatever was made before, the n-th sample is the same."""
    made = samples()
    first = made[7]
    for index in range(5):
        made[index]
    for one, other in zip(first, samples()[7], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.hint, made[8].hint)


def test_a_painted_picture_gets_lines_where_its_colours_meet() -> None:
    """Some lines are missing, and no line is where there is no border."""
    color = draw_head().color
    whole = missing = 0
    for seed in range(20):
        flat = flatten_painted(color, np.random.default_rng(seed))
        edges = cv2.dilate(flat.truth, np.ones((3, 3))) != cv2.erode(flat.truth, np.ones((3, 3)))
        reach = cv2.dilate(edges.view(np.uint8), np.ones((7, 7)))
        assert (reach[flat.line == 0] == 1).all()
        lacks = (edges & (flat.line > 0)).any()
        missing, whole = missing + int(lacks), whole + int(not lacks)
    assert missing > 0
    assert whole > 0
