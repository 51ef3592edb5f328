"""Weights -> ONNX -> frames, by the commands, in this process."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from lineart.codec import decode_color
from lineart.image import resize
from lineart.imaging.compositing.frequency import compose_as_drawn
from lineart.imaging.hints.cleaning import drop_ink_hints
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.finish import finish_colors
from lineart.imaging.paint.region_colors import Guess
from lineart.jobs.colorize import Colorize
from lineart.jobs.colorize import main as colorize
from lineart.jobs.export_onnx import ExportOnnx, main
from lineart.jobs.translate import Translate
from lineart.jobs.translate import main as translate
from lineart.onnx.inference import OnnxModel
from lineart.weights.onnx_file import COLORS
from tests.conftest import DrawLine
from tests.film.photographs import draw_photo, save, write_weights
from tests.onnx_models import studio_model

SIZE = (96, 160)
NETWORK_SIZE = (64, 107)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export tiny weights with a card; give the folder of the files."""
    folder = tmp_path_factory.mktemp("onnx")
    weights = write_weights(folder / "weights", "additive_unet", width=2)
    (weights / "MODEL_CARD.md").write_text("| author | licence |\n|---|---|\n| Ann | CC0 |\n")
    assert main(ExportOnnx(weights=str(weights), output=str(folder / "files"))) == 0
    return folder / "files"


@pytest.fixture
def film(tmp_path: Path, draw_line: DrawLine) -> Path:
    """Draw three frames of a shot, and a hint that holds for all of them."""
    for number in range(3):
        path = tmp_path / "lines" / "s1" / f"f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), draw_line(number, *SIZE))
    hint = np.zeros((*SIZE, 4), np.uint8)
    hint[40:44, 100:104] = 30, 60, 220, 255
    (tmp_path / "hints").mkdir()
    assert cv2.imwrite(str(tmp_path / "hints" / "s1.png"), hint)
    return tmp_path


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def color_film(film: Path, model: Path) -> int:
    """Colour the film with a model; give the exit status."""
    return colorize(
        Colorize(
            lines=str(film / "lines"),
            hints=str(film / "hints"),
            hints_stay=True,
            output=str(film / "color"),
            weights=str(model),
            network_size=NETWORK_SIZE[0],
        )
    )


def test_the_files_say_whose_they_are(exported: Path) -> None:
    """Networks and the whole are written, with the card's credits and the weights' fingerprint."""
    names = {path.name for path in exported.iterdir() if path.is_file()}
    assert names == {"draft.onnx", "color.onnx", "model.onnx"}
    model = onnx.load(exported / "model.onnx")
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert (facts["authors"], facts["licence"], facts["model"]) == ("Ann", "CC0", "additive_unet")
    assert len(facts["weights_sha256"]) == 64


def test_a_film_is_coloured_through_onnx(
    exported: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames are what the model says, composed; done ones are skipped under any name of it."""
    assert color_film(film, exported / "model.onnx") == 0
    assert (result := last_line(capsys))["done"] == 3
    assert result["failed"] == 0
    model = OnnxModel((exported / "model.onnx").read_bytes(), *COLORS)
    hint = cv2.imread(str(film / "hints" / "s1.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    for number in range(3):
        line = cv2.imread(str(film / "lines" / "s1" / f"f{number}.png"), cv2.IMREAD_GRAYSCALE)
        hints = drop_ink_hints(find_hints(hint), line)
        small, small_hint = resize(line, NETWORK_SIZE), hints.resize(NETWORK_SIZE).picture()
        (color,) = model(small[np.newaxis], small_hint[np.newaxis])
        below = finish_colors(line, hints, Guess(color), "soft")
        frame = decode_color((film / "color" / "frames" / "s1" / f"f{number}.png").read_bytes())
        assert np.array_equal(frame, compose_as_drawn(below, line, sigma=0.0))
        assert frame.std(axis=(0, 1)).max() > 0
    other = film / "other.onnx"
    other.write_bytes((exported / "model.onnx").read_bytes())
    assert color_film(film, other) == 0
    assert last_line(capsys)["skipped"] == 3


def test_another_model_colours_anew(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A studio's own model colours; when its file changes, so do the frames."""
    path = film / "studio.onnx"
    model = studio_model()
    path.write_bytes(model.SerializeToString())
    assert color_film(film, path) == 0
    assert last_line(capsys)["done"] == 3
    onnx.helper.set_model_props(model, {"model": "second"})
    path.write_bytes(model.SerializeToString())
    assert color_film(film, path) == 0
    assert last_line(capsys)["done"] == 3


def test_photographs_through_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lineart translate` takes a model, too, and leaves what it makes of each photograph."""
    save(tmp_path / "photos" / "a.png", draw_photo(0))
    node = onnx.helper.make_node("Identity", ["photo"], ["picture"])
    sides: list[str | int] = ["B", "H", "W", 3]
    model = studio_model([node], {"photo": sides}, {"picture": sides})
    (tmp_path / "same.onnx").write_bytes(model.SerializeToString())
    flags = Translate(
        images=str(tmp_path / "photos"),
        output=str(tmp_path / "out"),
        weights=str(tmp_path / "same.onnx"),
    )
    assert translate(flags) == 0
    assert last_line(capsys)["done"] == 1
    (frame,) = (tmp_path / "out" / "frames").rglob("*.png")
    assert np.array_equal(decode_color(frame.read_bytes()), draw_photo(0))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("draft.onnx", "gives ['draft']; one that colours takes line and hint"),
        ("missing.onnx", "missing.onnx"),
        ("text.onnx", "the model is not ONNX"),
    ],
)
def test_wrong_models_start_nothing(
    exported: Path, film: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that does not colour is one sentence and status 2, before anything is written."""
    (exported / "text.onnx").write_text("no model")
    assert color_film(film, exported / name) == 2
    assert words in capsys.readouterr().err
    assert not (film / "color" / "frames").exists()
    (exported / "text.onnx").unlink()


@pytest.mark.parametrize(
    ("weights", "words"),
    [("model.onnx", "is ONNX already"), ("nowhere", "no weights at")],
)
def test_wrong_weights_are_refused(
    exported: Path, weights: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be exported is one sentence and status 2."""
    flags = ExportOnnx(weights=str(exported / weights), output=str(exported / "again"))
    assert main(flags) == 2
    assert words in capsys.readouterr().err
    assert not (exported / "again").exists()
