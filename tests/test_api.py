"""The Python API for notebooks and front ends."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lineart
from lineart.codec import decode_color, encode_png
from lineart.jobs.colorize import Colorize, main
from tests.conftest import DrawLine


@pytest.fixture
def colorizer(tiny_weights: Path) -> lineart.Colorizer:
    """Open small weights, for inputs of 64 px."""
    return lineart.Colorizer.load(str(tiny_weights), network_size_px=64)


def test_frames_are_those_of_the_job(
    colorizer: lineart.Colorizer, draw_line: DrawLine, tiny_weights: Path, tmp_path: Path
) -> None:
    """Reading, colouring and composing give the pixels of `lineart colorize`, hints or not."""
    hint = np.zeros((90, 160, 4), np.uint8)
    hint[30:40, 50:60] = (200, 60, 40, 255)
    lineart.write(str(tmp_path / "hints/s/f1.png"), hint)
    for frame in ("f0", "f1"):
        lineart.write(str(tmp_path / f"lines/s/{frame}.png"), draw_line(3, 90, 160))
    lines, output = tmp_path / "lines", tmp_path / "out"
    flags = Colorize(
        lines=str(lines),
        hints=str(tmp_path / "hints"),
        output=str(output),
        weights=str(tiny_weights),
        network_size=64,
    )
    assert main(flags) == 0
    line = lineart.read(str(lines / "s/f0.png"))
    for frame, hints in (
        ("f0", None),
        ("f1", lineart.read(str(tmp_path / "hints/s/f1.png"), "hint")),
    ):
        color = colorizer(line, hints)
        made = decode_color((output / f"frames/s/{frame}.png").read_bytes())
        assert np.array_equal(lineart.compose(color, line), made)


def test_pictures_are_read_as_asked(tmp_path: Path) -> None:
    """A drawing keeps the colour of its lines, a grey one is H x W; a hint needs alpha."""
    path = tmp_path / "picture.png"
    path.write_bytes(encode_png(np.full((4, 6, 3), (255, 0, 0), np.uint8)))
    for kind in ("line", "color"):
        assert lineart.read(str(path), kind)[0, 0].tolist() == [255, 0, 0]
    path.write_bytes(encode_png(np.full((4, 6, 3), 90, np.uint8)))
    assert lineart.read(str(path)).shape == (4, 6)
    with pytest.raises(ValueError, match="no transparency"):
        lineart.read(str(path), "hint")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    """The suffix decides on the format; others are refused: the file would not be what it says."""
    with pytest.raises(ValueError, match=r"does not end in \.png, \.tga"):
        lineart.write(str(tmp_path / "picture.jpg"), np.zeros((4, 6), np.uint8))


def test_weights_of_other_tasks_are_refused() -> None:
    """Weights that draw do not colour; the error says what they are for."""
    with pytest.raises(ValueError, match=r"lineart translate"):
        lineart.Colorizer.load("drawing")


def test_importing_lineart_imports_no_library() -> None:
    """`import lineart` loads neither NumPy nor torch, and unknown names are attribute errors."""
    code = "import sys, lineart; assert not {'numpy', 'torch'} & set(sys.modules); lineart.nothing"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "AttributeError: module 'lineart' has no attribute 'nothing'" in run.stderr


def test_wrong_arguments_are_said() -> None:
    """Where types are not checked, as in a notebook, the error is a sentence all the same."""
    code = """
import pathlib
import numpy as np
import lineart
from lineart.imaging.regions import find_regions
calls = [
    lambda: find_regions(np.ones((9, 9), bool)),
    lambda: lineart.Colorizer.load(finish="matte"),
    lambda: lineart.Colorizer.load()(np.ones((9, 9, 4), np.uint8)),
    lambda: lineart.read("picture.png", "hints"),
    lambda: lineart.read(pathlib.Path("nothing.png")),
]
for call in calls:
    try:
        call()
    except (ValueError, OSError) as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = run.stdout.splitlines()
    assert said[0].startswith("the drawing is an array of bool, 9 x 9; it must be uint8")
    assert said[1] == "'matte' is no finish; give soft or paint"
    assert said[2].startswith("the drawing is an array of uint8, 9 x 9 x 4; it must be uint8")
    assert said[3] == "'hints' is no kind of picture; give line, hint, color"
    assert "nothing.png" in said[4]


@pytest.mark.parametrize("suffix", [".png", ".tga", ".tif", ".TIFF", ".webp"])
def test_the_suffix_is_the_format(tmp_path: Path, suffix: str) -> None:
    """A cel written in any format is what Pillow calls by that suffix, with equal pixels."""
    cel = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    path = tmp_path / f"cel{suffix}"
    lineart.write(str(path), cel)
    with Image.open(path) as picture:
        assert Image.registered_extensions()[suffix.lower()] == picture.format
        np.testing.assert_array_equal(np.asarray(picture), cel)
