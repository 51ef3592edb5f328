"""Colours without lines and layered files beside the frames of a film, in this process."""

import io
import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.pictures.frames import OPENRASTER
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.layers import LAYERS, LinesAs
from lineart.jobs.colorize import Colorize, read_film
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.weights import read_weights
from tests.conftest import DrawLine
from tests.imaging.compositing.test_frequency import multiply

BOTH = (LAYERS, OPENRASTER)


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> FilmConfig:
    """Give a film of three frames, the second of which is held."""
    for name, seed in {"s1/f1": 1, "s1/f2": 1, "s1/f3.v2": 2}.items():
        path = tmp_path / f"lines/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), draw_line(seed, 71, 127))
    return FilmConfig(
        pictures=str(tmp_path / "lines"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )


def run(film: FilmConfig, *extras: str, lines_as: LinesAs = "drawn") -> FilmSummary:
    """Colour the film."""
    open_task = partial(open_colorize_task, network_size_px=64, extras=extras, lines_as=lines_as)
    opened = prepare_run(film, open_task)
    return run_film(opened, LocalRunner(), lambda _: None)[0]


def read(png: bytes) -> np.ndarray:
    """Read a PNG."""
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("lines_as", ["drawn", "paper"])
def test_layers_stand_beside_frames(film: FilmConfig, lines_as: LinesAs) -> None:
    """Every frame, held ones too, has its colour without lines at its size, and a layered file."""
    assert run(film, *BOTH, lines_as=lines_as).held == 1
    output = Path(film.output)
    for name in ("s1/f1", "s1/f2", "s1/f3.v2"):
        frame = read((output / f"frames/{name}.png").read_bytes())
        color = read((output / f"layers/{name}.png").read_bytes())
        assert frame.shape == color.shape == (71, 127, 3)
        line = cv2.imread(f"{film.pictures}/{name}.png", cv2.IMREAD_GRAYSCALE)
        assert_array_equal(frame[line == 255], color[line == 255])
        assert (frame[line < 128] < color[line < 128]).any()
        with zipfile.ZipFile(output / f"openraster/{name}.ora") as archive:
            stack = ElementTree.fromstring(archive.read("stack.xml")).findall("./stack/layer")
            lines, below = (read(archive.read(str(layer.get("src")))) for layer in stack)
            assert [layer.get("composite-op") for layer in stack] == [
                "svg:multiply",
                "svg:src-over",
            ]
            assert_array_equal(below, color)
            assert_array_equal(read(archive.read("mergedimage.png")), frame)
        assert_array_equal(multiply(below, lines), frame)


def test_coloured_lines_are_a_layer_of_ink(film: FilmConfig) -> None:
    """A red line stays red in the frame, and is red ink of its opacity in the layered file."""
    drawing = np.full((71, 127, 3), 255, np.uint8)
    drawing[10:13], drawing[40:43] = (255, 0, 0), (255, 128, 128)
    path = Path(film.pictures) / "s1/f1.png"
    path.write_bytes(encode_png(drawing))
    run(film, OPENRASTER)
    output = Path(film.output)
    assert (read((output / "frames/s1/f1.png").read_bytes())[11] == (255, 0, 0)).all()
    with zipfile.ZipFile(output / "openraster/s1/f1.ora") as archive:
        top = ElementTree.fromstring(archive.read("stack.xml")).findall("./stack/layer")[0]
        ink = read(archive.read(str(top.get("src"))))
    assert top.get("composite-op") == "svg:src-over"
    assert (ink[11] == (255, 0, 0, 255)).all()
    assert (ink[41] == (255, 0, 0, 127)).all()
    assert not ink[0, :, 3].any()


def test_how_lines_are_laid_decides_pixels(film: FilmConfig) -> None:
    """Frames of the other way are made anew."""
    assert run(film).done == 2
    assert run(film).skipped == 3
    assert run(film, lines_as="paper").done == 2
    assert run(film, lines_as="paper").skipped == 3


def test_lost_layers_are_made_again(film: FilmConfig) -> None:
    """A frame one of whose layers is lost is made once more; nothing else is."""
    run(film, *BOTH)
    lost = Path(film.output, "openraster/s1/f3.v2.ora")
    layered = lost.read_bytes()
    lost.unlink()
    assert run(film, *BOTH).skipped == 2
    assert lost.read_bytes() == layered
    assert run(film, *BOTH).skipped == 3


def test_layers_never_grow_old(film: FilmConfig, draw_line: DrawLine) -> None:
    """A drawing that changed while layers were not wanted gets new ones; all others stand."""
    run(film, LAYERS)
    assert cv2.imwrite(f"{film.pictures}/s1/f3.v2.png", draw_line(9, 71, 127))
    run(film)
    old = Path(film.output, "layers/s1/f3.v2.png").read_bytes()
    assert run(film, LAYERS).skipped == 2
    assert Path(film.output, "layers/s1/f3.v2.png").read_bytes() != old


def test_films_without_layers_stand_as_before(film: FilmConfig) -> None:
    """Without layers the settings in the manifest are what they were: no film is made anew."""
    run(film)
    (settings,) = set(read_manifest(Storage.at(film.output))["settings"].to_pylist())
    assert json.loads(settings).keys() == {"network_size_px", "version"}
    assert not Path(film.output, "layers").exists()


def test_flags_of_the_command(film: FilmConfig) -> None:
    """`--layers` and `--openraster` each write their own folders, and no others."""
    flags = Colorize(lines=film.pictures, output=film.output, weights=film.weights)
    wanted = []
    for layers, openraster in ((False, False), (True, False), (False, True), (True, True)):
        _, open_task = read_film(replace(flags, layers=layers, openraster=openraster))
        wanted.append(open_task(read_weights(Storage.at(film.weights))).extras)
    both = ("layers", "lines")
    assert wanted == [(), both, ("openraster",), (*both, "openraster")]
