"""Doubtful regions on the page of a film: which ones, in which order, and their crops."""

import re
from typing import Any

import cv2
import numpy as np
import pytest

from lineart.film.tasks import PageWords
from lineart.image import Frame
from lineart.imaging.paint.doubts import Doubt
from lineart.manifest import make_row, make_table
from lineart.report.doubts import CROP_PX, DOUBTS_LISTED, crop_region, find_worst
from lineart.report.film import Content, film_page
from tests.report.test_film import HOSTILE, text

WORDS = PageWords(source="line drawing", made="coloured", pair="line and colour")
BLUE, RED = (30, 60, 200), (210, 40, 30)


def doubt(region: int, confidence: float, **values: Any) -> dict[str, Any]:
    """Return an entry of the column `doubts`."""
    box = {"left": 10, "top": 20, "right": 40, "bottom": 60}
    why = f"no hint in region {region}"
    given = {"region": region, "confidence": confidence, "area": 900, "color": "#c08040"}
    return box | given | {"why": why} | values


def in_box(*box: int) -> Doubt:
    """Return a doubt in a box: left, top, right, bottom."""
    return Doubt(1, *box, area=1, color="#000000", confidence=0.0, why="")


def row(frame: str, *doubts: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return the manifest row of a frame."""
    given = {"frame": frame, "shot": frame.split("/")[0], "status": "done", "doubts": doubts}
    return make_row(given | values)


def make_page(rows: list[dict[str, Any]], **more: Any) -> str:
    """Return the page of a film."""
    return film_page(make_table(rows), {}, {}, Content(words=WORDS, **more))


@pytest.fixture
def film() -> list[dict[str, Any]]:
    """Two shots; a held frame, a frame of an older version, one without doubts."""
    doubts = doubt(7, 0.5), doubt(3, 0.25)
    rows = [row("s1/1.png", *doubts), row("s1/2.png", doubts=None, status="held")]
    rows += [row("s2/1.png", doubts=None), row("s2/2.png")]
    worst = doubt(9, 0.25, area=2000, color="#ff0000;x:url(//a)", why=f"because of {HOSTILE}")
    return [*rows, row("s3/1.png", worst, doubt(4, 0.6), doubt(5, 0.896))]


def test_the_worst_come_first(film: list[dict[str, Any]]) -> None:
    """Least confident, then largest, in all chunks of a manifest."""
    table = make_table(film)
    found = [(one.frame, one.doubt.region) for one in find_worst(table, 9)]
    wanted = [("s3/1.png", 9), ("s1/1.png", 3), ("s1/1.png", 7), ("s3/1.png", 4), ("s3/1.png", 5)]
    assert found == wanted
    assert find_worst(table, 2) == find_worst(table, 9)[:2]
    assert find_worst(table.slice(1, 3), 9) == find_worst(make_table([]), 9) == []
    whole = table.combine_chunks()
    assert [one.frame for one in find_worst(whole.slice(4), 9)] == ["s3/1.png"] * 3


def test_doubts_alike_are_one_entry() -> None:
    """A region that is doubtful throughout a shot stands once; two of a frame stand apart."""
    pair = [doubt(1, 0.35, area=500, why="no hint"), doubt(2, 0.35, area=90, why="no hint")]
    rows = [row(f"s1/{n}.png", *(one | {"region": n} for one in pair)) for n in range(4)]
    rows[2]["doubts"] = [pair[0] | {"region": 2, "confidence": 0.2}]
    rows += [row("s2/0.png", *pair), row("s1/4.png", pair[0] | {"color": "#000000"})]
    found = [(one.frame, one.doubt.area, one.alike) for one in find_worst(make_table(rows), 9)]
    alike = ["s1/0.png", "s1/1.png", "s1/3.png"]
    assert found == [
        ("s1/2.png", 500, alike),
        ("s2/0.png", 500, []),
        ("s1/4.png", 500, []),
        ("s1/0.png", 90, ["s1/1.png", "s1/3.png"]),
        ("s2/0.png", 90, []),
    ]
    seen = text(make_page(rows))
    assert "Doubtful regions 10 in 6 frames" in seen
    assert "s1/2.png and 3 more, 0.png … 3.png 20 % sure" in seen
    assert "not listed" not in seen


def test_doubts_are_listed(film: list[dict[str, Any]]) -> None:
    """With frame, region, box, colour, confidence, reason and crop; counted at their shots."""
    page = make_page(film, crops={("s1/1.png", 10, 20, 40, 60): b"picture"})
    seen = text(page)
    assert "5 regions are doubtful." in seen
    assert "At least" not in seen
    assert "Doubtful regions 5 in 2 frames" in seen
    listed = seen.partition("Doubts")[2].partition("Shots")[0]
    assert (
        "s1/1.png 25 % sure of #c08040 no hint in region 3 Region 3: 30 × 40 px at 10, 20; "  # noqa: RUF001
        "area 900 px s1/1.png 50 %" in listed
    )
    assert "s3/1.png 90 % sure of" in listed
    assert "1 frame: 1 coloured, 3 doubtful regions" in seen
    assert "s1 2 frames: 1 coloured, 1 held, 2 doubtful regions" in seen
    kinds = re.findall(r'data-name="(s\d)" data-kinds="(.*?)"', page)
    assert kinds == [("s1", "done held doubt"), ("s2", "done"), ("s3", "done doubt")]
    assert page.count("data:image/webp;base64,cGljdHVyZQ==") == 2
    assert page.count('style="background:#c08040"') == 4


def test_hostile_doubts_are_text(film: list[dict[str, Any]]) -> None:
    """Markup in a reason stays text, and a colour that is none styles nothing."""
    page = make_page(film)
    assert "because of s/&lt;script&gt;" in page
    assert "<img src=x" not in page
    assert "background:#ff0000" not in page
    assert not {"\x00", "\u202e"} & set(page)


def test_a_film_without_doubts_has_no_section(film: list[dict[str, Any]]) -> None:
    """Rows of older versions have null, those of other finishes may have no entries."""
    page = make_page(film[2:4])
    assert 'id="doubts"' not in page
    assert 'value="doubt"' not in page


def test_many_doubts_are_counted() -> None:
    """The first 100 are listed, the others counted."""
    rows = [
        row(f"s{n}/1.png", *(doubt(k, (n + k) / 300, why="x" * 5000) for k in range(20)))
        for n in range(200)
    ]
    page = make_page(rows)
    section = page.partition('id="doubts"')[2].partition("</section>")[0]
    assert section.count("<li>") == DOUBTS_LISTED
    assert "At least 4,000 regions are doubtful." in text(page)
    assert "3,900 more doubtful regions are not listed here" in section
    assert "4,000" in text(page).partition("Doubtful regions")[2][:10]
    assert len(section) < 300_000


def decode(crop: bytes | None) -> Frame:
    """Decode a crop."""
    assert crop is not None
    picture = cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("size", "box", "scale"),
    [
        ((270, 480), (100, 80, 110, 96), 2.0),  # small: enlarged
        ((270, 480), (0, 262, 6, 270), 2.0),  # in a corner
        ((1080, 1920), (1000, 500, 1040, 560), 1.0),
        ((2160, 3840), (100, 90, 1060, 250), 120 / 1440),  # large: reduced
        ((50, 40), (0, 0, 40, 50), 2.0),  # the whole of a frame
    ],
)
def test_a_crop_shows_its_region(
    size: tuple[int, int], box: tuple[int, int, int, int], scale: float
) -> None:
    """The region is in it at the right scale, with surroundings and the box drawn about it."""
    left, top, right, bottom = box
    frame = np.full((*size, 3), BLUE, np.uint8)
    frame[top:bottom, left:right] = RED
    before = frame.copy()
    shown = decode(crop_region(frame, in_box(*box)))
    np.testing.assert_array_equal(frame, before)
    assert max(shown.shape[:2]) <= CROP_PX
    is_red = np.abs(shown.astype(int) - RED).max(-1) < 40
    assert np.ptp(np.nonzero(is_red)[1]) + 1 == pytest.approx((right - left) * scale, abs=8)
    assert np.ptp(np.nonzero(is_red)[0]) + 1 == pytest.approx((bottom - top) * scale, abs=8)
    is_blue = np.abs(shown.astype(int) - BLUE).max(-1) < 40
    assert is_blue.mean() > 0.15 or size == (50, 40)
    ys, xs = np.nonzero(shown.min(-1) > 180)  # the box
    reds = np.nonzero(is_red)
    assert xs.min() <= reds[1].min() + 2
    assert ys.max() >= reds[0].max() - 2


def test_no_crop_outside_of_the_frame() -> None:
    """A box that lies outside, or has no pixel, gives none; one across the border is clipped."""
    frame = np.full((50, 80, 3), BLUE, np.uint8)
    outside = [(80, 0, 90, 9), (-9, 0, 0, 9), (4, 4, 4, 9), (9, 9, 4, 20), (0, 60, 9, 70)]
    assert [crop_region(frame, in_box(*box)) for box in outside] == [None] * 5
    assert decode(crop_region(frame, in_box(70, 40, 900, 900))).shape == (100, 120, 3)
