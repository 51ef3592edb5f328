"""Which hints hold on which frames, by their names."""

import unicodedata

import pytest

from lineart.film.colors.frame_colors import FrameColors, HashedColors
from lineart.film.colors.hints import (
    FrameRange,
    attach_hints,
    range_of,
    unused_hints,
)
from lineart.film.pictures.frames import FilmFrame, Source, assemble
from lineart.film.pictures.names import read_name
from lineart.film.records import Failure, HashedFile, HashedHint
from lineart.imaging.hints.pictures import DEFAULT_RULES, HintRules


def hold(lines: str, hints: str) -> list[FilmFrame]:
    """Give the frames of a film, called `film`, with their hints, from names without suffix."""
    pictures = [Source(f"{name}.png", f"{name}.png") for name in lines.split()]
    files = [Source(f"{name}.png", f"{name}.png") for name in hints.split()]
    return attach_hints(assemble(pictures, "film"), files)


def names(frames: list[FilmFrame]) -> list[str]:
    """Give the names of each frame's hints without suffix, bottom to top, in one text."""
    return [" ".join(hint.name.removesuffix(".png") for hint in one.hints) for one in frames]


PICTURE = HashedFile("file", "pixels", 8, 6)
ONE_TO_FIVE = "s/0001 s/0002 s/0003 s/0004 s/0005"


@pytest.mark.parametrize(
    ("lines", "hints", "expected"),
    [
        # The shot's hint holds always; that of a frame adds to it until the next one.
        (ONE_TO_FIVE, "s s/0002 s/0004", ["s", *["s s/0002"] * 2, *["s s/0004"] * 2]),
        ("s/1 t/1", "s s/1", ["s s/1", ""]),
        # A range ends by itself, and lies above what began before it.
        (ONE_TO_FIVE, "s s/2-3", ["s", "s s/2-3", "s s/2-3", "s", "s"]),
        (
            ONE_TO_FIVE,
            "s s/0001 s/0002-0004 s/0003",
            [
                *("s s/0001", "s s/0001 s/0002-0004", "s s/0002-0004 s/0003"),
                *("s s/0002-0004 s/0003", "s s/0003"),
            ],
        ),
        # Of two that begin on one frame, the shorter one lies above.
        ("s/1 s/2 s/3", "s/1-2 s/1-3 s/1", [*["s/1-3 s/1-2 s/1"] * 2, "s/1-3 s/1"]),
        # A range with letters is one of these frames alone; a frame or shot of its name wins.
        ("s/A1 s/A2 s/B1", "s/A1-A9 s/0002-9", ["s/A1-A9", "s/A1-A9 s/0002-9", ""]),
        ("s/5-6 s/6 s/7", "s/5-6", ["s/5-6"] * 3),
        ("0001 0001-0002/0001", "0001-0002", ["", "0001-0002"]),
        # Versions are shots of their own; a hint of their folder holds on all.
        ("s/A1_v1 s/A1_v2 s/A2_v2", "s s_v2 s/1-1", ["s s/1-1", "s s_v2 s/1-1", "s s_v2"]),
        # At the root: the film's name is the shot's.
        ("0001 0002", "film 0002-0002", ["film", "film 0002-0002"]),
    ],
)  # fmt: skip
def test_hints_hold(lines: str, hints: str, expected: list[str]) -> None:
    """Hints of the shot, of ranges and of frames add up, from bottom to top."""
    assert names(hold(lines, hints)) == expected


@pytest.mark.parametrize(
    ("lines", "hints", "expected"),
    [
        # By number, as keys: whatever is left out, and never by position.
        ("s/0001 s/0002 s/0003", "s/2", ["", "s/2", "s/2"]),
        ("s/A_0001 s/A_0002", "s/A1 s/0002", ["s/A1", "s/0002"]),
        ("s/A1_v1 s/A1_v2 s/A2_v2", "s/01", ["s/01"] * 3),
        # Two drawings have the number, a drawing or shot has the name, a range does not begin.
        ("s/1 s/01 s/2", "s/001", ["", "", ""]),
        ("s/0001 s/1 s/2", "s/1", ["", "s/1", "s/1"]),
        ("0001 0002 1/A", "1", ["", "", "1"]),
        ("s/1 s/2 s/3", "s/3-1 s/A1-B2", ["", "", ""]),
        # At the root, a folder called after the film does, too.
        ("0001 0002", "film/2", ["", "film/2"]),
    ],
)
def test_hints_by_number(lines: str, hints: str, expected: list[str]) -> None:
    """A hint of a frame may say its number alone."""
    assert names(hold(lines, hints)) == expected


def test_two_hints_of_one_frame_are_refused() -> None:
    """Neither counts, from this frame on, and both are told with their names."""
    first, second = hold("s/0001 s/0002", "s/0001 s/1 s/02")
    why = "'s/0001.png' and 's/1.png' are hints for one frame; leave one out"
    assert [hint.refusal for hint in first.hints] == [why, why]
    assert [(hint.name, hint.refusal) for hint in second.hints] == [("s/02.png", None)]


def test_names_match_in_any_form() -> None:
    """Composed and decomposed letters are equal, and so are cases, in shots, frames and ranges."""
    shot = "Épée/が"
    for lines in ("NFC", "NFD"):
        for hints in ("NFC", "NFD"):
            drawn = unicodedata.normalize(lines, f"{shot}0001")
            given = unicodedata.normalize(
                hints, f"épée {shot.lower()}0001 {shot}0001-{shot[-1]}0002"
            )
            (frame,) = hold(drawn, given)
            assert len(frame.hints) == 3
            assert unused_hints([frame], frame.hints) == []


def test_hints_that_belong_nowhere() -> None:
    """Hints named after nothing in the film are told, and ranges without a frame."""
    hints = [
        Source(f"{n}.psd", f"{n}.psd") for n in ("s", "s/1", "film", "s/7", "S2", "s/3-5", "s/2-1")
    ]
    lines = [Source(name, name) for name in ("s/1.png", "s/2.png", "top.png")]
    frames = attach_hints(assemble(lines, "film"), hints)
    assert unused_hints(frames, hints) == ["S2.psd", "s/2-1.psd", "s/3-5.psd", "s/7.psd"]


def test_ranges_in_names() -> None:
    """Two numbers, the first at most the second, are a range; letters before both are equal."""
    ranges = {
        "s/0010-0020.png": ("", 10, 20), "A10-0020.psd": ("a", 10, 20), "-5--2.png": ("", -5, -2),
        "cut-1-cut-9.png": ("cut", 1, 9), "s1-10-20.png": ("s1", 10, 20), "-5-1.png": ("", -5, 1),
        "A.0001-A.0004.png": ("a", 1, 4),
    }  # fmt: skip
    assert {name: range_of(name) for name in ranges} == ranges
    for name in ("0020-0010.png", "A0001-B0002.png", "0010.png", "a-b.png", "10-20b.png"):
        assert range_of(name) is None
    assert not FrameRange("", 1, 2).includes(read_name("title.png"))


def test_blank_hints_end_what_frames_before_said() -> None:
    """A transparent hint of a frame leaves the shot's; one of a range suspends for the range."""
    frames = hold(ONE_TO_FIVE, "s s/0001 s/0003-0004 s/0005")
    hashes = {
        f"{name}.png": HashedHint(f"file of {name}", name, 8, 6, name in ("s/0003-0004", "s/0005"))
        for name in ["s", "s/0001", "s/0003-0004", "s/0005"]
    }
    held = [HashedColors(hashes, DEFAULT_RULES).colors_of(frame, PICTURE) for frame in frames]
    assert all(isinstance(one, FrameColors) for one in held)
    shown = [one.hint_names for one in held if isinstance(one, FrameColors)]
    assert shown == [*[["s.png", "s/0001.png"]] * 2, *[["s.png"]] * 3]
    alone = hold("s/1 s/2", "s/1 s/2")
    blank = {f"s/{n}.png": HashedHint("file", "none", 8, 6, n == 2) for n in (1, 2)}
    first, second = (
        HashedColors(blank, DEFAULT_RULES).colors_of(frame, PICTURE) for frame in alone
    )
    assert isinstance(first, FrameColors)
    assert isinstance(second, FrameColors)
    assert (first.hint_sha256, second.hint_names, second.hint_sha256) == ("none", None, None)


def test_a_scaled_hint_counts_by_its_file() -> None:
    """What is read of it depends on the drawing's size, which its hashed pixels do not know."""
    (frame,) = hold("s/1", "s")
    same = HashedHint("file", "pixels", 8, 6, is_blank=False)
    found = [
        HashedColors({"s.png": hint}, DEFAULT_RULES).colors_of(frame, PICTURE)
        for hint in (same, same._replace(width=16, height=12))
    ]
    hashes = [one.hint_sha256 for one in found if isinstance(one, FrameColors)]
    assert hashes == ["pixels", "file"]


def test_a_hint_that_cannot_be_used_fails_by_name() -> None:
    """One that cannot be read, or has another canvas than the drawing, is the frame's failure."""
    (frame,) = hold("s/1", "s s/1")
    good = HashedHint("file", "pixels", 8, 6, is_blank=False)
    broken = Failure("hint", "ValueError", "s/1.png: no picture")
    assert (
        HashedColors({"s.png": good, "s/1.png": broken}, DEFAULT_RULES).colors_of(frame, PICTURE)
        == broken
    )
    both = {"s.png": good, "s/1.png": good._replace(height=8)}
    wrong = HashedColors(both, DEFAULT_RULES).colors_of(frame, PICTURE)
    assert isinstance(wrong, Failure)
    assert (wrong.stage, wrong.error) == ("hint", "ValueError")
    assert wrong.message.startswith("the hint s/1.png: the hint picture is 8x8 and the drawing has")
    assert isinstance(
        HashedColors(both, HintRules(canvas="center")).colors_of(frame, PICTURE), FrameColors
    )
