"""Everything but Ray: the same functions, in this process."""

import hashlib
import io
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyarrow import parquet

from lineart.codec import decode_line
from lineart.datasets.encoding import Shrinking
from lineart.datasets.pages import Offer, list_pages, read_page
from lineart.datasets.preparation import Settings, Summary, group_of, prepare
from lineart.datasets.runners import alone
from lineart.datasets.selection import Filter
from lineart.datasets.shards import Shards
from lineart.datasets.tasks import Chosen, Order, Pictured, write_shard
from lineart.storage import Storage
from tests.datasets.paintings import paint, save

SMALL = Filter(min_short_side=30)


def run(
    images: Path, output: Path, offer: Offer | None = None, chosen: Settings | None = None
) -> Summary:
    """Prepare in this process."""
    here, there = Storage.at(str(images)), Storage.at(str(output))
    pages = list_pages(here, offer or Offer())
    chosen = chosen or Settings(bounds=SMALL)
    return prepare(here, there, pages, chosen, alone, tell=lambda *_: None)


def refused(output: Path) -> dict[str, dict[str, object]]:
    """Give the rows of refused.parquet by name."""
    rows = parquet.read_table(output / "refused.parquet").to_pylist()
    return {row["name"]: row for row in rows}


def rows(output: Path) -> dict[str, dict[str, object]]:
    """Give the rows of all shards by name, with their side."""
    found = {}
    for side in ("train", "validation"):
        for path in json.loads((output / side / "shards.json").read_text())["shards"]:
            for row in parquet.read_table(output / side / path).to_pylist():
                assert row["name"] not in found
                found[row["name"]] = row | {"side": side}
    return found


def test_a_pattern_names_the_group() -> None:
    """What it finds is the group; where it finds nothing, the page's pixels are."""
    pictured = Pictured(0, 0, "set/anna_2.png#1", "own", 0, "page", 1)
    assert group_of(pictured, r"set/[a-z]+") == "set/anna"
    assert group_of(pictured, "nothing") == "page"
    assert group_of(pictured, None) == "page"


def test_everything_is_taken_or_refused_with_a_reason(tmp_path: Path) -> None:
    """Kept, broken, small, duplicate, mismatched and unlicensed pictures: none disappears."""
    images, output = tmp_path / "images", tmp_path / "out"
    for seed in range(6):
        save(images / f"good/{seed}.png", paint(seed))
    save(images / "good/10.webp", paint(2), cv2.IMWRITE_WEBP_QUALITY, 90)
    save(images / "good/11.bmp", paint(3))
    save(images / "small.png", paint(7, 29, 60))
    save(images / "pair/color/1.png", paint(8))
    save(images / "pair/line/1.png", np.zeros((9, 9), np.uint8))
    save(images / "other/1.png", paint(9))
    (images / "broken.png").write_bytes((images / "good/0.png").read_bytes()[:200])
    names = [page.name for page in list_pages(Storage.at(str(images)), Offer())]
    table = {name: ("CC-BY-SA" if "other" in name else "CC0", "me") for name in names}
    table["pair/line/1.png"] = ("CC0", "me")
    chosen = Settings(bounds=SMALL, licence="^CC0$", validation=0.5)
    summary = run(images, output, Offer(provenance=table), chosen)
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


def test_the_columns_say_what_a_picture_is(tmp_path: Path) -> None:
    """Size, hashes, group, source, licence and author, as they are before shrinking or after."""
    images = tmp_path / "images"
    picture = paint(1, 120, 80)
    save(images / "set/color/x.png", picture)
    save(images / "set/line/x.png", picture[..., 0])
    offer = Offer(provenance={"set/color/x.png": ("CC0-1.0", None)})
    run(images, tmp_path / "out", offer, Settings(bounds=SMALL, shrinking=Shrinking(40)))
    (row,) = rows(tmp_path / "out").values()
    digest = hashlib.sha256(b"120x80:" + picture.tobytes()).hexdigest()
    assert (row["width"], row["height"]) == (40, 60)
    assert row["sha256"] == row["group"] == digest
    assert re.fullmatch(r"[0-9a-f]{16}", str(row["perceptual_hash"]))
    assert (row["source"], row["licence"], row["author"]) == ("set", "CC0-1.0", None)
    side = Shards(Storage.at(str(tmp_path / "out")).child(str(row["side"])))
    drawn = side.read(0).line
    assert drawn is not None
    assert_array_equal(drawn, cv2.resize(picture[..., 0], (40, 60), interpolation=cv2.INTER_AREA))


def test_a_line_drawing_needs_its_licence(tmp_path: Path) -> None:
    """A pair is refused when only its colours are free."""
    images = tmp_path / "images"
    save(images / "color/x.png", paint(1))
    save(images / "line/x.png", paint(1)[..., 0])
    save(images / "y.png", paint(2))
    table = {"color/x.png": ("CC0", None), "line/x.png": ("MIT", None), "y.png": ("CC0", None)}
    chosen = Settings(bounds=SMALL, licence="CC0")
    run(images, tmp_path / "out", Offer(provenance=table), chosen)
    assert refused(tmp_path / "out")["color/x.png"]["message"] == "the licence of line/x.png is MIT"


def test_the_boxes_of_a_page_stand_together(tmp_path: Path) -> None:
    """Without a pattern a page is a group; a box outside of it is refused by its own name."""
    images = tmp_path / "images"
    boxes = ((0, 0, 40, 40), (60, 60, 100, 100), (0, 60, 40, 100), (200, 0, 260, 60))
    for seed in range(6):
        save(images / f"{seed}.png", paint(seed, 100, 100))
    offer = Offer(boxes={f"{seed}.png": boxes for seed in range(6)})
    run(images, tmp_path / "out", offer, Settings(bounds=SMALL, validation=0.5, max_distance=-1))
    kept = rows(tmp_path / "out")
    assert {name for name in refused(tmp_path / "out") if name.endswith("#3")} == {
        f"{seed}.png#3" for seed in range(6)
    }
    sides = {seed: {r["side"] for n, r in kept.items() if n[0] == str(seed)} for seed in range(6)}
    assert len(kept) > len(sides)
    assert all(len(side) <= 1 for side in sides.values())
    assert set().union(*sides.values()) == {"train", "validation"}


def test_nothing_left_is_an_error_and_keeps_the_older_set(tmp_path: Path) -> None:
    """The sentence tells the most frequent reason; what was prepared before can still be read."""
    images, output = tmp_path / "images", tmp_path / "out"
    save(images / "1.png", paint(1))
    run(images, output, chosen=Settings(bounds=SMALL, validation=0.0))
    with pytest.raises(ValueError, match=r"none of 1 pictures is taken.*'small' \(1\)"):
        run(images, output, chosen=Settings())
    assert set(refused(output)) == {"1.png"}
    assert Shards(Storage.at(str(output / "train"))).names == ["1.png"]


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """What is no longer what was measured gets a row of its own; the rest of the shard stands."""
    save(tmp_path / "in/1.png", paint(1))
    save(tmp_path / "in/2.png", paint(2))
    images, output = Storage.at(str(tmp_path / "in")), Storage.at(str(tmp_path / "out"))
    chosen = []
    for number, page in enumerate(list_pages(images, Offer())):
        (cut,) = read_page(images, page)
        pictured = Pictured(number, 0, cut.name, "", 0, cut.page_sha256, 1)
        chosen.append(Chosen(page, pictured, "group"))
    save(tmp_path / "in/1.png", paint(3))
    written = write_shard(Order("train", 0, chosen), images=images, output=output, shrinking=None)
    assert [(r.name, r.reason) for r in written.refusals] == [("1.png", "unreadable")]
    assert "changed" in written.refusals[0].message
    table = parquet.read_table(io.BytesIO(output.read(f"train/{written.path}")))
    assert table["name"].to_pylist() == ["2.png"]
    assert decode_line(table["image"][0].as_py()).shape == (60, 50)
