import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from skimage import metrics

from lineart.codec import decode_color, decode_line
from lineart.datasets.shards import ShardRow, finish, write_shard
from lineart.evaluation.baselines import BASELINES
from lineart.evaluation.request import (
    ClipScoreRequest,
    ColorsRequest,
    FidHintsRequest,
    FidNoHintsRequest,
    FilmRequest,
    KeysRequest,
    KidRequest,
    RegionsRequest,
    StudyRequest,
)
from lineart.evaluation.run import run_plan
from lineart.evaluation.study import read_answers
from lineart.evaluation.true_regions import choose_regions, find_true_regions, place_hints
from lineart.evaluation.types import EvaluationPlan, EvaluationResult
from lineart.image import hash_pixels
from lineart.jobs.colorize import Colorize
from lineart.jobs.colorize import main as colorize
from lineart.jobs.evaluate import Evaluate, main, make_printer
from lineart.manifest import PARTS, append_part, read_manifest
from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.evaluation.stand_ins import save_means
from tests.film.photographs import draw_photo, save, write_weights
from tests.ray_head import Head

PLAIN = {"num_hints": (5,), "baselines": (), "num_sheet_samples": 0}
"""Colours of the networks alone, with one number of hints."""


@pytest.fixture
def folder(tmp_path: Path, draw_line: DrawLine) -> Path:
    """Four pictures, three of them with drawn lines."""
    rng = np.random.default_rng(0)
    for number in range(4):
        line = draw_line(number)
        blocks = rng.integers(0, 256, (2, 3, 3), dtype=np.uint8)
        color = cv2.resize(blocks, (128, 72), interpolation=cv2.INTER_NEAREST)
        pair = {"color": np.minimum(color, line[..., None]), "line": line}
        for kind in ("color", "line")[: 1 if number == 3 else 2]:
            path = tmp_path / "film" / "s" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), pair[kind])
    return tmp_path / "film"


@pytest.fixture
def small(folder: Path, tiny_weights: Path) -> dict[str, Any]:
    """These pictures at a small size, for any protocol."""
    return {"images": (str(folder),), "weights": (f"tiny={tiny_weights}",), "network_size": 64}


@pytest.fixture
def flags(small: dict[str, Any], tmp_path: Path) -> Evaluate:
    """Judge their colours below lines."""
    request = ColorsRequest(**small, num_hints=(0, 5), num_sheet_samples=2)
    return Evaluate(request=request, output=str(tmp_path / "out"))


def change(flags: Evaluate, **changed: object) -> Evaluate:
    """Change what is asked for."""
    return replace(flags, request=replace(flags.request, **changed))


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def read_scores(output: Path) -> list[dict[str, str]]:
    """Read the table of all scores."""
    return list(csv.DictReader((output / "scores.csv").read_text().splitlines()))


def read_summary(output: Path) -> dict[str, Any]:
    """Read what is left for programs."""
    summary: dict[str, Any] = json.loads((output / "summary.json").read_text())
    return summary


def table_of(output: Path) -> dict[tuple[str, str, str], float]:
    """Read the means: set, method and score -> mean."""
    rows = csv.DictReader((output / "table.csv").read_text().splitlines())
    return {(row["set"], row["method"], row["score"]): float(row["mean"]) for row in rows}


# Colours below lines.


def test_everything_is_left(
    flags: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, tables, sheets and page stand there; the last line says how many."""
    assert main(flags) == 0
    result = last_line(capsys)
    assert (result["judged"], result["failed"], result["missing"]) == (4, 0, [])
    out = tmp_path / "out"
    rows = read_scores(out)
    assert len(rows) == result["scores"] == 4 * (2 * 2 + 1 + 1 + len(BASELINES))
    methods = {"tiny", "tiny soft", "white paper", "painted truth", *BASELINES}
    assert {row["method"] for row in rows} == methods
    assert all(float(row["psnr"]) > 0 for row in rows)
    assert sum(row["psnr_composed"] == "" for row in rows) == len(rows) // 4
    summary = read_summary(out)
    assert summary["ours"] == "tiny soft"
    assert len(summary["weights"]["tiny"]["sha256"]) == 64
    sets = {"film", "film, drawn lines", "film, full size", "source film/s"}
    assert {one["set"] for one in summary["summaries"]} == sets
    assert "## film, drawn lines: 3" in (out / "table.md").read_text()
    for count in (0, 5):
        assert cv2.imread(str(out / f"sheet_{count}_hints.png")).shape[0] % 2 == 0
    page = (out / "report.html").read_text()
    assert page.count("<img") == 4
    assert "film, drawn lines" in page
    assert not (out / ".partial").exists()


def test_networks_are_scored_as_they_are_finished(flags: Evaluate, tmp_path: Path) -> None:
    """The finish `soft` brings colours nearer to the hints; without hints the network's stay."""
    assert main(change(flags, num_hints=(0, 5), num_sheet_samples=0, baselines=())) == 0
    rows = read_scores(tmp_path / "out")
    raw, soft = (
        {(row["picture"], row["hints"]): row for row in rows if row["method"] == method}
        for method in ("tiny", "tiny soft")
    )
    assert raw.keys() == soft.keys()
    bare = [key for key in raw if key[1] == "0"]
    assert [float(soft[key]["psnr"]) for key in bare] == pytest.approx(
        [float(raw[key]["psnr"]) for key in bare], abs=0.01
    )
    hinted = [key for key in raw if raw[key]["de_hints"]]
    assert hinted
    assert sum(float(soft[key]["de_hints"]) - float(raw[key]["de_hints"]) for key in hinted) < 0


def test_the_same_command_gives_the_same_scores(flags: Evaluate, tmp_path: Path) -> None:
    """Twice the same; a limit changes no picture's scores."""
    tables = []
    for name, limit in (("a", None), ("b", None), ("c", 2)):
        changed = change(flags, limit_per_source=limit, num_sheet_samples=0, baselines=("nearest",))
        assert main(replace(changed, output=str(tmp_path / name))) == 0
        tables.append(read_scores(tmp_path / name))
    assert tables[0] == tables[1]
    assert (tmp_path / "a/table.csv").read_text() == (tmp_path / "b/table.csv").read_text()
    names = {row["picture"] for row in tables[2]}
    assert len(names) == 2
    assert tables[2] == [row for row in tables[0] if row["picture"] in names]


def test_two_weights(flags: Evaluate, tmp_path: Path, tiny_weights: Path) -> None:
    """The first are ours, the others are compared with; equal ones draw."""
    weights = (f"new={tiny_weights}", str(tiny_weights))
    assert main(change(flags, weights=weights, **PLAIN)) == 0
    summaries = read_summary(tmp_path / "out")["summaries"]
    margins = {one["method"]: one["margins"] for one in summaries}
    assert margins["new soft"] == {}
    margin = margins[f"{tiny_weights.name} soft"]["psnr"]
    assert (margin["won"], margin["gain"]["mean"], margin["gain"]["number"]) == (0, 0, 4)


def test_broken_picture_exits_3(
    flags: Evaluate, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken file among good ones is named; the others are judged."""
    broken = folder / "s/color/1.png"
    broken.write_bytes(broken.read_bytes()[:100])
    assert main(flags) == 3
    assert (result := last_line(capsys))["failed"] == 1
    assert result["judged"] == 3
    (failure,) = read_summary(tmp_path / "out")["failures"]
    assert failure["picture"] == "film/s/color/1.png"
    assert "PNG" in failure["message"]
    assert "film/s/color/1.png" in (tmp_path / "out/report.html").read_text()


def test_only_held_out_pictures(flags: Evaluate, folder: Path, tmp_path: Path) -> None:
    """Of a folder only those pictures are judged that the shards hold."""
    held_out = Storage.at(str(tmp_path / "validation"))
    image, line = ((folder / f"s/{kind}/2.png").read_bytes() for kind in ("color", "line"))
    name, own = "film/s/color/2.png", hash_pixels(decode_color(image))
    row = ShardRow(name, image, line, 128, 72, own, "0", "g", "film/s", None, None)
    finish(held_out, [write_shard(held_out, 0, [row])])
    images = (str(folder), held_out.uri)
    chosen = change(flags, images=images, held_out=held_out.uri, num_sheet_samples=0)
    assert main(chosen) == 0
    names = {row["picture"] for row in read_scores(tmp_path / "out")}
    assert names == {"film/s/color/2.png", "validation/film/s/color/2.png"}


def test_missing_lpips_leaves_the_others(
    flags: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says why a score is left out; the others are there, and the status tells."""
    chosen = change(flags, lpips="alex=missing.pth", **PLAIN)
    assert main(chosen) == 3
    told = capsys.readouterr()
    assert "evaluate: LPIPS is left out: missing.pth is not there" in told.err
    assert json.loads(told.out.splitlines()[-1])["missing"] == ["LPIPS"]
    assert {name for _, _, name in table_of(tmp_path / "out")} >= {"psnr", "ssim", "leakage"}
    assert "Without LPIPS" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": ("missing",)}, "no folder"),
        ({"images": ()}, "at least one address in --images"),
        ({"weights": ("missing",)}, "no weights"),
        ({"weights": ()}, "at least one"),
        ({"num_hints": (-1,)}, "--num-hints (-1,) must be"),
        ({"num_hints": ()}, "must be"),
        ({"network_size": -1}, "--network-size -1 must be 0 or more"),
        ({"limit_per_source": 0}, "--limit-per-source 0 must be 1 or more"),
        ({"ray_workers": 0}, "--ray-workers 0 must be 1 or more"),
        ({"group": "("}, "no pattern"),
        ({"num_hints": (99999,)}, "cannot take"),
        ({"weights": ("levin=default",)}, "cannot be called 'levin'"),
    ],
)
def test_wrong_flags_exit_2(
    flags: Evaluate,
    changed: dict[str, object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence says what is wrong, and nothing is written."""
    assert main(change(flags, **changed)) == 2
    assert message in capsys.readouterr().err
    assert not Path(flags.output).exists()


def test_output_and_weights_lie_apart(
    flags: Evaluate, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page overwrites none of a training, which has its weights below its folder."""
    shutil.copytree(tiny_weights, tmp_path / "run/weights")
    (tmp_path / "run/report.html").write_text("of the training")
    weights = (f"mine={tmp_path / 'run/weights'}",)
    assert main(change(replace(flags, output=str(tmp_path / "run")), weights=weights)) == 2
    assert f"and --weights {tmp_path / 'run/weights'} lie in one another" in capsys.readouterr().err
    assert (tmp_path / "run/report.html").read_text() == "of the training"


@pytest.mark.parametrize("place", ["film", "film/scores", "."])
def test_output_and_inputs_lie_apart(
    flags: Evaluate, tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page overwrites none of an input, and contact sheets are no pictures of the next run."""
    before = sorted(tmp_path.rglob("*"))
    assert main(replace(flags, output=str(tmp_path / place))) == 2
    told = capsys.readouterr().err
    assert f"and --images {tmp_path / 'film'} lie in one another; keep them apart" in told
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("request_", "flag"),
    [
        (FilmRequest(film="color", lines="lines"), "--film"),
        (FilmRequest(film="other", lines="color"), "--lines"),
        (KeysRequest(sequences=("other", "color")), "--sequences"),
        (StudyRequest(study="color", answers=("answers",)), "--study"),
        (StudyRequest(study="other", answers=("color/answers.json",)), "--answers"),
        (KidRequest(images=("other",), targets=("color",)), "--targets"),
        (ColorsRequest(images=("other",), held_out="color"), "--held-out"),
    ],
)
def test_each_input_lies_apart(
    request_: Any,
    flag: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No protocol writes into what it reads."""
    monkeypatch.chdir(tmp_path)
    assert main(Evaluate(request=request_, output="color")) == 2
    assert f" and {flag} {tmp_path / 'color'}" in capsys.readouterr().err


def test_relative_addresses_are_those_of_the_caller(
    flags: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever judges may work in another folder: addresses do not depend on it."""
    monkeypatch.chdir(tmp_path)
    near = change(flags, images=("film",), **PLAIN)

    def run_elsewhere(plan: EvaluationPlan, *arguments: Any) -> EvaluationResult:
        monkeypatch.chdir("/")
        assert plan.session is not None
        plan.session.close()
        return run_plan(plan, *arguments)

    monkeypatch.setattr("lineart.evaluation.run.run_plan", run_elsewhere)
    assert main(near) == 0
    assert len(read_scores(tmp_path / "out")) == 4 * 3


def test_remarks_are_printed_and_stand_in_the_table(
    flags: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing, and what else to mind, is told where the numbers are."""
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"no weights")
    assert main(change(flags, lpips=f"alex={broken}", **PLAIN)) == 3
    told, table = capsys.readouterr().err, (tmp_path / "out/table.md").read_text()
    for remark in (
        f"LPIPS is left out: {broken} does not hold torchvision's alex: ",
        "means of fewer than 5 pictures, or groups of them (in a film: shots), have no interval",
    ):
        assert f"evaluate: {remark}" in told
        assert f"\n- {remark}" in table


def test_progress_leaves_out_the_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds each count from the first unit on: before it processes start."""
    clock = iter((0.0, 100.0, 100.0, 104.0, 104.0))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    tell = make_printer()
    for number in (1, 3):
        tell(EvaluationResult(num_units=number), 3)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 3 judged, 0 failed",
        "3 of 3 judged, 0 failed, 2.00 s each",
    ]


def test_dry_run(flags: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints the flags and does nothing."""
    assert main(replace(flags, dry_run=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["protocol"], told["request"]["num_hints"]) == ("colors", [0, 5])
    assert not Path(flags.output).exists()


# Regions.


@pytest.fixture
def cels(tmp_path: Path) -> Path:
    """Six pairs: boxes of other colours on white paper, each closed by a line."""
    for number in range(6):
        line, color = np.full((120, 160), 255, np.uint8), np.full((120, 160, 3), 255, np.uint8)
        for box in range(3):
            left = 10 + 50 * box
            color[30 : 90 - 10 * box, left : left + 40] = (40 * number, 60 * box + 30, 200)
            cv2.rectangle(line, (left, 30), (left + 40, 90 - 10 * box), 0, 3)
        for kind, picture in (("color", np.minimum(color, line[..., None])), ("line", line)):
            path = tmp_path / "cels" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    return tmp_path / "cels"


def test_regions(cels: Path, tiny_weights: Path, tmp_path: Path) -> None:
    """With a hint in each closed region paint and watershed are right; areas are by trapezoids."""
    asked = RegionsRequest(
        images=(str(cels),),
        weights=(f"tiny={tiny_weights}",),
        network_size=64,
        shares=(0, 50, 100),
        num_sheet_samples=1,
    )
    out = tmp_path / "out"
    assert main(Evaluate(request=asked, output=str(out))) == 0
    methods = ["tiny", "tiny soft", "tiny paint", "watershed", "levin", "nearest"]
    rows = read_scores(out)
    assert len(rows) == 6 * len(methods) * (3 + 1)
    assert [row["method"] for row in rows[: len(methods)]] == methods
    by = {(row["picture"], row["method"], row["hints"]): row for row in rows}
    for method in ("tiny soft", "tiny paint", "watershed"):
        full = by["cels/color/3.png", method, "100"]
        assert [float(full[name]) for name in ("acc_closed", "acc", "pix_f_acc")] == [1, 1, 1]
        assert full["acc_unhinted"] == ""
    # Two of four regions have a hint, the paper and the highest box; the colours stay apart.
    half = by["cels/color/3.png", "tiny paint", "50"]
    assert float(half["acc_hinted"]) == 1
    assert float(half["flatness"]) == 0
    assert float(by["cels/color/3.png", "tiny", "0"]["acc"]) < 1
    area = by["cels/color/3.png", "tiny paint", ""]
    curve = [
        float(by["cels/color/3.png", "tiny paint", str(n)]["psnr_composed"]) for n in (0, 50, 100)
    ]
    assert float(area["psnr_auc"]) == pytest.approx(
        (curve[0] + 2 * curve[1] + curve[2]) / 4, abs=1e-4
    )
    assert area["psnr_composed"] == ""
    summary = read_summary(out)
    assert summary["ours"] == "tiny paint"
    margins = {one["method"]: one["margins"] for one in summary["summaries"] if one["hints"] == 100}
    assert margins["nearest"]["psnr_composed"]["gain"]["low"] > 0
    table = (out / "table.md").read_text()
    assert "| hints, % | method | PSNR composed | SSIM composed | Acc hinted |" in table
    assert "## cels, Hint-AUC: 6" in table
    assert "Hints, %" in (out / "report.html").read_text()
    assert (out / "sheet_50_of_the_regions.png").exists()


def test_regions_scores_what_the_film_makes(cels: Path, tiny_weights: Path, tmp_path: Path) -> None:
    """PSNR of each finish is that of the frame of `lineart colorize` for line and hints."""
    asked = RegionsRequest(
        images=(str(cels),),
        weights=(f"tiny={tiny_weights}",),
        network_size=64,
        shares=(0, 50, 100),
        limit_per_source=1,
        num_sheet_samples=0,
        baselines=(),
    )
    assert main(Evaluate(request=asked, output=str(tmp_path / "out"))) == 0
    rows = {row["method"]: row for row in read_scores(tmp_path / "out") if row["hints"] == "50"}
    files = [(cels / kind / "0.png").read_bytes() for kind in ("color", "line")]
    truth = find_true_regions(decode_color(files[0]), decode_line(files[1]))
    hint = place_hints(truth, choose_regions(truth, 50))
    (tmp_path / "hints").mkdir()
    assert cv2.imwrite(str(tmp_path / "hints/0.png"), cv2.cvtColor(hint, cv2.COLOR_RGBA2BGRA))
    for name in ("soft", "paint"):
        made = Colorize(
            lines=str(cels / "line"),
            hints=str(tmp_path / "hints"),
            output=str(tmp_path / name),
            weights=str(tiny_weights),
            network_size=64,
            finish=name,  # type: ignore[arg-type]
        )
        assert colorize(made) == 0
        frame = decode_color((tmp_path / name / "frames/0.png").read_bytes())
        expected = metrics.peak_signal_noise_ratio(decode_color(files[0]), frame)
        assert float(rows[f"tiny {name}"]["psnr_composed"]) == pytest.approx(expected, abs=1e-4)


def test_regions_names_what_it_cannot_score(
    cels: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures without lines or without flat colours are failures; wrong shares are refused."""
    (cels / "line/0.png").unlink()
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert cv2.imwrite(str(cels / "color/1.png"), noise)
    asked = RegionsRequest(
        images=(str(cels),),
        weights=(str(tiny_weights),),
        network_size=64,
        shares=(0, 100),
        order="random",
        baselines=(),
        num_sheet_samples=0,
    )
    out = tmp_path / "out"
    assert main(Evaluate(request=asked, output=str(out))) == 3
    failures = {one["picture"]: one["message"] for one in read_summary(out)["failures"]}
    assert "it has no drawn lines" in failures["cels/color/0.png"]
    assert "no area of one colour" in failures["cels/color/1.png"]
    assert len({row["picture"] for row in read_scores(out)}) == 4
    capsys.readouterr()
    for shares in ((), (0,), (5, 100), (0, 50), (0, 50, 50, 100), (0, 70, 60, 100)):
        wrong = replace(asked, shares=shares)
        assert main(Evaluate(request=wrong, output=str(tmp_path / "new"))) == 2
        assert "must be numbers that rise from 0 to 100" in capsys.readouterr().err
    twice = (f"a={tiny_weights}", f"a paint={tiny_weights}")
    assert main(Evaluate(request=replace(asked, weights=twice), output=str(tmp_path / "new"))) == 2
    assert "weights cannot be called 'a paint'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


# The papers' protocols.


@pytest.fixture(scope="session")
def means(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a TorchScript file of features."""
    return save_means(tmp_path_factory.mktemp("features"))


def test_paper_001(small: dict[str, Any], folder: Path, means: Path, tmp_path: Path) -> None:
    """Drawn and extracted lines stand apart; only large pictures have PSNR and SSIM."""
    large = cv2.resize(cv2.imread(str(folder / "s/color/3.png")), (256, 144))
    assert cv2.imwrite(str(folder / "s/color/large.png"), large)
    asked = FidNoHintsRequest(**small, full_size=100, fid_features=str(means))
    out = tmp_path / "out"
    assert main(Evaluate(request=asked, output=str(out))) == 0
    table = table_of(out)
    assert {name for name, _, _ in table} == {"film, XDoG lines", "film, drawn lines"}
    assert {method for _, method, _ in table} == {"tiny", "white paper"}
    assert table["film, drawn lines", "tiny", "frechet_means.pt"] > 0
    assert ("film, drawn lines", "tiny", "psnr_full") not in table
    (scored,) = [row for row in read_scores(out) if row["psnr_full"] and row["method"] == "tiny"]
    assert scored["picture"] == "film/s/color/large.png"
    summary = read_summary(out)
    notes = dict(summary["notes"])
    assert notes["short side below 100 px: without PSNR and SSIM"] == 4
    assert any("below 2,048" in note for note in notes)
    assert "Frechet distance on means.pt" in (out / "table.md").read_text()
    assert "FID" not in (out / "table.md").read_text()


def test_paper_001_at_full_size_is_what_the_film_makes(
    small: dict[str, Any], folder: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    """PSNR and SSIM are those of the frame of `lineart colorize --lines-as paper` for the line."""
    lines, color, out = folder / "s/line", tmp_path / "color", tmp_path / "out"
    made = Colorize(
        lines=str(lines),
        output=str(color),
        weights=str(tiny_weights),
        network_size=64,
        lines_as="paper",
    )
    assert colorize(made) == 0
    asked = FidNoHintsRequest(**small, fid_features="none", full_size=72, num_sheet_samples=0)
    assert main(Evaluate(request=asked, output=str(out))) == 3
    rows = {row["picture"]: row for row in read_scores(out) if row["method"] == "tiny"}
    for number in range(3):
        truth = decode_color((folder / f"s/color/{number}.png").read_bytes())
        frame = decode_color((color / f"frames/{number}.png").read_bytes())
        row = rows[f"film/s/color/{number}.png"]
        expected = metrics.peak_signal_noise_ratio(truth, frame)
        assert float(row["psnr_full"]) == pytest.approx(expected, abs=1e-4)
        expected = metrics.structural_similarity(frame, truth, channel_axis=2)
        assert float(row["ssim_full"]) == pytest.approx(expected, abs=1e-4)


def test_paper_002(small: dict[str, Any], tmp_path: Path, means: Path) -> None:
    """Networks side by side, the concatenating U-Net among them, and every baseline."""
    concat = write_weights(tmp_path / "concat", "concat_unet", width=2)
    small["weights"] += (str(concat),)
    asked = FidHintsRequest(**small, fid_features=str(means))
    assert main(Evaluate(request=asked, output=str(tmp_path / "out"))) == 0
    table = table_of(tmp_path / "out")
    assert {method for _, method, _ in table} == {"tiny", "concat", *BASELINES}
    drawn = {
        method: value
        for (name, method, score), value in table.items()
        if (name, score) == ("film, drawn lines", "frechet_means.pt")
    }
    assert len(drawn) == 6
    assert table["film, drawn lines", "nearest", "de_hints"] < 1
    models = {
        method: one["model"] for method, one in read_summary(tmp_path / "out")["weights"].items()
    }
    assert models == {"tiny": "additive_unet", "concat": "concat_unet"}


@pytest.mark.parametrize(
    ("features", "name", "reason"),
    [
        ("inception", "FID", "torch-fidelity's release"),
        ("squeezenet1_0=no.pth", "Frechet distance on squeezenet1_0", "no.pth is no file"),
    ],
)
def test_without_features_the_others_are_computed(
    features: str,
    name: str,
    reason: str,
    small: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The distance is missing by its own name, with what is wrong; nothing is downloaded."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    asked = FidHintsRequest(**small, limit_per_source=1, baselines=(), fid_features=features)
    assert main(Evaluate(request=asked, output=str(tmp_path / "out"))) == 3
    told = capsys.readouterr()
    assert f"evaluate: {name} is left out: " in told.err
    assert reason in told.err
    assert {score for _, _, score in table_of(tmp_path / "out")} == {"de_hints", "leakage"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photographs of two classes."""
    for number in range(8):
        kind = ("cat", "red_house")[number % 2]
        save(tmp_path / f"photos/{kind}/{number}.png", draw_photo(number))
    return tmp_path / "photos"


def test_paper_000(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photograph is asked for the class of its folder, or of the file, in every way."""
    asked: list[tuple[str, ...]] = []

    def load(choice: str, prompts: tuple[str, ...]) -> object:
        asked.append((choice, *prompts))
        return lambda picture: np.array([picture.mean() / 255, 1 - picture.mean() / 255])

    monkeypatch.setattr("lineart.evaluation.translation.load_clip", load)
    weights = [write_weights(tmp_path / name, "line_drawing", width=2, blocks=1) for name in "ab"]
    named = (f"with={weights[0]}", f"without={weights[1]}")
    request = ClipScoreRequest(images=(str(photos),), weights=named, network_size=64)
    out = tmp_path / "out"
    assert main(Evaluate(request=request, output=str(out))) == 0
    usual = "ViT-B-32-quickgelu=openai"
    assert set(asked) == {(usual, "a drawing of cat", "a drawing of red house")}
    table = table_of(out)
    assert {method for _, method, _ in table} == {"with", "without", "photograph"}
    grey = [draw_photo(number).mean() / 255 for number in range(8)]
    expected = np.mean([1 - value if number % 2 else value for number, value in enumerate(grey)])
    assert table["photos", "photograph", "clip"] == pytest.approx(expected, abs=0.01)
    assert table["photos", "with", "clip"] == pytest.approx(table["photos", "without", "clip"])
    classes = tmp_path / "classes.json"
    classes.write_text(json.dumps({f"{number}": f"c{number // 4}" for number in range(8)}))
    chosen = replace(request, classes=str(classes), prompt="{}, sketched")
    assert main(Evaluate(request=chosen, output=str(out))) == 0
    assert asked[-1] == (usual, "c0, sketched", "c1, sketched")
    assert table_of(out)["photos", "photograph", "clip"] != pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "no score is left: the weights openai of ViT-B-32-quickgelu are in no cache"),
        ({"weights": ("default",)}, "colour line drawings"),
        ({"network_size": 0}, "--network-size 0 must be 1 or more"),
        ({"prompt": "a drawing"}, "needs {} where the class stands"),
        ({"classes": "{one}"}, "all photographs are of one class"),
        ({"classes": "{few}"}, "does not name red_house/1.png"),
        ({"classes": "{broken}"}, "is no JSON"),
        ({"classes": "{list}"}, "must be an object"),
    ],
)
def test_paper_000_says_what_is_wrong(
    photos: Path,
    tmp_path: Path,
    changed: dict[str, Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence; nothing is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    texts = {
        "one": json.dumps({f"{number}": "same" for number in range(8)}),
        "few": json.dumps({"0.png": "cat", "2": "cat", "cat/4.png": "cat", "cat/6": "cat"}),
        "broken": "{",
        "list": "[]",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    known = {name: str(tmp_path / name) for name in texts}
    filled = {k: v.format(**known) if k == "classes" else v for k, v in changed.items()}
    weights = write_weights(tmp_path / "w", "line_drawing", width=2, blocks=1)
    request = ClipScoreRequest(images=(str(photos),), weights=(str(weights),))
    out = tmp_path / "out"
    assert main(Evaluate(request=replace(request, **filled), output=str(out))) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_paper_004(photos: Path, means: Path, tmp_path: Path) -> None:
    """Translated photographs against pictures of the style; photographs equal to it are nearest."""
    for number in range(8):
        save(tmp_path / f"style/{number}.png", draw_photo(number))
    weights = write_weights(tmp_path / "w", "line_drawing", width=2, blocks=1)
    request = KidRequest(
        images=(str(photos),),
        targets=(str(tmp_path / "style"),),
        weights=(f"ours={weights}",),
        fid_features=str(means),
        network_size=64,
    )
    out = tmp_path / "out"
    assert main(Evaluate(request=request, output=str(out))) == 0
    table = table_of(out)
    for score in ("kernel_means.pt", "frechet_means.pt"):
        photograph = table["source to target", "photograph", score]
        assert photograph < table["source to target", "ours", score]
    assert "kernel distance x 100 on means.pt" in (out / "table.md").read_text()


# A film.


def fail(film: Storage, frame: str) -> None:
    """Let a frame have failed."""
    rows = read_manifest(film)
    (row,) = [one for one in rows.to_pylist() if one["frame"] == frame]
    failed = row | {"status": "failed", "output": None}
    append_part(film, pa.Table.from_pylist([failed], rows.schema))


def test_film(
    folder: Path,
    tiny_weights: Path,
    tmp_path: Path,
    draw_line: DrawLine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A film on twos: half is held; a flash of one frame is flicker, and shots stand apart."""
    lines, color, out = tmp_path / "lines", tmp_path / "color", tmp_path / "out"
    for number in range(6):
        line = draw_line(1, 128, 192)
        cv2.circle(line, (20 + 30 * (number // 2), 64), 9, 0, 2)
        for shot in ("still", "flash"):
            (lines / shot).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(lines / shot / f"{number}.png"), line)
    made = Colorize(lines=str(lines), output=str(color), weights=str(tiny_weights), network_size=64)
    assert colorize(made) == 0
    path = color / "frames/flash/2.png"
    frame = cv2.imread(str(path))
    assert cv2.imwrite(str(path), (frame.astype(int) + 40).clip(0, 255).astype(np.uint8))
    request = FilmRequest(film=str(color), lines=str(lines))
    assert main(Evaluate(request=request, output=str(out))) == 0
    assert last_line(capsys)["judged"] == 12
    table = table_of(out)
    # The two shots have the same three drawings: one is made, eleven frames take its colours.
    assert table["color", "color", "held"] == pytest.approx(9 / 12)
    assert table["shot flash", "color", "flicker"] > table["shot still", "color", "flicker"] + 5
    rows = read_scores(out)
    assert len(rows) == 12
    assert sum(row["flicker"] != "" for row in rows) == 4
    assert not any("failed" in note for note in read_summary(out)["notes"])
    # What colorize could not make is told.
    fail(Storage.at(str(color)), "still/0.png")
    assert main(Evaluate(request=request, output=str(out))) == 0
    assert "1 of 12 frames failed and was not scored" in read_summary(out)["notes"]
    fail(Storage.at(str(color)), "still/1.png")
    assert main(Evaluate(request=request, output=str(out))) == 0
    assert "- 2 of 12 frames failed and were not scored" in (out / "table.md").read_text()
    shutil.rmtree(color / PARTS)
    # What is gone or of another size is a failure; the others are judged.
    (color / "frames/still/4.png").unlink()
    shutil.copy(folder / "s/color/0.png", color / "frames/flash/2.png")
    assert main(Evaluate(request=request, output=str(out))) == 3
    failures = {one["picture"]: one["message"] for one in read_summary(out)["failures"]}
    assert failures.keys() == {"still/4.png", "flash/2.png"}
    assert "made of another drawing" in failures["flash/2.png"]
    assert len(read_scores(out)) == 10
    other = replace(request, lines=str(folder))
    assert main(Evaluate(request=other, output=str(out))) == 2
    assert "no coloured frame of the drawings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lines": "missing"}, "no folder"),
        ({"film": "missing"}, "no folder"),
        ({"ray_workers": 0}, "--ray-workers 0 must be 1 or more"),
        ({}, "color has no manifest; give the output of lineart colorize"),
    ],
)
def test_film_says_what_is_wrong(
    folder: Path,
    tmp_path: Path,
    changed: dict[str, object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence; nothing is written."""
    (tmp_path / "color").mkdir()
    request = FilmRequest(film=str(tmp_path / "color"), lines=str(folder))
    out = tmp_path / "out"
    assert main(Evaluate(request=replace(request, **changed), output=str(out))) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


# On Ray.


def test_the_same_numbers_on_ray(
    small: dict[str, Any],
    means: Path,
    tmp_path: Path,
    joined_ray: Head,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Alone and on a cluster all tables are equal to the last digit."""
    asked = FidHintsRequest(**small, fid_features=str(means), baselines=("nearest",))
    outs = [tmp_path / "ray", tmp_path / "alone"]
    assert joined_ray.address
    for out in outs:
        assert main(Evaluate(request=asked, output=str(out))) == 0
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for name in ("scores.csv", "table.csv", "table.md"):
        assert (outs[0] / name).read_text() == (outs[1] / name).read_text()


# A study.


def test_answers_of_one_name_in_two_folders_count_both(tmp_path: Path) -> None:
    """Every participant's browser calls the file alike."""
    for person in ("anna", "ben"):
        (tmp_path / person).mkdir()
        (tmp_path / person / "answers.json").write_text(person)
    found = dict(read_answers((str(tmp_path / "anna"), f"{tmp_path / 'ben'}/")))
    assert sorted(found.values()) == [b"anna", b"ben"]


@pytest.fixture
def study(tmp_path: Path) -> dict[str, object]:
    """A study of two pairs; the second set is picture b of the one and a of the other."""
    pairs = [
        {"id": "p0", "name": "0.png", "a": "first", "b": "second"},
        {"id": "p1", "name": "1.png", "a": "second", "b": "first"},
    ]
    told = {"format": "lineart study 1", "first": "A", "second": "B", "question": "Q?"}
    told |= {"pairs": pairs}  # type: ignore[dict-item]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.json").write_text(json.dumps(told | {"id": digest[:16]}))
    return told | {"id": digest[:16]}


def answer(study: dict[str, object], picture: str) -> dict[str, object]:
    """Choose one picture of the first pair."""
    side = {"a": "left", "b": "right"}[picture]
    return {
        "format": "lineart answers 1",
        "study": study["id"],
        "participant": "0" * 32,
        "answers": [{"pair": "p0", "chosen": side, "left": "a", "picture": picture, "ms": 900}],
    }


def test_study(
    study: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers of the study count, by file or by folder; others are refused by name."""
    given = tmp_path / "study/answers.json"
    given.write_text(json.dumps(answer(study, "b")))
    request = StudyRequest(study=str(tmp_path / "study"), answers=(str(given),))
    flags = Evaluate(request=request, output=str(tmp_path / "out"))
    assert main(flags) == 0
    told = json.loads((tmp_path / "out/summary.json").read_text())
    assert (told["preferred"]["share"], told["preferred"]["number"]) == (1, 1)
    assert "p0" in (tmp_path / "out/answers.csv").read_text()
    (tmp_path / "study/strange.json").write_text(json.dumps(answer({"id": "other"}, "a")))
    assert main(change(flags, answers=(str(tmp_path / "study"),))) == 3
    shown = capsys.readouterr()
    assert "strange.json does not count: these are answers to the study 'other'" in shown.err
    assert json.loads(shown.out.splitlines()[-1])["judged"] == 1


@pytest.mark.parametrize(
    ("answers", "message"),
    [(None, "at least one file or folder"), ("missing.json", "missing.json"), (".", "no answers")],
)
def test_study_says_what_is_wrong(
    study: dict[str, object],
    tmp_path: Path,
    answers: str | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without answers nothing is written."""
    assert study["id"]
    folder = tmp_path / "study"
    where = (str(folder / answers),) if answers else ()
    request = StudyRequest(study=str(folder), answers=where)
    flags = Evaluate(request=request, output=str(tmp_path / "out"))
    assert main(flags) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
