"""Films whose frames are enlarged, from the command."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from psd_tools import PSDImage

from lineart.codec import encode_png
from lineart.codec.reading.resolution import read_dpi
from lineart.film.tasks.upscaling import choose_upscaling
from lineart.imaging.paint.doubts import Doubt
from lineart.jobs.colorize import Colorize
from lineart.jobs.colorize import main as colorize
from lineart.jobs.films import FilmFlags
from lineart.jobs.translate import Translate, main
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.weights import waifu2x
from tests.conftest import DrawLine
from tests.film.photographs import draw_photo, save, write_weights

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec(waifu2x.PACKAGE) is None,
        reason="the extra `upscale` is not installed",
    ),
    pytest.mark.usefixtures("no_sandbox"),
]


def rows_of(output: Path) -> list[dict[str, Any]]:
    """Read the manifest."""
    return read_manifest(Storage.at(str(output))).to_pylist()


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Read the counts of a command."""
    counts: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return counts


def test_translated_films(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames have twice the size, in time of their own; other settings make them anew."""
    for number in range(2):
        save(tmp_path / f"photos/s1/{number}.png", draw_photo(number))
    size = draw_photo(0).shape[:2]
    weights = write_weights(tmp_path / "weights", "line_drawing", width=2, blocks=1)
    flags = Translate(
        images=str(tmp_path / "photos"),
        output=str(tmp_path / "out"),
        weights=str(weights),
        network_size=64,
        film=FilmFlags(video=True),
    )
    frame = tmp_path / "out/frames/s1/1.png"
    assert main(flags) == 0
    plain = cv2.imread(str(frame), cv2.IMREAD_UNCHANGED)
    assert {*dict(rows_of(tmp_path / "out")[0]["stage_seconds"])} == {
        "shrink",
        "network",
        "compose",
    }
    large = replace(flags, upscale=2)
    assert main(large) == 0
    doubled = cv2.imread(str(frame), cv2.IMREAD_UNCHANGED)
    assert (plain.shape, doubled.shape) == (size, (2 * size[0], 2 * size[1]))
    half = cv2.resize(doubled, plain.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(half.astype(int) - plain).mean() < 6
    (row, _) = rows_of(tmp_path / "out")
    stages = dict(row["stage_seconds"])
    assert [*stages] == ["shrink", "network", "compose", "upscale", "write"]
    assert stages["upscale"] > 0
    assert (row["width"], row["height"], row["retake"]) == (size[1], size[0], "settings")
    capsys.readouterr()
    assert main(large) == 0
    assert last_line(capsys)["skipped"] == 2
    assert main(replace(large, denoise=3)) == 0
    assert last_line(capsys)["done"] == 2
    assert not np.array_equal(cv2.imread(str(frame), cv2.IMREAD_UNCHANGED), doubled)
    assert main(replace(flags, denoise=1)) == 0
    cleaned = cv2.imread(str(frame), cv2.IMREAD_UNCHANGED)
    assert cleaned.shape == size
    assert not np.array_equal(cleaned, plain)


def test_coloured_films_with_layers(
    tmp_path: Path, tiny_weights: Path, draw_line: DrawLine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Layers have the size of the frame and give it; cels stay transparent; dpi grows, too."""
    drawing = draw_line(1)
    cel = np.dstack((*(np.zeros_like(drawing),) * 3, 255 - drawing))
    cel[:, :30] = 0
    lines = tmp_path / "lines/s1"
    lines.mkdir(parents=True)
    (lines / "1.png").write_bytes(encode_png(drawing, dpi=(150.0, 150.0)))
    (lines / "2.png").write_bytes(encode_png(cel))
    flags = Colorize(
        lines=str(lines.parent),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
        network_size=64,
        layers=True,
        psd=True,
        openraster=True,
        upscale=2,
        denoise=1,
    )
    assert colorize(flags) == 0
    size = (2 * drawing.shape[0], 2 * drawing.shape[1])
    for name, channels in (("1", 3), ("2", 4)):
        frame = cv2.imread(str(tmp_path / f"out/frames/s1/{name}.png"), cv2.IMREAD_UNCHANGED)
        assert frame.shape == (*size, channels)
        document = PSDImage.open(tmp_path / f"out/psd/s1/{name}.psd")
        assert (document.height, document.width) == size
        if channels == 3:
            np.testing.assert_array_equal(np.asarray(document.composite())[..., 2::-1], frame)
        below, ink = (
            cv2.imread(str(tmp_path / f"out/{folder}/s1/{name}.png"), cv2.IMREAD_UNCHANGED)
            for folder in ("layers", "lines")
        )
        assert below.shape[:2] == ink.shape[:2] == size
        if channels == 3:
            share = ink[..., 3:] / 255
            laid = share * ink[..., :3] + (1 - share) * below
            assert np.abs(laid - frame).max() <= 1.01
    assert (frame[:, :20, 3] == 0).all()
    assert frame[..., 3].max() == 255
    assert 0.05 < (frame[..., 3] == 0).mean() < 0.95
    dpi = read_dpi((tmp_path / "out/frames/s1/1.png").read_bytes())
    assert dpi is not None
    assert dpi[0] == pytest.approx(300, abs=0.1)
    capsys.readouterr()
    assert colorize(replace(flags, finish="paint")) == 2
    assert "--finish paint keeps each of them exact" in capsys.readouterr().err


def test_workers_with_other_networks() -> None:
    """A machine with another version of the package fails frames instead of making others."""
    chosen = choose_upscaling(1, 2)
    assert chosen is not None
    assert choose_upscaling(1, None) is None
    assert choose_upscaling(2, None) != chosen
    with pytest.raises(ValueError, match="are others than where the run was started"):
        replace(chosen, sha256="0" * 64).open(device="cpu", precision="float32")


def test_regions_in_a_larger_frame() -> None:
    """The page cuts a doubtful region out of the frame where it is there."""
    doubt = Doubt(1, 3, 4, 10, 12, 50, "#ffffff", 0.5, "why")
    assert doubt.scaled(2.0)[1:5] == (6, 8, 20, 24)
    assert doubt.scaled(1.0) == doubt
