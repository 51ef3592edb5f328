"""Exposure sheets: parsed from XDTS, and matched with the frames of a film."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lineart.film.exposure.cuts import ExposedCut, Sheets, expose_film
from lineart.film.exposure.xdts import parse_xdts
from tests.sheets import IDENTIFIER, Entries, write_sheet

NULL, HYPHEN, TICK, REVERSE = (
    f"SYMBOL_{name}" for name in ("NULL_CELL", "HYPHEN", "TICK_1", "TICK_2")
)


def test_drawings_are_held() -> None:
    """A drawing stands until the next entry, over hyphens and marks; a null cell is empty."""
    entries = {1: "1", 2: HYPHEN, 3: TICK, 4: "2a", 6: NULL, 8: REVERSE, 9: "1", 40: "5"}
    sheet = parse_xdts(write_sheet([("A", entries), ("B", {-3: "7", -1: "8"})], 12, "0012"))
    bottom, top = sheet.levels
    assert (sheet.cut, sheet.scene, sheet.duration) == ("0012", "2", 12)
    assert (bottom.name, top.name) == ("A", "B")
    shown = [None, "1", "1", "1", "2a", "2a", None, None, None, "1", "1", "1"]
    assert list(bottom.drawings) == shown
    assert list(top.drawings) == ["8"] * 12


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not XDTS: the first line of XDTS is 'exchangeDigitalTimeSheet Save Data'"),
        (b"\x89PNG\r\n", "it is not XDTS: it is no text in UTF-8"),
        (b'{"timeTables": []}', "it is not XDTS"),
        (b"toeiDigitalTimeSheet Save Data\n{}", "it is in the format TDTS"),
        (f"{IDENTIFIER}{{".encode(), "its JSON is damaged: .* line 2 column 2"),
        (f"{IDENTIFIER}[]".encode(), "its JSON: input should be a valid dictionary"),
        (f"{IDENTIFIER}{{}}".encode(), "timeTables: field required"),
        (f'{IDENTIFIER}{{"timeTables": []}}'.encode(), "timeTables: list should have at least 1"),
        (
            write_sheet([("A", {0: "1"})], 0),
            r"timeTables\.0\.duration: .* greater than or equal to 1",
        ),
        (write_sheet([("A", {10**9: "1"})], 5), r"tracks\.0\.frames\.0\.frame: .* less than or"),
        (write_sheet([("", {0: "1"})], 5), "its track 0 has drawings, but no name of a level"),
        (write_sheet([("A", {}), ("", {0: NULL})], 5), "it has no level with drawings"),
        (write_sheet([("A", {0: "1"})] * 201, 5), r"tracks: list should have at most 200 items"),
    ],
)
def test_what_is_no_sheet(data: bytes, message: str, tmp_path: Path) -> None:
    """A file that is no sheet in XDTS is an error that names the file and what is wrong."""
    path = tmp_path / "sheet.xdts"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"^the exposure sheet sheet\.xdts cannot .*{message}"):
        expose_film(str(path), {"A/1.png": "A"})


def expose(
    folder: Path, frames: Mapping[str, str], levels: Mapping[str, Entries], *names: str
) -> ExposedCut:
    """Match a sheet of four frames, of cut 5, with the frames of a film."""
    path = folder / "c005.xdts"
    path.write_bytes(write_sheet([*levels.items()], 4, "005"))
    return expose_film(str(path), frames, names)


def found(cut: ExposedCut) -> list[list[str | None]]:
    """Return the frames of each level."""
    return [[one and one.frame for one in level.times] for level in cut.levels]


def test_levels_are_shots(tmp_path: Path) -> None:
    """Drawing 12 of level A is the frame of the shot A with that number, however it is written."""
    frames = ("A/A_0001.png", "A/A0002.tga", "A/A.0002a.png", "A/12.png", "B/b-0001.png", "B/x.png")
    film = {name: name[0] for name in frames}
    entries = {0: "1", 1: "002", 2: "2A", 3: "A12"}
    cut = expose(tmp_path, film, {"A": entries, "b": {0: "X", 2: "1", 3: NULL}})
    assert cut.name == "cut 005"
    assert found(cut) == [[*frames[:4]], ["B/x.png", "B/x.png", "B/b-0001.png", None]]
    assert [level.shot for level in cut.levels] == ["A", "B"]


def test_levels_in_folders(tmp_path: Path) -> None:
    """A level is a folder of its cut, or the pictures of a folder whose names begin with it."""
    shots = [f"{cut}/_Cell/{level}" for cut in ("Cut-004", "Cut-005") for level in "AB"]
    film = {f"{shot}/{shot[-1]}0001.png": shot for shot in shots}
    assert found(expose(tmp_path, film, {"B": {0: "1"}}))[0][0] == "Cut-005/_Cell/B/B0001.png"
    flat = dict.fromkeys(("A0001.png", "A0002.png", "B0001.png"), "lines")
    cut = expose(tmp_path, flat, {"A": {0: "2"}, "B": {1: "1"}})
    assert found(cut) == [["A0002.png"] * 4, [None, *["B0001.png"] * 3]]
    assert [(level.shots, level.shot) for level in cut.levels] == [(("lines",), None)] * 2
    versions = {f"A/A{n}_v00{v}.png": f"A_v00{v}" for n, v in ((1, 1), (1, 2), (2, 1))}
    (newest,) = expose(tmp_path, versions, {"A": {0: "1", 1: "2"}}).levels
    assert [one and one.frame for one in newest.times][:2] == ["A/A1_v002.png", "A/A2_v001.png"]
    assert (newest.shots, newest.shot) == (("A_v001", "A_v002"), None)
    with pytest.raises(ValueError, match=r"level A could be x/A, y/A; name the folder of the cut"):
        expose(tmp_path, {"x/A/1.png": "x/A", "y/A/1.png": "y/A"}, {"A": {0: "1"}})


def test_what_the_film_lacks(tmp_path: Path) -> None:
    """Missing drawings are named once; a missing level is an error unless it is not chosen."""
    film = {"A/0001.png": "A", "C/0001.png": "C"}
    levels = {"A": {0: "1", 1: "9", 2: "3", 3: "9"}, "BG": {0: "1"}}
    with pytest.raises(
        ValueError, match=r"c005\.xdts: the film has no level BG: .* are A, C; .*--levels"
    ):
        expose(tmp_path, film, levels)
    cut = expose(tmp_path, film, levels, "A")
    assert cut.missing == ["A 9", "A 3"]
    assert found(cut) == [["A/0001.png", None, None, None]]
    with pytest.raises(ValueError, match=r"it has no level D; its levels are A, BG"):
        expose(tmp_path, film, levels, "D")
    with pytest.raises(ValueError, match=r"drawing 1 of level A could be A/0001.png or A/A1.png"):
        expose(tmp_path, {**film, "A/A1.png": "A"}, levels, "A")
    with pytest.raises(FileNotFoundError, match=r"there is no exposure sheet .*/none\.xdts"):
        expose_film(str(tmp_path / "none.xdts"), film)
    with pytest.raises(ValueError, match="give one with --xdts"):
        Sheets(levels=["A"]).expose(film)
