"""Borders on bare paper in flat paint: when the network runs, and what it decides."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lineart.api import Colorizer
from lineart.codec import encode_png
from lineart.film.execution.stages import open_task_network
from lineart.film.tasks import NetworkInputs
from lineart.film.tasks.colorize import ColorizeTask, borders_digest, open_colorize_task
from lineart.weights import open_weights, read_weights

RED, BLUE = (200, 30, 40), (10, 60, 220)


@pytest.fixture
def line() -> np.ndarray:
    """Return a closed room on paper."""
    drawing = np.full((128, 192), 255, np.uint8)
    cv2.rectangle(drawing, (20, 20), (172, 108), 0, 3)
    return drawing


@pytest.fixture
def hint() -> np.ndarray:
    """Return two dabs in the room."""
    dabs = np.zeros((128, 192, 4), np.uint8)
    dabs[62:67, 40:45], dabs[62:67, 148:153] = (*RED, 255), (*BLUE, 255)
    return dabs


def shrink(task: ColorizeTask, line: np.ndarray, hint: np.ndarray) -> NetworkInputs:
    """Return the inputs of the networks, as a film computes them."""
    files = {"line": (encode_png(line),), "hint": (encode_png(hint),)}
    return task.open_prepare()(line, files)


@pytest.fixture
def task() -> ColorizeTask:
    """Return the task of the default weights, for flat paint."""
    files = read_weights(open_weights("default"))
    return open_colorize_task(files, network_size_px=64, finish="paint", extras=("layers",))


def test_borders_are_asked_for_where_they_decide(
    task: ColorizeTask, line: np.ndarray, hint: np.ndarray
) -> None:
    """Of flat paint with several colours in a region; else the film's inputs are as before."""
    assert len(shrink(task, line, hint).inputs) == 4
    assert len(shrink(replace(task, finish="soft"), line, hint).inputs) == 2
    hint[:, 100:] = 0
    assert len(shrink(task, line, hint).inputs) == 2


def test_flat_paint_takes_half_of_the_network_size(
    task: ColorizeTask, line: np.ndarray, hint: np.ndarray
) -> None:
    """Which its settings say, so that frames of another size are made anew."""
    for finish, side in (("soft", 64), ("paint", 32)):
        of_finish = replace(task, finish=finish)
        drawing, dabs = shrink(of_finish, line, hint).inputs[:2]
        assert drawing.shape == dabs.shape[:2] == (side, side * 3 // 2)
        assert of_finish.settings["network_size_px"] == side


def test_networks_answer_what_they_are_asked(
    task: ColorizeTask, line: np.ndarray, hint: np.ndarray
) -> None:
    """Colours, and borders if there are inputs for them; the colours are the same."""
    files = read_weights(open_weights("default"))
    run, _ = open_task_network(task, files, gpu_batch=1, precision="float32")
    inputs = [one[np.newaxis] for one in shrink(task, line, hint).inputs]
    colors, borders = run(*inputs)
    (alone,) = run(*inputs[:2])
    np.testing.assert_array_equal(colors, alone)
    assert borders.shape == inputs[2].shape
    assert borders.dtype == np.uint8


def test_paint_parts_at_the_borders(task: ColorizeTask, line: np.ndarray, hint: np.ndarray) -> None:
    """Hints of a region meet where the network says, not half-way."""
    made = shrink(task, line, hint)
    colors, borders = np.full((64, 96, 3), 255, np.uint8), np.zeros((64, 96), np.uint8)
    borders[:, 64:67] = 255
    for answers, middle in (((colors,), 96), ((colors, borders), 131)):
        picture = task.compose(answers, made.kept).drawn.pictures[0]
        assert (picture[24:104, 24 : middle - 6] == RED).all()
        assert (picture[24:104, middle + 6 : 168] == BLUE).all()


def test_other_weights_that_find_borders_make_flat_paint_anew(task: ColorizeTask) -> None:
    """Their digest is among the settings of flat paint alone."""
    assert task.settings["borders"] == borders_digest()
    assert "borders" not in replace(task, finish="soft").settings


def test_the_api_paints_with_borders(line: np.ndarray, hint: np.ndarray) -> None:
    """A notebook gets flat paint of two colours, each around its dab."""
    painted = Colorizer.load(finish="paint", network_size_px=64)(line, hint)
    assert {tuple(color) for color in painted[24:104, 24:168].reshape(-1, 3).tolist()} == {
        RED,
        BLUE,
    }
    assert (painted[64, 42] == RED).all()
    assert (painted[64, 150] == BLUE).all()
