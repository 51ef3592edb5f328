"""Colours of the finish `soft`: the mean of a network's at two sizes."""

from dataclasses import replace

import cv2
import numpy as np

from lineart.film.execution.stages import open_task_network
from lineart.film.tasks.colorize import color_at_two_sizes, open_colorize_task
from lineart.weights import open_weights, read_weights


def test_a_third_is_from_half_of_the_size() -> None:
    """Rounded to steps of 64 pixels; the small drawing and its hints are those of the large one."""
    seen = []

    def colorize(lines: np.ndarray, hints: np.ndarray) -> np.ndarray:
        seen.append((lines, hints))
        return np.full((*lines.shape, 3), 30 if lines.shape[1] == 64 else 240, np.uint8)

    lines = np.full((2, 130, 256), 255, np.uint8)
    lines[:, :, 128:] = 0
    hints = np.zeros((2, 130, 256, 4), np.uint8)
    hints[1, 20:28, 40:48] = (9, 8, 7, 255)
    colors = color_at_two_sizes(colorize, lines, hints)
    assert colors.shape == (2, 130, 256, 3)
    assert (colors == 170).all()
    small_lines, small_hints = min(seen, key=lambda pair: pair[0].size)
    assert small_lines.shape == (2, 64, 128)
    assert (small_lines[:, :, :64] == 255).all()
    assert (small_lines[:, :, 64:] == 0).all()
    assert (small_hints[1, 10:13, 20:24] == (9, 8, 7, 255)).all()
    assert np.count_nonzero(small_hints[..., 3]) <= 20


def test_only_soft_colours_of_networks_without_a_draft_are_means() -> None:
    """Flat paint has one colour a region, and a draft is of one size."""
    files = read_weights(open_weights("default"))
    task = open_colorize_task(files, network_size_px=128)
    line = np.full((128, 128), 255, np.uint8)
    cv2.circle(line, (64, 64), 50, 0, 2)
    hint = np.zeros((128, 128, 4), np.uint8)
    hint[60:64, 40:44], hint[60:64, 90:94] = (200, 30, 40, 255), (10, 60, 220, 255)
    soft, paint = (
        open_task_network(replace(task, finish=finish), files, gpu_batch=1, precision="float32")[0]
        for finish in ("soft", "paint")
    )
    pair = line[np.newaxis], hint[np.newaxis]
    mean = color_at_two_sizes(lambda *inputs: paint(*inputs)[0], *pair)
    np.testing.assert_array_equal(soft(*pair)[0], mean)
    assert (paint(*pair)[0] != mean).any()
