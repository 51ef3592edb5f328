"""The job itself, on Ray, in folders and in a bucket."""

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro
from pyarrow import parquet

from jobs.prepare_data import DONE, WRONG_INPUT, PrepareData, main
from lineart.datasets.pages import Offer, list_pages
from lineart.datasets.preparation import Settings, prepare
from lineart.datasets.runners import OnRay, alone
from lineart.datasets.selection import Filter
from lineart.datasets.shards import Shards
from lineart.storage import Storage
from tests.datasets.paintings import paint, save

SMALL = Filter(min_short_side=30)


@pytest.fixture(scope="module")
def ray(s3: Path, ray_resources: dict[str, float]) -> dict[str, float]:
    """Start the S3 server, then Ray: its workers get the environment that names the server."""
    assert s3.is_dir()
    return ray_resources


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Take back what the job does to a signal."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def draw_images(folder: Path) -> None:
    """Fill a folder: characters, pairs, a page with boxes, a broken file, and a provenance."""
    for seed in range(24):
        save(folder / f"cast/who{seed // 3}_{seed % 3}.png", paint(seed))
    for seed in range(30, 34):
        save(folder / f"pairs/color/{seed}.png", paint(seed))
        save(folder / f"pairs/line/{seed}.png", paint(seed)[..., 0])
    save(folder / "comic/page.png", np.hstack((paint(40), paint(41))))
    save(folder / "comic/twice.png", paint(5))
    save(folder / "bought.png", paint(42))
    (folder / "broken.webp").write_bytes(b"RIFF no")
    (folder / "boxes.json").write_text('{"page.png": [[0, 0, 50, 60], [50, 0, 100, 60]]}')
    with (folder / "provenance.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("file", "licence", "author", "more"))
        for file in sorted(folder.rglob("*.*")):
            licence = "all rights reserved" if "bought" in file.name else "CC0-1.0"
            rows.writerow((file.relative_to(folder).as_posix(), licence, "me", ""))


def flags(images: object, output: object, **more: Any) -> PrepareData:
    """Give flags for small pictures."""
    return PrepareData(images=f"{images}", output=f"{output}", bounds=SMALL, **more)


def read_all(output: Storage) -> dict[str, set[str]]:
    """Give the names on each side, after decoding every picture."""
    names = {}
    for side in ("train", "validation"):
        shards = Shards(output.child(side))
        for index, name in enumerate(shards.names):
            picture = shards.read(index)
            assert picture.color.shape == (60, 50, 3)
            assert (picture.line is not None) == ("color/" in name)
        names[side] = set(shards.names)
    return names


@pytest.mark.usefixtures("ray")
def test_a_bucket_becomes_shards(bucket: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From S3 to S3: taken or refused, groups whole, licences kept; again, the same bytes."""
    draw_images(bucket / "art")
    images, output = f"s3://{bucket.name}/art", f"s3://{bucket.name}/out"
    chosen = flags(
        images,
        output,
        boxes=f"{images}/boxes.json",
        group=r"who\d+",
        licence="^CC0",
        validation=0.4,
    )
    assert main(chosen) == DONE
    told = capsys.readouterr()
    summary = json.loads(told.out.splitlines()[-1])
    storage = Storage.at(output)
    names = read_all(storage)
    assert summary["refused"] == {"duplicate": 1, "licence": 1, "unreadable": 1}
    assert {side: summary[side] for side in names} == {s: len(n) for s, n in names.items()}
    assert summary["pictures"] == 24 + 4 + 2 + 3 == summary["train"] + summary["validation"] + 3
    assert not names["train"] & names["validation"]
    assert names["train"] | names["validation"] >= {"comic/page.png#0", "comic/page.png#1"}
    groups = [{name[:9] for name in side if "who" in name} for side in names.values()]
    assert not groups[0] & groups[1]
    assert groups[0]
    assert groups[1]
    record = json.loads(storage.read("summary.json"))
    assert record["flags"]["group"] == r"who\d+"
    assert record["flags"]["bounds"]["min_short_side"] == 30
    refused = parquet.read_table(storage.open_file("refused.parquet")).to_pylist()
    assert [row["name"] for row in refused] == ["bought.png", "broken.webp", "comic/twice.png"]
    before = {entry.path: storage.read(entry.path) for entry in storage.entries()}
    assert main(chosen) == DONE
    after = {entry.path: storage.read(entry.path) for entry in storage.entries()}
    del before["summary.json"], after["summary.json"]
    assert before == after


def test_ray_and_one_process_make_the_same_bytes(tmp_path: Path, ray: dict[str, float]) -> None:
    """Whoever does the work, and however many, the shards are the same."""
    draw_images(tmp_path / "art")
    images = Storage.at(str(tmp_path / "art"))
    pages = list_pages(images, Offer())
    chosen = Settings(bounds=SMALL, validation=0.3, shard_bytes=5_000)
    found = []
    for number, run in enumerate((alone, OnRay(ray), OnRay({"CPU": 9.0}))):
        output = Storage.at(str(tmp_path / f"out{number}"))
        prepare(images, output, pages, chosen, run, tell=lambda *_: None)
        found.append({entry.path: output.read(entry.path) for entry in output.entries()})
    assert found[0] == found[1] == found[2]
    assert len([path for path in found[0] if path.startswith("train/")]) > 3


@pytest.mark.usefixtures("ray")
def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    """Other pictures make another set: nothing of the first is left, in folders, shrunk."""
    for name in ("a", "b"):
        for seed in range(5):
            save(tmp_path / f"{name}/{name}{seed}.png", paint(ord(name) + seed, 120, 100))
        chosen = flags(tmp_path / name, tmp_path / "out", short_side=50, validation=0.5)
        assert main(chosen) == DONE
    names = read_all(Storage.at(str(tmp_path / "out")))
    assert names["train"] | names["validation"] == {f"b{seed}.png" for seed in range(5)}
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"train", "validation", "refused.parquet", "summary.json"}
    files = [path.name for path in (tmp_path / "out/train").iterdir()]
    assert len(files) == 2


@pytest.mark.usefixtures("ray")
def test_nothing_taken_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence says the most frequent reason and where to look."""
    save(tmp_path / "in/1.png", paint(1))
    assert main(PrepareData(images=f"{tmp_path}/in", output=f"{tmp_path}/out")) == WRONG_INPUT
    said = capsys.readouterr().err.splitlines()[-1]
    assert "none of 1 pictures is taken" in said
    assert "refused.parquet says why" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": "nowhere"}, "there is no folder"),
        ({"output": "art/out"}, "must be apart"),
        ({"output": "."}, "must be apart"),
        ({"include": ("nothing",)}, "holds no pictures"),
        ({"exclude": ("(",)}, "is no regular expression"),
        ({"group": "["}, "is no regular expression"),
        ({"licence": "CC0"}, "--licence needs licences"),
        ({"provenance": "none.csv"}, "none.csv"),
        ({"boxes": "art/1.png"}, "boxes are"),
        ({"validation": 1.0}, "--validation is a share"),
        ({"duplicate_distance": 17}, "--duplicate-distance is"),
        ({"quality": 0}, "--quality is 1 to 100"),
        ({"images": "ftp://x"}, "only folders and s3"),
    ],
)
def test_wrong_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    sentence: str,
) -> None:
    """Nothing starts and nothing is written; the status is 2."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "art/1.png", paint(1))
    assert main(PrepareData(**({"images": "art", "output": "out"} | change))) == WRONG_INPUT
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every threshold is a flag of its own; the configuration is on the screen."""
    line = ["--images", "x", "--output", f"{tmp_path}/out", "--dry-run", "--max-hue", "0.5"]
    assert main(tyro.cli(PrepareData, args=line)) == DONE
    assert json.loads(capsys.readouterr().out)["bounds"]["max_hue"] == 0.5
    assert not (tmp_path / "out").exists()
