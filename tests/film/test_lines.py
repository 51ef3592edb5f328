"""Lines of drawings in a film: trace lines that vanish, and warnings of ink that does not show."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineart.codec import decode_color, encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.keys import open_keys_task
from lineart.imaging.compositing.frequency import lost_ink
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.finish import finish_colors
from lineart.imaging.paint.region_colors import Guess
from lineart.manifest import read_manifest
from lineart.storage import Storage


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give a film whose drawings a test adds."""
    (tmp_path / "lines/s1").mkdir(parents=True)
    return FilmConfig(
        pictures=str(tmp_path / "lines"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )


def run(film: FilmConfig, **flags: object) -> FilmSummary:
    """Colour the film."""
    opened = prepare_run(film, partial(open_colorize_task, network_size_px=64, **flags))
    return run_film(opened, LocalRunner(), lambda _: None)[0]


def frame_of(film: FilmConfig, name: str) -> np.ndarray:
    """Read a frame."""
    return decode_color(Path(film.output, f"frames/s1/{name}.png").read_bytes())


def test_trace_lines_vanish(film: FilmConfig) -> None:
    """A blue line is drawn as it is; with the flag, its pixels are paint, and the ink stays."""
    drawing = np.full((128, 192, 3), 255, np.uint8)
    cv2.rectangle(drawing, (20, 20), (170, 110), (0, 0, 0), 3)
    drawing[22:109, 95:97] = (0, 0, 255)
    Path(film.pictures, "s1/f1.png").write_bytes(encode_png(drawing))
    assert run(film).done == 1
    drawn = frame_of(film, "f1").astype(int)
    assert (drawn[40:90, 95:97, 2] - drawn[40:90, 95:97, 0] > 200).all()
    assert run(film, trace_lines=True).done == 1
    painted = frame_of(film, "f1").astype(int)
    beside = (painted[40:90, 92:93] + painted[40:90, 99:100]) / 2
    assert np.abs(painted[40:90, 94:98] - beside).max() < 8
    assert painted[20, 30:160].max() == 0
    assert run(film, trace_lines=True).skipped == 1


def test_ink_that_does_not_show_is_a_warning(film: FilmConfig) -> None:
    """Pencil loses its ink by the formula of the paper; black ink with soft edges does not."""
    soft = np.full((128, 192), 255, np.uint8)
    cv2.circle(soft, (90, 60), 40, 0, 2, cv2.LINE_AA)
    assert lost_ink(soft) < 0.02
    pencil = (255 - (255 - soft.astype(int)) * 0.4).astype(np.uint8)
    assert lost_ink(pencil) == 1
    assert lost_ink(np.full_like(soft, 255)) == 0
    Path(film.pictures, "s1/f1.png").write_bytes(encode_png(soft))
    Path(film.pictures, "s1/f2.png").write_bytes(encode_png(pencil))
    assert run(film).warned == 0
    assert run(film, lines_as="paper").warned == 1
    warnings = read_manifest(Storage.at(film.output)).sort_by("frame")["warnings"].to_pylist()
    assert warnings[0] is None
    assert warnings[1] == [
        "100% of the ink is lighter than mid-grey and does not show; --lines-as drawn shows it"
    ]


def test_lines_that_cannot_be_seen_are_a_warning(film: FilmConfig) -> None:
    """White lines on transparency or on black are told, and frames that are empty or all black."""
    soft = np.full((128, 192), 255, np.uint8)
    cv2.circle(soft, (90, 60), 40, 0, 2, cv2.LINE_AA)
    white = np.dstack((np.full((128, 192, 3), 255, np.uint8), 255 - soft))
    clear, blank = np.zeros_like(white), np.full_like(soft, 255)
    drawings = [soft, white, 255 - soft, blank, np.zeros_like(soft), clear, blank - 12]
    drawings.append(cv2.min(soft, 120.0))
    for number, drawing in enumerate(drawings):
        Path(film.pictures, f"s1/f{number}.png").write_bytes(encode_png(drawing))
    summary = run(film)
    assert summary.warned == 7
    empty = {"warning": "it is empty: no line is seen", "frame": "s1/f3.png", "frames": 3}
    assert (summary.warnings[2], len(summary.warnings), summary.unlisted_warnings) == (empty, 5, 0)
    warnings = read_manifest(Storage.at(film.output)).sort_by("frame")["warnings"].to_pylist()
    assert warnings[1] == ["its lines are as light as paper and do not show; make them dark"]
    assert warnings[2] == ["96% of it is ink; invert it if its lines are white"]
    assert warnings[4] == ["it is black all over, so it has no areas"]
    assert warnings[3] == warnings[5] == warnings[6] == ["it is empty: no line is seen"]
    assert warnings[7] == ["most of it has the tone 120, which dims colours; make paper white"]


def test_hints_of_no_frame_are_named(film: FilmConfig, tmp_path: Path) -> None:
    """Each of a few is named, so that none has to be searched for."""
    Path(film.pictures, "s1/f1.png").write_bytes(encode_png(np.full((40, 60), 255, np.uint8)))
    for name in ("s1/f1.png", "s1/f9.png", "s8/f1.png", "s9.png"):
        Storage.at(str(tmp_path / "hints")).write(name, encode_png(np.zeros((40, 60, 4), np.uint8)))
    film = replace(film, hints=str(tmp_path / "hints"))
    warnings = prepare_run(film, partial(open_colorize_task, network_size_px=64)).warnings
    assert (
        "3 hints belong to no shot or frame, or to several: s1/f9.png, s8/f1.png, s9.png"
        in warnings
    )


@pytest.mark.parametrize("carries", [False, True])
def test_hints_of_which_nothing_is_left_are_named(
    film: FilmConfig, tmp_path: Path, carries: bool
) -> None:
    """The drawing exported as its hint, and an empty hint of a shot, colour nothing."""
    line = np.full((128, 192), 255, np.uint8)
    cv2.circle(line, (90, 60), 40, 0, 2, cv2.LINE_AA)
    ink = np.dstack((np.zeros((128, 192, 3), np.uint8), 255 - line))
    hints = Storage.at(str(tmp_path / "hints"))
    for shot, hint in (("s1", ink), ("s2", np.zeros_like(ink))):
        for number in range(2):
            path = Path(film.pictures, f"{shot}/f{number}.png")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_png(np.roll(line, number, 1)))
        hints.write(f"{shot}.png", encode_png(hint))
    # An empty hint of a frame says that others end.
    hints.write("s2/f1.png", encode_png(np.zeros_like(ink)))
    film = replace(film, hints=str(tmp_path / "hints"), carries_hints=carries)
    open_task = partial(open_keys_task, unknown="soft", network_size_px=64)
    opened = prepare_run(film, open_task)
    run_film(opened, LocalRunner(), lambda _: None)
    assert opened.warnings == ["the hint s2.png is empty: nothing in it is a hint"]
    rows = read_manifest(Storage.at(film.output)).sort_by("frame")["warnings"].to_pylist()
    lost = ["nothing of its hints is left: they are its own lines; paint dabs in another layer"]
    assert [rows[0], *rows[2:]] == [lost, None, None]


def test_paint_is_flat_and_exact(film: FilmConfig, tmp_path: Path) -> None:
    """A hint colours its region exactly, and all other regions are flat; soft finish is not."""
    drawing = np.full((128, 192), 255, np.uint8)
    cv2.circle(drawing, (60, 64), 40, 0, 3, cv2.LINE_AA)
    cv2.circle(drawing, (140, 64), 30, 0, 3, cv2.LINE_AA)
    Path(film.pictures, "s1/f1.png").write_bytes(encode_png(drawing))
    assert run(film, finish="paint").done == 1
    for inside in (np.s_[40:90, 40:80], np.s_[50:80, 125:155], np.s_[:15]):
        assert len(np.unique(frame_of(film, "f1")[inside].reshape(-1, 3), axis=0)) == 1
    hint = np.zeros((128, 192, 4), np.uint8)
    hint[60:66, 55:61] = (201, 32, 43, 255)
    hint[63, 100] = (10, 10, 10, 255)  # on the line of the first circle
    (tmp_path / "hints").mkdir()
    (tmp_path / "hints/s1.png").write_bytes(encode_png(hint))
    hinted = replace(film, hints=str(tmp_path / "hints"))
    for finish in ("soft", "paint"):
        assert run(hinted, finish=finish).done == 1
        frame = frame_of(film, "f1")
        assert (frame[40:90, 40:80] == (201, 32, 43)).all()
    assert (frame[:15] == 255).all()


def test_soft_colours_are_even_where_no_hint_is() -> None:
    """A region without hints has the median of the network's colours, the ground white."""
    drawing = np.full((120, 200), 255, np.uint8)
    cv2.circle(drawing, (55, 60), 40, 0, 3)
    cv2.circle(drawing, (145, 60), 40, 0, 3)
    hint = np.zeros((120, 200, 4), np.uint8)
    hint[58:62, 53:57] = (201, 32, 43, 255)
    ramp = np.linspace(0, 250, 200, dtype=np.uint8)
    color = np.broadcast_to(ramp[np.newaxis, :, np.newaxis], (120, 200, 3)).copy()
    soft = finish_colors(drawing, find_hints(hint), Guess(color), "soft")
    assert (soft[40:80, 40:70] == (201, 32, 43)).all()
    assert np.ptp(soft[40:80, 125:165].reshape(-1, 3), axis=0).max() == 0
    assert abs(int(soft[60, 145, 0]) - int(ramp[145])) <= 8
    assert (soft[:12] == 255).all()
    # A hint on the ground says that it is painted; without any hint nothing is even.
    hint[3:6, 3:6] = (10, 20, 30, 255)
    soft = finish_colors(drawing, find_hints(hint), Guess(color), "soft")
    assert (soft[:12] == (10, 20, 30)).all()
    plain = finish_colors(drawing, find_hints(np.zeros_like(hint)), Guess(color), "soft")
    assert np.ptp(plain[60, 125:165, 0]) > 30


def test_doubts_are_rows_and_may_fail_a_frame(film: FilmConfig, tmp_path: Path) -> None:
    """A region without a hint is in the manifest with its box, or its frame fails."""
    drawing = np.full((128, 192), 255, np.uint8)
    cv2.rectangle(drawing, (20, 20), (80, 100), 0, 3)
    cv2.rectangle(drawing, (110, 30), (150, 90), 0, 3)
    for name in ("f1", "f2"):
        Path(film.pictures, f"s1/{name}.png").write_bytes(encode_png(drawing))
    hint = np.zeros((128, 192, 4), np.uint8)
    hint[60:66, 50:56], hint[2:8, 2:8] = (201, 32, 43, 255), (250, 240, 230, 255)
    (tmp_path / "hints").mkdir()
    (tmp_path / "hints/s1.png").write_bytes(encode_png(hint))
    hinted = replace(film, hints=str(tmp_path / "hints"))
    assert run(hinted, finish="paint").held == 1
    made, held = read_manifest(Storage.at(film.output)).sort_by("frame").to_pylist()
    assert held["doubts"] is None
    (doubt,) = made["doubts"]
    assert (doubt["left"], doubt["top"], doubt["right"], doubt["bottom"]) == (113, 33, 148, 88)
    assert doubt["area"] == 35 * 55
    assert doubt["color"] == "#" + bytes(frame_of(film, "f1")[60, 130]).hex()
    assert 0 < doubt["confidence"] < 0.9
    assert "no hint in it" in doubt["why"]
    assert run(hinted, finish="paint", fail_below=0.8).failed == 2
    row = read_manifest(Storage.at(film.output)).to_pylist()[0]
    assert "at 113, 33" in row["message"]
    assert "below --fail-below 0.8" in row["message"]
    with pytest.raises(ValueError, match="add --finish paint"):
        run(hinted, fail_below=0.8)
    with pytest.raises(ValueError, match="give 0 to 1"):
        run(hinted, finish="paint", fail_below=80)
