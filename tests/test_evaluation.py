import csv
import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.datasets.samples import Picture
from lineart.datasets.shards import Row, Shards, finish, write_shard
from lineart.evaluation.pictures import Folder, choose, open_pictures
from lineart.evaluation.scores import (
    MOST_DB,
    WHITE_PAPER,
    Score,
    hint_difference,
    judge,
    make_case,
    network_fill,
    run_trial,
    truth_fill,
    ways_at,
)
from lineart.evaluation.sheet import sheet_row, show_hints, stack_rows
from lineart.evaluation.tables import standard_error, summarize, to_csv, to_markdown
from lineart.imaging.baselines import BASELINES, nearest_fill
from lineart.imaging.cels import remove_lines
from lineart.imaging.extraction import dilate_abs_sub, xdog
from lineart.imaging.hints import no_hints, pool_hints
from lineart.inference import Colorizer
from lineart.models import MODELS
from lineart.storage import Storage
from tests.conftest import DrawLine


@pytest.fixture
def pair(draw_line: DrawLine) -> Picture:
    """A picture of four flat colours with drawn lines."""
    line = draw_line(3)
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    color = cv2.resize(blocks, (128, 72), interpolation=cv2.INTER_NEAREST)
    return Picture("pair.png", np.minimum(color, line[..., None]), line)


@pytest.fixture
def score() -> Score:
    """A score to vary."""
    return Score(
        place="here",
        picture="a",
        source="s",
        is_drawn=False,
        is_enlarged=False,
        hints=16,
        way="ours",
        psnr=20.0,
        ssim=0.8,
        de_hints=1.0,
        psnr_composed=None,
        ssim_composed=None,
        seconds=0.1,
    )


# Pictures.


@pytest.fixture
def folder(tmp_path: Path, pair: Picture) -> Path:
    """Two sources of pairs, one of pictures without lines, and one colour without its line."""
    for source in ("a", "b"):
        for name in ("1", "2", "3", "4"):
            write(tmp_path / source / "color" / f"{name}.png", pair.color)
            assert pair.line is not None
            write(tmp_path / source / "line" / f"{name}.bmp", np.dstack([pair.line] * 3))
    (tmp_path / "b/line/4.bmp").unlink()
    write(tmp_path / "line" / "5.png", pair.color)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def write(path: Path, picture: np.ndarray) -> None:
    """Store a picture in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])


def test_folder_finds_pairs(folder: Path, pair: Picture) -> None:
    """Colours get the lines of the same name, whatever the format; lines are no pictures."""
    pictures = Folder(Storage.at(str(folder)))
    pairs = [f"{source}/color/{name}.png" for source in "ab" for name in "1234"]
    assert pictures.names == [*pairs, "line/5.png"]
    place = folder.name
    assert pictures.sources == [f"{place}/a"] * 4 + [f"{place}/b"] * 4 + [f"{place}/line"]
    first = pictures.read(0)
    assert first.name == "a/color/1.png"
    np.testing.assert_array_equal(first.color, pair.color)
    np.testing.assert_array_equal(first.line, pair.line)
    assert pictures.read(7).line is None
    assert pictures.read(8).line is None


def test_shards_are_taken_as_they_are(tmp_path: Path, pair: Picture) -> None:
    """A folder of shards gives the pictures, names and sources that were put in."""
    storage = Storage.at(str(tmp_path / "validation"))
    rows = [shard_row(f"s/color/{name}.png", pair) for name in "12"]
    finish(storage, [write_shard(storage, 0, rows)])
    shards = open_pictures(storage)
    assert isinstance(shards, Shards)
    assert list(shards.names) == ["s/color/1.png", "s/color/2.png"]
    assert list(choose(shards, 1, None)) == [0]
    np.testing.assert_array_equal(shards.read(1).color, pair.color)


def shard_row(name: str, pair: Picture) -> Row:
    """Give a picture as shards hold it."""
    assert pair.line is not None
    height, width = pair.line.shape
    gray = cv2.imencode(".png", pair.line)[1].tobytes()
    image = encode_png(pair.color)
    return Row(name, image, gray, width, height, "0", "0", name, "s", None, None)


def test_a_folder_of_pairs_may_be_the_root(folder: Path) -> None:
    """Opened at the folder that holds color/ and line/, pairs are pairs and have its name."""
    pictures = Folder(Storage.at(str(folder / "a")))
    assert pictures.names == [f"color/{name}.png" for name in "1234"]
    assert set(pictures.sources) == {"a"}
    assert pictures.read(2).line is not None


def test_what_is_wrong_is_refused(folder: Path) -> None:
    """No folder, no picture, or lines of another size."""
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_pictures(Storage.at(str(folder / "missing")))
    write(folder / "a/line/1.bmp", np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="but its colours are"):
        open_pictures(Storage.at(str(folder))).read(0)
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no picture"):
        Folder(Storage.at(str(folder / "empty")))


def test_choice_is_spread_and_may_be_bounded(folder: Path) -> None:
    """At most so many of each source, evenly spread, and only those that have a name elsewhere."""
    pictures = Folder(Storage.at(str(folder)))
    assert list(choose(pictures, None, None)) == list(range(9))
    assert list(choose(pictures, 2, None)) == [0, 2, 4, 6, 8]
    only = ["lineart_pairs/a/color/2.png", "b/color/4.png", "color/1.png"]
    assert list(choose(pictures, None, only)) == [1, 7]


# Scores.


def test_truth_is_perfect(pair: Picture) -> None:
    """The painted truth gets the highest score; composed it is the picture, but for soft rims."""
    case = make_case(pair, 0)
    trial = run_trial(case, 20, {"truth": truth_fill(case)}, 0)
    (score,) = judge(trial, "here")
    assert (score.psnr, score.de_hints) == (MOST_DB, 0)
    assert score.ssim == pytest.approx(1)
    assert score.psnr_composed is not None
    assert score.psnr_composed > 20
    assert (score.is_drawn, score.is_enlarged, score.hints) == (True, False, 20)


def test_line_is_drawn_or_extracted(pair: Picture) -> None:
    """Drawn lines are used; without them even numbers get soft lines, odd ones XDoG's."""
    color = pair.color
    np.testing.assert_array_equal(make_case(pair, 0).line, pair.line)
    bare = replace(pair, line=None)
    np.testing.assert_array_equal(make_case(bare, 1).line, xdog(color, sigma=0.4))
    pale = 255 - dilate_abs_sub(color, 4).astype(int)
    soft = make_case(bare, 2).line
    np.testing.assert_array_equal(soft, 255 - np.minimum(pale * 3, 255))
    np.testing.assert_array_equal(make_case(bare, 2).painted, remove_lines(color, soft))
    (score,) = judge(run_trial(make_case(bare, 2), 0, {"n": nearest_fill}, 0), "here")
    assert (score.is_drawn, score.psnr_composed, score.de_hints) == (False, None, None)


def test_composed_at_full_size(pair: Picture) -> None:
    """Coloured at half the size, composed at its own: colours and lines fit, edges are soft."""
    case = make_case(pair, 0, network_size_px=36)
    assert case.color.shape == (36, 64, 3)
    (score,) = judge(run_trial(case, 0, {"truth": truth_fill(case)}, 0), "here")
    assert score.is_enlarged
    assert score.psnr == MOST_DB
    assert score.psnr_composed is not None
    assert 15 < score.psnr_composed < MOST_DB
    grown = judge(run_trial(make_case(pair, 0, network_size_px=144), 0, BASELINES, 0), "here")
    assert not grown[0].is_enlarged


def test_all_ways_see_the_same_hints(pair: Picture) -> None:
    """Hints depend on seed, number and count alone, have the picture's colours, and are as many."""
    case = make_case(pair, 4)
    first = run_trial(case, 16, {"a": nearest_fill}, 7)
    again = run_trial(case, 16, {"b": nearest_fill, "c": BASELINES["levin"]}, 7)
    np.testing.assert_array_equal(first.hint, again.hint)
    np.testing.assert_array_equal(first.colors["a"], again.colors["b"])
    is_hint = first.hint[..., 3] > 0
    assert is_hint.sum() == 16
    np.testing.assert_array_equal(first.hint[is_hint, :3], case.color[is_hint])
    for other in (run_trial(case, 16, {}, 8), run_trial(make_case(pair, 5), 16, {}, 7)):
        assert (other.hint != first.hint).any()


def test_difference_counts_hints_on_paper_alone(pair: Picture) -> None:
    """Wrong colours below ink and without a hint do not count; at a hint on paper they do."""
    case = make_case(pair, 0)
    trial = run_trial(case, 200, {}, 0)
    counts = (trial.hint[..., 3] > 0) & (case.line >= 190)
    wrong = np.where(counts[..., None], case.painted, 255 - case.painted)
    assert hint_difference(wrong, trial) == 0
    worse = hint_difference(255 - case.painted, trial)
    assert worse is not None
    assert worse > 5
    ink = replace(trial, hint=np.where((case.line < 190)[..., None], trial.hint, np.uint8(0)))
    assert hint_difference(wrong, ink) is None


def test_network_is_a_way(pair: Picture) -> None:
    """A network gets pooled hints and gives what it gives by itself."""
    colorizer = Colorizer(MODELS["additive_unet"](width=2))
    case = make_case(pair, 0)
    trial = run_trial(case, 9, {"net": network_fill(colorizer)}, 0)
    pooled = pool_hints(trial.hint, colorizer.draft_scale)
    np.testing.assert_array_equal(trial.colors["net"], colorizer(case.line[None], pooled[None])[0])
    assert trial.seconds["net"] > 0


def test_without_hints_there_is_one_baseline(pair: Picture) -> None:
    """White paper stands for all baselines; with hints it does not appear."""
    networks = {"net": nearest_fill}
    assert list(ways_at(0, networks, BASELINES)) == ["net", WHITE_PAPER]
    assert list(ways_at(1, networks, BASELINES)) == ["net", *BASELINES]
    line = pair.line
    assert line is not None
    white = ways_at(0, networks, BASELINES)[WHITE_PAPER]
    assert (white(line, no_hints(line.shape)) == 255).all()  # type: ignore[arg-type]


# Tables.


def test_summary_is_arithmetic(score: Score) -> None:
    """Means, paired differences, their errors and the wins are those computed by hand."""
    ours, other = (20.0, 24.0, 28.0), (19.0, 25.0, 22.0)
    rows = [replace(score, picture=f"{i}", psnr=db) for i, db in enumerate(ours)]
    rows += [replace(score, picture=f"{i}", psnr=db, way="b") for i, db in enumerate(other)]
    rows[3] = replace(rows[3], de_hints=3.0)
    first, second = [s for s in summarize(rows, "ours") if s.set == "here"]
    assert (first.way, second.way, first.margins) == ("ours", "b", {})
    psnr = first.metrics["psnr"]
    assert (psnr.mean, psnr.number) == (24, 3)
    assert psnr.error == pytest.approx(4 / np.sqrt(3))
    margin = second.margins["psnr"]
    assert (margin.mean, margin.won, margin.number) == (2, 2, 3)
    assert margin.error == pytest.approx(np.std([1, -1, 6], ddof=1) / np.sqrt(3))
    # Less difference is better, and a draw is no win.
    assert second.margins["de_hints"].mean == pytest.approx(2 / 3)
    assert second.margins["de_hints"].won == 1
    assert "psnr_composed" not in first.metrics


def test_sets(score: Score) -> None:
    """A picture counts in its place, with drawn lines and at full size apart, and its source."""
    drawn = replace(score, picture="b", is_drawn=True, psnr_composed=30.0)
    large = replace(drawn, picture="c", is_enlarged=True, source="t")
    sets = {s.set: s.metrics["psnr"].number for s in summarize([score, drawn, large], "ours")}
    assert sets == {
        "here": 3,
        "here, drawn lines": 2,
        "here, full size": 1,
        "source s": 2,
        "source t": 1,
    }
    assert list(sets)[-2:] == ["source s", "source t"]


def test_pictures_of_the_same_name_stay_apart(score: Score) -> None:
    """Places may hold pictures of one name, and a way may lack a picture: pairs are pairs."""
    rows = [score, replace(score, place="there", psnr=10.0), replace(score, way="b", psnr=12.0)]
    source = [s for s in summarize(rows, "ours") if s.set == "source s"]
    assert source[0].metrics["psnr"].number == 2
    assert (source[1].margins["psnr"].mean, source[1].margins["psnr"].number) == (8, 1)


def test_one_picture_has_no_error() -> None:
    """The standard error of one value is unknown, not zero."""
    assert standard_error([3.0]) is None
    assert standard_error([3.0, 5.0]) == pytest.approx(1)


def test_csv_holds_every_score(score: Score) -> None:
    """Every field comes back; what is missing is empty."""
    rows = list(csv.DictReader(io.StringIO(to_csv([score, replace(score, picture="b, c")]))))
    assert len(rows) == 2
    assert rows[1]["picture"] == "b, c"
    assert (rows[0]["psnr"], rows[0]["psnr_composed"], rows[0]["hints"]) == ("20.0", "", "16")


def test_table_is_markdown(score: Score) -> None:
    """Every row has as many cells as its heading; margins stand beside the mean."""
    rows = [score, replace(score, picture="b", psnr=22.0)]
    rows += [replace(row, way="b", psnr=row.psnr - 1.5) for row in rows]
    table = to_markdown(summarize(rows, "ours"), "ours")
    assert "| 16 | b | 19.5 ± 1.0 (+1.5 ± 0.0, 2/2) |" in table
    assert "composed |" not in table
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {6}
    # The source holds the same pictures as the place.
    assert [line for line in table.splitlines() if line.startswith("##")] == ["## here: 2"]


# Sheet.


def test_sheet_shows_everything(pair: Picture) -> None:
    """A row has drawing, hints, each way and the truth; rows of other widths stack."""
    trial = run_trial(make_case(pair, 0), 3, {"a": nearest_fill, "b": nearest_fill}, 0)
    row = sheet_row(trial)
    assert row.shape[1] % 5 == 0
    cells = np.split(row[18:], 5, axis=1)
    np.testing.assert_array_equal(cells[2][18:], cells[3][18:])
    assert (cells[2][18:] != cells[4][18:]).any()
    short = sheet_row(run_trial(make_case(pair, 0), 3, {"a": nearest_fill}, 0))
    assert stack_rows([row, short]).shape == (2 * row.shape[0], row.shape[1], 3)
    with pytest.raises(ValueError, match="at least one"):
        stack_rows([])


def test_hints_are_dots_of_their_color() -> None:
    """A hint is a dot on the pale drawing; a sheet without one is only pale."""
    line = np.full((60, 60), 255, np.uint8)
    line[10] = 0
    hint = no_hints((60, 60))
    assert set(np.unique(show_hints(line, hint))) == {178, 255}
    hint[30, 40] = 200, 10, 20, 255
    np.testing.assert_array_equal(show_hints(line, hint)[30, 40], (200, 10, 20))


def test_sheet_is_a_picture(pair: Picture) -> None:
    """What comes out can be written."""
    trial = run_trial(make_case(pair, 0), 3, {"a": nearest_fill}, 0)
    assert encode_png(stack_rows([sheet_row(trial)])).startswith(b"\x89PNG")
