"""The largest gap in lines that is closed, through a film: hints, keys, cels."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyarrow import parquet

from lineart.codec import decode_cel, encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, TaskFactory, prepare_run
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.keys import open_keys_task
from lineart.imaging.regions import GAP
from lineart.jobs.colorize import Colorize
from lineart.service.requests import ColorRequest

SIZE = (360, 640)
RED = (200, 30, 60)
IN, OUT = (150, 160), (30, 600)
"""Pixels inside of the boxes of both drawings, and outside."""
OPENING_PX = 10
"""On 1080 lines, that is 30."""


def draw_box(left: int) -> np.ndarray:
    """Draw a box whose right side has an opening."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.rectangle(line, (left, 60), (left + 240, 260), 0, 3)
    line[150 : 150 + OPENING_PX, left + 236 : left + 245] = 255
    return line


def color(root: Path, open_task: TaskFactory, **config: Any) -> list[np.ndarray]:
    """Colour both drawings; give the frames."""
    places = {"pictures": str(root / "lines"), "output": str(root / "output")}
    opened = prepare_run(FilmConfig(**places, **config), open_task)
    assert run_film(opened, LocalRunner(), lambda _: None)[0].failed == 0
    return [decode_cel((root / f"output/frames/s/f{n}.png").read_bytes()) for n in (1, 2)]


def is_red(frames: list[np.ndarray], at: tuple[int, int]) -> list[bool]:
    """Tell of each frame whether it is red at a pixel."""
    return [tuple(frame[at][:3].tolist()) == RED for frame in frames]


def test_the_largest_gap(tmp_path: Path, tiny_weights: Path) -> None:
    """A hint or key in a box with an opening colours all around, unless the gap is as large.

    Another gap makes frames anew; a cel is opaque where nothing leads outside.
    """
    for path, picture in {
        "lines/s/f1.png": draw_box(40),
        "lines/s/f2.png": draw_box(70),
        "colors/s/f1.png": cv2.circle(np.zeros((*SIZE, 4), np.uint8), (160, 150), 9, (*RED, 255)),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(encode_png(picture))
    choices = {"network_size_px": 64, "finish": "paint"}
    for given, open_task, part in (
        ({"hints": str(tmp_path / "colors")}, partial(open_colorize_task, **choices), "hint"),
        (
            {"keys": str(tmp_path / "colors")},
            partial(open_keys_task, unknown="paper", **choices),
            "key",
        ),
    ):
        config = {"weights": str(tiny_weights), **given}
        open_frames = color(tmp_path, open_task, **config)
        assert (is_red(open_frames, IN), is_red(open_frames, OUT)) == ([True] * 2, [True] * 2), part
        closed = color(tmp_path, partial(open_task, gap=40.0), **config)
        assert (is_red(closed, IN), is_red(closed, OUT)) == ([True] * 2, [False] * 2), part
        rows = parquet.read_table(tmp_path / "output/manifest").to_pylist()
        assert [row["retake"] for row in rows] == ["settings", "settings"]
        assert ['"gap": 40.0' in row["settings"] for row in rows] == [True, True]
    cels = partial(open_colorize_task, **choices, paper="transparent")
    alphas = [
        [
            frame[at][3]
            for frame in color(tmp_path, partial(cels, gap=gap), weights=str(tiny_weights))
        ]
        for gap, at in ((8.0, IN), (40.0, IN), (40.0, OUT))
    ]
    assert alphas == [[0, 0], [255, 255], [0, 0]]
    for wrong in (-1.0, 65.0, float("nan")):
        with pytest.raises(ValueError, match=r"--gap \S+ is no gap of lines; give 0 to 64 pixels"):
            color(tmp_path, partial(cels, gap=wrong), weights=str(tiny_weights))


def test_all_front_ends_close_the_same_gaps() -> None:
    """They state the default as a number, so that they start without OpenCV."""
    plugin = (Path(__file__).parents[2] / "lineart" / "gimp" / "plugin.py").read_text()
    (in_gimp,) = re.findall(r'^    "gap": "([0-9.]+)",$', plugin, re.MULTILINE)
    assert Colorize.gap == ColorRequest.model_fields["gap"].default == float(in_gimp) == GAP
