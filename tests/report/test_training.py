import re
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from lineart.report.stages import ScalarPoint
from lineart.report.training import training_page
from lineart.report.training_pictures import GRIDS_SHOWN, Grid, prepare_grids
from tests.browser import scrolls_sideways

HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>\n\x00\udcff\u202e名"
VOID = {"meta", "img", "input", "br"}

STAGE = {"batch_size": 16, "crop": 512, "learning_rate": 0.002, "l2": 0.25}
RUN = {
    "flags": {"recipe": "small", "data": "https://example.org/shards"},
    "recipe": {
        "model": "additive_unet",
        "stages": [
            {"name": "draft", "objective": "draft", "images": 4000, **STAGE},
            {"name": "color", "objective": "color", "images": 2000, **STAGE, "l2": 0.0},
        ],
    },
    "seconds": 3841.2,
    "images": 6000,
    "columns": {
        "draft": ["line", "hints", "draft", "truth"],
        "color": ["line", "hints", "draft", "colour", "truth"],
    },
    "data": {"pictures": 1312, "refused": {"licence": 1290, "too small": 43}},
    "machine": {"cpu": "EPYC"},
}


def record(stage: str, images: int, values: dict[str, float]) -> list[ScalarPoint]:
    """Return scalars whose values fall to `values` over 40 reports."""
    at = [(images * (n + 1) // 40, 1 + 2.0 ** (-n / 4)) for n in range(40)]
    return [ScalarPoint(stage, i, name, last * f) for i, f in at for name, last in values.items()]


def make_grid(stage: str, images: int, columns: int = 4, side: int = 33) -> Grid:
    """Return a grid of noise, as PNG."""
    picture = np.random.default_rng(images).integers(0, 256, (side, side * columns, 3), np.uint8)
    return Grid(stage, images, cv2.imencode(".png", picture)[1].tobytes())


@pytest.fixture
def scalars() -> list[ScalarPoint]:
    """Two stages; validation of the second is best before its end."""
    draft = record("draft", 4000, {"loss/l1": 0.08, "loss/hint": 0.001, "images_per_second": 14.0})
    color = record("color", 2000, {"loss/l1": 0.05, "learning_rate": 2e-5, "wait_share": 0.02})
    looks = [("draft", 4000, 0.1), ("color", 1000, 0.0812), ("color", 2000, 0.0861)]
    return [*draft, *color, *(ScalarPoint(s, i, "validation/l1", v) for s, i, v in looks)]


def text(page: str) -> str:
    """Return what a reader sees: no head, no scripts, no tags."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


class Balance(HTMLParser):
    """Fails on an end tag without its beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Remember what is open; every id is there once."""
        del attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost."""
        assert self.open.pop() == tag


def check_well_formed(page: str) -> None:
    """Fail unless every tag is closed in order, and drawn numbers are numbers."""
    balance = Balance()
    balance.feed(page)
    assert not balance.open
    assert not re.search(r'(?: d|x|y|x1|y1|width)="[^"]*(?:nan|inf|e\+)[^"]*"', page)


def test_verdict_and_figures(scalars: list[ScalarPoint]) -> None:
    """The page begins with recipe, images, time, and the last and best validation value."""
    seen = text(training_page(RUN, scalars, []))
    assert seen.startswith(
        "small 6,000 images in 1 h 4 min. Validation l1 of color: 0.0861, best 0.0812."
    )
    assert "Network additive unet Images seen 6,000 4,000 + 2,000 Time 1 h 4 min" in seen
    assert "Validation, color 0.0861 best 0.0812 at 1,000" in seen


def test_each_stage_has_its_curves(scalars: list[ScalarPoint]) -> None:
    """A stage has one chart for all its loss terms and one for each other scalar."""
    page = training_page(RUN, scalars, [])
    draft, color = page.partition('id="stage-2"')[::2]
    headings = re.compile("<h4>(.*?)</h4>")
    assert headings.findall(draft) == ["Loss terms", "Validation: l1", "Speed"]
    validation = ["Loss terms", "Validation: l1", "Learning rate", "Waiting for data"]
    assert headings.findall(color) == validation
    assert "l1 0.0801 hint 0.001 at the end" in text(page)
    check_well_formed(page)


def test_a_failed_loss_is_in_the_verdict(scalars: list[ScalarPoint]) -> None:
    """Values that are not finite are named first, marked in their chart, and gaps in its curve."""
    bad = [
        ScalarPoint("draft", 400, "loss/l1", float("nan")),
        ScalarPoint("draft", 401, "loss/l1", -np.inf),
    ]
    page = training_page(RUN, [*scalars, *bad], [])
    assert "The loss of draft was not finite at 400 images." in text(page)
    assert "2 of 82 values not finite, first at 400" in text(page)
    assert page.count("stroke: var(--failed)") == 2
    line = re.findall(r'd="([^"]*)" style="fill: none; stroke: var\(--tone-1\)', page)[0]
    assert line.count("M") == 2
    check_well_formed(page)


def test_an_unfinished_training_says_so(scalars: list[ScalarPoint]) -> None:
    """A stage that ends whole batches too early is in the verdict, a rest below a batch is not."""
    early = [row for row in scalars if row.stage == "draft" or row.images <= 1000]
    assert "color has seen 1,000 of 2,000 images." in text(training_page(RUN, early, []))
    last = [row for row in scalars if row.images != 2000]
    rest = [*last, ScalarPoint("color", 1990, "learning_rate", 1e-5)]
    assert "has seen" not in text(training_page(RUN, rest, []))


@pytest.mark.parametrize(
    "values", [[], [0.5], [0.0], [float("nan")], [float("inf")] * 50, [1e308, -1e308, 5e-324]]
)
@pytest.mark.parametrize(
    "name", ["loss/l1", "validation/psnr", "learning_rate", "wait_share", "odd", ""]
)
def test_any_few_values_make_a_page(values: list[float], name: str) -> None:
    """No values, one, non-finite ones and extreme ones still make a page."""
    rows = [ScalarPoint("draft", 16 * n, name, value) for n, value in enumerate(values)]
    page = training_page({}, rows, [])
    check_well_formed(page)
    assert text(page).startswith("Training")
    assert ("No values were recorded." in page) == (not values)


@pytest.mark.parametrize(
    "run", [{"recipe": "small"}, {"recipe": {"stages": "x"}, "data": [1], "seconds": "long"}]
)
def test_any_run_makes_a_page(run: dict[str, Any], scalars: list[ScalarPoint]) -> None:
    """A run with missing parts or parts of another type still has its page."""
    check_well_formed(training_page(run, scalars, [make_grid("draft", 5)]))


def test_hostile_text_is_shown_as_text() -> None:
    """Markup in names, settings and counts never becomes markup; the page can be encoded."""
    run = {
        "recipe": {"model": HOSTILE, "stages": [{"name": HOSTILE, "objective": HOSTILE}]},
        "data": {HOSTILE: {HOSTILE: 1}, HOSTILE + "2": {HOSTILE: {HOSTILE: 1}}, "x": HOSTILE},
        HOSTILE: {HOSTILE: HOSTILE},
    }
    rows = [
        ScalarPoint(HOSTILE, n, name, 1.0 + n)
        for n in range(50)
        for name in (HOSTILE, "loss/" + HOSTILE, "loss/b", "validation/" + HOSTILE)
    ]
    page = training_page(run, rows, [make_grid(HOSTILE, 3)], title=HOSTILE)
    assert page.count("<script") == 0
    assert "<img src=x" not in page
    assert not {"\x00", "\u202e"} & set(page.encode().decode())
    check_well_formed(page)


def test_page_needs_nothing_else(scalars: list[ScalarPoint]) -> None:
    """No address in the page leaves it, and its policy forbids the network."""
    page = training_page(RUN, scalars, [make_grid("draft", 2000)])
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]*)""", page)
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "default-src 'none'" in page
    assert "@import" not in page


def test_data_and_settings_are_laid_out(scalars: list[ScalarPoint]) -> None:
    """Counts have their sum, the largest first; stages are side by side, the rest in groups."""
    seen = text(training_page(RUN, scalars, [])).partition(" Data ")[2]
    assert seen.startswith("Refused 1,333 licence 1,290 too small 43 pictures 1,312")
    assert "Stages draft color objective draft color images 4000 2000" in seen
    assert "l2 0.25 0 Flags recipe small" in seen
    assert "Recipe model additive unet" not in seen  # values stay as they were written
    assert "Recipe model additive_unet Machine cpu EPYC" in seen


def test_a_long_flag_leaves_room_for_its_name(page: Page) -> None:
    """The text of a flag of prepare_data breaks; each name beside it is on one line."""
    flags = {"group": "(?:" + "|".join(f"shot_{n:03d}" for n in range(60)) + ")", "licence": "CC0"}
    page.set_content(training_page(RUN | {"data": {"pictures": 1312, "flags": flags}}, [], []))
    names = page.locator(".data th bdi").all()
    assert len(names) == 3
    assert len({name.bounding_box()["height"] for name in names}) == 1
    assert not scrolls_sideways(page)


def test_pictures_stand_in_order_with_their_columns(scalars: list[ScalarPoint]) -> None:
    """Each stage has its pictures by images; the last is shown, the best marked, columns named."""
    grids = [make_grid("color", images, columns=5) for images in (2000, 1000, 500)]
    page = training_page(RUN, scalars, grids)
    seen = text(page)
    assert seen.index("500 images seen") < seen.index("1,000 images seen, validation l1 0.0812")
    assert "1k best line hints draft colour truth" in seen
    assert page.count("checked>") == 1
    assert page.index("checked>") > page.index("1,000 images seen")
    check_well_formed(page)


def test_columns_are_not_guessed() -> None:
    """A picture whose width is no multiple of the columns, or of an unknown stage, has no names."""
    page = training_page(RUN, [], [make_grid("draft", 5, columns=3), make_grid("x", 5)])
    assert "truth" not in page.partition("<body>")[2]


def test_unreadable_pictures_are_counted() -> None:
    """Undecodable pictures are left out, and the page says how many are shown."""
    page = training_page(RUN, [], [Grid("draft", 1, b"no picture"), make_grid("draft", 2)])
    assert "1 of 2 saved ones are shown" in text(page)


def test_many_pictures_are_thinned_evenly() -> None:
    """Each stage keeps an even choice of its share of too many pictures, with both ends."""
    grids = [make_grid(stage, images) for stage in ("draft", "color") for images in range(101)]
    shown = prepare_grids(grids)
    for pictures in shown.values():
        images = [picture["images"] for picture in pictures]
        assert len(images) == GRIDS_SHOWN // 2
        assert (images[0], images[-1]) == (0, 100)
        assert max(np.diff(images)) - min(np.diff(images)) <= 1


@pytest.mark.parametrize("limit_bytes", [200_000, 100_000, 40_000, 0])
def test_large_pictures_are_made_to_fit(limit_bytes: int) -> None:
    """Pictures above the limit become WebP, then fewer; their true size is still given."""
    grids = [make_grid("draft", images, side=64) for images in range(12)]
    shown = prepare_grids(grids, limit_bytes)["draft"]
    assert sum(len(picture["uri"]) for picture in shown) <= limit_bytes * 4 / 3 + 100 * len(shown)
    assert (len(shown) > 0) == (limit_bytes > 0)
    assert all((p["height"], p["width"]) == (64, 256) for p in shown)
    assert all(p["uri"].startswith("data:image/webp") for p in shown)


def test_pictures_that_fit_stay_as_they_are() -> None:
    """Below the limit the page has the saved bytes; of two at one place, the later wins."""
    first, second = make_grid("draft", 7), make_grid("draft", 7, side=34)
    (shown,) = prepare_grids([first, second])["draft"]
    assert shown["uri"].startswith("data:image/png")
    assert shown["height"] == 34


def test_a_long_training_has_a_small_page() -> None:
    """Curves of 20,000 points are drawn with about a thousand; a hundred names are counted."""
    rng = np.random.default_rng(0)
    long = [ScalarPoint("draft", n, "loss/l1", float(v)) for n, v in enumerate(rng.random(20_000))]
    names = [ScalarPoint("draft", 1, f"loss/{n}", 1.0) for n in range(100)]
    names += [ScalarPoint("draft", 1, f"odd {n}", 1.0) for n in range(100)]
    page = training_page(RUN, [*long, *names], [])
    assert len(page) < 500_000
    assert "177 more scalars without a chart" in text(page)
