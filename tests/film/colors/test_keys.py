"""Which keys serve which drawings, by their names and by the pixels of their files."""

import pytest

from lineart.film.colors.adjacent import Adjacent
from lineart.film.colors.frame_colors import FrameColors, HashedColors
from lineart.film.colors.hints import attach_everywhere, attach_hints, find_origins
from lineart.film.colors.keys import (
    attach_keys,
    describe_empty,
    describe_keyless,
    describe_twins,
    give_holds_one_order,
)
from lineart.film.colors.sheets import attach_sheets, find_sheets
from lineart.film.pictures.frames import FilmFrame, Source, assemble
from lineart.film.records import Failure, HashedFile, HashedHint, HashedSheet
from lineart.imaging.hints.pictures import DEFAULT_RULES


def listed(names: str) -> list[Source]:
    """Give pictures from names without suffix."""
    return [Source(f"{name}.png", f"{name}.png") for name in names.split()]


def hold(lines: str, keys: str) -> tuple[list[str], list[str]]:
    """Give for each frame its keys as `drawing<key`, and the sentences on keys."""
    held = attach_keys(assemble(listed(lines), "film"), listed(keys))
    texts = [
        " ".join(f"{key.drawing.name[:-4]}<{key.colors.name[:-4]}" for key in frame.keys)
        for frame in held.frames
    ]
    return texts, held.warnings


UNUSED = [f"u/{number}.png" for number in range(10, 20)]


@pytest.mark.parametrize(
    ("lines", "keys", "expected", "unused"),
    [
        # All keys of a shot serve all its drawings; the nearest, or earlier one, is the first.
        (
            *("s/1 s/2 s/3 t/1", "s/3 s/1"),
            [*["s/1<s/1 s/3<s/3"] * 2, "s/3<s/3 s/1<s/1", ""],
            [],
        ),
        # By number, whatever is left out: zeros, the level, the version; never by position.
        ("s/f0010 s/f0012", "s/12", ["s/f0012<s/12"] * 2, []),
        ("s/A_1 s/B_1", "s/1 s/a0001", ["s/A_1<s/a0001"] * 2, ["s/1"]),
        ("s/A1a s/A1b", "s/A1 s/a1B", ["s/A1b<s/a1B"] * 2, ["s/A1"]),
        ("s/A1_v1 s/A1_v2", "s/A1 s/A1_v3", ["s/A1_v1<s/A1", "s/A1_v2<s/A1"], ["s/A1_v3"]),
        # At the root, also in a folder called as the film.
        ("1 2", "2 film/1", ["1<film/1 2<2", "2<2 1<film/1"], []),
        # Composed and decomposed letters.
        ("\u304c/1 \u304c/2", "\u304b\u3099/2", ["\u304c/2<\u304b\u3099/2"] * 2, []),
        ("s/1", "s/2 u/1", [""], ["2 keys name no drawing, or several: s/2.png, u/1.png"]),
        (
            "s/1",
            " ".join(f"u/{n}" for n in range(10, 21)),
            [""],
            [f"11 keys name no drawing, or several: {', '.join(UNUSED)}, ..."],
        ),
    ],
)
def test_keys_hold(lines: str, keys: str, expected: list[str], unused: list[str]) -> None:
    """Keys are named after drawings of their shot; others are told."""
    texts, sentences = hold(lines, keys)
    assert texts == expected
    alone = [f"a key names no drawing, or several: {name}.png" for name in unused]
    assert sentences == (unused if unused[:1] and " " in unused[0] else alone)


def test_two_keys_of_one_drawing_are_refused() -> None:
    """By names that say the same, and by suffix; a shot without a key is told once."""
    keys = [*listed("s/1 s/f1"), Source("t/1.tif", "t/1.tif"), *listed("t/1")]
    frames = attach_keys(assemble(listed("s/f1 t/1 u/1 u/2"), "film"), keys).frames
    refused = [[key.colors.refusal for key in frame.keys] for frame in frames]
    why = "{!r} is a key of the same drawing; leave one out"
    assert refused[:2] == [[why.format("s/f1.png")], [why.format("t/1.tif")]]
    assert refused[2:] == [[], []]
    (sentence,) = describe_keyless(frames)
    assert sentence.startswith("shot u has no key; ")


def drawing(pixels: str) -> HashedFile:
    """Give a drawing of 8 x 6 pixels by their hash."""
    return HashedFile(f"{pixels} file", pixels, 8, 6)


def colors(pixels: str, width: int = 8) -> HashedHint:
    """Give a hint or key of 6 lines by the hash of its pixels, blank if that is empty."""
    return HashedHint(f"{pixels} file", pixels, width, 6, not pixels)


def on(frames: list[FilmFrame], hashed: HashedColors) -> list[FrameColors | Failure]:
    """Give the hints and keys on each frame."""
    found = []
    for frame in frames:
        picture = hashed.pictures[frame.name]
        assert isinstance(picture, HashedFile)
        found.append(hashed.colors_of(frame, picture))
    return found


def test_frames_with_the_same_votes_share_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed once."""
    frames = attach_keys(assemble(listed("s/1 s/2"), "film"), listed("s/1")).frames
    pictures: dict[str, HashedFile | Failure] = dict.fromkeys(("s/1.png", "s/2.png"), drawing("x"))
    votes = {("s", "x"): Adjacent((), ("near",))}
    hashed = HashedColors({}, DEFAULT_RULES, {"s/1.png": colors("red")}, pictures, adjacent=votes)
    asked: list[Adjacent] = []

    def vote(colors: FrameColors, adjacent: Adjacent) -> FrameColors:
        asked.append(adjacent)
        return colors._replace(key_sha256="voted")

    monkeypatch.setattr(FrameColors, "with_adjacent", vote)
    held = on(frames, hashed)
    assert held[0] is held[1]
    assert len(asked) == 1


def test_what_decides_pixels_is_the_set_of_keys() -> None:
    """Drawings of a shot have its keys, the nearest first; blank ones say nothing."""
    frames = attach_keys(assemble(listed("s/1 s/2 s/3"), "film"), listed("s/1 s/2 s/3")).frames
    pictures: dict[str, HashedFile | Failure] = {f"s/{n}.png": drawing(f"line{n}") for n in "123"}
    keys = {"s/1.png": colors("red"), "s/2.png": colors(""), "s/3.png": colors("blue")}
    held = on(frames, HashedColors({}, DEFAULT_RULES, keys, pictures))
    assert held[0] == held[1]
    assert isinstance(held[0], FrameColors)
    assert isinstance(held[2], FrameColors)
    assert held[2].key_names == ["s/3.png", "s/1.png"]
    files = [(one.role, one.source.name, one.sha256) for one in held[0].keys]
    assert files == [
        ("key_line", "s/1.png", "line1 file"),
        ("key", "s/1.png", "red file"),
        ("key_line", "s/3.png", "line3 file"),
        ("key", "s/3.png", "blue file"),
    ]
    assert (held[0].key_names, held[0].hint_sha256) == (["s/1.png", "s/3.png"], None)
    # Another colour, or another line of a key's drawing, is another set.
    for changed in (
        HashedColors({}, DEFAULT_RULES, keys | {"s/3.png": colors("green")}, pictures),
        HashedColors({}, DEFAULT_RULES, keys, pictures | {"s/3.png": drawing("other")}),
    ):
        other = on(frames, changed)[0]
        assert isinstance(other, FrameColors)
        assert other.key_sha256 not in (None, held[0].key_sha256)
    # A size that does not fit, and a drawing that cannot be read, are failures by name.
    wide = on(frames, HashedColors({}, DEFAULT_RULES, keys | {"s/3.png": colors("r", 9)}, pictures))
    assert isinstance(wide[0], Failure)
    assert (wide[0].stage, wide[0].message[:45]) == (
        *("key", "the key s/3.png: the key is 9x6 and its drawi"),
    )
    broken = pictures | {"s/3.png": Failure("decode", "ValueError", "no picture")}
    lost = HashedColors({}, DEFAULT_RULES, keys, broken).colors_of(frames[0], drawing("line1"))
    assert isinstance(lost, Failure)
    what = "the line drawing s/3.png, which has a key, cannot be read: no picture"
    assert (lost.stage, lost.message) == ("key_line", what)


def test_empty_keys_are_named() -> None:
    """So is a shot whose keys all are empty, unless it has sheets."""
    frames = attach_keys(assemble(listed("s/1 s/2 t/1 u/1"), "film"), listed("s/1 s/2 t/1")).frames
    keys: dict[str, HashedHint | Failure] = {"s/1.png": colors("red"), "s/2.png": colors("")}
    hashed = HashedColors({}, DEFAULT_RULES, keys | {"t/1.png": colors("")})
    empty = [f"the key {name}.png is empty: it is fully transparent" for name in ("s/2", "t/1")]
    *named, keyless = describe_empty(frames, hashed)
    assert named == empty
    assert keyless.startswith("shot t has no key; ")
    assert describe_empty(attach_sheets(frames, find_sheets(listed("a"))[0]), hashed) == empty
    hashed.keys = {name: Failure("key", "ValueError", "no picture") for name in hashed.keys}
    assert describe_empty(frames, hashed) == []


def test_different_keys_of_equal_drawings_are_named() -> None:
    """The same key twice is none, nor is an empty one; what cannot be read fails its shot."""
    names = "s/1 s/2 s/3 s/4 s/5 s/6"
    frames = attach_keys(assemble(listed(names), "film"), listed(names)).frames
    pictures: dict[str, HashedFile | Failure]
    pictures = {f"s/{n}.png": drawing("line") for n in (1, 2, 3, 4)} | {"s/5.png": drawing("other")}
    pictures["s/6.png"] = Failure("decode", "ValueError", "no picture")
    given = {1: "red", 2: "red", 3: "blue", 4: "", 5: "green", 6: "blue"}
    keys: dict[str, HashedHint | Failure] = {f"s/{n}.png": colors(one) for n, one in given.items()}
    (sentence,) = describe_twins(frames, HashedColors({}, DEFAULT_RULES, keys, pictures))
    assert sentence.startswith("s/1.png and s/3.png are different keys of equal drawings, ")
    keys["s/3.png"] = Failure("key", "ValueError", "no picture")
    assert describe_twins(frames, HashedColors({}, DEFAULT_RULES, keys, pictures)) == []


def test_a_held_drawing_has_one_order_of_keys() -> None:
    """On twos, both frames halfway between two keys have the nearer key of the first."""
    lines = listed("s/1 s/2 s/3 s/4 s/5 s/6 t/1")
    frames = attach_keys(assemble(lines, "film"), listed("s/1 s/6")).frames
    pictures: dict[str, HashedFile | Failure]
    pictures = {f"s/{n}.png": drawing(f"line {(n + 1) // 2}") for n in range(1, 7)}
    pictures["t/1.png"] = Failure("decode", "ValueError", "no picture")
    kept = give_holds_one_order(frames, frames, pictures)
    nearest = [one.keys[0].colors.name if one.keys else "" for one in kept]
    assert nearest == ["s/1.png"] * 4 + ["s/6.png"] * 2 + [""]
    alone = give_holds_one_order(frames[3:4], frames, pictures)
    assert alone[0].keys == kept[2].keys


def test_hints_are_keys_for_other_drawings() -> None:
    """On its own drawing and on equal ones a hint counts at its pixels; elsewhere it is a key.

    That which begins last is the first key, as the nearest in time.
    """
    held = attach_hints(assemble(listed("s/1 s/2 s/3 s/4"), "film"), listed("s s/3"))
    frames = find_origins(held)
    assert [[one.name for one in frame.origins] for frame in frames] == [
        *[["s/1.png"]] * 2,
        *[["s/1.png", "s/3.png"]] * 2,
    ]
    # 2 shows what 1 does.
    pictures: dict[str, HashedFile | Failure]
    pictures = {f"s/{n}.png": drawing(f"line{max(2, n)}") for n in (1, 2, 3, 4)}
    hashed = HashedColors({"s.png": colors("of shot"), "s/3.png": colors("own")}, DEFAULT_RULES)
    hashed.pictures = pictures
    found = [one for one in on(frames, hashed) if isinstance(one, FrameColors)]
    assert [[hint.source.name for hint in one.hints] for one in found] == [
        *[["s.png"]] * 2,
        *(["s/3.png"], []),
    ]
    assert [[key.source.name for key in one.keys] for one in found] == [
        *([], []),
        ["s/1.png", "s.png"],
        ["s/3.png", "s/3.png", "s/1.png", "s.png"],
    ]
    assert [one.hint_names for one in found] == [*[["s.png"]] * 2, *[["s.png", "s/3.png"]] * 2]
    assert [one.hint_sha256 for one in found] == ["of shot", "of shot", "own", None]
    assert found[0].key_sha256 is None
    # Without origins hints stay.
    stay = [one for one in on(held, hashed) if isinstance(one, FrameColors)]
    assert [len(one.keys) for one in stay] == [0] * 4
    hashed = HashedColors(
        hashed.hints,
        DEFAULT_RULES,
        {},
        pictures | {"s/1.png": Failure("decode", "ValueError", "no picture")},
    )
    last = hashed.colors_of(frames[3], drawing("line4"))
    assert isinstance(last, Failure)
    assert (last.stage, last.message) == (
        *("key_line", "the line drawing s/1.png, which has a hint, cannot be read: no picture"),
    )


def test_a_drawing_that_is_refused_has_its_hint() -> None:
    """What is no drawing has none, such as a folder or a Parquet file."""
    refused = [Source(name, name, refusal="no") for name in ("s/0.parquet", "s/1.xcf")]
    held = attach_hints(assemble([*refused, *listed("s/2 s/3")], "film"), listed("s s/3"))
    origins = [[one.name for one in frame.origins] for frame in find_origins(held)]
    assert origins == [[], *[["s/1.xcf"]] * 2, ["s/1.xcf", "s/3.png"]]


def test_a_hint_of_several_shots_follows_each_one() -> None:
    """In each shot it is a key with the drawing that it was set in there."""
    frames = find_origins(
        attach_everywhere(assemble(listed("s/1 s/2 t/1 t/2"), "film"), listed("h")[0])
    )
    pictures: dict[str, HashedFile | Failure]
    pictures = {frame.name: drawing(frame.name) for frame in frames}
    found = on(frames, HashedColors({"h.png": colors("red")}, DEFAULT_RULES, {}, pictures))
    keys = [one.keys for one in found if isinstance(one, FrameColors)]
    assert [[key.source.name for key in of_frame] for of_frame in keys] == [
        *([], ["s/1.png", "h.png"]),
        *([], ["t/1.png", "h.png"]),
    ]


def test_sheets_and_their_line_drawings() -> None:
    """A name that ends in line is the drawing of that sheet; what is ambiguous is refused."""
    names = "hero villain/front villain/front.line villain/side villain/side_LINE lost_line outline"
    sheets, sentences = find_sheets([*listed(names), Source("hero.LINE.tif", "hero.LINE.tif")])
    found = [(one.colors.name, one.drawing and one.drawing.name) for one in sheets]
    assert found == [
        ("hero.png", "hero.LINE.tif"),
        ("outline.png", None),
        ("villain/front.png", "villain/front.line.png"),
        ("villain/side.png", "villain/side_LINE.png"),
    ]
    assert sentences == ["a line drawing is of no sheet: lost_line.png"]
    assert find_sheets(listed("a_line b_line"))[1] == [
        "2 line drawings are of no sheet: a_line.png, b_line.png"
    ]
    twins, _ = find_sheets([*listed("a a.line a_line b"), Source("b.tif", "b.tif")])
    assert twins[0].colors.refusal is not None
    assert twins[0].colors.refusal.endswith("both the line drawing of this sheet; leave one out")
    assert [one.colors.refusal is None for one in twins] == [False] * 3


def test_sheets_serve_all_shots_after_the_keys() -> None:
    """They are part of the digest; one that cannot be used fails all that it serves, by name."""
    frames = attach_keys(assemble(listed("s/1 t/1"), "film"), listed("s/1")).frames
    sheets, _ = find_sheets(listed("a b b.line"))
    frames = attach_sheets(frames, sheets)
    assert describe_keyless(frames) == []
    pictures: dict[str, HashedFile | Failure] = {f"{n}/1.png": drawing(n) for n in "st"}
    hashed = HashedColors({}, DEFAULT_RULES, {"s/1.png": colors("red")}, pictures)
    hashed.sheets = {
        "a.png": HashedSheet("a file", None, "a pixels"),
        "b.png": HashedSheet("b file", "line file", "b pixels"),
    }
    keyed, other = on(frames, hashed)
    assert isinstance(keyed, FrameColors)
    assert isinstance(other, FrameColors)
    files = [(one.role, one.source.name, one.sha256) for one in other.keys]
    assert files == [
        ("sheet", "a.png", "a file"),
        ("sheet_line", "b.line.png", "line file"),
        ("lined_sheet", "b.png", "b file"),
    ]
    assert (keyed.key_names, other.key_names) == (["s/1.png", "a.png", "b.png"], ["a.png", "b.png"])
    changed = HashedColors({}, DEFAULT_RULES, hashed.keys, pictures)
    changed.sheets = {**hashed.sheets, "b.png": HashedSheet("b file", "line file", "others")}
    digests = [one.key_sha256 for one in on(frames, changed) if isinstance(one, FrameColors)]
    assert len({None, keyed.key_sha256, other.key_sha256, *digests}) == 5
    changed.sheets = {**hashed.sheets, "a.png": Failure("key", "ValueError", "a.png: no line")}
    lost = HashedColors({}, DEFAULT_RULES, hashed.keys, pictures, changed.sheets)
    failures = [one for one in on(frames, lost) if isinstance(one, Failure)]
    assert [one.message for one in failures] == ["a.png: no line"] * 2
