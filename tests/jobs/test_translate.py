"""The command that translates photographs: in this process, and once on Ray."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from lineart.jobs.colorize import Colorize
from lineart.jobs.colorize import main as colorize
from lineart.jobs.films import FilmFlags
from lineart.jobs.translate import Translate, main
from lineart.storage import Storage
from tests.film.photographs import draw_photo, save, write_weights

pytestmark = pytest.mark.usefixtures("no_sandbox")

PHOTOS = 48


@pytest.fixture(scope="module")
def drawing_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give weights that draw."""
    folder = tmp_path_factory.mktemp("weights") / "drawing"
    return str(write_weights(folder, "line_drawing", width=2, blocks=1))


@pytest.fixture(scope="module")
def webtoon_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give weights with attention."""
    folder = tmp_path_factory.mktemp("weights") / "webtoon"
    return str(write_weights(folder, "ugatit_light", width=4, blocks=1))


def last_line(text: str) -> dict[str, Any]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, Any] = json.loads(text.splitlines()[-1])
    return result


def hashes(output: Path) -> dict[str, str]:
    """Give the hash of every picture."""
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in output.rglob("*.png")
    }


def test_a_folder_with_a_broken_photograph(
    drawing_weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good ones are drawn, the broken one is named, status 3; mended, 0; then nothing to do."""
    for number in range(3):
        save(tmp_path / f"in/trip/f{number}.png", draw_photo(number))
    broken = tmp_path / "in/trip/f1.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    flags = Translate(
        images=str(tmp_path / "in"), output=str(tmp_path / "out"), weights=drawing_weights
    )
    assert main(flags) == 3
    result = last_line(capsys.readouterr().out)
    assert (result["frames"], result["done"], result["failed"]) == (3, 2, 1)
    row = parquet.read_table(tmp_path / "out/manifest").to_pylist()[1]
    assert (row["frame"], row["status"], row["stage"]) == ("trip/f1.png", "failed", "decode")
    page = (tmp_path / "out/report.html").read_text()
    assert "trip/f1.png" in page
    assert "Photograph and drawing" in page
    assert "Repair or replace the photographs in this list" in page
    assert "coloured" not in page
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["configuration"]["images"] == flags.images
    assert run["summary"] == result
    broken.write_bytes(whole)
    assert main(flags) == 0
    before = hashes(tmp_path / "out")
    assert main(flags) == 0
    assert last_line(capsys.readouterr().out)["skipped"] == 3
    assert hashes(tmp_path / "out") == before


def test_photograph_to_drawing_to_colour(
    drawing_weights: str, tiny_weights: Path, tmp_path: Path
) -> None:
    """What one command draws is what the other colours, at the photograph's size."""
    save(tmp_path / "photos/s1/f1.jpg", draw_photo(1, 90, 140))
    drawn = Translate(
        images=str(tmp_path / "photos"), output=str(tmp_path / "drawn"), weights=drawing_weights
    )
    assert main(drawn) == 0
    colored = Colorize(
        lines=str(tmp_path / "drawn/frames"),
        output=str(tmp_path / "colored"),
        weights=str(tiny_weights),
        network_size=64,
    )
    assert colorize(colored) == 0
    with Image.open(tmp_path / "drawn/frames/s1/f1.png") as drawing:
        assert (drawing.mode, drawing.size) == ("L", (140, 90))
    assert cv2.imread(str(tmp_path / "colored/frames/s1/f1.png")).shape == (90, 140, 3)


def test_parquet_and_buckets(
    bucket: Path, drawing_weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a Parquet file in a bucket to a bucket the drawings are those of folders."""
    photos = {f"s/f{number}.png": draw_photo(number) for number in range(2)}
    for name, photo in photos.items():
        save(tmp_path / "in" / name, photo)
    table = {
        "frame": [*photos],
        "image": [(tmp_path / "in" / name).read_bytes() for name in photos],
    }
    import pyarrow as pa

    parquet.write_table(pa.table(table), tmp_path / "photos.parquet")
    trip = Storage.at(f"s3://{bucket.name}/trip")
    trip.write("in/photos.parquet", (tmp_path / "photos.parquet").read_bytes())
    there = Translate(
        images=trip.child("in").uri, output=trip.child("out").uri, weights=drawing_weights
    )
    here = Translate(
        images=str(tmp_path / "in"), output=str(tmp_path / "out"), weights=drawing_weights
    )
    assert main(there) == main(here) == 0
    assert hashes(bucket / "trip/out") == hashes(tmp_path / "out")
    assert main(there) == 0
    assert last_line(capsys.readouterr().out)["skipped"] == 2


def test_weights_of_the_other_command(
    drawing_weights: str,
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Weights that do something else end both commands with status 2 and one sentence."""
    save(tmp_path / "in/f.png", draw_photo(1))
    places = {"output": str(tmp_path / "out")}
    assert main(Translate(images=str(tmp_path / "in"), weights=str(tiny_weights), **places)) == 2
    assert "run lineart colorize" in capsys.readouterr().err
    assert colorize(Colorize(lines=str(tmp_path / "in"), weights=drawing_weights, **places)) == 2
    said = capsys.readouterr().err
    assert "run lineart translate" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"network_size": 8}, "--network-size 8 is not within"),
        ({"attention": True}, "leave out --attention"),
        ({"align_faces": "none.onnx"}, "--align-faces: there is no file"),
        ({"images": "nowhere"}, "--images: there is no folder"),
    ],
)
def test_wrong_input(
    drawing_weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: dict[str, Any],
    sentence: str,
) -> None:
    """A wrong input or flag ends with status 2 and one sentence, and nothing is written."""
    save(tmp_path / "in/f.png", draw_photo(1))
    flags = {"images": str(tmp_path / "in"), "output": str(tmp_path / "out")} | more
    assert main(Translate(weights=drawing_weights, **flags)) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_included_weights_draw(tmp_path: Path) -> None:
    """Without `--weights` a photograph becomes ink on paper, with the ink where its edges are."""
    photo = np.full((256, 384, 3), (120, 160, 220), np.uint8)
    cv2.circle(photo, (190, 130), 70, (200, 60, 40), -1, cv2.LINE_AA)
    save(tmp_path / "in/disk.png", photo)
    assert main(Translate(images=str(tmp_path / "in"), output=str(tmp_path / "out"))) == 0
    drawing = cv2.imread(str(tmp_path / "out/frames/disk.png"), cv2.IMREAD_GRAYSCALE)
    assert drawing is not None
    assert drawing.shape == (256, 384)
    distance = np.hypot(*np.ogrid[-130:126, -190:194])
    edge, inside = abs(distance - 70) < 3, distance < 55
    assert drawing[edge].mean() < 200
    assert drawing[inside].mean() > 230


@pytest.mark.usefixtures("joined_ray")
def test_on_ray(webtoon_weights: str, tmp_path: Path) -> None:
    """On Ray, frames and attention are those of a run in one process."""
    photos, output = tmp_path / "in", tmp_path / "out"
    for number in range(PHOTOS):
        save(photos / f"s/f{number}.png", draw_photo(number))
    flags = [
        "--images",
        str(photos),
        "--weights",
        webtoon_weights,
        "--network-size",
        "64",
        "--attention",
    ]
    command = [sys.executable, "-m", "jobs.translate", *flags, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = last_line(done.stdout)
    assert result["done"] == PHOTOS
    made = hashes(output)
    assert len(made) == 2 * PHOTOS
    alone = Translate(
        images=str(photos),
        output=str(tmp_path / "alone"),
        weights=webtoon_weights,
        network_size=64,
        attention=True,
        film=FilmFlags(limit=6),
    )
    assert main(alone) == 0
    few = hashes(tmp_path / "alone")
    assert len(few) == 12
    assert few.items() <= made.items()
