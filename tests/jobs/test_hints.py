"""Hints from their files to the frames, by the command."""

import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

import lineart
from lineart.codec import decode_color, encode_png
from lineart.imaging.hints.pixels import stack_hints
from lineart.jobs.colorize import Colorize, main
from tests.conftest import DrawLine

pytestmark = pytest.mark.usefixtures("no_sandbox")

SIZE = (90, 160)
SHOT = "カット"
"""Name of a shot, which differs by the normal form of Unicode."""
FRAMES = [f"{SHOT}/A{number:04}.png" for number in range(1, 6)]


class Film:
    """A film of one shot, the command for it, and what it has made."""

    def __init__(self, root: Path, weights: Path, draw_line: DrawLine) -> None:
        self.root, self.weights = root, weights
        for number, name in enumerate(FRAMES):
            lineart.write(str(root / "lines" / name), draw_line(number, *SIZE))

    def hint(self, name: str, *dabs: tuple[int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
        """Write a hint picture with dabs, by place and grey value below 250, and give it."""
        picture = np.zeros((*size, 4), np.uint8)
        for place, value in dabs:
            picture[place : place + 9, place : place + 9] = (value, 40, 90, 255)
        self.write(name, encode_png(picture))
        return picture

    def write(self, name: str, data: bytes) -> None:
        """Write a file below the hints."""
        path = self.root / "hints" / unicodedata.normalize("NFD", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def color(self, **flags: Any) -> int:
        """Run the command; give its exit status."""
        places: dict[str, Any] = {
            name: str(self.root / name) for name in ("lines", "hints", "output")
        }
        flags = {"network_size": 64, "hints_stay": True, **flags}
        return main(Colorize(**places, weights=str(self.weights), **flags))

    def rows(self) -> list[dict[str, Any]]:
        """Read the manifest."""
        rows: list[dict[str, Any]] = parquet.read_table(self.root / "output/manifest").to_pylist()
        return rows

    def hints(self) -> list[str]:
        """Give the hints on each frame, by name without suffix and without the shot, in a text."""
        return [
            " ".join(
                unicodedata.normalize("NFC", name)[len(SHOT) : -4] for name in row["hints"] or ()
            )
            for row in self.rows()
        ]

    def made_anew(self, **flags: Any) -> list[int]:
        """Run the command; give the numbers of the frames that it has made."""
        before = [row["written_at"] for row in self.rows()]
        assert self.color(**flags) == 0
        return [
            row["number"]
            for row, at in zip(self.rows(), before, strict=True)
            if row["written_at"] != at
        ]


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> Film:
    """Draw a film."""
    return Film(tmp_path, tiny_weights, draw_line)


def test_hints_add_up_and_change_what_they_hold_on(film: Film) -> None:
    """Frames have the hints of shot, range and frame; what changes in one makes its frames anew."""
    of_shot = film.hint(f"{SHOT}.png", (10, 200), (40, 30))
    of_frame = film.hint(f"{SHOT}/A0002.png", (42, 90))
    film.hint(f"{SHOT}/0003-0004.png", (60, 120))
    film.hint(f"{SHOT}/A0004.png")
    assert film.color() == 0
    assert film.hints() == ["", " /A0002", " /A0002 /0003-0004", " /0003-0004", ""]
    colorizer = lineart.Colorizer.load(str(film.weights), network_size_px=64)
    for name, hint in ((FRAMES[0], of_shot), (FRAMES[1], stack_hints([of_shot, of_frame]))):
        line = lineart.read(str(film.root / "lines" / name))
        made = decode_color((film.root / "output/frames" / name).read_bytes())
        # Overlapping dabs of two files are two dabs, and those of one picture are one.
        differs = (lineart.compose(colorizer(line, hint), line) != made).any(axis=2)
        assert differs.mean() < (0.02 if name == FRAMES[1] else 1e-9)
    # Saved again by another program, with residue.
    again = of_shot.copy()
    again[70, 70] = (1, 2, 3, 9)
    sink = io.BytesIO()
    Image.fromarray(again).save(sink, "TIFF")
    (film.root / "hints" / unicodedata.normalize("NFD", f"{SHOT}.png")).unlink()
    film.write(f"{SHOT}.tif", sink.getvalue())
    assert film.made_anew() == []
    film.hint(f"{SHOT}/0003-0004.png", (60, 121))
    assert film.made_anew() == [3, 4]
    assert [row["retake"] for row in film.rows()][2:4] == ["hint", "hint"]
    film.hint(f"{SHOT}/A0002.png")
    assert film.made_anew() == [2, 3]
    film.hint(f"{SHOT}/A0005.png", (5, 9))
    assert film.made_anew() == [5]


def test_a_bad_hint_is_one_line_of_the_log(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    """All its frames fail with its name in their rows; the flag for white paper makes them."""
    painted = np.full((*SIZE, 3), 255, np.uint8)
    painted[20:30, 20:30] = (200, 30, 30)
    film.write(f"{SHOT}.png", encode_png(painted))
    assert film.color() == 3
    (line,) = (json.loads(one) for one in capsys.readouterr().err.splitlines() if one[:1] == "{")
    assert (line["message"], line["frames"], line["frame"]) == ("hint failed", 5, FRAMES[0])
    reason = unicodedata.normalize("NFC", line["reason"])
    assert re.match(f"the hint /.*/{SHOT}.png: ", reason)
    assert {row["message"] for row in film.rows()} == {line["reason"]}
    assert film.color(hint_paper=True) == 0
    assert film.hints() == [""] * 5


def test_the_canvas_of_a_hint(film: Film, capfd: pytest.CaptureFixture[str]) -> None:
    """One of another aspect ratio is refused, one of another size is named; both by flags."""
    film.hint(f"{SHOT}.png", (55, 200), size=(120, 160))
    assert film.color() == 3
    assert "another aspect ratio" in film.rows()[0]["message"]
    film.hint(f"{SHOT}.png", (55, 200), size=(120, 213))
    assert film.color() == 0
    (warning,) = film.rows()[0]["warnings"]
    assert "is 213x120 and the drawing 160x90, so the hints were scaled" in warning
    said = f"colorize: {film.rows()[0]['frame']} and 4 more frames: {warning}"
    assert capfd.readouterr().err.splitlines().count(said) == 1
    centred = film.hint("none.png", (40, 200))
    assert film.color(hint_canvas="center") == 0
    assert film.rows()[0]["warnings"] is None
    colorizer = lineart.Colorizer.load(str(film.weights), network_size_px=64)
    placed = np.zeros_like(centred)
    placed[40:49, 28:37] = (200, 40, 90, 255)
    line = lineart.read(str(film.root / "lines" / FRAMES[0]))
    made = decode_color((film.root / "output/frames" / FRAMES[0]).read_bytes())
    np.testing.assert_array_equal(lineart.compose(colorizer(line, placed), line), made)
