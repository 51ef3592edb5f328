"""From files of any order, number and number of pages to frames, by the commands."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from pyarrow import parquet

import lineart
from lineart.codec import encode_png
from lineart.jobs.colorize import Colorize, main
from lineart.jobs.films import FilmFlags
from lineart.jobs.translate import Translate
from lineart.jobs.translate import main as translate
from lineart.storage import Storage
from lineart.video import write_videos
from tests.conftest import DrawLine
from tests.film.photographs import write_weights

pytestmark = pytest.mark.usefixtures("no_sandbox")

SIZE = (72, 128)


def color(
    lines: object, output: object, weights: Path, *, hints: str | None = None, **flags: Any
) -> int:
    """Run the command; give its exit status."""
    return main(
        Colorize(
            lines=f"{lines}",
            output=f"{output}",
            hints=hints,
            weights=str(weights),
            network_size=64,
            film=FilmFlags(**flags),
        )
    )


def rows_of(output: Path) -> dict[str, dict[str, Any]]:
    """Read the manifest."""
    return {row["frame"]: row for row in parquet.read_table(output / "manifest").to_pylist()}


def expected(weights: Path, line: np.ndarray, hint: np.ndarray | None = None) -> np.ndarray:
    """Colour a drawing by itself."""
    colorizer = lineart.Colorizer.load(str(weights), network_size_px=64)
    return lineart.compose(colorizer(line, hint), line)


def test_a_cut_as_opentoonz_leaves_it(
    tmp_path: Path, tiny_weights: Path, draw_line: DrawLine, capsys: pytest.CaptureFixture[str]
) -> None:
    """32-bit TIFF of several pages, APNG, a GIF, mixed names: each picture once, in order."""
    lines = [draw_line(seed, *SIZE) for seed in range(6)]
    cut, output = tmp_path / "Cut-005", tmp_path / "out"
    (cut / "_Cell/A").mkdir(parents=True)
    rgba = [np.dstack([line, line, line, np.full(SIZE, 255, np.uint8)]) for line in lines]
    first, second, again = (Image.fromarray(rgba[place]) for place in (0, 1, 0))
    first.save(cut / "_Cell/A/a001.tif", save_all=True, append_images=[second, again])
    first.save(cut / "_Cell/A/a002.png", save_all=True, append_images=[second])
    for number, name in enumerate(("-0001.png", "b_0000.tif", "b.0001.bmp", "b0003.png")):
        (cut / "B").mkdir(exist_ok=True)
        assert cv2.imwrite(str(cut / "B" / name), lines[2 + number])
    assert color(cut, output, tiny_weights) == 0
    names = [
        *(f"_Cell/A/a001#000{page}.tif" for page in (1, 2, 3)),
        *(f"_Cell/A/a002#000{page}.png" for page in (1, 2)),
        *("B/-0001.png", "B/b_0000.tif", "B/b.0001.bmp", "B/b0003.png"),
    ]
    rows = rows_of(output)
    assert [*rows] == names
    assert [row["held_by"] for row in rows.values()] == [
        *(None, None, names[0], names[0], names[1]),
        *[None] * 4,
    ]
    for name, place in zip(names, (0, 1, 0, 0, 1, 2, 3, 4, 5), strict=True):
        made = lineart.read(str(output / "frames" / Path(name).with_suffix(".png")), kind="color")
        assert_array_equal(made, expected(tiny_weights, lines[place]))
    # The page shows pages, and knows them by the files of the cut.
    page = (output / "report.html").read_text()
    assert "a001#0002" in page
    assert "no b.0002: its numbers go up by 1" in capsys.readouterr().err
    (warning,) = json.loads((output / "run.json").read_text())["warnings"]
    assert warning == "shot B has no b.0002: its numbers go up by 1"
    assert "no b.0002" in page
    video = write_videos(Storage.at(str(output)), Storage.at(str(tmp_path)), side_by_side=True)
    assert (video["frames"], video["shots"], video["failed"]) == (9, 2, 0)
    # Chosen by number: pages by theirs; a number that no frame has is named.
    capsys.readouterr()
    assert color(cut, tmp_path / "few", tiny_weights, frames="2,3,7") == 0
    assert [*rows_of(tmp_path / "few")] == [names[1], names[2], names[4], names[8]]
    assert "--frames: no frame has the numbers 7 (1)" in capsys.readouterr().err
    assert color(cut, tmp_path / "few", tiny_weights, shots=("B",), frames="-9--2") == 2
    assert "no frame has such a number" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_one_file(
    tmp_path: Path,
    tiny_weights: Path,
    draw_line: DrawLine,
    place: str,
    request: pytest.FixtureRequest,
) -> None:
    """One drawing with one hint is coloured as by itself; other files of its folder are not."""
    line, hint = draw_line(1, *SIZE), np.zeros((*SIZE, 4), np.uint8)
    hint[20:40, 30:60] = (200, 40, 40, 255)
    root = Storage.at(str(tmp_path / "episode"))
    if place == "s3":
        root = Storage.at(f"s3://{request.getfixturevalue('bucket').name}/episode")
    root.write("s1/0001.png", encode_png(line))
    root.write("s1/0002.png", encode_png(draw_line(2, *SIZE)))
    root.write("hints/colours.png", encode_png(hint))
    address = f"{root.uri}/s1/0001.png"
    hints = f"{root.uri}/hints/colours.png"
    assert color(address, tmp_path / "out", tiny_weights, hints=hints) == 0
    (row,) = rows_of(tmp_path / "out").values()
    assert (row["frame"], row["shot"], row["hints"]) == ("0001.png", "s1", ["colours.png"])
    made = lineart.read(str(tmp_path / "out/frames/0001.png"), kind="color")
    assert_array_equal(made, expected(tiny_weights, line, hint))
    assert [path.name for path in (tmp_path / "out/frames").rglob("*.*")] == ["0001.png"]
    assert json.loads((tmp_path / "out/run.json").read_text())["pictures"] == address
    film = Storage.at(str(tmp_path / "out"))
    video = write_videos(film, film.child("video"), side_by_side=True)
    assert (video["frames"], video["failed"]) == (1, 0)


def test_one_photograph(tmp_path: Path, draw_line: DrawLine) -> None:
    """The other command takes one file, too: an animation of two frames."""
    pages = [Image.fromarray(draw_line(seed, 96, 96)).convert("RGB") for seed in (1, 2)]
    pages[0].save(tmp_path / "walk2.webp", save_all=True, append_images=pages[1:], lossless=True)
    weights = write_weights(tmp_path / "weights", "line_drawing", width=2, blocks=1)
    flags = Translate(
        images=str(tmp_path / "walk2.webp"), output=str(tmp_path / "out"), weights=str(weights)
    )
    assert translate(flags) == 0
    assert [*rows_of(tmp_path / "out")] == ["walk2#0001.webp", "walk2#0002.webp"]
    made = sorted(path.name for path in (tmp_path / "out/frames").iterdir())
    assert made == ["walk2#0001.png", "walk2#0002.png"]
