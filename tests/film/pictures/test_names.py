"""Order and numbers of frames, from their names alone."""

import random
import re

import pytest

from lineart.film.colors.hints import attach_hints
from lineart.film.pictures.frames import FilmFrame, Source, assemble
from lineart.film.pictures.names import folder_key, read_name
from lineart.film.pictures.selection import Selection, read_numbers
from lineart.film.pictures.sequence import (
    MAX_SHOTS,
    describe_doubles,
    describe_gaps,
    describe_versions,
)


def film(*names: str) -> list[FilmFrame]:
    """Give the frames of a film, listed in no order."""
    pictures = [Source(name, name) for name in names]
    random.Random(0).shuffle(pictures)
    return assemble(pictures, "film")


ORDERS = {
    "negative numbers": "-0002.png -0001.tif 0000.png 0001.tga",
    "negative behind a separator": "A_-0003.png A.-0002.png A.0000.png A_0001.png",
    "hyphens that are no signs": "a-1.png a-2.png a-10.png",
    "dates": "2024-01-02_1.png 2024-01-02_2.png 2024-01-10_1.png",
    "inserts": "A0001.png A0001a.png A0001_b.tif A0002.png A0002B.tga A0003.png",
    "separators": "A_0001.tga A.0002.tga A0003.tga A-0004.png A_0005.bmp a0006.png",
    "rising width": "i_0999.png i_1000.png i_10000.png",
    "two numbers": "c1_-0003.png c1_0002.png c1.0010.png c10001.png",
    "suffixes": "f1.webp f1a.bmp f2.png f10.jpg",
    "full width": "線１.png 線２.png 線10.png",
    "pages": "a#0001.tif a#0002.tif a#0010.tif b.png",
    "versions of no picture": "c_v002.0001.png c_v001.0002.png c_v002.0003.png",
}


@pytest.mark.parametrize("kind", ORDERS)
def test_order(kind: str) -> None:
    """Frames are in the order of their numbers, whatever stands around them."""
    names = ORDERS[kind].split()
    assert [frame.name for frame in film(*names)] == names
    assert [frame.number for frame in film(*names)] == [*range(1, len(names) + 1)]


def test_folders_are_in_natural_order() -> None:
    """Shots are ordered as frames are, part by part of their paths."""
    folders = ["", "_Cell", "cut-1", "cut_2", "cut2/b", "cut3", "cut10"]
    assert sorted(set(folders), key=folder_key) == folders


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(
            ("s1/A0012.png", 12),
            ("A_0012b.tga", 12),
            ("A0012_v003.png", 12),
            ("c_v02.0012.tif", 12),
        ),
        *(("-0012.png", -12), ("A.-0012.png", -12), ("a-12.png", 12), ("a7#0012.tif", 12)),
        *(("s1/f.0012", 12), ("f.0012.jp2", 12), ("f7.jp2", 7), ("A.0012_v003", 12)),
        *(("walk.gif", None), ("s12/walk.gif", None), ("walk_v002.png", None), ("v012.png", 12)),
        *(
            ("A0007_1080p.png", 7),
            ("A0007@2x.png", 7),
            ("A0007_v2_720p.png", 7),
            ("A1_0012p.png", 12),
        ),
        *(
            ("1080p.png", 1080),
            ("A_1080p.png", 1080),
            ("A1_1080.png", 1080),
            ("A0007_take2.png", 2),
        ),
    ],
)
def test_number(name: str, number: int | None) -> None:
    """A frame's number is the last in its name, without folders, version and resolution."""
    assert read_name(name).number == number


def test_versions_are_shots() -> None:
    """Two versions of a picture make a shot of each version; the sentence names them."""
    names = ("A0001.png", "A0002_v001.png", "A0001_v002.tif", "A0002_v002.png", "A0003_V002.png")
    frames = film(*(f"s1/{name}" for name in names), "s2/A0001_v001.png", "s2/A0002_v003.png")
    assert [(frame.shot, frame.number, frame.name) for frame in frames] == [
        ("s1", 1, "s1/A0001.png"),
        ("s1_v001", 1, "s1/A0002_v001.png"),
        ("s1_v002", 1, "s1/A0001_v002.tif"),
        ("s1_v002", 2, "s1/A0002_v002.png"),
        ("s1_v002", 3, "s1/A0003_V002.png"),
        # Each picture once, in its newest version: one shot.
        ("s2", 1, "s2/A0001_v001.png"),
        ("s2", 2, "s2/A0002_v003.png"),
    ]
    (sentence,) = describe_versions(frames)
    assert sentence == (
        "s1 holds several versions of its pictures; each is a shot of its own: "
        "s1, s1_v001, s1_v002; --shots chooses"
    )
    frames = film("cut_v001.0001.png", "cut_v001.0002.png", "cut_v002.0001.png")
    assert [frame.shot for frame in frames] == ["film_v001", "film_v001", "film_v002"]
    hint = Source("film.png", "film.png")
    assert [frame.hints for frame in attach_hints(frames, [hint])] == [(hint,)] * 3


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ([1, 2, 4], "shot s has no A_0003: its numbers go up by 1"),
        ([1, 2, 3, 6, 7, 8, 10], "shot s has no A_0004-A_0005, A_0009: its numbers go up by 1"),
        # On twos, with a hold; exposed by number; a mixture of ones, twos and threes.
        *(([1, 3, 5, 9], None), ([1, 5, 9, 11, 19], None), ([1, 2, 4, 7, 9, 10, 13], None)),
        *(([*range(5, 60, 2)], None), ([1, 7], None), ([3], None)),
        (
            [*range(1, 40, 2), *range(45, 80, 2)],
            "shot s has no A_0041-A_0043: its numbers go up by 2",
        ),
        ([-2, -1, 1, 2], "shot s has no A_000: its numbers go up by 1"),
    ],
)
def test_gaps(numbers: list[int], sentence: str | None) -> None:
    """Missing numbers are named if they break the steps of the shot."""
    # Another series in the same shot is no part of its steps.
    frames = film(*(f"s/A_{number:04}.png" for number in numbers), "s/b100.png", "s/c.png")
    expected = [] if sentence is None else [sentence]
    assert describe_gaps(frames) == expected


@pytest.mark.parametrize(
    ("names", "doubles"),
    [
        ("g/001.png g/01.png g/1.png g/2.png", "001.png = 01.png = 1.png"),
        ("g/A_1.png g/A0001.tga g/B1.png", "A0001.tga = A_1.png"),
        ("g/1a.png g/01_A.png g/1.png g/2.png g/02.png", "1a.png = 01_A.png, 02.png = 2.png"),
        ("g/-1.png g/-001.png g/1.png", "-001.png = -1.png"),
        # Levels, inserts, versions and resolutions; another shot; names without a number.
        ("g/A0001.png g/B1.png g/1.png", None),
        ("g/A1.png g/A1a.png g/A01b.png", None),
        ("g/A1_v001.png g/A01_v002.png", None),
        ("g/A1.png g/A01@2x.png g/A001_1080p.png", None),
        ("g/1.png h/01.png g/title.png g/walk.png", None),
        ("g/1080p.png g/720p.png", None),
    ],
)
def test_doubles(names: str, doubles: str | None) -> None:
    """Frames whose names say one number are named, unless something else tells them apart."""
    found = describe_doubles(film(*names.split()))
    if doubles is None:
        assert found == []
    else:
        told = [part for one in found for part in re.split(": |; ", one)]
        assert told[0] == "shot g has frames of one number"
        assert [sorted(one.split(" = ")) for one in told[1].split(", ")] == [
            sorted(one.split(" = ")) for one in doubles.split(", ")
        ]


def test_a_gap_is_named_as_its_neighbours_are() -> None:
    """The missing name has the separator, the width and the bracket of the one before."""
    (sentence,) = describe_gaps(film("b_0000.tif", "b.0001.bmp", "b0003.png"))
    assert sentence == "shot film has no b.0002: its numbers go up by 1"
    names = [f"Frame ({number}).png" for number in (1, 2, 3, 6, 7)]
    (sentence,) = describe_gaps(film(*names, "Frame (8)a.png"))
    assert sentence == "shot film has no Frame (4)-Frame (5): its numbers go up by 1"


def test_gaps_of_a_long_film_are_few_sentences() -> None:
    """Each of the first shots has a sentence of a bounded length, the others a number."""
    numbers = [*range(1, 1000), *range(2000, 3000), *(5000 + 3 * place for place in range(400))]
    one = describe_gaps(film(*(f"s/{number}.png" for number in numbers)))
    assert len(one) == 1
    assert len(one[0]) < 200
    many = describe_gaps(film(*(f"s{shot}/{n}.png" for shot in range(50) for n in (1, 2, 4))))
    assert len(many) == MAX_SHOTS + 1
    assert many[-1] == "40 more shots have gaps in their numbers"


def test_chosen_numbers() -> None:
    """Frames are chosen by the numbers in their names, in the shots that are chosen."""
    names = ["s1/-0002.png", *(f"s1/{number:04}.png" for number in range(9))]
    frames = film(*names, "s2/b3.png", "s2/x.png")

    def chosen(*flags: object) -> list[str]:
        return [frame.name for frame in Selection(*flags).choose(frames)[0]]  # type: ignore[arg-type]

    assert chosen((), "1-5x2,7") == [*(f"s1/000{n}.png" for n in (1, 3, 5, 7)), "s2/b3.png"]
    assert chosen((), "-5--1, 3", 2) == ["s1/-0002.png", "s1/0003.png"]
    assert chosen(("s2",), "3") == ["s2/b3.png"]
    assert Selection(("s2",), "3-5").choose(frames)[1] == [
        "--frames: no frame has the numbers 4-5 (2)"
    ]
    with pytest.raises(ValueError, match="no frame has such a number"):
        chosen(("s2",), "9")


@pytest.mark.parametrize("text", ["", "x", "1-", "1-10:2", "1-10y2", "1-10x0", "1.5", "1-#", "a"])
def test_numbers_that_are_none(text: str) -> None:
    """What is no list of numbers is refused, and so are the signs that programs read otherwise."""
    with pytest.raises(ValueError, match=r"no list of frame numbers; write it as in 1-100x2,150"):
        read_numbers(text)


def test_a_range_that_goes_backwards_is_refused() -> None:
    """It is a typing error, as `100-20` for `10-20`; numbers below 0 are none."""
    with pytest.raises(ValueError, match="--frames 100-20 goes backwards; write 20-100"):
        read_numbers("1-5, 100-20")
    assert read_numbers("-5--3") == {-5, -4, -3}


def test_too_many_numbers() -> None:
    """A range without sense is refused rather than listed."""
    with pytest.raises(ValueError, match="too many numbers"):
        Selection(numbers="1-99999999999").check()


def test_shots_in_any_form_of_unicode() -> None:
    """A shot is found by its name with composed or decomposed letters."""
    frames = film("\u00e9t\u00e9/1.png", "e\u0301te\u0301 2/1.png", "x/1.png")
    for name in ("\u00e9t\u00e9", "e\u0301te\u0301"):
        assert [one.name for one in Selection((name,)).choose(frames)[0]] == ["\u00e9t\u00e9/1.png"]
        both = Selection((name, f"{name} 2")).choose(frames)[0]
        assert len(both) == 2
    with pytest.raises(ValueError, match="no shot is called été 3"):
        Selection(("été 3",)).choose(frames)
