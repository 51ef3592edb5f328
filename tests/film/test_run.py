"""Runs over a film: what is made, what is left alone, what fails.

They run in this process, which takes a moment; `tests/jobs/test_colorize.py` runs films on Ray.
"""

import gc
import hashlib
import json
import pathlib
import shutil
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.film import run as film_run
from lineart.film.execution import stages
from lineart.film.execution.refusals import MAX_REFUSED
from lineart.film.execution.runners import LocalRunner
from lineart.film.execution.worker import Worker
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.outcome.run_json import FilmSummary, write_run
from lineart.film.pictures.frames import PictureReader
from lineart.film.planning.retries import apply_retry_flags
from lineart.film.records import FilmJob, FrameData, FrameResult, WorkItem
from lineart.film.run import run_film
from lineart.film.tasks.colorize import ColorizeTask, open_colorize_task
from lineart.manifest import PARTS, ManifestRow, append_part, read_manifest
from lineart.runtime.device import name_processor
from lineart.runtime.executor import LocalExecutor
from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.drills.film import check_manifest, draw_film


@pytest.fixture
def colored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that fills with the outputs that are coloured, not copied."""
    outputs: list[str] = []

    def note(_: Worker, frame: FrameData) -> FrameData:
        outputs.append(frame.item.outputs[0])
        return frame

    monkeypatch.setattr(stages, "STAGES", (*stages.STAGES, stages.Stage("note", note, "cpu")))
    return outputs


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> FilmConfig:
    """Give a film of two shots: five drawings in s1 of which two are held, two in s2."""
    for name, seed in {"s1/f1": 1, "s1/f2": 1, "s1/f3": 2, "s1/f10": 2, "s1/f11": 3}.items():
        save(tmp_path / f"lines/{name}.png", draw_line(seed))
    for name, seed in {"s2/f1": 4, "s2/f2": 1}.items():
        save(tmp_path / f"lines/{name}.png", draw_line(seed))
    return FilmConfig(
        pictures=str(tmp_path / "lines"),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
    )


def save(path: Path, image: np.ndarray) -> None:
    """Write an image, RGB(A) or grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)
    assert cv2.imwrite(str(path), bgr)


def refuse(data: bytes) -> np.ndarray:
    """Decode nothing."""
    raise AssertionError(f"{len(data)} bytes should not have been decoded")


def opened(film: FilmConfig, network_size_px: int = 64) -> PreparedRun:
    """Open a film that is to be coloured."""
    return prepare_run(film, partial(open_colorize_task, network_size_px=network_size_px))


def run(film: FilmConfig) -> FilmSummary:
    """Run a film."""
    return run_film(opened(film), LocalRunner(), lambda _: None)[0]


def counts(summary: FilmSummary) -> tuple[int, int, int, int]:
    """Give done, held, failed, skipped, and check that they add up."""
    numbers = summary.done, summary.held, summary.failed, summary.skipped
    assert sum(numbers) == summary.frames
    return numbers


def manifest_rows(film: FilmConfig) -> dict[str, ManifestRow]:
    """Read the manifest as any Parquet reader would."""
    rows = parquet.read_table(f"{film.output}/manifest").to_pylist()
    assert len({row["frame"] for row in rows}) == len(rows)
    return {row["frame"]: row for row in rows}


def pictures(film: FilmConfig) -> dict[str, str]:
    """Give the hash of every output."""
    root = Path(film.output) / "frames"
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.png")
    }


def test_run_json_says_which_devices_made_frames(film: FilmConfig) -> None:
    """Frames say what computed them; several kinds are worth a sentence."""
    prepared = opened(film)
    summary, rows = run_film(prepared, LocalRunner(), lambda _: None)

    def written(table: pa.Table) -> dict[str, Any]:
        write_run({}, prepared, datetime.now(UTC), (summary, table))
        run: dict[str, Any] = json.loads(Path(film.output, "run.json").read_text())
        return run

    made = summary.done + summary.held
    run_json = written(rows)
    assert (run_json["devices"], "mixed" in run_json) == ({name_processor(): made}, False)
    devices = ["NVIDIA L4", *rows["device"].to_pylist()[1:]]
    place = rows.schema.get_field_index("device")
    run_json = written(rows.set_column(place, rows.schema.field(place), [devices]))
    assert run_json["devices"] == {name_processor(): made - 1, "NVIDIA L4": 1}
    assert "last bits" in run_json["mixed"]


def test_a_film(film: FilmConfig, colored: list[str]) -> None:
    """Every frame has a file and a row; equal drawings are coloured once and say by whom."""
    assert counts(run(film)) == (4, 3, 0, 0)
    assert len(colored) == 4
    rows, files = manifest_rows(film), pictures(film)
    assert list(rows) == [f"s1/f{n}.png" for n in (1, 2, 3, 10, 11)] + ["s2/f1.png", "s2/f2.png"]
    assert {name: row["held_by"] for name, row in rows.items() if row["status"] == "held"} == {
        "s1/f2.png": "s1/f1.png",
        "s1/f10.png": "s1/f3.png",
        "s2/f2.png": "s1/f1.png",
    }
    assert files.keys() == rows.keys()
    assert files["s1/f2.png"] == files["s1/f1.png"] != files["s1/f3.png"]
    assert (rows["s1/f1.png"]["width"], rows["s1/f1.png"]["height"]) == (128, 72)
    line = Path(film.pictures, "s1/f1.png").read_bytes()
    assert rows["s1/f1.png"]["source_sha256"] == hashlib.sha256(line).hexdigest()
    assert cv2.imread(f"{film.output}/frames/s1/f11.png").shape == (72, 128, 3)


def test_finished_film_is_left_alone(
    film: FilmConfig, colored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run decodes nothing, colours nothing and leaves manifest and files as they are."""
    run(film)
    rows, files, coloured = manifest_rows(film), pictures(film), len(colored)
    monkeypatch.setattr(ColorizeTask, "decode", staticmethod(refuse))
    assert counts(run(film)) == (0, 0, 0, 7)
    assert (manifest_rows(film), pictures(film), len(colored)) == (rows, files, coloured)


def test_retake(film: FilmConfig, colored: list[str], draw_line: DrawLine) -> None:
    """A drawing that was replaced is made again, and it alone."""
    run(film)
    before = pictures(film)
    colored.clear()
    save(Path(film.pictures, "s1/f11.png"), draw_line(9))
    assert counts(run(film)) == (1, 0, 0, 6)
    assert colored == ["frames/s1/f11.png"]
    changed = {name for name, digest in pictures(film).items() if before[name] != digest}
    assert changed == {"s1/f11.png"}


def test_retake_of_a_held_drawing(film: FilmConfig, draw_line: DrawLine) -> None:
    """When the frame that others hold is replaced, the first of the others takes its place."""
    run(film)
    save(Path(film.pictures, "s1/f1.png"), draw_line(9))
    assert counts(run(film)) == (1, 0, 0, 6)
    rows = manifest_rows(film)
    assert (rows["s1/f2.png"]["status"], rows["s1/f2.png"]["held_by"]) == ("done", None)
    assert rows["s2/f2.png"]["held_by"] == "s1/f2.png"


def test_lost_output_is_copied_back(film: FilmConfig, colored: list[str]) -> None:
    """A deleted file whose picture stands in another frame is copied, not coloured."""
    run(film)
    before = pictures(film)
    colored.clear()
    Path(film.output, "frames/s1/f2.png").unlink()
    assert counts(run(film)) == (0, 1, 0, 6)
    assert (colored, pictures(film)) == ([], before)


def test_edited_hint(film: FilmConfig, colored: list[str]) -> None:
    """A new hint makes the frames anew for which it holds."""
    run(film)
    colored.clear()
    hint = np.zeros((72, 128, 4), np.uint8)
    hint[30:40, 60:70] = (200, 40, 40, 255)
    folder = Path(film.pictures).parent / "hints"
    save(folder / "s1/f10.png", hint)
    hinted = replace(film, hints=str(folder))
    assert counts(run(hinted)) == (2, 0, 0, 5)
    assert colored == ["frames/s1/f10.png", "frames/s1/f11.png"]
    assert manifest_rows(hinted)["s1/f11.png"]["hint_sha256"] is not None
    assert manifest_rows(hinted)["s1/f3.png"]["hint_sha256"] is None


def test_broken_frame(film: FilmConfig) -> None:
    """A broken file is a row with stage, error and message; the others are made; mended, it is."""
    path = Path(film.pictures, "s1/f3.png")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    summary = run(film)
    assert counts(summary) == (4, 2, 1, 0)
    row = manifest_rows(film)["s1/f3.png"]
    assert (row["status"], row["stage"], row["error"]) == ("failed", "decode", "ValueError")
    assert row["message"]
    assert row["output"] is None
    path.write_bytes(whole)
    assert counts(run(film)) == (1, 0, 0, 6)


def test_what_studios_have(film: FilmConfig, draw_line: DrawLine, tmp_path: Path) -> None:
    """16 bit, palette, alpha, 1 bit, other formats, odd and extreme sizes: each at its own size."""
    folder = tmp_path / "kinds" / "s1"
    folder.mkdir(parents=True)
    line = draw_line(5, 71, 133)
    gray = Image.fromarray(line)
    Image.fromarray(line.astype(np.uint16) * 257).save(folder / "16bit.png")
    gray.convert("RGB").quantize(8).save(folder / "palette.png")
    alpha = Image.new("LA", gray.size, 0)
    alpha.putalpha(Image.fromarray(255 - line))
    alpha.save(folder / "alpha.png")
    gray.convert("1").save(folder / "1bit.png")
    for suffix in ("tif", "tga", "bmp", "webp", "jpg"):
        gray.convert("RGB").save(folder / f"as_{suffix}.{suffix}")
    Image.fromarray(draw_line(6, 900, 20)).save(folder / "pan.png")
    Image.new("L", (1, 1), 255).save(folder / "pixel.png")
    kinds = replace(film, pictures=str(tmp_path / "kinds"))
    summary = run(kinds)
    assert (summary.frames, summary.failed) == (11, 0)
    for name, row in manifest_rows(kinds).items():
        color = cv2.imread(f"{kinds.output}/{row['output']}")
        with Image.open(tmp_path / "kinds" / name) as drawing:
            assert color.shape == (drawing.height, drawing.width, 3)
    # Ink on transparency is not the same drawing as ink on paper: its frame is a cel.
    assert manifest_rows(kinds)["s1/alpha.png"]["held_by"] is None
    assert cv2.imread(f"{kinds.output}/frames/s1/alpha.png", -1).shape[2] == 4
    assert cv2.imread(f"{kinds.output}/frames/s1/16bit.png", -1).shape[2] == 3


@pytest.mark.parametrize(
    ("alpha", "height", "sentence"),
    [(None, 72, "has no transparency"), (255, 72, "opaque everywhere"), (0, 128, "another aspect")],
)
def test_a_hint_that_cannot_be_meant(
    film: FilmConfig, alpha: int | None, height: int, sentence: str
) -> None:
    """Frames with such a hint fail in the stage of hints, with its name and what is wrong."""
    channels = (200, 40, 40) if alpha is None else (200, 40, 40, alpha)
    folder = Path(film.pictures).parent / "hints"
    folder.mkdir()
    hint = np.full((height, 128, len(channels)), channels, np.uint8)
    (folder / "s2.png").write_bytes(encode_png(hint))
    assert counts(run(replace(film, hints=str(folder)))) == (3, 2, 2, 0)
    row = manifest_rows(film)["s2/f1.png"]
    assert row["stage"] == "hint"
    assert row["message"].startswith(f"the hint {folder}/s2.png: ")
    assert sentence in row["message"]


def test_a_picture_of_a_kind_that_cannot_be_read(film: FilmConfig) -> None:
    """It is a failed frame with its name, and so is a frame whose hint is of such a kind."""
    (Path(film.pictures) / "s2/f3.tzp").write_bytes(b"TOONZ RASTER")
    folder = Path(film.pictures).parent / "hints"
    folder.mkdir()
    (folder / "s1.svg").write_bytes(b"<svg/>")
    assert counts(run(replace(film, hints=str(folder)))) == (2, 0, 6, 0)
    rows = manifest_rows(film)
    assert "(.tzp) cannot be read" in rows["s2/f3.tzp"]["message"]
    assert "s1.svg" in rows["s1/f1.png"]["message"]
    assert "(.svg) cannot be read" in rows["s1/f1.png"]["message"]


def test_broken_hint(film: FilmConfig) -> None:
    """A broken hint fails the frames for which it holds, by name."""
    folder = Path(film.pictures).parent / "hints"
    folder.mkdir()
    (folder / "s2.png").write_bytes(b"no picture")
    summary = run(replace(film, hints=str(folder)))
    assert summary.failed == 2
    rows = manifest_rows(film)
    assert {name for name, row in rows.items() if row["stage"] == "hint"} == {
        "s2/f1.png",
        "s2/f2.png",
    }


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give a set of paths below their folder, all files of which the storage refuses to read."""
    names: set[str] = set()
    read = Storage.read

    def refuse_some(storage: Storage, path: str) -> bytes:
        if path in names and "/out" not in storage.root:
            raise PermissionError(f"access to {storage.uri}/{path} is denied")
        return read(storage, path)

    monkeypatch.setattr(Storage, "read", refuse_some)
    return names


def give_hint(film: FilmConfig, name: str) -> FilmConfig:
    """Give a film with a hint."""
    hint = np.zeros((72, 128, 4), np.uint8)
    hint[30:40, 60:70] = (200, 40, 40, 255)
    folder = Path(film.pictures).parent / "hints"
    save(folder / name, hint)
    return replace(film, hints=str(folder))


@pytest.mark.parametrize(
    ("refused", "failed"),
    [("s2.png", ["s2/f1.png", "s2/f2.png"]), ("s1/f1.png", ["s1/f1.png"])],
)
def test_what_cannot_be_read_for_the_moment_is_not_made_again(
    film: FilmConfig, colored: list[str], unreadable: set[str], refused: str, failed: list[str]
) -> None:
    """A finished frame whose hint or drawing is refused fails; once it is read, it stands."""
    hinted = give_hint(film, "s2.png")
    run(hinted)
    rows, files = manifest_rows(hinted), pictures(hinted)
    colored.clear()
    unreadable.add(refused)
    # The second time nothing is lost either.
    for _ in range(2):
        assert counts(run(hinted)) == (0, 0, len(failed), 7 - len(failed))
        now = manifest_rows(hinted)
        assert [name for name, row in now.items() if row["status"] == "failed"] == failed
        assert all(refused in now[name]["message"] for name in failed)
    unreadable.clear()
    # A run over another shot leaves them failed, and keeps what it is known of them.
    run(replace(hinted, shots=({"s1": "s2", "s2": "s1"}[failed[0][:2]],)))
    assert manifest_rows(hinted)[failed[0]]["status"] == "failed"
    assert counts(run(hinted)) == (0, 0, 0, 7)
    assert (colored, manifest_rows(hinted), pictures(hinted)) == ([], rows, files)
    assert not list(Path(hinted.output, "manifest").rglob("rows.parquet"))


def test_what_could_not_be_read_and_has_changed_is_made_again(
    film: FilmConfig, unreadable: set[str], draw_line: DrawLine
) -> None:
    """It is a retake as if it had been read all the time; `--retry-failed` looks at it, too."""
    run(film)
    unreadable.update(("s1/f11.png", "s2/f1.png"))
    assert counts(run(film)) == (0, 0, 2, 5)
    unreadable.clear()
    save(Path(film.pictures, "s1/f11.png"), draw_line(9))
    again = opened(replace(film, retry_failed=()))
    again = apply_retry_flags(again, read_manifest(again.job.output))
    assert counts(run_film(again, LocalRunner(), lambda _: None)[0]) == (1, 0, 0, 1)
    rows = manifest_rows(film)
    assert (rows["s1/f11.png"]["retake"], rows["s2/f1.png"]["status"]) == ("picture", "done")
    assert counts(run(film)) == (0, 0, 0, 7)


def test_a_run_that_is_interrupted_keeps_what_was_known(
    film: FilmConfig, colored: list[str], unreadable: set[str]
) -> None:
    """Of frames that could not be read, some of which have no row that says so."""
    run(film)
    rows = manifest_rows(film)
    colored.clear()
    unreadable.update(("s1/f1.png", "s1/f3.png", "s2/f1.png"))

    def interrupt(summary: FilmSummary) -> None:
        if summary.failed == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_film(opened(film), LocalRunner(), interrupt)
    unreadable.clear()
    assert counts(run(film)) == (0, 0, 0, 7)
    assert (colored, manifest_rows(film)) == ([], rows)


def test_a_hint_that_is_refused_is_one_file(
    film: FilmConfig, unreadable: set[str], draw_line: DrawLine
) -> None:
    """However many frames it holds for, the run goes on; drawings that are refused end it."""
    for number in range(MAX_REFUSED + 8):
        save(Path(film.pictures, f"s3/f{number}.png"), draw_line(number % 2))
    hinted = give_hint(film, "s3.png")
    unreadable.add("s3.png")
    assert run(hinted).failed == MAX_REFUSED + 8
    unreadable.clear()
    run(hinted)
    rows = manifest_rows(hinted)
    unreadable.update(rows)
    said = rf"{MAX_REFUSED} files in a row cannot be read: .*\.png is denied; once the storage"
    with pytest.raises(OSError, match=said):
        run(hinted)
    assert manifest_rows(hinted) == rows
    unreadable.clear()
    assert run(hinted).skipped == len(rows)


def test_frame_changed_while_running(
    film: FilmConfig, draw_line: DrawLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing replaced or removed between index and read fails by name: no row lies about it."""
    index_pictures = film_run.hash_pictures

    def hash_then_change(*arguments: Any) -> Any:
        results = index_pictures(*arguments)
        save(Path(film.pictures, "s1/f11.png"), draw_line(9))
        Path(film.pictures, "s2/f1.png").unlink(missing_ok=True)
        return results

    monkeypatch.setattr(film_run, "hash_pictures", hash_then_change)
    assert run(film).failed == 2
    rows = manifest_rows(film)
    assert "changed while" in rows["s1/f11.png"]["message"]
    gone = f"the line drawing {film.pictures}/s2/f1.png was removed while"
    assert gone in rows["s2/f1.png"]["message"]


def test_frame_removed_before_it_is_read(film: FilmConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawing that is listed, and then gone, fails by name."""
    index_pictures = film_run.hash_pictures

    def remove_then_hash(*arguments: Any) -> Any:
        Path(film.pictures, "s1/f10.png").unlink(missing_ok=True)
        return index_pictures(*arguments)

    monkeypatch.setattr(film_run, "hash_pictures", remove_then_hash)
    assert run(film).failed == 1
    said = manifest_rows(film)["s1/f10.png"]["message"]
    assert said == f"the line drawing {film.pictures}/s1/f10.png was listed, and is not there now"


def test_interrupted_run_goes_on(film: FilmConfig, colored: list[str]) -> None:
    """What was done before an interrupt is in the manifest; the next run makes the rest."""

    def interrupt(summary: FilmSummary) -> None:
        if summary.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_film(opened(film), LocalRunner(), interrupt)
    done = len(manifest_rows(film))
    assert 0 < done < 7
    colored.clear()
    assert run(film).skipped == done
    fresh = replace(film, output=f"{film.output}-fresh")
    run(fresh)
    assert pictures(film) == pictures(fresh)
    others = manifest_rows(fresh)
    for name, row in manifest_rows(film).items():
        same = [key for key in row if key != "written_at" and not key.endswith("seconds")]
        assert [row[key] for key in same] == [others[name][key] for key in same]


def test_shots_and_limit(film: FilmConfig) -> None:
    """A run over one shot or the first frames keeps the rows of all others."""
    run(replace(film, shots=("s2",)))
    assert set(manifest_rows(film)) == {"s2/f1.png", "s2/f2.png"}
    run(replace(film, limit=1))
    assert set(manifest_rows(film)) == {"s1/f1.png", "s2/f1.png", "s2/f2.png"}
    assert run(film).frames == 7
    with pytest.raises(ValueError, match="no shot is called s9"):
        opened(replace(film, shots=("s9",)))


def test_force(film: FilmConfig, colored: list[str]) -> None:
    """With force everything is made anew, and comes out the same."""
    run(film)
    before = pictures(film)
    assert counts(run(replace(film, force=True))) == (4, 3, 0, 0)
    assert (len(colored), pictures(film)) == (8, before)


def test_removed_drawing_leaves_the_manifest(film: FilmConfig) -> None:
    """A drawing that is no longer in the film has no row any more."""
    run(film)
    Path(film.pictures, "s1/f11.png").unlink()
    run(film)
    assert "s1/f11.png" not in manifest_rows(film)


def test_parquet_in_and_out(film: FilmConfig) -> None:
    """Frames packed as Parquet hold the same PNGs, and are an input again."""
    packed = replace(film, parquet_frames=True)
    run(packed)
    (path,) = Path(film.output, "parquet").glob("*.parquet")
    table = parquet.read_table(path).to_pylist()
    assert [row["frame"] for row in table] == list(manifest_rows(film))
    first = Path(film.output, "frames/s1/f1.png").read_bytes()
    assert table[0]["image"] == first
    shutil.rmtree(film.output)
    folder = Path(film.pictures)
    lines = [{"frame": n, "image": (folder / n).read_bytes()} for n in ("s1/f1.png", "s2/f1.png")]
    shutil.rmtree(folder)
    folder.mkdir()
    parquet.write_table(pa.Table.from_pylist(lines), folder / "lines.parquet")
    assert counts(run(film)) == (2, 0, 0, 0)
    assert pictures(film)["s1/f1.png"] == hashlib.sha256(first).hexdigest()


def test_packed_frames_are_the_finished_ones(film: FilmConfig, draw_line: DrawLine) -> None:
    """A frame that a run without packing has made again is packed by the next run that packs."""
    packed = replace(film, parquet_frames=True)
    run(packed)
    (path,) = Path(film.output, "parquet").glob("*.parquet")
    before = path.stat().st_mtime_ns
    run(packed)
    assert path.stat().st_mtime_ns == before
    save(Path(film.pictures, "s1/f11.png"), draw_line(9))
    run(film)
    run(packed)
    for row in parquet.read_table(path).to_pylist():
        assert row["image"] == Path(film.output, "frames", row["frame"]).read_bytes()


def test_leftovers_are_swept(film: FilmConfig) -> None:
    """What a killed writer left half-written is gone after the next run."""
    partial = Path(film.output, ".partial")
    partial.mkdir(parents=True)
    (partial / "0123").write_bytes(b"half")
    run(film)
    assert list(partial.iterdir()) == []


def test_parts_of_a_killed_run_count(film: FilmConfig) -> None:
    """Rows that a killed run left in parts are read, and gone from the parts after the next run."""
    run(film)
    rows = read_manifest(Storage.at(film.output))
    Path(film.output, "manifest/manifest.parquet").unlink()
    append_part(Storage.at(film.output), rows.slice(0, 3))
    assert run(film).skipped == 3
    assert [*Path(film.output, "manifest").rglob("*.parquet")] == [
        Path(film.output, "manifest/manifest.parquet")
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pictures": "{root}/none"}, "--lines: there is no folder"),
        ({"pictures": "gs://bucket/x"}, "is not supported; give a folder or s3://"),
        ({"pictures": "s3:///x"}, "names no bucket"),
        ({"output": "{root}/lines/out"}, "keep them apart"),
        ({"output": "{root}"}, "keep them apart"),
        ({"pictures": "{root}/empty"}, "no image"),
        ({"weights": "{root}/empty"}, "no weights at .*/empty: config.json is not there"),
        ({"weights": "nothing-so-called"}, "no weights at"),
        ({"limit": 0}, "--limit"),
    ],
)
def test_wrong_input(film: FilmConfig, change: dict[str, Any], sentence: str) -> None:
    """Wrong flags and inputs are refused with a sentence before anything starts."""
    root = Path(film.pictures).parent
    (root / "empty").mkdir()
    filled = {
        name: value.format(root=root) if isinstance(value, str) else value
        for name, value in change.items()
    }
    with pytest.raises((ValueError, OSError), match=sentence):
        opened(replace(film, **filled))
    assert not Path(film.output).exists()


@pytest.mark.parametrize("network_size_px", [63, 4097])
def test_network_sizes_without_sense(film: FilmConfig, network_size_px: int) -> None:
    """A network size out of bounds is refused with a sentence that names the flag."""
    with pytest.raises(ValueError, match=f"--network-size {network_size_px} is not within"):
        opened(film, network_size_px)


def test_weights_that_do_not_fit(film: FilmConfig, tmp_path: Path, tiny_weights: Path) -> None:
    """Weights with a cut file are refused before anything starts."""
    broken = tmp_path / "broken"
    shutil.copytree(tiny_weights, broken)
    data = (broken / "color.safetensors").read_bytes()
    (broken / "color.safetensors").write_bytes(data[:-100])
    with pytest.raises(ValueError, match=r"color\.safetensors"):
        opened(replace(film, weights=str(broken)))


class Copies:
    """Runs a film's work without a network: a drawing's own file is the frame that is made of it.

    It notes what the last two thirds of the making left in memory, and in parts of the manifest.
    """

    def __init__(self) -> None:
        self.executor = LocalExecutor(workers=1)
        self.grown_bytes = 0
        self.parts: list[int] = []

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Write drawings as frames."""
        third = len(work) // 3
        yield from _copy_drawings(job, work[:third])
        self.parts.append(sum(1 for _ in job.output.entries(PARTS)))
        arrow_bytes = pa.total_allocated_bytes()
        tracemalloc.start()
        yield from _copy_drawings(job, work[third:])
        self.parts.append(sum(1 for _ in job.output.entries(PARTS)))
        gc.collect()
        # pathlib interns names: at times Python's table of such strings doubles.
        other = tracemalloc.Filter(False, pathlib.__file__)
        traces = tracemalloc.take_snapshot().filter_traces([other]).statistics("filename")
        self.grown_bytes = pa.total_allocated_bytes() - arrow_bytes
        self.grown_bytes += sum(trace.size for trace in traces)
        tracemalloc.stop()

    def count(self, status: str, result: FrameResult) -> None:
        """Take no note."""


def _copy_drawings(job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
    for item in work:
        data = PictureReader(job.pictures).read(item.inputs[0].source)
        for output in item.outputs:
            job.output.write(output, data)
            yield FrameResult(output, len(data), {}, None)


def test_a_long_film(film: FilmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 frames: each has one row, and memory and manifest take a few bytes for each."""
    monkeypatch.setattr(film_run, "RECORD_S", 3600.0)
    monkeypatch.setattr(film_run, "RECORD_ROWS", 256)
    drawn = draw_film(tmp_path / "long", 5000)
    film, runner = replace(film, pictures=str(tmp_path / "long")), Copies()
    summary, _ = run_film(opened(film), runner, lambda _: None)
    assert counts(summary) == (drawn.drawings, drawn.frames - drawn.drawings, 0, 0)
    size = check_manifest(Path(film.output), drawn).stored
    assert size < 100 * drawn.frames
    assert runner.grown_bytes < 500 * drawn.frames
    # What was recorded is not recorded again: parts come one by one, and not too many.
    assert 0 < runner.parts[0] < runner.parts[1] <= drawn.frames // 256
    again, _ = run_film(opened(film), Copies(), lambda _: None)
    assert counts(again) == (0, 0, 0, drawn.frames)
    assert check_manifest(Path(film.output), drawn).stored == pytest.approx(size, rel=0.01)


def test_a_refused_frame_has_a_row(film: FilmConfig) -> None:
    """A frame that is refused fails by its name; no file is made for it, and the others are."""
    film_opened = opened(film)
    why = "it leads out of the film's folder"
    refused = [replace(frame, refusal=why) for frame in film_opened.film_frames[:1]]
    frames = [*refused, *film_opened.film_frames[1:]]
    film_opened = replace(film_opened, film_frames=frames, frames=frames)
    summary, rows = run_film(film_opened, Copies(), lambda _: None)
    assert counts(summary) == (4, 2, 1, 0)
    row = rows.to_pylist()[0]
    assert (row["frame"], row["status"], row["output"]) == ("s1/f1.png", "failed", None)
    assert (row["stage"], row["error"], row["message"]) == ("name", "ValueError", why)
    assert "s1/f1.png" not in pictures(film)
    assert len(pictures(film)) == 6


def test_a_frame_that_never_ends_is_noticed(film: FilmConfig) -> None:
    """A runner that loses a frame ends the run; the next run makes it."""

    class Forgetful(LocalRunner):
        def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
            yield from super().make_frames(job, work[1:])

    with pytest.raises(ConnectionError, match=r"frames never ended: frames/s1/f1\.png"):
        run_film(opened(film), Forgetful(), lambda _: None)
    assert 0 < len(manifest_rows(film)) < 7
    run(film)
    assert len(manifest_rows(film)) == 7


def test_weights_that_change_on_the_way(film: FilmConfig, tmp_path: Path) -> None:
    """A network is not opened with other weights than those that the run began with."""
    weights = tmp_path / "weights"
    shutil.copytree(film.weights, weights)
    begun = opened(replace(film, weights=str(weights)))
    config = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps(config, indent=7))
    with pytest.raises(ValueError, match="were changed while the film was running"):
        run_film(begun, LocalRunner(), lambda _: None)


def test_packing_leaves_out_what_was_lost(film: FilmConfig) -> None:
    """Frames that are gone, of shots that this run does not look at, are not packed."""
    run(film)
    Path(film.output, "frames/s1/f1.png").unlink()
    run(replace(film, shots=("s2",), parquet_frames=True))
    (path,) = Path(film.output, "parquet").glob("*.parquet")
    assert "s1/f1.png" not in parquet.read_table(path)["frame"].to_pylist()
