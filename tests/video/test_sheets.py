"""Videos in the times of exposure sheets, decoded again."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineart.film.exposure.cuts import Sheets
from lineart.storage import Storage
from lineart.video import write_videos
from lineart.video.pictures import stack_cels
from tests.sheets import Entries, write_sheet
from tests.video.test_video import COLORS, Drawn, colors, decode, make_film

NULL = "SYMBOL_NULL_CELL"
WHITE = -1


def seen(pictures: Sequence[np.ndarray]) -> list[int | None]:
    """Return which of `COLORS` each picture shows, or WHITE."""
    found = zip(pictures, colors(pictures), strict=True)
    return [WHITE if picture.min() > 252 else color for picture, color in found]


def save_sheet(folder: Path, levels: Mapping[str, Entries], duration: int, cut: str = "7") -> str:
    """Write a sheet, and return its path."""
    path = folder / f"c{cut}.xdts"
    path.write_bytes(write_sheet([*levels.items()], duration, cut))
    return str(path)


def show(film: Storage, folder: Path, sheet: str, *levels: str) -> dict[str, object]:
    """Write the videos of a film below `folder`/video by a sheet."""
    return write_videos(film, Storage.at(str(folder / "video")), sheets=Sheets([sheet], levels))


def test_a_level_follows_its_sheet(tmp_path: Path) -> None:
    """Each drawing stands as long as on the sheet, in its order; other shots are as they were."""
    drawings = [Drawn(f"A/A{n:04}.png", n) for n in (1, 2, 3)]
    film = make_film(tmp_path, [*drawings, Drawn("C/1.png", 3), Drawn("C/2.png", None)])
    entries = {0: NULL, 2: "3", 5: "1", 6: "SYMBOL_HYPHEN", 8: "3", 9: "8", 10: "2", 11: NULL}
    sheet = save_sheet(tmp_path, {"A": entries}, 12)
    summary = show(film, tmp_path, sheet)
    timed = [WHITE, WHITE, 3, 3, 3, 1, 1, 1, 3, None, 2, WHITE]
    assert seen(decode(tmp_path / "video/shots/0001_A.mp4")) == timed
    assert seen(decode(tmp_path / "video/shots/0002_C.mp4")) == [3, None]
    assert seen(decode(tmp_path / "video/film.mp4")) == [*timed, 3, None]
    assert (summary["frames"], summary["failed"], summary["missing"]) == (14, 2, ["cut 7: A 8"])
    index = json.loads((tmp_path / "video/video.json").read_text())["shots"]
    counts = [(one["shot"], one["first"], one["frames"], one["failed"]) for one in index]
    assert counts == [("A", 0, 12, 1), ("C", 12, 2, 1)]


def save_cel(film: Storage, name: str, color: int, sides: str) -> None:
    """Write a frame of 48 x 64 pixels, with a colour on the left, the right or both sides."""
    cel = np.zeros((48, 64, 4), np.uint8)
    cel[:, 0 if "l" in sides else 32 : 64 if "r" in sides else 32] = (*COLORS[color], 255)
    path = Path(film.root) / "frames" / name
    Image.fromarray(cel).save(path)


def test_cels_of_several_sizes() -> None:
    """Over one another, smaller cels lie in the middle, and half a colour shows half of white."""
    below, above = np.zeros((6, 8, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    below[...], above[...] = (200, 0, 0, 255), (0, 0, 100, 255)
    below[0], above[0, 0] = (100, 100, 100, 51), 0
    stacked = stack_cels([encode_cel(below), encode_cel(above)])
    expected = np.full((6, 8, 3), (200, 0, 0), np.uint8)
    expected[2:4, 2:6] = (0, 0, 100)
    expected[2, 2], expected[0] = (200, 0, 0), 224
    np.testing.assert_array_equal(stacked, expected)


def encode_cel(cel: np.ndarray) -> bytes:
    """Encode a picture with alpha as PNG."""
    sink = io.BytesIO()
    Image.fromarray(cel).save(sink, "png")
    return sink.getvalue()


def halves(picture: np.ndarray) -> list[int | None]:
    """Return which of `COLORS` the left and the right half show."""
    return seen([picture[:, :32], picture[:, 32:]])


def test_levels_are_stacked(tmp_path: Path) -> None:
    """Levels with transparency lie over one another, bottom to top, each in its own time."""
    names = ["A/1.png", "A/2.png", "B/1.png", "C/1.png"]
    film = make_film(tmp_path, [Drawn(name, color) for color, name in enumerate(names)])
    for color, (name, sides) in enumerate(zip(names, ("lr", "lr", "l", "lr"), strict=True)):
        save_cel(film, name, color, sides)
    levels: dict[str, Entries] = {"A": {0: "1", 2: "2", 4: NULL}, "B": {1: "1", 3: NULL, 4: "1"}}
    summary = show(film, tmp_path, save_sheet(tmp_path, levels, 6))
    pictures = decode(tmp_path / "video/film.mp4")
    stacked = [[0, 0], [2, 0], [2, 1], [1, 1], [2, WHITE], [2, WHITE], [3, 3]]
    assert [halves(picture) for picture in pictures] == stacked
    assert len(decode(tmp_path / "video/shots/0004_cut_7.mp4")) == 6
    alone = [halves(picture) for picture in decode(tmp_path / "video/shots/0002_B.mp4")]
    on, off = [2, WHITE], [WHITE, WHITE]
    assert alone == [off, on, on, off, on, on]
    assert (summary["frames"], summary["shots"]) == (7, 4)
    index = json.loads((tmp_path / "video/video.json").read_text())["shots"]
    firsts = {one["shot"]: one["first"] for one in index}
    assert firsts == {"A": None, "B": None, "C": 6, "cut 7": 0}


def test_opaque_levels_hide_one_another(tmp_path: Path) -> None:
    """Opaque levels cannot be stacked, which is an error before anything is written."""
    film = make_film(tmp_path, [Drawn("A/1.png", 0), Drawn("B/1.png", 1)])
    sheet = save_sheet(tmp_path, {"A": {0: "1"}, "B": {1: "1"}}, 3)
    with pytest.raises(ValueError, match="level B have no transparency and would hide level A"):
        show(film, tmp_path, sheet)
    assert not (tmp_path / "video").exists()
    show(film, tmp_path, sheet, "B")
    assert seen(decode(tmp_path / "video/shots/0002_B.mp4")) == [WHITE, 1, 1]


def test_levels_of_one_folder(tmp_path: Path) -> None:
    """A level among other pictures of a shot has a video under the name of the cut."""
    film = make_film(tmp_path, [Drawn("s/A1.png", 0), Drawn("s/A2.png", 1), Drawn("s/B1.png", 2)])
    sheet = save_sheet(tmp_path, {"A": {0: "2", 1: "1"}}, 3)
    show(film, tmp_path, sheet)
    assert seen(decode(tmp_path / "video/film.mp4")) == [1, 0, 0]
    assert seen(decode(tmp_path / "video/shots/0001_s.mp4")) == [0, 1, 2]
    assert seen(decode(tmp_path / "video/shots/0002_cut_7.mp4")) == [1, 0, 0]


def test_sources_beside_a_stack(tmp_path: Path) -> None:
    """Beside stacked levels stand their drawings, as on a light table."""
    film = make_film(tmp_path, [Drawn("A/1.png", 0), Drawn("B/1.png", 0)])
    lines = tmp_path / "lines"
    for number, name in enumerate(("A", "B")):
        save_cel(film, f"{name}/1.png", number, "lr"[number])
        drawing = np.full((48, 64), 255, np.uint8)
        drawing[:, 32 * number : 32 * number + 32] = 250 * number
        (lines / name).mkdir(parents=True)
        Image.fromarray(drawing).save(lines / name / "1.png")
    sheet = save_sheet(tmp_path, {"A": {0: "1"}, "B": {0: "1"}}, 1)
    target, source = Storage.at(str(tmp_path / "video")), Storage.at(str(lines))
    write_videos(film, target, side_by_side=source, sheets=Sheets([sheet]))
    (picture,) = decode(tmp_path / "video/film.mp4")
    assert picture[20, [16, 48], 0].tolist() == pytest.approx([0, 250], abs=4)
    assert halves(picture[:, 64:]) == [0, 1]


@pytest.mark.parametrize("cards", [["A/1.png"], ["A/1.png", "B/1.png"]])
def test_a_failed_level_is_a_card(tmp_path: Path, cards: Sequence[str]) -> None:
    """If a level failed, its card takes the place of the stack."""
    frames = [
        Drawn(name, None if name in cards else 0) for name in ("A/1.png", "B/1.png", "A/2.png")
    ]
    film = make_film(tmp_path, frames)
    save_cel(film, "A/2.png", 1, "lr")
    if "B/1.png" not in cards:
        save_cel(film, "B/1.png", 2, "l")
    summary = show(
        film, tmp_path, save_sheet(tmp_path, {"A": {0: "1", 1: "2"}, "B": {0: "1", 1: NULL}}, 2)
    )
    pictures = decode(tmp_path / "video/film.mp4")
    assert [halves(picture) for picture in pictures] == [[None, None], [1, 1]]
    assert summary["failed"] == 1
