"""The page of a study: written, answered in a browser, and evaluated."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lineart.evaluation.study import judge_study
from lineart.report import study as report_study
from lineart.report.study import write_study
from lineart.storage import Storage
from tests.browser import PHONE, NewPage, scrolls_sideways
from tests.conftest import DrawLine

NUM_PAIRS = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, draw_line: DrawLine) -> Path:
    """Return two sets of drawings whose names must not be seen, and photographs."""
    folder = tmp_path_factory.mktemp("study")
    for number in range(NUM_PAIRS):
        for place, seed in (("secretbaseline", 0), ("secretours", 100), ("photos", 200)):
            path = folder / place / f"scene/sunset{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), draw_line(seed + number, 120, 180))
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, object]:
    """Write the study."""
    return write(folder, "out")


def write(folder: Path, output: str, *, has_photos: bool = True) -> dict[str, object]:
    """Write a study of the folder's drawings."""
    first, second, photos, target = (
        Storage.at(str(folder / name))
        for name in ("secretbaseline", "secretours", "photos", output)
    )
    return write_study(first, second, photos if has_photos else None, target)


@pytest.fixture
def study(made: dict[str, object], folder: Path) -> Path:
    """Return the folder of the study."""
    assert made["pairs"] == NUM_PAIRS
    return folder / "out"


def read_key(study: Path) -> dict[str, Any]:
    """Read the answer key."""
    key: dict[str, Any] = json.loads((study / "study.json").read_text())
    return key


def test_the_page_does_not_reveal_the_sets(study: Path, made: dict[str, object]) -> None:
    """The page has every pair, and neither a name of a set or a picture nor a hash of one."""
    key, page = read_key(study), (study / "study.html").read_text()
    assert made == {
        "study": key["id"], "pairs": NUM_PAIRS, "left_out": 0, "failed": 0, "output": str(study)
    }  # fmt: skip
    assert key["question"] in page
    assert {pair["name"] for pair in key["pairs"]} == {f"scene/sunset{n}" for n in range(NUM_PAIRS)}
    for pair in key["pairs"]:
        assert pair["id"] in page
        assert len({pair[f"{which}_sha256"] for which in ("first", "second", "photo")}) == 3
        assert pair["first_sha256"] not in page
    assert not re.search(r"secret|sunset|baseline|\b(first|second)\b", page.split("<body>")[1])
    assert {pair["a"] for pair in key["pairs"]} == {"first", "second"}


def test_equal_drawings_make_equal_studies(folder: Path, study: Path) -> None:
    """The same drawings give the same study, byte for byte."""
    write(folder, "same")
    assert (folder / "same/study.html").read_bytes() == (study / "study.html").read_bytes()


def test_a_page_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is left out at random, and counted."""
    monkeypatch.setattr(report_study, "PAGE_BYTES", 20_000)
    summary = write(folder, "small")
    assert summary["pairs"] in range(1, NUM_PAIRS)
    assert summary["left_out"] == NUM_PAIRS - int(str(summary["pairs"]))


def test_broken_pictures_are_named(folder: Path, tmp_path: Path, draw_line: DrawLine) -> None:
    """A pair that cannot be read is left out and named in the key; without any there is no page."""
    for place in ("a", "b"):
        for name in ("good", "bad"):
            path = tmp_path / place / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), draw_line(1))
    (tmp_path / "b/bad.png").write_bytes(b"broken")
    sets = Storage.at(str(tmp_path / "a")), Storage.at(str(tmp_path / "b"))
    summary = write_study(*sets, None, Storage.at(str(tmp_path / "out")))
    assert (summary["pairs"], summary["failed"]) == (1, 1)
    ((name, why),) = read_key(tmp_path / "out")["failures"]
    assert name == "bad"
    assert "unknown picture format" in why
    (tmp_path / "b/good.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="no pair could be read"):
        write_study(*sets, None, Storage.at(str(tmp_path / "out")))
    with pytest.raises(ValueError, match="no drawing with the same name and a photograph"):
        write_study(*sets, Storage.at(str(folder / "photos")), Storage.at(str(tmp_path / "out")))


# In a browser.


@pytest.fixture
def shown(page: Page, study: Path) -> Page:
    """Open the page of the study, on a desktop."""
    page.goto((study / "study.html").as_uri())
    return page


def progress(page: Page) -> str:
    """Return which pair is asked."""
    return page.locator("#progress").inner_text()


def press(page: Page, key: str) -> None:
    """Press a key once the pair is ready."""
    wait(page)
    page.keyboard.press(key)


def wait(page: Page) -> None:
    """Wait until the pair is ready for an answer."""
    expect(page.locator("#stage")).to_have_attribute("aria-busy", "false")


def download(page: Page) -> bytes:
    """Download the answers."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the answers").click()
    return Path(waiting.value.path()).read_bytes()


def test_a_study_by_keyboard(shown: Page, study: Path) -> None:
    """Arrows and digits answer, Backspace goes back; the evaluation has the same choices."""
    shown.get_by_role("button", name="Begin").click()
    assert progress(shown) == f"1 of {NUM_PAIRS}"
    press(shown, "ArrowLeft")
    assert progress(shown) == f"2 of {NUM_PAIRS}"
    press(shown, "Backspace")
    expect(shown.locator("#left")).to_have_attribute("aria-pressed", "true")
    seen = []
    for key in ("ArrowRight", "2", "1", "ArrowRight", "ArrowLeft"):
        order = shown.evaluate("state.order[at]")
        is_left = key in ("1", "ArrowLeft")
        seen.append((order["pair"], (order["left"] == "a") == is_left))
        press(shown, key)
    expect(shown.locator("#counted")).to_have_text(
        f"{NUM_PAIRS} of {NUM_PAIRS} pairs are answered."
    )
    key, data = read_key(study), download(shown)
    answers = json.loads(data)
    assert answers["ended"] >= answers["started"]
    judged = judge_study(key, {"answers.json": data})
    sets = {pair["id"]: pair["a"] for pair in key["pairs"]}
    wanted = [
        (pair, sets[pair] if is_a else {"first": "second", "second": "first"}[sets[pair]])
        for pair, is_a in seen
    ]
    assert [(choice.pair, choice.preferred) for choice in judged.choices] == wanted
    assert [choice.side for choice in judged.choices] == ["right", "right", "left", "right", "left"]


def test_a_study_by_touch(new_page: NewPage, study: Path) -> None:
    """On a phone all three pictures are in sight, and a tap on a drawing answers."""
    page = new_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto((study / "study.html").as_uri())
    assert not scrolls_sideways(page)
    page.get_by_role("button", name="Begin").tap()
    for number in range(NUM_PAIRS):
        wait(page)
        assert not scrolls_sideways(page)
        for picture in ("#photo", "#left img", "#right img"):
            box = page.locator(picture).bounding_box()
            assert box is not None
            assert box["width"] > 200
            assert box["height"] > 100
            assert box["y"] + box["height"] <= PHONE["height"]
        page.locator("#left" if number % 2 else "#right").tap()
    judged = judge_study(read_key(study), {"phone.json": download(page)})
    assert [choice.side for choice in judged.choices].count("right") == 3


def test_answers_outlive_the_page(shown: Page, study: Path) -> None:
    """After a reload the study continues at the same pair, order and participant."""
    shown.get_by_role("button", name="Begin").click()
    press(shown, "1")
    press(shown, "2")
    before = shown.evaluate("[state.participant, state.order, state.answers]")
    shown.reload()
    shown.get_by_role("button", name=f"Continue: 2 of {NUM_PAIRS} are answered").click()
    assert progress(shown) == f"3 of {NUM_PAIRS}"
    assert shown.evaluate("[state.participant, state.order, state.answers]") == before
    shown.get_by_role("button", name="Stop here").click()
    assert judge_study(read_key(study), {"half.json": download(shown)}).preferred.number == 2
    shown.get_by_role("button", name="Let another person answer").click()
    shown.get_by_role("button", name="Begin").click()
    assert progress(shown) == f"1 of {NUM_PAIRS}"
    assert shown.evaluate("state.participant") != before[0]


def test_a_browser_without_storage(new_page: NewPage, study: Path) -> None:
    """Without storage the page warns, and answers can still be given and downloaded."""
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})"
    )
    page.goto((study / "study.html").as_uri())
    expect(page.get_by_text("This browser does not save answers")).to_be_visible()
    page.get_by_role("button", name="Begin").click()
    press(page, "1")
    page.get_by_role("button", name="Stop here").click()
    assert judge_study(read_key(study), {"a.json": download(page)}).preferred.number == 1


@pytest.mark.parametrize("key", ["ArrowLeft", "Enter"])
def test_a_key_that_is_held_down(shown: Page, key: str) -> None:
    """A key that repeats answers one pair, not all."""
    shown.get_by_role("button", name="Begin").click()
    shown.locator("#left").focus()
    for _ in range(3):
        wait(shown)
        # Playwright marks a key that is down already as repeating.
        shown.keyboard.down(key)
    wait(shown)
    assert progress(shown) == f"2 of {NUM_PAIRS}"


def test_a_double_click(shown: Page) -> None:
    """A double click answers one pair, not also the next."""
    shown.get_by_role("button", name="Begin").click()
    wait(shown)
    shown.locator("#left").dblclick()
    wait(shown)
    assert progress(shown) == f"2 of {NUM_PAIRS}"


def test_order_and_sides_are_drawn(shown: Page) -> None:
    """Each participant has a random order and sides, all about equally often."""
    drawn = shown.evaluate("Array.from({length: 400}, () => begin().order)")
    left = np.array([[one["left"] == "a" for one in order] for order in drawn])
    first = [order[0]["pair"] for order in drawn]
    assert abs(left.mean() - 0.5) < 0.05
    assert all(abs(first.count(pair) / 400 - 1 / NUM_PAIRS) < 0.09 for pair in set(first))
    assert len(set(first)) == NUM_PAIRS


def test_without_photographs(folder: Path, page: Page) -> None:
    """Without photographs the question differs, and the drawings have the whole page."""
    write(folder, "alone", has_photos=False)
    page.goto((folder / "alone/study.html").as_uri())
    page.get_by_role("button", name="Begin").click()
    assert "photograph" not in page.locator("body").inner_text()
    box = page.locator("#left img").bounding_box()
    assert box is not None
    assert box["height"] > 600
