import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lineart.film.exposure.cuts import expose_film
from lineart.film.tasks import PageWords
from lineart.manifest import LATER, ManifestRow, make_row, make_table
from lineart.report.film import Content, film_page, format_time, layout_timing
from lineart.report.findings import advise
from lineart.report.html import encode_thumbnail, encode_webp
from lineart.report.shots import THUMBNAIL_BYTES, Thumbnail, named_shot
from tests.sheets import write_sheet

HOSTILE = "s/<script>alert('1')</script>\"><img src=x onerror=alert(2)>\n\x00\u202e名.png"
WORDS = PageWords(source="line drawing", made="coloured", pair="line and colour")
SUMMARY = {"frames": 4, "done": 2, "held": 1, "failed": 1, "skipped": 1, "seconds": 8.0} | {
    "frames_per_second": 0.5
}


def full_row(frame: str, status: str = "done", **values: Any) -> dict[str, Any]:
    """Return a manifest row."""
    names = ["output", "source_sha256", "hint_sha256", "held_by", "stage", "error", "message"]
    shot, _, _ = frame.rpartition("/")
    row = {"frame": frame, "shot": shot, "number": 1, "status": status, "width": 1920}
    row |= {"height": 1080, "weights": "ab" * 32, "settings": "{}", "seconds": 0.1}
    names += [*LATER]
    return row | dict.fromkeys(names) | {"written_at": datetime.now(UTC)} | values


def fail(frame: str, message: str = "the PNG ends early") -> dict[str, Any]:
    """Return the row of a failed frame."""
    values = {"width": None, "height": None, "weights": None, "settings": None}
    return full_row(frame, "failed", stage="decode", error="ValueError", message=message, **values)


def make_thumbnail(frame: str, seed: int = 0) -> Thumbnail:
    """Return the pictures of a frame: noise of 24 x 32 pixels."""
    color = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return Thumbnail(frame, encode_thumbnail(color[..., 0]), encode_thumbnail(color))


def make_page(
    rows: Sequence[ManifestRow],
    thumbnails: Sequence[Thumbnail],
    run: Mapping[str, Any],
    summary: Mapping[str, Any],
    **more: Any,
) -> str:
    """Return the page of rows."""
    content = Content(**{"words": WORDS, "thumbnails": thumbnails, **more})
    return film_page(make_table(rows), run, summary, content)


def text(page: str) -> str:
    """Return what a reader sees: no head, no scripts, no tags."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


@pytest.fixture
def film() -> list[dict[str, Any]]:
    """Two shots; the second has a held frame and a failed one."""
    rows = [full_row("s01_walk/f1.png"), full_row("s02_rain/f1.png")]
    return [*rows, full_row("s02_rain/f2.png", "held"), fail("s02_rain/f3.png")]


def test_verdict_of_a_coloured_film(film: list[dict[str, Any]]) -> None:
    """A film without failures says so, has no failure table, and shows its last run."""
    seen = text(make_page(film[:3], [], {"lines": "s3://studio/nachtzug/lines"}, SUMMARY))
    assert seen.startswith("nachtzug All 3 frames are coloured.")
    assert "Failures" not in seen
    assert "Last run 8.0 s 1 frames were finished before Speed 0.50 frames/s" in seen


def test_words_follow_the_task(film: list[dict[str, Any]]) -> None:
    """A page of photographs has their words, and is named after `images`."""
    words = PageWords(source="photograph", made="drawn", pair="photograph and drawing")
    thumbnails = [make_thumbnail("s01_walk/f1.png")]
    page = make_page(film[:3], thumbnails, {"images": "trip/photos"}, SUMMARY, words=words)
    assert text(page).startswith("trip All 3 frames are drawn.")
    assert "Photographs drawn 2 Held 1 equal photographs, drawn once" in text(page)
    assert 'alt="s01_walk/f1.png, photograph"' in page
    assert not re.search("colour|line drawing", page.partition("</style>")[2])


def test_failures_are_named_first(film: list[dict[str, Any]]) -> None:
    """A failed frame is in the verdict and, with stage, error and message, in the first table."""
    seen = text(make_page(film, [], {}, {}))
    assert "1 of 4 frames failed, listed below. The other 3 are coloured." in seen
    assert "s02_rain/f3.png decode ValueError the PNG ends early" in seen
    assert seen.index("s02_rain/f3.png") < seen.index("Shots")
    assert "Repair or replace the line drawings in this list, then run the same command" in seen


def test_equal_failures_point_to_the_first(film: list[dict[str, Any]]) -> None:
    """What is wrong with many frames, as a hint of their shot, is written once."""
    reason = "s03.png: the hint picture has no transparency"
    rows = [*film, *(fail(f"s03/f{number}.png", reason) for number in range(20))]
    seen = text(make_page(rows, [], {}, {}))
    assert seen.count(reason) == 1
    assert f"s03/f0.png decode ValueError {reason}" in seen
    assert seen.count("decode ValueError the same as for s03/f0.png") == 19


def test_advice_follows_what_failed() -> None:
    """It names the kinds of files at fault, what is to be renamed, and that there is more."""
    twins = "'s/1.png' and 's/1.tif' would be written to one output; rename one"
    line, key, sheet = ("decode", "cut off"), ("key", "the key a.png: b"), ("lined_sheet", "c")
    crash = "hint", "its process was ended by SIGKILL"
    repair = "Repair or replace the {} in this list"
    for failures, advice in (
        ([line], repair.format("drawings")),
        ([("key_line", "the drawing a.png, which has a key, ...")], repair.format("drawings")),
        ([key, sheet, line], repair.format("drawings, keys and sheets")),
        ([("hint", "the hint a.png: opaque")], repair.format("hints")),
        ([("name", twins)], "Rename files as their messages say"),
        ([("name", ".csp files cannot be read")], repair.format("drawings")),
        ([("read", "a.png was changed; the same command ...")], "See what the messages say"),
        ([crash], "See what the messages say"),
        ([("compose", "a"), key], f"{repair.format('keys')}, see what the other messages say"),
    ):
        assert advise(failures, "drawing") == advice


def test_every_shot_stands_with_its_counts(film: list[dict[str, Any]]) -> None:
    """Each shot is a heading, in film order, with its frames by status."""
    seen = text(make_page(film, [], {}, {}))
    assert "s01_walk 1 frame: 1 coloured s02_rain 3 frames: 1 coloured, 1 held, 1 failed" in seen
    assert "1 failed: f3.png" in seen


def test_map_draws_each_frame_once(film: list[dict[str, Any]]) -> None:
    """In the map of a shot a drawing, a hold and a failure cover one unit each, in order."""
    page = make_page(film, [], {}, {})
    assert '<path class="done" d="M0 10m0 0h1"/>' in page
    assert '<path class="held" d="M0 10m1 0h1"/>' in page
    assert '<path class="failed" d="M0 10m2 0h1"/>' in page


def test_retakes_of_the_last_run_are_listed(film: list[dict[str, Any]]) -> None:
    """Frames made again are listed with the changed inputs; those of an earlier run are not."""
    early = datetime(2020, 1, 1, tzinfo=UTC)
    film[0] |= {"retake": "weights", "written_at": early}
    film[1] |= {"retake": "picture, hint"}
    film[2] |= {"retake": "picture, hint"}
    run = {"started_at": "2021-01-01T00:00:00+00:00"}
    page = make_page(film, [], run, {})
    assert "The last run made 2 frames again" in text(page)
    assert "s02_rain 2 frames f1.png … f2.png line drawing, hint" in text(page)
    assert 'class="retake" d="M0 21h2"' in page
    assert "weights" not in text(page).partition("Configuration")[0]
    assert "3 frames again" in text(make_page(film, [], {}, {}))


def test_equal_warnings_stand_once(film: list[dict[str, Any]]) -> None:
    """Equal sentences are one entry with their frames; they stand at their shots, too."""
    film[0]["warnings"] = ["12 % of the ink is lost"]
    film[1]["warnings"] = ["30 % of the ink is lost", "no closed line"]
    film[2]["warnings"] = ["30 % of the ink is lost"]
    gap = "s02_rain: numbers 4-7 are missing"
    run = {"warnings": [gap, "2 hints belong to no shot or frame, or to several: x.png, ...", 3]}
    page = make_page(film, [make_thumbnail("s02_rain/f2.png")], run, {})
    seen, _, shots = text(page).partition("Shots")
    assert "3 frames have warnings." in seen
    assert (
        f"{gap} to the shot 2 hints belong to no shot or frame, or to several: x.png, ..." in seen
    )
    assert "3 … % of the ink is lost 1 no closed line" in seen
    assert "30 % of the ink is lost 2 frames s02_rain f1-f2" in seen
    assert "12 % of the ink is lost 1 frame s01_walk f1" in seen
    assert f"Warnings {gap} f1-f2 30 % of the ink is lost f1 no closed line" in shots
    assert '<path class="warned" d="M0 0h2"/>' in page
    assert 'data-kinds="done held failed warning"' in page
    assert "f2.png , 1 warning" in shots
    assert "x.png" not in text(page).partition("Configuration")[2]


@pytest.mark.parametrize(
    ("sentence", "shot"),
    [
        ("shot s 1 has no A0003-A0005, B2: its numbers go up by 1", "s 1"),
        ("s 1: numbers 4-7 are missing", "s 1"),
        ("'s 1/0002.png' is of another size", "s 1"),
        ("frame c05/A/0002.png, and others, are of another size", "c05/A"),
        ("shot c05/B has no 0003: its numbers go up by 1", None),
        ("2 hints belong to no shot or frame, or to several: x.png, ...", None),
        ("a film of cut A has a few of them", None),
    ],
)
def test_warnings_name_their_shot(sentence: str, shot: str | None) -> None:
    """A sentence of the run belongs to the shot that it names, alone or by a frame."""
    assert named_shot(sentence, {"s 1", "c05/A", "a", "A"}) == shot


def test_hints_stand_with_their_frames() -> None:
    """At its shot, each stack of hints has the frames on which it held; old rows have none."""
    hints = [["s.png"]] * 2 + [["s.png", "s/0003.png"]] * 3 + [None, ["s.png"]]
    rows = [full_row(f"s/{n:04}.png", hints=held) for n, held in enumerate(hints, 1)]
    rows += [fail("s/0008.png"), full_row("t/1.png")]
    page = make_page(rows, [make_thumbnail("s/0004.png")], {}, {})
    shot, other = text(page).partition("Shots")[2].split("1 frame:")
    named = "0001-0002, 0007 s.png 0003-0005 s.png + s/0003.png 0006 no hint"
    assert f"Hints {named}" in shot
    assert "int" not in other.partition("Times")[0].partition("Configuration")[0]
    assert 'data-at="0-1 6-6"' in page
    comparer = page.partition('id="compare"')[2].partition("</section>")[0]
    assert "<b>Hints</b> <bdi>s.png + s/0003.png</bdi>" in comparer


def test_accepted_frames_and_unknown_statuses(film: list[dict[str, Any]]) -> None:
    """Accepted frames are listed with their errors; a status of a later version is counted."""
    film[3]["status"] = "accepted"
    film[2]["status"] = "frozen"
    page = make_page(film, [make_thumbnail("s02_rain/f1.png")], {}, {})
    seen = text(page)
    assert "2 of 4 frames are coloured, 1 accepted, 1 frozen." in seen
    assert "Accepted 1 failed, taken as they are Frozen 1" in seen
    assert "Accepted 1 frame failed, and was accepted as it is." in seen
    assert "s02_rain/f3.png decode ValueError the PNG ends early" in seen
    assert "3 frames: 1 coloured, 1 accepted, 1 frozen" in seen
    assert '<path class="accepted" d="M0 10m2 0h1"/>' in page
    assert '<path class="other" d="M0 10m1 0h1"/>' in page
    assert '"frames": "doa"' in page
    for kind in ("accepted", "frozen"):
        assert f'<input type="checkbox" value="{kind}">' in page


def test_a_shot_follows_its_exposure_sheet(tmp_path: Path) -> None:
    """Map and player have the times of the sheet; the levels are listed with their exposures."""
    rows = [full_row("A/A0001.png", warnings=["look"]), full_row("A/A0002.png", retake="hint")]
    rows += [fail("A/A0003.png"), full_row("B/1.png")]
    path = tmp_path / "c12.xdts"
    entries = {1: "2", 3: "1", 5: "3", 6: "9", 7: "2", 8: "SYMBOL_NULL_CELL"}
    path.write_bytes(write_sheet([("A", entries), ("B", {0: "1"})], 10, "12"))
    cut = expose_film(str(path), {row["frame"]: row["shot"] for row in rows})
    thumbnails = [make_thumbnail(f"A/A000{n}.png", n) for n in (1, 2)]
    page = make_page(rows, thumbnails, {}, {}, cuts=[cut])
    seen = text(page)
    assert "cut 12 , scene 2 : 10 frames, 0.42 s at 24 frames/s. The film lacks A 9 ." in seen
    level = "A 4 1 \u00d7 2-3 2 4-5 1 6 3 7 9 8 2 9-10 \u00d7"
    assert f"B 1 1-10 1 {level}" in seen
    assert "3 frames in 10 on the sheet: 2 coloured" in seen
    reel = re.search('class="reel">({.*?})</script>', page)
    assert reel is not None
    shown = [None, 1, 1, 0, 0, -2, None, 1, None, None]
    places = [-1, 1, 1, 0, 0, 2, -2, 1, -1, -1]
    assert json.loads(reel[1]) == {"frames": "eDHdhfmDee", "shown": shown, "places": places}
    assert '<path class="done" d="M0 10m1 0h1m1 0h1m3 0h1"/>' in page
    assert '<path class="held" d="M0 10m2 0h1m1 0h1"/>' in page
    assert '<path class="failed" d="M0 10m5 0h2"/>' in page
    assert '<path class="warned" d="M3 0h2"/>' in page
    assert '<path class="pictured" d="M1.5 24v4M3.5 24v4"/>' in page


def test_failures_link_to_their_pictures(film: list[dict[str, Any]]) -> None:
    """A relative address becomes a link; any other address is text."""
    film += [fail("s02_rain/f4.png"), fail("s02_rain/f5.png")]
    inputs = {"s02_rain/f3.png": "../lines/s02%20rain/f3.png"}
    inputs |= {"s02_rain/f4.png": "s3://b/f4.png", "s02_rain/f5.png": "javascript:alert(1)"}
    page = make_page(film, [], {}, {}, inputs=inputs)
    links = re.findall('<a href="([^"#]*)">', page)
    assert links == ["../lines/s02%20rain/f3.png"]
    assert "s3://b/f4.png" in text(page)
    assert "javascript:alert(1)" in text(page)


def test_pictures_stand_with_their_shot(film: list[dict[str, Any]]) -> None:
    """Line and colour of a frame are embedded with alt texts; a frame without a row is left out."""
    thumbnails = [make_thumbnail("s02_rain/f2.png"), make_thumbnail("unknown.png")]
    page = make_page(film, thumbnails, {}, {})
    assert page.count('alt="s02_rain/f2.png, line drawing"') == 2  # strip and comparer
    assert page.count('alt="s02_rain/f2.png, coloured"') == 2
    assert "unknown.png" not in page


def test_comparer_prefers_large_pictures(film: list[dict[str, Any]]) -> None:
    """The comparer shows pictures at full size, if there are any."""
    small, large = make_thumbnail("s01_walk/f1.png"), make_thumbnail("s02_rain/f2.png", 1)
    comparer = make_page(film, [small], {}, {}, large=[large]).partition('id="shots"')[0]
    assert "s02_rain/f2.png, coloured" in comparer
    assert "s01_walk/f1.png, coloured" not in comparer


def test_hostile_text_is_shown_as_text() -> None:
    """Markup in names, messages and settings never becomes markup; the page can be encoded."""
    rows = [full_row(HOSTILE), fail(HOSTILE + "2", message="</script><script>alert(3)</script>")]
    broken = f"{HOSTILE}\udcff"  # No manifest can hold it; a flag can.
    run = {"lines": broken, broken: {broken: broken}}
    page = make_page(rows, [make_thumbnail(HOSTILE)], run, {})
    assert page.count("<script>") == 2  # the page's own
    assert page.count("</script>") == 3  # and what it plays
    assert "onerror=alert(2)&gt;" in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(3)" in page
    assert not {"\x00", "\u202e"} & set(page.encode().decode())


def test_page_needs_nothing_else(film: list[dict[str, Any]]) -> None:
    """No address in the page leaves it, and its policy forbids the network."""
    run = {"lines": "https://example.org/film"}
    page = make_page(film, [make_thumbnail(film[0]["frame"])], run, SUMMARY)
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]*)""", markup)
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "default-src 'none'" in page
    assert "@import" not in page


def test_configuration_is_laid_out(film: list[dict[str, Any]]) -> None:
    """The last tables have flags, nested settings and the weights in the manifest."""
    run = {"network_size": 512, "force": False, "versions": {"torch": "2.15.0", "extra": {"a": 1}}}
    seen = text(make_page(film, [], run, {})).partition("Configuration")[2]
    assert "Run network size 512 force no Versions torch 2.15.0 extra.a 1" in seen
    assert "3 frames: weights abababababab, settings {}" in seen


@pytest.mark.parametrize("rows", [[], [fail("f1.png")], [fail("f1.png"), fail("f2.png")]])
def test_a_film_without_pictures_has_a_page(rows: list[Mapping[str, Any]]) -> None:
    """No rows, no pictures, no summary or nothing but failures still make a page."""
    verdicts = ["No frames.", "The one frame failed.", "All 2 frames failed."]
    assert f"Film {verdicts[len(rows)]}" in text(make_page(rows, [], {}, {}))


def test_many_failures_are_counted() -> None:
    """The first 300 failures are listed; the rest is counted, with the place of the full list."""
    rows = [fail(f"s/f{number}.png", "x" * 5000) for number in range(1300)]
    page = make_page([*rows, full_row("s/last.png")], [], {}, {})
    assert page.count('data-label="Frame"') == 300
    assert "1,000 more failed frames are not listed here" in text(page)
    assert len(page) < 1_000_000


def test_a_long_film_stays_small() -> None:
    """20,000 frames on twos, pictures of all of them, make a small page in a short time."""
    rows = [
        full_row(f"s{number // 100}/f{number}.png", "held" if number % 2 else "done")
        for number in range(20_000)
    ]
    thumbnail = make_thumbnail("")
    pair = bytes(4000)
    thumbnails = [
        Thumbnail(row["frame"], thumbnail.source + pair, thumbnail.result) for row in rows
    ]
    start = time.process_time()
    page = make_page(rows, thumbnails, {}, {})
    assert time.process_time() - start < 10
    assert len(page.encode()) < THUMBNAIL_BYTES * 4 / 3 + 1_000_000
    pictures = [shot.count('id="picture-') for shot in page.split("<article")[1:]]
    assert len(pictures) == 200
    assert max(pictures) - min(pictures) <= 1  # thinned evenly
    assert len(make_page(rows, [], {}, {}).encode()) < 450_000


def test_many_shots_are_counted() -> None:
    """The first 2,000 shots are drawn, the rest counted."""
    page = make_page([full_row(f"s{number}/f.png") for number in range(2500)], [], {}, {})
    assert page.count("<article") == 2000
    assert "500 more shots with 500 frames are not shown here" in text(page)


@pytest.mark.parametrize("shape", [(270, 480, 3), (270, 480), (20, 700), (500, 1)])
def test_thumbnail_keeps_aspect_and_color(shape: tuple[int, ...]) -> None:
    """A thumbnail is at most 135 px high, has the picture's aspect, and red stays red."""
    image = np.zeros(shape, np.uint8)
    image[..., :1] = 200
    decoded = cv2.imdecode(np.frombuffer(encode_thumbnail(image), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    height = min(135, shape[0])
    assert decoded.shape[:2] == (height, max(1, round(shape[1] * height / shape[0])))
    if image.ndim == 3:
        assert np.abs(decoded.mean((0, 1)) - [200, 0, 0]).max() < 8


@pytest.mark.parametrize("size", [(40, 20_000), (1, 60_000), (20_000, 40)])
def test_thumbnail_of_a_long_picture(size: tuple[int, int]) -> None:
    """A pan is reduced to 16 heights in width; WebP has no longer sides than 16,383 pixels."""
    found = encode_thumbnail(np.full(size, 90, np.uint8))
    decoded = cv2.imdecode(np.frombuffer(found, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    scale = min(135 / size[0], 16 * 135 / size[1])
    assert decoded.shape == tuple(max(1, round(side * scale)) for side in size)


def test_webp_refuses_longer_sides() -> None:
    """In place of an empty file."""
    with pytest.raises(ValueError, match="16384x2 pixels are too long for WebP"):
        encode_webp(np.zeros((2, 16_384), np.uint8), 80)


def test_thumbnail_refuses_no_height() -> None:
    """A height below one pixel is an error."""
    with pytest.raises(ValueError, match="height_px >= 1"):
        encode_thumbnail(np.zeros((4, 4), np.uint8), 0)


START = datetime(2026, 1, 1, tzinfo=UTC)


def test_speed_leaves_pauses_out() -> None:
    """Ten frames a second in two runs of ten seconds, a day apart, are 10 frames/s throughout."""
    moments = [day * 86400 + n / 10 for day in (0, 1) for n in range(100)]
    rows = [make_row({"frame": str(at), "status": "done"}) for at in moments]
    rows = [
        row | {"written_at": START + timedelta(seconds=at)}
        for row, at in zip(rows, moments, strict=True)
    ]
    timing = layout_timing(make_table(rows))
    assert (timing["pauses"], timing["worked"]) == (1, "19.8 s")
    speeds = [float(speed) for speed in re.findall(r"frames/s: (.*?)<", timing["speed"]["svg"])]
    assert all(9 < speed < 12 for speed in speeds)
    assert len(speeds) > 5
    assert timing["stages"] == []


def test_stages_have_medians_and_shares() -> None:
    """Of 1, 1 and 4 s the median is 1 s; a stage that takes three times as long has 75 %."""
    seconds = (1.0, 1.0, 4.0)
    rows = [
        make_row(
            {
                "frame": str(n),
                "status": "done",
                "stage_seconds": [("shrink", s), ("network", 3 * s)],
            }
        )
        for n, s in enumerate(seconds)
    ]
    rows += [make_row({"frame": "held", "status": "held"})]
    shrink, network = layout_timing(make_table(rows))["stages"]
    assert (shrink["name"], shrink["median"], shrink["share"]) == ("shrink", "1 s", 25.0)
    assert (network["median"], network["most"], network["share"]) == ("3 s", "10.2 s", 75.0)
    assert network["sum"] == "18.0 s"


def test_a_film_without_times_has_none() -> None:
    """No frame, one frame, and frames of one moment have no speed."""
    assert layout_timing(make_table([]))["speed"] is None
    row = make_row({"frame": "a", "status": "done"})
    assert layout_timing(make_table([row]))["speed"] is None
    assert layout_timing(make_table([row, row | {"frame": "b"}]))["speed"] is None


def test_short_times_are_brief() -> None:
    """A short time has three digits and a unit."""
    assert [format_time(s) for s in (0.0831, 0.9, 1.254, 62.0)] == [
        "83.1 ms",
        "900 ms",
        "1.25 s",
        "62 s",
    ]
