"""Pages of files as frames, and films of one file."""

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.outcome.odd_sizes import warn_of_odd_sizes
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.pictures.frames import PictureReader, Source
from lineart.film.pictures.pages import find_pictures, find_sources
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.manifest import make_row, make_table
from lineart.storage import Storage
from tests.conftest import DrawLine

KINDS = {"tif": {"compression": "tiff_lzw"}, "gif": {}, "png": {}, "webp": {"lossless": True}}
"""Suffix -> how Pillow writes pages without loss."""


def save_pages(path: Path, pages: Sequence[np.ndarray]) -> None:
    """Write a file of several pages; .apng as .png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = map(Image.fromarray, pages)
    kind = path.suffix[1:].replace("apng", "png")
    more = {"save_all": True, "append_images": others} if others else {}
    sink = io.BytesIO()
    first.save(sink, "TIFF" if kind == "tif" else kind, **KINDS[kind], **more)
    path.write_bytes(sink.getvalue())


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give the configuration of a film whose folder is still to be filled."""
    (tmp_path / "cut").mkdir()
    return FilmConfig(
        pictures=str(tmp_path / "cut"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )


def opened(film: FilmConfig) -> PreparedRun:
    """Open a film that is to be coloured."""
    return prepare_run(film, partial(open_colorize_task, network_size_px=64))


def run(film: FilmConfig) -> FilmSummary:
    """Run a film in this process."""
    return run_film(opened(film), LocalRunner(), lambda _: None)[0]


def counts(summary: FilmSummary) -> tuple[int, int, int, int]:
    """Give done, held, failed, skipped."""
    return summary.done, summary.held, summary.failed, summary.skipped


def manifest_rows(film: FilmConfig) -> dict[str, dict[str, Any]]:
    """Read the manifest."""
    return {row["frame"]: row for row in parquet.read_table(f"{film.output}/manifest").to_pylist()}


@pytest.mark.parametrize("suffix", [*KINDS, "apng"])
def test_pages_are_frames(film: FilmConfig, draw_line: DrawLine, suffix: str) -> None:
    """Pages are coloured as their pictures would be, held, resumed and retaken like files."""
    lines = [draw_line(seed) for seed in (1, 2, 1)]
    save_pages(Path(film.pictures, f"s1/A.{suffix}"), lines)
    alone = replace(film, pictures=f"{film.pictures}-alone", output=f"{film.output}-alone")
    for number, line in enumerate(lines, 1):
        path = Path(alone.pictures, f"s1/A#000{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), line)
    run(alone)
    # A GIF may hold equal successive pages as one; these are not successive.
    assert counts(run(film)) == (2, 1, 0, 0)
    names = [f"s1/A#000{number}.{suffix}" for number in (1, 2, 3)]
    rows = manifest_rows(film)
    assert [*rows] == names
    assert rows[names[2]]["held_by"] == names[0]
    assert [rows[name]["number"] for name in names] == [1, 2, 3]
    assert len({row["source_sha256"] for row in rows.values()}) >= 2
    for number, name in enumerate(names, 1):
        output = f"frames/s1/A#000{number}.png"
        assert rows[name]["output"] == output
        made, expected = (cv2.imread(f"{one.output}/{output}") for one in (film, alone))
        assert_array_equal(made, expected)
    assert counts(run(film)) == (0, 0, 0, 3)
    save_pages(Path(film.pictures, f"s1/A.{suffix}"), [lines[0], draw_line(9), lines[2], lines[1]])
    assert counts(run(film)) == (2, 0, 0, 2)
    assert manifest_rows(film)[names[1]]["retake"] == "picture"
    first = replace(film, pages="first", output=f"{film.output}-first")
    assert counts(run(first)) == (1, 0, 0, 0)
    (row,) = manifest_rows(first).values()
    assert (row["frame"], row["output"]) == (f"s1/A.{suffix}", "frames/s1/A.png")
    assert row["warnings"] is None
    made = cv2.imread(f"{first.output}/frames/s1/A.png")
    assert_array_equal(made, cv2.imread(f"{alone.output}/frames/s1/A#0001.png"))


def test_pages_and_numbers(film: FilmConfig, draw_line: DrawLine) -> None:
    """A page's number is its frame's; pages lie in order beside the files of their shot."""
    save_pages(Path(film.pictures, "A/a001.tif"), [draw_line(seed) for seed in range(11)])
    save_pages(Path(film.pictures, "A/a002.tif"), [draw_line(20)])
    names = [frame.name for frame in opened(film).frames]
    assert names == [*(f"A/a001#{page:04}.tif" for page in range(1, 12)), "A/a002.tif"]
    chosen = opened(replace(film, numbers="3,9-10"))
    assert [frame.name[-8:-4] for frame in chosen.frames] == ["0003", "0009", "0010"]
    # What a page and a video show of the film.
    _, sources = find_sources(Storage.at(film.pictures))
    assert {"A/a001.tif", "A/a001#0011.tif", "A/a002.tif"} < {*sources}


def test_pages_in_parquet(film: FilmConfig, draw_line: DrawLine) -> None:
    """Rows hold files of several pages as folders do; each is read once for its pages."""
    lines = [draw_line(seed) for seed in (1, 2)]
    save_pages(Path(film.output, "a.tif"), lines)
    data = Path(film.output, "a.tif").read_bytes()
    rows = [{"frame": f"s1/{name}.tif", "image": data} for name in "ab"]
    rows.append({"frame": "s1/c.png", "image": encode_png(lines[0])})
    parquet.write_table(pa.Table.from_pylist(rows), Path(film.pictures, "lines.parquet"))
    one_file = replace(film, pictures=f"{film.pictures}/lines.parquet")
    assert counts(run(one_file)) == (2, 3, 0, 0)
    assert [*manifest_rows(film)] == [
        *(f"s1/{name}#000{page}.tif" for name in "ab" for page in (1, 2)),
        "s1/c.png",
    ]
    reader = PictureReader(Storage.at(film.pictures))
    _, pictures = find_pictures(reader.storage)
    for picture in pictures[:2]:
        reader.read(picture)
    assert reader._whole.cache_info().misses == 1


def test_files_whose_pages_cannot_be_counted(film: FilmConfig, draw_line: DrawLine) -> None:
    """A file that is cut off within its pages is one failed row; no page is left out in silence."""
    path = Path(film.pictures, "s1/a.gif")
    save_pages(path, [draw_line(1), draw_line(2)])
    path.write_bytes(path.read_bytes()[:-20])
    Path(film.pictures, "s1/b.webp").write_bytes(b"RIFF")
    assert counts(run(film)) == (0, 0, 2, 0)
    rows = manifest_rows(film)
    assert "its pages cannot be counted: the file is cut off" in rows["s1/a.gif"]["message"]
    assert "--pages first takes its first page" in rows["s1/a.gif"]["message"]
    assert rows["s1/b.webp"]["stage"] == "decode"
    assert counts(run(replace(film, pages="first")))[0] == 1


def test_pages_that_are_no_frames_are_told(
    film: FilmConfig, draw_line: DrawLine, tmp_path: Path
) -> None:
    """A TIFF that is called .tga is one frame, whose warning counts the pages."""
    save_pages(tmp_path / "two.tif", [draw_line(1), draw_line(2)])
    path = Path(film.pictures, "s1/a.tga")
    path.parent.mkdir()
    path.write_bytes((tmp_path / "two.tif").read_bytes())
    assert run(film).warned == 1
    (sentence,) = manifest_rows(film)["s1/a.tga"]["warnings"]
    assert "2 pages and only the first is a frame" in sentence


def test_pages_on_s3(bucket: Path, draw_line: DrawLine, tmp_path: Path) -> None:
    """From S3, few bytes are read of files of one page, and all pages of the others are found."""
    place = Storage.at(f"s3://{bucket.name}/cut")
    for name in ("a.tif", "b.gif", "c.webp", "d.apng", "e.png"):
        save_pages(tmp_path / name, [draw_line(1), draw_line(2)])
        place.write(name, (tmp_path / name).read_bytes())
    save_pages(tmp_path / "one.tif", [draw_line(3, 500, 500)])
    place.write("one.tif", (tmp_path / "one.tif").read_bytes())
    place.write("empty.tif", b"")
    _, pictures = find_pictures(place)
    names = [f"{name[0]}#000{page}{name[1:]}" for name in ("a.tif", "b.gif", "c.webp", "d.apng")
             for page in (1, 2)]  # fmt: skip
    assert {picture.name for picture in pictures} == {*names, "e.png", "one.tif", "empty.tif"}
    folder, (picture,) = find_pictures(Storage.at(f"{place.uri}/one.tif"))
    assert (folder, picture) == (place, Source("one.tif", "one.tif"))
    (tmp_path / "cut").mkdir()
    assert find_pictures(Storage.at(str(tmp_path / "cut")))[1] == []


def test_one_file(film: FilmConfig, draw_line: DrawLine) -> None:
    """One picture is a film; its shot is its folder; other files are neither read nor listed."""
    for number in (1, 2):
        assert cv2.imwrite(f"{film.pictures}/000{number}.png", draw_line(number))
    Path(film.pictures, "broken.parquet").write_bytes(b"none")
    one = replace(film, pictures=f"{film.pictures}/0001.png")
    assert counts(run(one)) == (1, 0, 0, 0)
    (row,) = manifest_rows(one).values()
    assert (row["frame"], row["shot"], row["output"]) == ("0001.png", "cut", "frames/0001.png")
    # Whatever it is called, and if it cannot be read.
    for name, sentence in (("drawing", None), ("a.psd", "cannot"), ("notes.txt", "unknown")):
        path = Path(film.pictures, name)
        path.write_bytes(encode_png(draw_line(3)) if sentence is None else b"8BPS")
        (found,) = find_pictures(Storage.at(str(path)))[1]
        assert (found.name, found.page) == (name, None)
    with pytest.raises(ValueError, match="keep them apart"):
        opened(replace(one, output=film.pictures))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        opened(replace(one, pictures=f"{film.pictures}/0003.png"))


def test_odd_sizes() -> None:
    """A frame of another size than most of its shot has a warning, which ends with its cause."""

    def table(*sizes: tuple[str, int, int], warnings: Sequence[str] | None = None) -> pa.Table:
        rows = [
            {"frame": f"{place}", "shot": shot, "status": "done", "width": width, "height": height}
            for place, (shot, width, height) in enumerate(sizes)
        ]
        return make_table([make_row({**row, "warnings": warnings}) for row in rows])

    shot = [("s1", 1920, 1080)] * 3
    rows = warn_of_odd_sizes(table(*shot, ("s1", 1280, 720), ("s2", 9, 9), warnings=["ink"]))
    odd = "odd size: 1280 x 720 pixels; 3 of the 4 pictures of its shot have 1920 x 1080"
    assert rows["warnings"].to_pylist() == [["ink"], ["ink"], ["ink"], ["ink", odd], ["ink"]]
    # As many of one size as of another, two frames, or a size that is not known: none is usual.
    other = ("s1", 1280, 720)
    same = table(shot[0], shot[0], other, other, ("s2", 1, 1), ("s2", 2, 2))
    assert warn_of_odd_sizes(same) is same
    repaired = table(*shot, shot[0], warnings=[odd])
    assert warn_of_odd_sizes(repaired)["warnings"].to_pylist() == [None] * 4


def test_odd_sizes_of_a_film(film: FilmConfig, draw_line: DrawLine) -> None:
    """The warning is in the manifest, is counted, and goes when the drawing is replaced."""
    for number in range(1, 5):
        height = 72 if number != 2 else 90
        assert cv2.imwrite(f"{film.pictures}/{number}.png", draw_line(number, height))
    assert run(film).warned == 1
    warned = {name: row["warnings"] for name, row in manifest_rows(film).items()}
    assert warned.pop("2.png") == [
        "odd size: 128 x 90 pixels; 3 of the 4 pictures of its shot have 128 x 72"
    ]
    assert {*warned.values()} == {None}
    assert cv2.imwrite(f"{film.pictures}/2.png", draw_line(5))
    assert run(film).warned == 0
    assert {row["warnings"] for row in manifest_rows(film).values()} == {None}


def save_hint(path: Path, *colors: tuple[int, int, int, int]) -> None:
    """Write a hint with a square of each colour on a page of its own."""
    pages = np.zeros((len(colors), 72, 128, 4), np.uint8)
    for page, color in zip(pages, colors, strict=True):
        page[20:40, 30:60] = color
    save_pages(path, list(pages))


RED, BLUE = (200, 30, 30, 255), (30, 30, 200, 255)


def test_one_hint(film: FilmConfig, draw_line: DrawLine, tmp_path: Path) -> None:
    """A hint given as one file holds where its name says; named after nothing, on all frames."""
    for shot in ("s1", "s2"):
        save_pages(Path(film.pictures, f"{shot}/1.png"), [draw_line(1)])
    save_hint(tmp_path / "hints/s2.png", RED)
    save_hint(tmp_path / "hints/model.png", RED)
    of_shot = opened(replace(film, hints=str(tmp_path / "hints/s2.png")))
    assert [bool(frame.hints) for frame in of_shot.frames] == [False, True]
    assert of_shot.warnings == []
    everywhere = replace(film, hints=str(tmp_path / "hints/model.png"))
    assert [frame.hints[0].name for frame in opened(everywhere).frames] == ["model.png"] * 2
    (sentence,) = opened(everywhere).warnings
    assert "model.png is named after no frame; alone, it holds on all" in sentence
    save_hint(tmp_path / "hints/model01.png", RED)
    of_none = opened(replace(film, hints=str(tmp_path / "hints/model01.png")))
    assert of_none.warnings == [sentence.replace("model.", "model01.")]
    assert counts(run(everywhere)) == (1, 1, 0, 0)
    assert {(*row["hints"],) for row in manifest_rows(film).values()} == {("model.png",)}
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        opened(replace(film, hints=str(tmp_path / "hints/none.png")))


def test_hints_for_pages(film: FilmConfig, draw_line: DrawLine, tmp_path: Path) -> None:
    """A page's hint is named after it, or a page of the hint file; a file's begins at its start."""
    save_pages(Path(film.pictures, "s1/a.tif"), [draw_line(seed) for seed in range(3)])
    save_pages(Path(film.pictures, "s2/b.png"), [draw_line(7)])
    pages = [f"a#000{page}" for page in (1, 2, 3)]

    def held(*names: str) -> tuple[list[list[str]], list[str]]:
        folder = tmp_path / "-".join(names).replace("/", "_")
        for name in names:
            save_hint(folder / name, *((RED, BLUE) if name.endswith("tif") else (RED,)))
        run = opened(replace(film, hints=str(folder)))
        return [[hint.name for hint in frame.hints] for frame in run.frames], run.warnings

    assert pages == [Path(frame.name).stem for frame in opened(film).frames[:3]]
    assert held("s1/a.png") == ([["s1/a.png"]] * 3 + [[]], [])
    assert held("s1/a#0002.png") == ([[], *([["s1/a#0002.png"]] * 2), []], [])
    of_pages = [["s1/a#0001.tif"], ["s1/a#0002.tif"], ["s1/a#0002.tif"], []]
    assert held("s1/a.tif") == (of_pages, [])
    first, warnings = held("s2.tif")
    assert first == [[], [], [], ["s2.tif"]]
    assert warnings == ["the hint s2.tif has pages; only its first holds"]
    save_pages(Path(film.pictures, "s2/0007.png"), [draw_line(8)])
    first, warnings = held("s2/7.tif")
    assert first == [[], [], [], *([["s2/7.tif"]] * 2)]
    assert warnings == ["the hint s2/7.tif has pages; only its first holds"]


def test_pages_of_keys_and_sheets_are_told(
    film: FilmConfig, draw_line: DrawLine, tmp_path: Path
) -> None:
    """Only the first page is a key or a sheet, which is said as it is of hints."""
    save_pages(Path(film.pictures, "s1/1.png"), [draw_line(1)])
    for name, colors in (("s1/1.tif", (RED, BLUE)), ("b.tif", (RED, BLUE)), ("c.tif", (RED,))):
        save_hint(tmp_path / "colors" / name, *colors)
    colors = str(tmp_path / "colors")
    of_keys = opened(replace(film, keys=colors)).warnings
    assert "2 keys have pages, of which the first alone counts: b.tif, s1/1.tif" in of_keys
    of_sheets = opened(replace(film, sheets=str(tmp_path / "colors/b.tif"))).warnings
    assert of_sheets == ["a sheet has pages, of which the first alone counts: b.tif"]


def test_videos_among_hints_are_named(
    film: FilmConfig, draw_line: DrawLine, tmp_path: Path
) -> None:
    """A film of hints is not read, which is said."""
    save_pages(Path(film.pictures, "s1/1.png"), [draw_line(1)])
    save_hint(tmp_path / "hints/s1.png", RED)
    (tmp_path / "hints/s2.MOV").write_bytes(b"video")
    hinted = replace(film, hints=str(tmp_path / "hints"))
    assert opened(hinted).warnings == ["videos are no hints: s2.MOV; export their pictures"]
    assert opened(replace(film, hints=str(tmp_path / "hints/s1.png"))).warnings == []
