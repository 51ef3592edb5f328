"""The job itself, on Ray, in folders and in a bucket."""

import csv
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyarrow import parquet

from lineart.datasets.filter_bounds import BOUNDS, Filter, FilterBounds
from lineart.datasets.items import Query, list_items
from lineart.datasets.preparation import SIDES, PreparationSettings, prepare
from lineart.datasets.shards import Shards
from lineart.datasets.steps import Shrinking, Transform
from lineart.jobs.command import ALL_DONE, WRONG_INPUT, parse
from lineart.jobs.prepare_data import (
    ColorizationData,
    DrawingData,
    PrepareData,
    StylizationData,
    main,
    prepare_set,
    read_sets,
)
from lineart.runtime.cluster import start_ray, stop_ray
from lineart.runtime.executor import Executor, LocalExecutor, RayExecutor
from lineart.storage import Storage
from tests.datasets.paintings import paint, save
from tests.datasets.test_depth import save_mean
from tests.imaging.samples.test_faces import FACES, YUNET, needs_yunet

SMALL = Filter(min_short_side=30)


@pytest.fixture(scope="module")
def ray(s3: Path) -> Iterator[dict[str, float]]:
    """Start the S3 server, then Ray: its workers get the environment that names the server.

    Ray is told of a GPU, so that networks ask for it; whether there is one does not matter here.
    """
    import ray as library

    assert s3.is_dir()
    library.init(num_gpus=1, include_dashboard=False, logging_level=logging.ERROR)
    yield start_ray()
    stop_ray()


@pytest.fixture(autouse=True)
def stops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Leave Ray running between tests; count how often the job stops it."""
    stopped: list[str] = []
    monkeypatch.setattr("lineart.runtime.cluster.stop_ray", lambda: stopped.append("stopped"))
    return stopped


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
    given = {"task": ColorizationData(), "bounds": FilterBounds(min_short_side=30)} | more
    return PrepareData(images=f"{images}", output=f"{output}", **given)


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


@pytest.mark.parametrize(
    ("pictures", "more", "sides", "is_told"),
    [
        (2, {}, (1, 1), False),
        (2, {"group": "^"}, (2, 0), True),
        (1, {}, (1, 0), True),
        (1, {"validation": 0.0}, (1, 0), False),
    ],
)
def test_validation_has_a_picture_or_it_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    pictures: int,
    more: dict[str, Any],
    sides: tuple[int, int],
    is_told: bool,
) -> None:
    """However few pictures there are, one is for validation, unless all belong together."""
    for seed in range(pictures):
        save(tmp_path / f"in/{seed}.png", paint(seed))
    assert main(flags(tmp_path / "in", tmp_path / "out", **more)) == ALL_DONE
    told = capsys.readouterr()
    summary = json.loads(told.out.splitlines()[-1])
    assert (summary["train"], summary["validation"]) == sides
    sentence = f"no picture is for validation, and {pictures} for training; give more pictures"
    assert (sentence in told.err) == is_told


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
    assert main(chosen) == ALL_DONE
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
    assert main(chosen) == ALL_DONE
    after = {entry.path: storage.read(entry.path) for entry in storage.entries()}
    del before["summary.json"], after["summary.json"]
    assert before == after


def test_ray_and_one_process_make_the_same_bytes(tmp_path: Path, ray: dict[str, float]) -> None:
    """Whoever does the work, and however many, the shards are the same."""
    draw_images(tmp_path / "art")
    images = Storage.at(str(tmp_path / "art"))
    pages = list_items(images, Query())
    chosen = PreparationSettings(bounds=SMALL, validation=0.3, shard_bytes=5_000)
    found = []
    executors: list[Executor] = [
        LocalExecutor(workers=1), LocalExecutor(workers=3), RayExecutor(ray),
        RayExecutor({"CPU": 9.0}),
    ]  # fmt: skip
    for number, executor in enumerate(executors):
        output = Storage.at(str(tmp_path / f"out{number}"))
        prepare(images, output, pages, chosen, executor, tell=lambda *_: None)
        found.append({entry.path: output.read(entry.path) for entry in output.entries()})
    assert all(one == found[0] for one in found)
    assert len([path for path in found[0] if path.startswith("train/")]) > 3


@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize("resources", [{"CPU": 2.0}, {"CPU": 2.0, "GPU": 1.0}])
def test_networks_run_in_actors(resources: dict[str, float]) -> None:
    """On a GPU or on CPUs, every argument is worked on once."""
    numbers = list(range(-7, 0))
    results = RayExecutor(resources).map(abs, numbers, uses_network=True)
    assert sorted(results) == [(number, -number) for number in numbers]


@pytest.mark.usefixtures("ray")
def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    """Other pictures make another set: nothing of the first is left, in folders, shrunk."""
    for name in ("a", "b"):
        for seed in range(5):
            save(tmp_path / f"{name}/{name}{seed}.png", paint(ord(name) + seed, 120, 100))
        chosen = flags(tmp_path / name, tmp_path / "out", short_side=50, validation=0.5)
        assert main(chosen) == ALL_DONE
    names = read_all(Storage.at(str(tmp_path / "out")))
    assert names["train"] | names["validation"] == {f"b{seed}.png" for seed in range(5)}
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"train", "validation", "refused.parquet", "summary.json"}
    files = [path.name for path in (tmp_path / "out/train").iterdir()]
    assert len(files) == 2


@pytest.mark.usefixtures("ray")
def test_nothing_taken_is_wrong_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stops: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence says the most frequent reason and where to look; Ray is stopped all the same."""
    monkeypatch.setenv("RAY_ADDRESS", "joined before")
    save(tmp_path / "in/1.png", paint(1))
    assert main(flags(f"{tmp_path}/in", f"{tmp_path}/out", bounds=FilterBounds())) == WRONG_INPUT
    said = capsys.readouterr().err.splitlines()[-1]
    assert "none of 1 pictures is taken" in said
    assert "refused.parquet says why" in said
    assert stops == ["stopped"]


def test_few_pictures_need_no_ray(
    tmp_path: Path, stops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done before Ray would be started is done in this process."""
    monkeypatch.setattr("lineart.runtime.executor.SOON_S", 60)
    draw_images(tmp_path / "art")
    assert main(flags(tmp_path / "art", tmp_path / "out")) == ALL_DONE
    assert stops == []


# Photographs and pictures of a style.


def draw_unpaired(folder: Path) -> None:
    """Draw COCO-Stuff in small, and drawings: five of each photograph, an empty one, a copy."""
    labels = np.arange(3000, dtype=np.uint16).reshape(60, 50).astype(np.uint8)
    for seed in range(8):
        save(folder / f"coco/images/train2017/{seed:012d}.jpg", paint(seed))
        save(folder / f"coco/stuffthingmaps/train2017/{seed:012d}.png", labels)
        for k in range(3):
            drawing = np.full((60, 50), 255, np.uint8)
            drawing[np.random.default_rng((seed, k)).random((60, 50)) < 0.02] = 0
            save(folder / f"contour/sketch-rendered/width-3/{seed}_0{k}.png", drawing)
    save(folder / "contour/sketch-rendered/width-3/9_00.png", np.full((60, 50), 255, np.uint8))
    save(folder / "contour/sketch-rendered/width-3/9_01.png", drawing)


def unpaired(folder: Path, short_side: int | None = None, **of_task: Any) -> PrepareData:
    """Give flags for what `draw_unpaired` leaves."""
    task = DrawingData(
        layout="coco_stuff",
        targets=f"{folder}/contour",
        target_layout="contour_drawings",
        **of_task,
    )
    given = {"validation": 0.4, "duplicate_distance": -1, "short_side": short_side}
    return flags(folder / "coco", folder / "out", task=task, **given)


@pytest.mark.usefixtures("ray")
def test_photographs_and_drawings_become_two_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stops: list[str]
) -> None:
    """Photographs have regions, and depth that actors made; ink on paper is not refused."""
    draw_unpaired(tmp_path)
    network = save_mean(tmp_path)
    assert main(unpaired(tmp_path, depth_model=network)) == ALL_DONE
    told = capsys.readouterr()
    summary = json.loads(told.out.splitlines()[-1])
    assert (summary["source"]["pictures"], summary["source"]["refused"]) == (8, {})
    assert summary["target"]["pictures"] == 26
    assert summary["target"]["refused"] == {"blank": 1, "duplicate": 1}
    assert "source: measured: 8 of 8" in told.err
    assert json.loads((tmp_path / "out/summary.json").read_text())["flags"]["task"] == "drawing"
    groups = []
    for part, count in (("source", 8), ("target", 24)):
        sides = [Shards(Storage.at(f"{tmp_path}/out/{part}/{side}")) for side in SIDES]
        assert sum(map(len, sides)) == count
        assert min(map(len, sides)) > 0
        for picture in (shards.read(i) for shards in sides for i in range(len(shards))):
            assert (picture.segmentation is not None) == (part == "source")
            assert (picture.depth is not None) == (part == "source")
        groups.append([{name.split("/")[-1].split("_")[0] for name in s.names} for s in sides])
        assert not groups[-1][0] & groups[-1][1]
    refusals = parquet.read_table(tmp_path / "out/target/refused.parquet").to_pylist()
    assert {row["name"][-8:]: row["reason"] for row in refusals} == {
        "9_00.png": "blank",
        "9_01.png": "duplicate",
    }
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"source", "target", "summary.json"}
    assert ".partial" not in {path.name for path in (tmp_path / "out/source").iterdir()}
    assert stops == ["stopped"]


def test_a_task_has_bounds_and_models_of_its_own(tmp_path: Path) -> None:
    """Only photographs are aligned and given depth; bounds that are given hold for both sides."""
    draw_unpaired(tmp_path)
    network = save_mean(tmp_path)
    chosen = unpaired(tmp_path, depth_model=network, short_side=40, target_exclude=("9_0",))
    source, target = read_sets(chosen, Storage.at(chosen.output))
    assert (source.name, target.name) == ("source", "target")
    assert source.settings.preparing == Transform(Shrinking(40), depth_model=network)
    assert target.settings.preparing == Transform(Shrinking(40))
    assert source.settings.bounds == target.settings.bounds
    assert source.settings.bounds == replace(BOUNDS["drawing"], min_short_side=30)
    assert (len(source.items), len(target.items)) == (8, 24)
    assert not (tmp_path / "out").exists()


@needs_yunet
def test_faces_are_aligned_before_they_are_stored(tmp_path: Path) -> None:
    """With YuNet itself, a photograph becomes its face, and a painting has none."""
    photo = cv2.imread(str(sorted(FACES.glob("*.webp"))[0]))
    save(tmp_path / "photos/face.png", cv2.cvtColor(photo, cv2.COLOR_BGR2RGB))
    save(tmp_path / "photos/painting.png", paint(1, 300, 300))
    save(tmp_path / "webtoon/1.png", paint(2, 300, 300))
    chosen = PrepareData(
        images=f"{tmp_path}/photos",
        output=f"{tmp_path}/out",
        task=StylizationData(targets=f"{tmp_path}/webtoon", align_faces=str(YUNET)),
        validation=0.0,
    )
    output = Storage.at(chosen.output)
    found = [
        prepare_set(item, output, LocalExecutor(workers=1)) for item in read_sets(chosen, output)
    ]
    assert [(item.train, item.refused) for item in found] == [(1, {"no face": 1}), (1, {})]
    assert Shards(output.child("source/train")).read(0).color.shape == (256, 256, 3)
    assert Shards(output.child("target/train")).read(0).color.shape == (300, 300, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": "nowhere"}, "--images: there is no folder"),
        ({"output": "art/out"}, "art lie in one another; keep them apart"),
        ({"output": "."}, "art lie in one another; keep them apart"),
        ({"include": ("nothing",)}, "holds no pictures"),
        ({"exclude": ("(",)}, "is no regular expression"),
        ({"group": "["}, "is no regular expression"),
        ({"licence": "CC0"}, "--licence needs licences"),
        ({"provenance": "none.csv"}, "--provenance: there is no file"),
        ({"boxes": "art/1.png"}, "boxes are"),
        ({"validation": 1.0}, "--validation is a share"),
        ({"duplicate_distance": 17}, "--duplicate-distance is"),
        ({"quality": 0}, "--quality is 1 to 100"),
        ({"images": "ftp://x"}, "is not supported; give a folder or s3"),
        ({"task": DrawingData(targets="x")}, "--targets: there is no folder"),
        ({"task": DrawingData(targets="art", target_layout="kitti")}, "photographs alone"),
        ({"task": DrawingData(targets="art", layout="kitti")}, "holds no pictures"),
        ({"task": DrawingData(targets="art", depth_model="none.onnx")}, "no depth network"),
        (
            {"task": DrawingData(targets="styles"), "output": "styles/x"},
            "styles lie in one",
        ),
        ({"task": StylizationData(targets="x", no_face="crop")}, "needs --align-faces"),
        ({"task": StylizationData(targets="art", align_faces="none.onnx")}, "none.onnx"),
        ({"task": StylizationData(targets="art", align_faces="art/1.png")}, "no YuNet"),
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
    for folder in ("art", "styles"):
        save(tmp_path / folder / "1.png", paint(1))
    assert main(replace(flags("art", "out", bounds=FilterBounds()), **change)) == WRONG_INPUT
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every threshold is a flag of its own; the configuration is on the screen."""
    line = ["colorization", "--images", "x", "--output", f"{tmp_path}/out", "--max-hue", "0.5"]
    assert main(parse(PrepareData, "prepare_data", [*line, "--dry-run"])) == ALL_DONE
    assert json.loads(capsys.readouterr().out)["bounds"]["max_hue"] == 0.5
    assert not (tmp_path / "out").exists()
