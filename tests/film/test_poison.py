"""Frames that crash, hang or want too much become failures by name; their neighbours are made."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.keys.figures import draw_figure
from tests.poison import MARK, open_poisoned, open_poisoned_keys, poison

LIMIT_S = 10.0
"""Far above what a step takes on a busy machine."""

CASES = {
    "crash decode": ("decode", "ProcessDiedError", "was ended by SIGSEGV, each of 3 times"),
    "kill hint": ("hint", "ProcessDiedError", "was ended by SIGKILL, each of 3 times"),
    "crash network": ("network", "ProcessDiedError", "was ended by SIGSEGV, each of 3 times"),
    "crash compose": ("compose", "ProcessDiedError", "was ended by SIGSEGV, each of 3 times"),
    "memory decode": ("decode", "MemoryError", "1.00 TiB"),
    "memory compose": ("compose", "MemoryError", "1.00 TiB"),
    "hang decode": ("decode", "TimeLimitError", "it took longer than 10 s"),
    "hang compose": ("compose", "TimeLimitError", "it took longer than 10 s"),
}
"""By kind and stage of a poison: stage, error and message of its row."""
HERE = ("crash network", "kill hint", "memory compose", "hang decode")
ON_RAY = ("crash decode", "kill hint", "crash compose", "memory decode", "hang compose")


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give a film without drawings."""
    return FilmConfig(
        pictures=str(tmp_path / "lines"),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
        limit_s=LIMIT_S,
    )


def draw(film: FilmConfig, draw_line: DrawLine, cases: Sequence[str]) -> None:
    """Draw a good frame and a poisoned one for each case."""
    lines = Storage.at(film.pictures)
    for number, case in enumerate(cases):
        kind, stage = case.split()
        lines.write(f"s/good {number}.png", encode_png(draw_line(number)))
        drawing = draw_line(100 + number).clip(MARK if stage == "network" else 0, 255)
        lines.write(f"s/{case}.png", poison(encode_png(drawing), kind, stage))


def check(film: FilmConfig, cases: Sequence[str]) -> None:
    """Each poisoned frame is a row with its stage and its process's end; the rest is made."""
    rows = {row["frame"]: row for row in parquet.read_table(f"{film.output}/manifest").to_pylist()}
    assert len(rows) == 2 * len(cases)
    for number, case in enumerate(cases):
        row = rows[f"s/{case}.png"]
        stage, error, message = CASES[case]
        assert (row["status"], row["stage"], row["error"]) == ("failed", stage, error)
        assert message in row["message"]
        good = rows[f"s/good {number}.png"]
        assert good["status"] == "done", good
        assert Path(film.output, good["output"]).stat().st_size == good["output_bytes"]
    assert len([*Path(film.output).rglob("*.png")]) == len(cases)


def test_poison_fails_by_name(film: FilmConfig, draw_line: DrawLine) -> None:
    """In one process poison harms itself alone."""
    draw(film, draw_line, HERE)
    open_task = partial(open_poisoned, partial(open_colorize_task, network_size_px=64))
    run_film(prepare_run(film, open_task), LocalRunner(), lambda _: None)
    check(film, HERE)


@pytest.mark.usefixtures("joined_ray")
def test_poison_fails_by_name_on_ray(film: FilmConfig, draw_line: DrawLine) -> None:
    """On Ray poison harms itself alone, and the command says how many failed."""
    draw(film, draw_line, ON_RAY)
    command = [sys.executable, "-m", "tests.poison", "--network-size", "64"]
    command += ["--lines", film.pictures, "--output", film.output, "--weights", film.weights]
    command += ["--time-limit", f"{LIMIT_S}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3, done.stderr
    check(film, ON_RAY)


def test_a_poisoned_drawing_does_not_vote(film: FilmConfig) -> None:
    """It fails when it is matched; the frames beside it are made without its vote, and say so."""
    lines, keys = Storage.at(film.pictures), Storage.at(f"{film.output} keys")
    for number in range(4):
        figure = draw_figure(hat=True, move=(4 * number, 0))
        drawing = encode_png(figure.line)
        lines.write(f"s/{number}.png", poison(drawing, "kill", "keys") if number == 2 else drawing)
        keys.write("s/0.png", encode_png(draw_figure(hat=True).paint))
    film = replace(film, weights=None, keys=keys.uri, adjacent=1)
    run_film(prepare_run(film, open_poisoned_keys), LocalRunner(), lambda _: None)
    rows = parquet.read_table(f"{film.output}/manifest").sort_by("frame").to_pylist()
    assert [row["status"] for row in rows] == ["done", "done", "failed", "done"]
    assert "was ended by SIGKILL, each of 3 times" in rows[2]["message"]
    said = "adjacent drawings did not vote on its colours: its process was ended by SIGKILL"
    assert [said in str(row["warnings"]) for row in rows] == [False, True, False, True]
