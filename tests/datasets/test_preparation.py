"""Everything but Ray: the same functions, in this process."""

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.codec import decode_line
from lineart.datasets import steps
from lineart.datasets.depth import open_depth
from lineart.datasets.filter_bounds import BOUNDS, Filter
from lineart.datasets.items import Item, Query, list_items, read_item
from lineart.datasets.layouts import LAYOUTS, Files
from lineart.datasets.preparation import PreparationSettings, PreparationSummary, group_of, prepare
from lineart.datasets.samples import NamedPicture
from lineart.datasets.shards import Shards
from lineart.datasets.steps import (
    ChosenPicture,
    FaceAlignment,
    MeasuredPicture,
    ShardOrder,
    Shrinking,
    Transform,
    write_shard,
)
from lineart.imaging.samples.faces import FaceAligner, center_crop
from lineart.runtime.executor import LocalExecutor
from lineart.storage import Storage
from tests.datasets.paintings import DeadlyFolder, paint, save
from tests.datasets.test_depth import save_mean

SMALL = Filter(min_short_side=30)


def run(
    folder: Path, query: Query | None = None, **settings: Any
) -> tuple[PreparationSummary, Path]:
    """Prepare `in` below a folder in this process; return the summary and the folder `out`."""
    images, output = Storage.at(str(folder / "in")), Storage.at(str(folder / "out"))
    items = list_items(images, query or Query())
    chosen = PreparationSettings(**{"bounds": SMALL, **settings})
    executor = LocalExecutor(workers=1)
    summary = prepare(images, output, items, chosen, executor, tell=lambda *_: None)
    return summary, folder / "out"


def refused(output: Path) -> dict[str, dict[str, object]]:
    """Return the rows of refused.parquet by name."""
    rows = parquet.read_table(output / "refused.parquet").to_pylist()
    return {row["name"]: row for row in rows}


def rows(output: Path) -> dict[str, dict[str, object]]:
    """Return the rows of all shards by name, with their side."""
    found = {}
    for side in ("train", "validation"):
        for path in json.loads((output / side / "shards.json").read_text())["shards"]:
            for row in parquet.read_table(output / side / path).to_pylist():
                assert row["name"] not in found
                found[row["name"]] = row | {"side": side}
    return found


@pytest.mark.parametrize(
    ("of_layout", "pattern", "group"),
    [
        (None, r"set/[a-z]+", "set/anna"),
        (None, "nothing", "item"),
        (None, None, "item"),
        ("drive 1", None, "drive 1"),
        ("drive 1", r"set/[a-z]+", "set/anna"),
    ],
)
def test_group_of_a_picture(of_layout: str | None, pattern: str | None, group: str) -> None:
    """The group is the match in the name; else the layout's; else the hash of the item."""
    picture = MeasuredPicture(0, 0, "set/anna_2.png#1", "own", 0, "item", 1)
    files = Files("set/anna_2.png", group=of_layout)
    item = Item("set/anna_2.png", files, None, None, None, None)
    assert group_of(picture, item, pattern) == group


def test_everything_is_taken_or_refused_with_a_reason(tmp_path: Path) -> None:
    """Every picture is stored or refused: broken, small, duplicate, mismatched, unlicensed."""
    images = tmp_path / "in"
    for seed in range(6):
        save(images / f"good/{seed}.png", paint(seed))
    save(images / "good/10.webp", paint(2), cv2.IMWRITE_WEBP_QUALITY, 90)
    save(images / "good/11.bmp", paint(3))
    save(images / "small.png", paint(7, 29, 60))
    save(images / "pair/color/1.png", paint(8))
    save(images / "pair/line/1.png", np.zeros((9, 9), np.uint8))
    save(images / "other/1.png", paint(9))
    (images / "broken.png").write_bytes((images / "good/0.png").read_bytes()[:200])
    names = [item.name for item in list_items(Storage.at(str(images)), Query())]
    table = {name: ("CC-BY-SA" if "other" in name else "CC0", "me") for name in names}
    table["pair/line/1.png"] = ("CC0", "me")
    summary, output = run(tmp_path, Query(provenance=table), licence="^CC0$", validation=0.5)
    no = refused(output)
    assert {name: row["reason"] for name, row in no.items()} == {
        "broken.png": "unreadable",
        "good/10.webp": "duplicate",
        "good/11.bmp": "duplicate",
        "other/1.png": "licence",
        "pair/color/1.png": "unreadable",
        "small.png": "small",
    }
    assert "like good/2.png" in str(no["good/10.webp"]["message"])
    assert "those of good/3.png" in str(no["good/11.bmp"]["message"])
    assert "CC-BY-SA" in str(no["other/1.png"]["message"])
    assert "has 9x9 pixels in place of 50x60" in str(no["pair/color/1.png"]["message"])
    assert (no["small.png"]["measured"], no["small.png"]["threshold"]) == (29.0, 30.0)
    yes = rows(output)
    assert set(yes) == {f"good/{seed}.png" for seed in range(6)}
    assert set(yes) | set(no) == set(names)
    assert summary.pictures == len(names) == 12
    assert summary.train + summary.validation == 6
    assert summary.refused == {"duplicate": 2, "licence": 1, "small": 1, "unreadable": 2}


def test_a_picture_that_ends_its_process_is_refused(tmp_path: Path) -> None:
    """The others are taken."""
    for name in ("deadly", "a", "b"):
        save(tmp_path / f"in/{name}.png", paint(len(name) + ord(name[0])))
    images = DeadlyFolder.at(str(tmp_path / "in"))
    settings = PreparationSettings(bounds=SMALL, validation=0.5)
    output, executor = Storage.at(str(tmp_path / "out")), LocalExecutor(workers=1)
    items = list_items(images, Query())
    summary = prepare(images, output, items, settings, executor, tell=lambda *_: None)
    assert summary.train + summary.validation == 2
    no = refused(tmp_path / "out")
    assert {name: row["reason"] for name, row in no.items()} == {"deadly.png": "unreadable"}
    assert "its process ended with status 1" in str(no["deadly.png"]["message"])


def test_the_columns_say_what_a_picture_is(tmp_path: Path) -> None:
    """Sizes are those after shrinking, hashes those before; source and licence are stored."""
    picture = paint(1, 120, 80)
    save(tmp_path / "in/set/color/x.png", picture)
    save(tmp_path / "in/set/line/x.png", picture[..., 0])
    query = Query(provenance={"set/color/x.png": ("CC0-1.0", None)})
    _, output = run(tmp_path, query, preparing=Transform(Shrinking(40)))
    (row,) = rows(output).values()
    digest = hashlib.sha256(b"120x80:" + picture.tobytes()).hexdigest()
    assert (row["width"], row["height"]) == (40, 60)
    assert row["sha256"] == row["group"] == digest
    assert re.fullmatch(r"[0-9a-f]{16}", str(row["perceptual_hash"]))
    assert (row["source"], row["licence"], row["author"]) == ("set", "CC0-1.0", None)
    side = Shards(Storage.at(str(output)).child(str(row["side"])))
    drawn = side.read(0).line
    assert drawn is not None
    assert_array_equal(drawn, cv2.resize(picture[..., 0], (40, 60), interpolation=cv2.INTER_AREA))


def test_a_line_drawing_needs_its_licence(tmp_path: Path) -> None:
    """A pair is refused if only the licence of its colours matches."""
    save(tmp_path / "in/color/x.png", paint(1))
    save(tmp_path / "in/line/x.png", paint(1)[..., 0])
    save(tmp_path / "in/y.png", paint(2))
    table = {"color/x.png": ("CC0", None), "line/x.png": ("MIT", None), "y.png": ("CC0", None)}
    _, output = run(tmp_path, Query(provenance=table), licence="CC0")
    assert refused(output)["color/x.png"]["message"] == "the licence of line/x.png is MIT"


# Maps, depth and faces.


PHOTOGRAPHS = Query(find=LAYOUTS["folder"].source)


def read_sides(output: Path) -> dict[str, NamedPicture]:
    """Read the pictures of both sides by name."""
    sides = [Storage.at(str(output / side)) for side in ("train", "validation")]
    shards = [Shards(side) for side in sides if json.loads(side.read("shards.json"))["shards"]]
    return {side.names[i]: side.read(i) for side in shards for i in range(len(side))}


def draw_photographs(images: Path) -> None:
    """Paint pictures: 0 with regions and depth, 1 with regions, 2 alone, 3 with a bad map."""
    labels = np.random.default_rng(0).integers(0, 256, (120, 80), dtype=np.uint8)
    for seed in range(4):
        save(images / f"images/{seed}.png", paint(seed, 120, 80))
    for seed in range(2):
        save(images / f"segmentation/{seed}.png", labels)
    save(images / "segmentation/3.png", labels.astype(np.uint16))
    save(images / "depth/0.png", np.full((120, 80), 51, np.uint8))


def test_maps_come_out_of_the_shards(tmp_path: Path) -> None:
    """Maps have the size of the picture; a picture with a bad map is refused."""
    draw_photographs(tmp_path / "in")
    _, output = run(tmp_path, PHOTOGRAPHS, preparing=Transform(Shrinking(40)), validation=0.5)
    pictures = read_sides(output)
    assert {
        name: (picture.segmentation is not None, picture.depth is not None)
        for name, picture in pictures.items()
    } == {"images/0.png": (True, True), "images/1.png": (True, False), "images/2.png": (False,) * 2}
    first = pictures["images/0.png"]
    assert first.segmentation is not None
    assert first.depth is not None
    assert first.color.shape[:2] == first.segmentation.shape == first.depth.shape == (60, 40)
    np.testing.assert_allclose(first.depth, 0.2, atol=1e-5)
    refusal = refused(output)["images/3.png"]
    assert refusal["reason"] == "unreadable"
    assert "segmentation/3.png: labels are PNG" in str(refusal["message"])
    assert "16-bit grey" in str(refusal["message"])


def test_a_map_needs_its_licence(tmp_path: Path) -> None:
    """A photograph is refused if only its own licence matches, not that of its map."""
    draw_photographs(tmp_path / "in")
    table = {f"images/{seed}.png": ("CC0", None) for seed in range(3)}
    query = replace(PHOTOGRAPHS, provenance=table | {"segmentation/1.png": ("CC0", None)})
    _, output = run(tmp_path, query, licence="CC0")
    assert set(read_sides(output)) == {"images/1.png", "images/2.png"}
    message = refused(output)["images/0.png"]["message"]
    assert message == "the licence of segmentation/0.png is unknown"


def test_missing_depth_is_estimated(tmp_path: Path) -> None:
    """The network sees the picture at its stored size; a depth that is known stays."""
    draw_photographs(tmp_path / "in")
    network = save_mean(tmp_path)
    preparing = Transform(Shrinking(40), depth_model=network)
    _, output = run(tmp_path, PHOTOGRAPHS, preparing=preparing)
    pictures = read_sides(output)
    assert len(pictures) == 3
    known, made = pictures["images/0.png"].depth, pictures["images/2.png"].depth
    assert known is not None
    assert made is not None
    np.testing.assert_allclose(known, 0.2, atol=1e-5)
    small = cv2.resize(paint(2, 120, 80), (40, 60), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(made, open_depth(network)(small), atol=1e-4)
    assert made.max() == 1


class CornerFaces(FaceAligner):
    """A stand-in: the face is the upper left corner, unless that is white."""

    def __init__(self, model: bytes) -> None:
        assert model == b"corner"

    def align(self, image: np.ndarray, *, size_px: int = 256, padding: float = 0.65) -> Any:
        """Return the corner."""
        assert padding == 0.65
        corner = image[:size_px, :size_px].copy()
        return None if corner.min() == 255 else corner


@pytest.mark.parametrize("crop_others", [False, True])
def test_photographs_are_cropped_to_their_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crop_others: bool
) -> None:
    """The face is stored; a photograph without one is refused, or its centre is stored."""
    monkeypatch.setattr(steps, "FaceAligner", CornerFaces)
    # Another process would have the real one.
    monkeypatch.setattr(steps, "run_isolated", lambda _, function, *given: function(*given))
    face, none = paint(1, 300, 400), paint(2, 300, 400)
    none[:256, :256] = 255
    save(tmp_path / "in/images/face.png", face)
    save(tmp_path / "in/images/none.png", none)
    save(tmp_path / "in/images/small.png", paint(3, 200, 400))
    save(tmp_path / "in/segmentation/face.png", face[..., 0])
    preparing = Transform(faces=FaceAlignment(b"corner", crop_others=crop_others))
    preparing.check()
    _, output = run(tmp_path, PHOTOGRAPHS, bounds=BOUNDS["stylization"], preparing=preparing)
    pictures = read_sides(output)
    assert_array_equal(pictures["images/face.png"].color, face[:256, :256])
    assert pictures["images/face.png"].segmentation is None
    assert rows(output)["images/face.png"]["width"] == 256
    no = {name: row["reason"] for name, row in refused(output).items()}
    if crop_others:
        assert no == {"images/small.png": "small"}
        assert_array_equal(pictures["images/none.png"].color, center_crop(none, 256))
    else:
        assert no == {"images/small.png": "small", "images/none.png": "no face"}


def test_models_are_tried_before_anything_is_read() -> None:
    """Bytes that are no detector and a missing depth network are refused by `check`."""
    with pytest.raises(ValueError, match="no YuNet face detector"):
        Transform(faces=FaceAlignment(b"no model")).check()
    with pytest.raises(FileNotFoundError, match="no depth network"):
        Transform(depth_model="none.onnx").check()


def test_the_boxes_of_an_item_stay_on_one_side(tmp_path: Path) -> None:
    """Without a pattern an item is a group; a box outside of it is refused by its own name."""
    boxes = ((0, 0, 40, 40), (60, 60, 100, 100), (0, 60, 40, 100), (200, 0, 260, 60))
    for seed in range(6):
        save(tmp_path / f"in/{seed}.png", paint(seed, 100, 100))
    query = Query(boxes={f"{seed}.png": boxes for seed in range(6)})
    _, output = run(tmp_path, query, validation=0.5, max_distance=-1)
    kept = rows(output)
    assert {name for name in refused(output) if name.endswith("#3")} == {
        f"{seed}.png#3" for seed in range(6)
    }
    sides = {seed: {r["side"] for n, r in kept.items() if n[0] == str(seed)} for seed in range(6)}
    assert len(kept) > len(sides)
    assert all(len(side) <= 1 for side in sides.values())
    assert set().union(*sides.values()) == {"train", "validation"}


def test_no_picture_accepted_is_an_error_and_keeps_the_older_set(tmp_path: Path) -> None:
    """The error names the most frequent reason; the set prepared before can still be read."""
    save(tmp_path / "in/1.png", paint(1))
    _, output = run(tmp_path, validation=0.0)
    with pytest.raises(ValueError, match=r"none of 1 pictures is taken.*'small' \(1\)"):
        run(tmp_path, bounds=Filter())
    assert set(refused(output)) == {"1.png"}
    assert Shards(Storage.at(str(output / "train"))).names == ["1.png"]


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """A picture that changed after it was measured is refused; the rest of the shard is written."""
    save(tmp_path / "in/1.png", paint(1))
    save(tmp_path / "in/2.png", paint(2))
    images, output = Storage.at(str(tmp_path / "in")), Storage.at(str(tmp_path / "out"))
    chosen = []
    for number, item in enumerate(list_items(images, Query())):
        (crop,) = read_item(images, item)
        picture = MeasuredPicture(number, 0, crop.name, "", 0, crop.item_sha256, 1)
        chosen.append(ChosenPicture(item, picture, "group"))
    save(tmp_path / "in/1.png", paint(3))
    written = write_shard(
        ShardOrder("train", 0, chosen), images=images, output=output, preparing=Transform()
    )
    assert [(r.name, r.reason) for r in written.refusals] == [("1.png", "unreadable")]
    assert "changed" in written.refusals[0].message
    table = parquet.read_table(io.BytesIO(output.read(f"train/{written.path}")))
    assert table["name"].to_pylist() == ["2.png"]
    assert decode_line(table["image"][0].as_py()).shape == (60, 50)
