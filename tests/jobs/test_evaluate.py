import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from jobs.evaluate import Evaluate, main
from lineart.datasets.shards import Row, finish, write_shard
from lineart.imaging.baselines import BASELINES
from lineart.storage import Storage
from tests.conftest import DrawLine


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
def flags(folder: Path, tiny_weights: Path, tmp_path: Path) -> Evaluate:
    """Judge these pictures at a small size."""
    return Evaluate(
        pictures=str(folder),
        output=str(tmp_path / "out"),
        weights=f"{tiny_weights}",
        hints="0,5",
        network_size=64,
        sheet=2,
    )


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def read_scores(output: Path) -> list[dict[str, str]]:
    """Read the table of all scores."""
    return list(csv.DictReader((output / "scores.csv").read_text().splitlines()))


def test_everything_is_left(
    flags: Evaluate, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, summary, table and sheets stand there; the last line says how many."""
    assert main(flags) == 0
    result = last_line(capsys)
    assert (result["pictures"], result["failed"]) == (4, 0)
    out = tmp_path / "out"
    rows = read_scores(out)
    assert len(rows) == result["scores"] == 4 * (2 + 2 + len(BASELINES))
    assert {row["way"] for row in rows} == {
        tiny_weights.name,
        "white paper",
        "painted truth",
        *BASELINES,
    }
    assert all(float(row["psnr"]) > 0 for row in rows)
    assert sum(row["psnr_composed"] == "" for row in rows) == len(rows) // 4
    summary = json.loads((out / "summary.json").read_text())
    assert summary["ours"] == tiny_weights.name
    assert len(summary["weights"][tiny_weights.name]) == 64
    assert {one["set"] for one in summary["summaries"]} == {
        "film",
        "film, drawn lines",
        "film, full size",
        "source film/s",
    }
    assert "## film, drawn lines: 3" in (out / "table.md").read_text()
    for count in (0, 5):
        sheet = cv2.imread(str(out / f"sheet_{count}.png"))
        assert sheet.shape[0] % 2 == 0
    assert not (out / ".partial").exists()


def test_the_same_command_gives_the_same_scores(flags: Evaluate, tmp_path: Path) -> None:
    """Twice the same, but for the seconds; a limit changes no picture's scores."""
    tables = []
    for name, limit in (("a", None), ("b", None), ("c", 2)):
        changed = replace(flags, output=str(tmp_path / name), limit=limit, sheet=0)
        assert main(changed) == 0
        rows = read_scores(tmp_path / name)
        tables.append([{k: v for k, v in row.items() if k != "seconds"} for row in rows])
    assert tables[0] == tables[1]
    names = {row["picture"] for row in tables[2]}
    assert len(names) == 2
    assert tables[2] == [row for row in tables[0] if row["picture"] in names]


def test_two_weights(flags: Evaluate, tmp_path: Path) -> None:
    """The first are ours, the others are compared with; equal ones draw."""
    weights = f"{flags.weights},{flags.weights}"
    assert main(replace(flags, weights=weights, baselines="", hints="5", sheet=0)) == 0
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    ours, other = summary["summaries"][:2]
    assert ours["margins"] == {}
    assert other["margins"]["psnr"] == {"mean": 0, "error": 0, "number": 4, "won": 0}


def test_broken_picture_exits_3(
    flags: Evaluate, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken file among good ones is named; the others are judged."""
    broken = folder / "s/color/1.png"
    broken.write_bytes(broken.read_bytes()[:100])
    assert main(flags) == 3
    assert (result := last_line(capsys))["failed"] == 1
    assert result["pictures"] == 3
    (failure,) = json.loads((tmp_path / "out/summary.json").read_text())["failures"]
    assert failure["picture"] == "s/color/1.png"
    assert "PNG" in failure["message"]


def test_only_held_out_pictures(flags: Evaluate, folder: Path, tmp_path: Path) -> None:
    """Of a folder only those pictures are judged whose names the shards hold."""
    held_out = Storage.at(str(tmp_path / "validation"))
    image, line = ((folder / f"s/{kind}/2.png").read_bytes() for kind in ("color", "line"))
    row = Row("film/s/color/2.png", image, line, 128, 72, "0", "0", "g", "film/s", None, None)
    finish(held_out, [write_shard(held_out, 0, [row])])
    places = f"{folder},{held_out.uri}"
    assert main(replace(flags, pictures=places, only=held_out.uri, sheet=0)) == 0
    rows = read_scores(tmp_path / "out")
    assert {(row["place"], row["picture"], row["is_enlarged"]) for row in rows} == {
        ("film", "s/color/2.png", "True"),
        ("validation", "film/s/color/2.png", "True"),
    }
    assert main(replace(flags, pictures=places, only=held_out.uri, network_size=0, sheet=0)) == 0
    assert {row["is_enlarged"] for row in read_scores(tmp_path / "out")} == {"False"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pictures": "missing"}, "no folder"),
        ({"weights": "missing"}, "no weights"),
        ({"weights": ","}, "at least one"),
        ({"baselines": "nearest,magic"}, "magic"),
        ({"hints": "16,many"}, "many"),
        ({"hints": "-1"}, "must be"),
        ({"hints": ""}, "must be"),
        ({"network_size": -1}, "must be"),
        ({"limit": 0}, "must be"),
        ({"hints": "99999"}, "cannot take"),
    ],
)
def test_wrong_flags_exit_2(
    flags: Evaluate,
    changed: dict[str, object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence says what is wrong, and nothing is written."""
    assert main(replace(flags, **changed)) == 2
    assert message in capsys.readouterr().err
    assert not Path(flags.output).exists()


def test_dry_run(flags: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints the flags and does nothing."""
    assert main(replace(flags, dry_run=True)) == 0
    assert json.loads(capsys.readouterr().out)["hints"] == "0,5"
    assert not Path(flags.output).exists()
