import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineart.imaging.lines.difference import InkAmounts
from lineart.jobs.report import DifferencePage, FilmPage, Report, StudyPage, TrainingPage, main
from lineart.report.difference import DrawingPair, Unmatched, difference_page
from tests.conftest import DrawLine


@pytest.fixture
def page(tmp_path: Path, draw_line: DrawLine) -> DifferencePage:
    """Two sets: s/0 equal, s/1 different, and one that the other set lacks on each side."""
    sets = {"a": (0, 1, 2), "b": (0, 1, 3)}
    for name, numbers in sets.items():
        for number in numbers:
            seed = number + 10 * (name == "b" and number == 1)
            save(tmp_path / name / "s" / f"{number}.png", draw_line(seed))
    places = (str(tmp_path / "a"), str(tmp_path / "b"))
    return DifferencePage(drawings=places, output=str(tmp_path / "out"))


def save(path: Path, image: np.ndarray) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def test_everything_is_left(
    page: DifferencePage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A picture for each common name, a table and a page stand there; the last line counts."""
    assert main(Report(page=page)) == 0
    result = last_line(capsys)
    assert (result["drawings"], result["failed"], result["unmatched"]) == (2, 0, 2)
    out = tmp_path / "out"
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert written == {"difference/s/0.png", "difference/s/1.png", "difference.csv", "report.html"}
    same = cv2.imread(str(out / "difference" / "s" / "0.png"))
    drawing = cv2.imread(str(tmp_path / "a" / "s" / "0.png"))
    np.testing.assert_array_equal(same, drawing)
    rows = {
        row["name"]: row
        for row in csv.DictReader((out / "difference.csv").read_text().splitlines())
    }
    assert float(rows["s/0"]["only_first"]) == float(rows["s/0"]["only_second"]) == 0
    assert float(rows["s/1"]["only_second"]) > 0


def test_the_page_says_what_differs(page: DifferencePage, tmp_path: Path) -> None:
    """The page shows three pictures a drawing, the most different first, and lone names."""
    assert main(Report(page=page)) == 0
    html = (tmp_path / "out" / "report.html").read_text()
    assert html.count("<img ") == 6
    assert html.index("<bdi>s/1</bdi>") < html.index("<bdi>s/0</bdi>")
    assert "100.0 % in both" in html
    missing = html.partition("Missing drawings")[2]
    assert missing.index("s/2") < missing.index("s/3")


def test_what_a_film_job_left_is_read_from_its_frames(
    page: DifferencePage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is a folder `frames`, only what lies in it is compared."""
    (tmp_path / "film").mkdir()
    (tmp_path / "a").rename(tmp_path / "film" / "frames")
    save(tmp_path / "film" / "heat" / "s" / "0.png", np.zeros((9, 9), np.uint8))
    both = (str(tmp_path / "film"), page.drawings[1])
    assert main(Report(page=replace(page, drawings=both))) == 0
    assert last_line(capsys)["drawings"] == 2


def test_a_broken_drawing_is_named(
    page: DifferencePage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of another size and one that is no picture are failures; the others are compared."""
    save(tmp_path / "b" / "s" / "1.png", np.zeros((9, 9), np.uint8))
    for name in "ab":
        (tmp_path / name / "s" / "4.png").write_bytes(b"no picture")
    assert main(Report(page=page)) == 3
    assert last_line(capsys)["failed"] == 2
    html = (tmp_path / "out" / "report.html").read_text()
    assert "2 pictures could not be compared" in html
    assert "drawings of 128x72 and 9x9" in html


@pytest.mark.parametrize(
    ("first", "radius", "why"),
    [
        ("other", 2.0, "have no drawing with the same name"),
        ("nowhere", 2.0, "there is no folder"),
        ("a", -1.0, "must not be negative"),
        (".", 2.0, "lies in"),
        ("twins", 2.0, "differ only in their suffix"),
    ],
)
def test_what_cannot_be_done_is_said(
    page: DifferencePage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    first: str,
    radius: float,
    why: str,
) -> None:
    """Wrong input ends with status 2 and one sentence, and leaves nothing."""
    save(tmp_path / "other" / "x.png", np.zeros((9, 9), np.uint8))
    for suffix in ("png", "webp"):
        save(tmp_path / "twins" / f"x.{suffix}", np.zeros((9, 9), np.uint8))
    both = (str(tmp_path / first), page.drawings[1])
    assert main(Report(page=replace(page, drawings=both, radius=radius))) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_nothing_readable_is_said(
    page: DifferencePage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where every pair fails, the first failure is the sentence."""
    for path in (tmp_path / "a").rglob("*.png"):
        path.write_bytes(b"no picture")
    assert main(Report(page=page)) == 2
    assert "no drawing could be compared: s/0: unknown picture format" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (FilmPage(film="nowhere"), "report: --film: there is no folder"),
        (FilmPage(film=".", sources="nowhere"), "report: --sources: there is no folder"),
        (FilmPage(film="."), "has no run.json"),
        (TrainingPage(run="."), "has no run.json"),
        (StudyPage(drawings=("nowhere", "."), output="out"), "there is no folder"),
    ],
)
def test_missing_inputs_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    page: FilmPage | TrainingPage | StudyPage,
    why: str,
) -> None:
    """Each input that is missing ends with status 2 and one sentence."""
    monkeypatch.chdir(tmp_path)
    assert main(Report(page=page)) == 2
    assert why in capsys.readouterr().err


def test_names_are_shown_as_text() -> None:
    """Names and messages with markup in them are escaped."""
    hostile = "<script>alert(1)</script>"
    one = DrawingPair(hostile, InkAmounts(0.0, 0.0, 0.0), b"RIFF", b"RIFF", b"RIFF")
    unmatched = Unmatched([hostile], [hostile], [(hostile, hostile)])
    run = {"first": hostile, "second": hostile}
    page = difference_page([one], InkAmounts(0.0, 0.0, 0.0), 1, unmatched, run)
    assert "<script>" not in page
    assert page.count("alert(1)") >= 9
    assert "The drawings have no ink." in page
