"""Paint in the colours of a palette."""

from collections.abc import Sequence
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
from lineart.imaging.paint.palette import Palette, keep_to_palette
from lineart.imaging.paint.region_colors import ColorSource, Paint
from lineart.jobs.colorize import Colorize, open_palette, read_film
from lineart.manifest import read_manifest
from lineart.metrics import ciede2000
from lineart.storage import Storage

Color = tuple[int, int, int]
RED, BLUE, PAPER, SKIN = (201, 32, 43), (30, 60, 150), (250, 250, 245), (250, 214, 190)


def write_gpl(path: Path, colors: Sequence[Color]) -> Path:
    """Write a palette of GIMP."""
    path.write_text("\n".join(("GIMP Palette", *("{} {} {} x".format(*one) for one in colors))))
    return path


def test_the_nearest_entry_is_so_by_ciede2000() -> None:
    """Of all entries none is nearer; entries themselves are exact; order and copies are nothing."""
    rng = np.random.default_rng(3)
    entries = rng.integers(0, 256, (300, 3), np.uint8)
    colors = np.concatenate((rng.integers(0, 256, (150, 3), np.uint8), entries[:5]))
    palette = Palette.of(entries)
    index, distance = palette.find_nearest(colors)
    every = [ciede2000(np.broadcast_to(one, entries.shape), entries).min() for one in colors]
    np.testing.assert_allclose(distance, every, atol=1e-9)
    np.testing.assert_array_equal(palette.colors[index[-5:]], entries[:5])
    assert Palette.of(np.concatenate((entries[::-1], entries))) == palette
    # Two blacks, the lower one of level 6, are nearer than a grey of 20.
    darks = Palette.of(np.array([[0] * 3, [20] * 3], np.uint8))
    assert darks.find_nearest(np.full((1, 3), 6, np.uint8))[0] == 0


def test_hints_that_are_not_in_the_palette_are_named() -> None:
    """Only hints that change visibly are named, the first three; guesses are not."""
    colors = [(0, 0, 0), RED, (202, 32, 43), (90, 200, 90), (10, 10, 10)]
    sources = np.array([4, 1, 1, 2, 4], np.uint8)
    labels = np.arange(5, dtype=np.int32)[np.newaxis]
    paint = Paint(labels, labels, np.array(colors, np.uint8), sources, np.ones(5, np.float32))
    kept, warnings = keep_to_palette(paint, Palette.of(np.array([RED, BLUE], np.uint8)))
    assert kept.colors[[1, 2, 4]].tolist() == [[*RED], [*RED], [*BLUE]]
    (warning,) = warnings
    assert warning.startswith("its hints have a colour not in the palette: #5ac85a became #")
    many = np.repeat(np.arange(40, 240, 40, dtype=np.uint8), 3).reshape(-1, 3)
    all_hints = paint._replace(colors=many, sources=np.full(5, ColorSource.HINT, np.uint8))
    (warning,) = keep_to_palette(all_hints, Palette.of(np.array([RED], np.uint8))).warnings
    assert warning.startswith("its hints have 4 colours not in the palette")
    assert warning.count("became") == 3
    assert warning.endswith(", ...")


def test_white_paper_stays_white_unless_the_palette_has_its_colour() -> None:
    """Paper around a figure is in no palette of paints; a hint in it, and the figure, are."""
    labels = np.ones((9, 9), np.int32)
    labels[2:7, 2:7] = 2
    white = np.full((3, 3), 255, np.uint8)
    sources = np.array([4, ColorSource.NEIGHBOUR, ColorSource.NEIGHBOUR], np.uint8)
    paint = Paint(labels, labels, white, sources, np.ones(3, np.float32))
    skins, paper = (Palette.of(np.array([SKIN, one], np.uint8)) for one in (RED, PAPER))
    assert keep_to_palette(paint, skins).paint.colors[1:].tolist() == [[255] * 3, [*SKIN]]
    assert keep_to_palette(paint, paper).paint.colors[1:].tolist() == [[*PAPER], [*PAPER]]
    # The paper of a drawing without hints is nearly white; a grey of the network is a colour.
    for level, made in ((252, (255, 255, 255)), (230, SKIN)):
        guessed = paint._replace(sources=np.full(3, 4, np.uint8), colors=white - (255 - level))
        assert tuple(keep_to_palette(guessed, skins).paint.colors[1]) == made
    hinted = paint._replace(
        sources=np.array([4, ColorSource.HINT, ColorSource.NEIGHBOUR], np.uint8)
    )
    kept, warnings = keep_to_palette(hinted, skins)
    assert tuple(kept.colors[1]) == SKIN
    assert warnings == (
        "its hints have a colour not in the palette: #ffffff became #fad6be (16 dE)",
    )
    # A key that is a finished picture has paper, too.
    of_key = paint._replace(
        sources=np.array([4, ColorSource.KEY, ColorSource.KEY], np.uint8),
        colors=np.array([[255] * 3, [252] * 3, [60, 90, 200]], np.uint8),
    )
    kept, (warning,) = keep_to_palette(of_key, skins)
    assert tuple(kept.colors[1]) == (255, 255, 255)
    assert "#3c5ac8 became" in warning
    assert "#fcfcfc" not in warning


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give a film of a drawing with two circles, one of which has a hint that is nearly red."""
    for folder in ("lines/s1", "hints"):
        (tmp_path / folder).mkdir(parents=True)
    drawing = np.full((128, 192), 255, np.uint8)
    cv2.circle(drawing, (60, 64), 40, 0, 3, cv2.LINE_AA)
    cv2.circle(drawing, (140, 64), 30, 0, 3, cv2.LINE_AA)
    Path(tmp_path, "lines/s1/f1.png").write_bytes(encode_png(drawing))
    hint = np.zeros((128, 192, 4), np.uint8)
    hint[60:66, 55:61] = (203, 30, 43, 255)
    hint[60:66, 135:141] = (90, 200, 90, 255)
    Path(tmp_path, "hints/s1.png").write_bytes(encode_png(hint))
    return FilmConfig(
        pictures=str(tmp_path / "lines"),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
        hints=str(tmp_path / "hints"),
    )


def color(film: FilmConfig, palette: Path | None, **flags: object) -> FilmSummary:
    """Colour the film with a palette."""
    chosen = {"finish": "paint", **flags}
    if palette is not None:
        chosen["palette"], _ = open_palette(str(palette))
    opened = prepare_run(film, partial(open_colorize_task, network_size_px=64, **chosen))
    return run_film(opened, LocalRunner(), lambda _: None)[0]


def test_frames_have_the_colors_of_the_palette_alone(film: FilmConfig, tmp_path: Path) -> None:
    """Paper, hints and guesses become entries; another palette makes frames anew, its order not."""
    palette = write_gpl(tmp_path / "cut.gpl", (RED, BLUE, PAPER))
    for hints in (film.hints, None):
        summary = color(replace(film, hints=hints), palette, extras=("layers",))
        assert (summary.done, summary.warned) == (1, int(hints is not None))
        layer = decode_color(Path(film.output, "layers/s1/f1.png").read_bytes())
        found = {*map(tuple, np.unique(layer.reshape(-1, 3), axis=0).tolist())}
        assert found <= {RED, BLUE, PAPER}
        assert (layer[:10] == PAPER).all() or hints is None
        if hints:
            assert (layer[50:78, 40:80] == RED).all()
            (warnings,) = read_manifest(Storage.at(film.output))["warnings"].to_pylist()
            assert len(warnings) == 1
            assert "#5ac85a became" in warnings[0]
    hintless = replace(film, hints=None)
    write_gpl(palette, (PAPER, BLUE, RED, RED))
    assert color(hintless, palette, extras=("layers",)).skipped == 1
    write_gpl(palette, (PAPER, SKIN, RED))
    assert color(hintless, palette, extras=("layers",)).done == 1
    assert color(hintless, None, extras=("layers",)).done == 1


def test_flags_of_the_palette_are_checked(film: FilmConfig, tmp_path: Path) -> None:
    """A palette needs flat paint; a file that is none is named."""
    palette = write_gpl(tmp_path / "cut.gpl", (RED,))
    with pytest.raises(ValueError, match="--palette is for flat paint; add --finish paint"):
        color(film, palette, finish="soft")
    palette.write_text("GIMP Palette\nred\n")
    flags = Colorize(lines=film.pictures, output=film.output, finish="paint", palette=str(palette))
    with pytest.raises(ValueError, match=r"--palette .*cut\.gpl: cannot read this GPL palette"):
        read_film(flags)
    with pytest.raises(FileNotFoundError):
        read_film(replace(flags, palette=str(tmp_path / "none.gpl")))


def test_a_palette_in_a_jpeg_is_a_warning_of_the_film(film: FilmConfig, tmp_path: Path) -> None:
    """It counts as other warnings on the film's files, so that --strict objects."""
    path = tmp_path / "cut.jpg"
    assert cv2.imwrite(str(path), np.full((32, 32, 3), (30, 40, 200), np.uint8))
    flags = Colorize(lines=film.pictures, output=film.output, finish="paint", palette=str(path))
    (warning,) = read_film(flags)[0].warnings
    assert warning.startswith(f"--palette {path}: ")
    opened = prepare_run(
        replace(film, warnings=(warning,)), partial(open_colorize_task, network_size_px=64)
    )
    assert opened.warnings == [warning]
