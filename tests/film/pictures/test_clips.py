"""Videos as shots of a film."""

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.pictures.pages import find_sources
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.jobs.films import FilmFlags
from lineart.jobs.translate import Translate, main
from lineart.manifest import read_manifest
from lineart.storage import Storage
from tests.clips import write_clip
from tests.conftest import DrawLine
from tests.film.photographs import write_weights
from tests.video.test_video import decode


def opened(film: FilmConfig) -> PreparedRun:
    """Open a film that is to be coloured."""
    return prepare_run(film, partial(open_colorize_task, network_size_px=64))


def run(film: FilmConfig) -> FilmSummary:
    """Run a film in this process."""
    return run_film(opened(film), LocalRunner(), lambda _: None)[0]


def counts(summary: FilmSummary) -> tuple[int, int, int, int]:
    """Give done, held, failed, skipped."""
    return summary.done, summary.held, summary.failed, summary.skipped


def rows_of(film: FilmConfig) -> dict[str, dict[str, Any]]:
    """Read the manifest."""
    return {row["frame"]: row for row in read_manifest(Storage.at(film.output)).to_pylist()}


def drawings(draw_line: DrawLine, *seeds: int) -> list[np.ndarray]:
    """Draw lines for a clip."""
    return [np.dstack((draw_line(seed),) * 3) for seed in seeds]


def test_clips_beside_shots(each_storage: Storage, tiny_weights: Path, draw_line: DrawLine) -> None:
    """Frames of clips are shots with their numbers, held and resumed; other files are as before."""
    here, lines = each_storage, drawings(draw_line, 1, 1, 2, 2, 2, 3)
    folder = Path(here.root) if not here.is_s3 else tiny_weights.parent / "clips"
    for name, shown in {"s2.mp4": lines, "ep.v1/s3.mov": drawings(draw_line, 4, 4, 5)}.items():
        here.write(f"cut/{name}", write_clip(folder / "drawn" / name, shown).read_bytes())
    here.write("cut/s1/0001.png", cv2.imencode(".png", draw_line(9))[1].tobytes())
    here.write("cut/s1/notes.txt", b"no frame")
    film = FilmConfig(
        pictures=here.child("cut").uri, output=here.child("out").uri, weights=str(tiny_weights)
    )
    first = replace(film, limit=6)
    assert counts(run(first)) == (4, 2, 0, 0)
    assert counts(run(film)) == (2, 2, 0, 6)
    rows = rows_of(film)
    clip = [f"s2/000{number}" for number in range(1, 7)]
    assert [*rows] == [*(f"ep.v1/s3/000{n}" for n in (1, 2, 3)), "s1/0001.png", *clip]
    assert [rows[name]["shot"] for name in ("s1/0001.png", "s2/0001", "ep.v1/s3/0001")] == [
        "s1",
        "s2",
        "ep.v1/s3",
    ]
    held_by = [rows[name]["held_by"] for name in clip]
    assert held_by == [None, "s2/0001", None, "s2/0003", "s2/0003", None]
    assert rows["s2/0006"]["output"] == "frames/s2/0006.png"
    assert counts(run(film)) == (0, 0, 0, 10)
    # One clip is a film of its own.
    alone = replace(film, pictures=f"{film.pictures}/s2.mp4", output=here.child("alone").uri)
    assert counts(run(replace(alone, numbers="3-6"))) == (2, 2, 0, 0)
    made = Storage.at(alone.output).read("frames/s2/0005.png")
    assert made == Storage.at(film.output).read("frames/s2/0004.png")
    # A page and a video find the frames, too.
    assert {*clip, "s1/0001.png"} < find_sources(Storage.at(film.pictures))[1].keys()


def test_clips_with_hints_and_changes(
    tmp_path: Path, tiny_weights: Path, draw_line: DrawLine
) -> None:
    """Hints are named after a clip and its numbers; a changed clip is a retake of what changed."""
    clip, lines = tmp_path / "cut/s1.mp4", drawings(draw_line, 1, 2, 3)
    write_clip(clip, lines)
    hint = np.zeros((*lines[0].shape[:2], 4), np.uint8)
    hint[30:40, 30:40] = (0, 0, 255, 255)
    (tmp_path / "hints/s1").mkdir(parents=True)
    assert cv2.imwrite(str(tmp_path / "hints/s1/0002.png"), hint)
    write_clip(tmp_path / "hints/making_of.mp4", lines)
    film = FilmConfig(
        pictures=str(tmp_path / "cut"),
        output=str(tmp_path / "out"),
        hints=str(tmp_path / "hints"),
        weights=str(tiny_weights),
    )
    assert counts(run(film)) == (3, 0, 0, 0)
    hints = [row["hints"] for row in rows_of(film).values()]
    assert hints == [None, ["s1/0002.png"], ["s1/0002.png"]]
    write_clip(clip, [*lines[:2], *drawings(draw_line, 4, 5)], options={"crf": "0"})
    assert run(film).done == 4
    assert [row["retake"] for row in rows_of(film).values()] == ["picture"] * 3 + [None]


def test_clips_that_cannot_be_read(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> None:
    """Frames before a broken end are made; what is wrong is a failed frame that names the file."""
    lines = drawings(draw_line, *range(30))
    path = write_clip(tmp_path / "cut/a.mkv", lines)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (tmp_path / "cut/b.mp4").write_bytes(b"no video, but for its name")
    write_clip(tmp_path / "cut/c.mp4", lines[:1])
    write_clip(tmp_path / "cut/c.mov", lines[:1])
    film = FilmConfig(
        pictures=str(tmp_path / "cut"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )
    summary, rows = run(film), rows_of(film)
    assert summary.done >= 10
    assert summary.failed == 3
    (end,) = (row for name, row in rows.items() if name.startswith("a/") and row["message"])
    assert end["frame"] == f"a/{summary.done + 1:04}"
    assert end["message"] == f"a.mkv ends after {summary.done} frames: the file is cut off"
    assert "no video that can be read" in rows["b.mp4"]["message"]
    assert re.search("2 pictures are called 'c/0001'", rows["c/0001"]["message"])
    only = replace(film, pictures=str(tmp_path / "cut/b.mp4"))
    assert counts(run(replace(only, output=str(tmp_path / "b")))) == (0, 0, 1, 0)


@pytest.mark.usefixtures("no_sandbox")
def test_a_clip_becomes_a_video(
    tmp_path: Path, draw_line: DrawLine, capsys: pytest.CaptureFixture[str]
) -> None:
    """--video writes the frames at the clip's rate, or at --fps, in the same command."""
    weights = str(write_weights(tmp_path / "weights", "line_drawing", width=2, blocks=1))
    lines = drawings(draw_line, 1, 1, 2, 3)
    clip = write_clip(tmp_path / "clip.mp4", lines, times=[0, 50, 100, 150])

    def translate(**flags: Any) -> int:
        return main(
            Translate(
                images=str(clip),
                output=str(tmp_path / "out"),
                weights=weights,
                network_size=64,
                film=FilmFlags(**flags),
            )
        )

    assert translate(video=True) == 0
    film = tmp_path / "out/video/film.mp4"
    shown = decode(film)
    assert len(shown) == 4
    assert_array_equal(shown[0], shown[1])
    made = cv2.imread(str(tmp_path / "out/frames/clip/0003.png"))[..., ::-1]
    assert np.abs(shown[2].astype(int) - made).mean() < 6
    index = (tmp_path / "out/video/video.json").read_text()
    assert '"frames_per_second": "4000/151"' in index  # the last frame lasts a millisecond
    assert translate(video=True, fps=12.0) == 0
    assert '"frames_per_second": "12"' in (tmp_path / "out/video/video.json").read_text()
    capsys.readouterr()
    assert translate(fps=12.0) == 2
    assert translate(video=True, fps=1000.0) == 2
    said = capsys.readouterr().err
    assert "add --video" in said
    assert "--fps 1000" in said
    assert parquet.read_table(tmp_path / "out/manifest").num_rows == 4
    # What says that all is there is written after the video.
    assert (tmp_path / "out/_SUCCESS").exists()
    shutil.rmtree(tmp_path / "out/video")
    (tmp_path / "out/video").write_bytes(b"no folder")
    assert translate(video=True) == 1
    assert "their video is not" in capsys.readouterr().err
    assert not (tmp_path / "out/_SUCCESS").exists()
