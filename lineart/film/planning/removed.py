"""Frames of drawings that are no longer in the film: moved to `removed/`, and back again."""

import posixpath
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lineart import manifest
from lineart.codec.formats.table import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from lineart.film.inputs import PreparedRun
from lineart.film.pictures.frames import FilmFrame, beside, holds_others
from lineart.film.pictures.names import stem
from lineart.storage import Storage

FOLDER = "removed"
"""Folder below the output that the frames are moved to, with their extra files."""
ROWS = f"{FOLDER}/manifest.parquet"
"""Rows of frames that were moved there, with which they come back as they are."""
THREADS = 16
"""Files that are moved at once."""


class Stale(NamedTuple):
    """Numbers of stored frames without a drawing."""

    removed: int = 0
    """Moved to `removed/`."""
    kept: int = 0
    """Left in place, as `--keep-removed` says."""


def settle_removed(
    prepared: PreparedRun, previous: pa.Table, check: Callable[[], None] = lambda: None
) -> tuple[pa.Table, Stale]:
    """Move frames whose drawing was removed to `removed/`, and back if the drawing has returned.

    Nothing is deleted. A run over a part of the film moves no frame away, and neither does one that
    could not list all drawings; they keep the rows that the manifest drops. Each step may be
    repeated, so that a killed run goes on.

    Args:
        prepared: Inputs of the run.
        previous: The manifest.
        check: Called before files are moved; raises if another run has taken over the output.

    Returns:
        The manifest with the rows of returned frames, and the numbers of frames.

    Raises:
        OSError: storage fails.
    """
    output = prepared.job.output
    previous = _bring_back(prepared, previous, check)
    _keep_rows(prepared, previous, check)
    if not _knows_all_drawings(prepared):
        return previous, Stale()
    folders = ("frames", *_extra_folders(prepared, previous))
    present = _present(prepared.film_frames)
    files = [path for folder in folders for path in _strangers(output, folder, present)]
    frames = sum(1 for path in files if path.startswith("frames/"))
    if prepared.film.keep_removed:
        return previous, Stale(kept=frames)
    if files:
        check()
        _move(output, ((path, f"{FOLDER}/{path}") for path in files))
    return previous, Stale(removed=frames)


def _knows_all_drawings(prepared: PreparedRun) -> bool:
    """Return whether a drawing that the run does not know is no drawing of the film."""
    is_folder = Storage.at(prepared.film.pictures).uri == prepared.job.pictures.uri
    is_whole = len(prepared.frames) == len(prepared.film_frames)
    return (
        is_folder
        and is_whole
        and not any(
            frame.refusal is not None and holds_others(frame.source.path)
            for frame in prepared.film_frames
        )
    )


def _extra_folders(prepared: PreparedRun, rows: pa.Table) -> list[str]:
    """Return the folders of extra files that this or an earlier run has written."""
    written = rows["extras"].drop_null().unique().to_pylist()
    return sorted({*prepared.job.task.extras, *(name for text in written for name in text.split())})


def _present(frames: Iterable[FilmFrame]) -> set[str]:
    """Return the names of the film's frames without suffix: they may be stored in other formats."""
    found: set[str] = set()
    for frame in frames:
        found |= {stem(frame.name), stem(frame.output.removeprefix("frames/"))}
    return found


def _strangers(output: Storage, folder: str, present: set[str]) -> Iterator[str]:
    """Yield the pictures of a folder that belong to no frame of the film, nor to a page of one."""
    for entry in output.entries(folder):
        name, suffix = posixpath.splitext(entry.path.removeprefix(f"{folder}/"))
        is_picture = suffix.lower() in IMAGE_SUFFIXES | UNREAD_SUFFIXES
        if is_picture and present.isdisjoint((name, name.rpartition("#")[0])):
            yield entry.path


def _keep_rows(prepared: PreparedRun, previous: pa.Table, check: Callable[[], None]) -> None:
    """Keep the rows of removed frames that are made; the manifest of this run drops them."""
    gone = previous.filter(pc.is_in(previous["status"], value_set=pa.array(["done", "held"])))
    for column, name in (("frame", "name"), ("output", "output")):
        # Another drawing may have taken the place of its frame.
        known = pa.array(map(attrgetter(name), prepared.film_frames), pa.string())
        gone = gone.filter(pc.invert(pc.is_in(gone[column], value_set=known)))
    if not gone.num_rows:
        return
    check()
    rows = [gone, *_kept_rows(prepared.job.output)]
    unique = pa.concat_tables([one.select(["frame"]) for one in rows])["frame"].unique()
    kept = manifest.first_rows(rows, unique.to_pylist())
    manifest.write_rows(prepared.job.output, ROWS, kept)


def _kept_rows(output: Storage) -> list[pa.Table]:
    return [manifest.read_rows(output, ROWS)] if output.exists(ROWS) else []


def _bring_back(prepared: PreparedRun, previous: pa.Table, check: Callable[[], None]) -> pa.Table:
    """Move frames back whose drawing has returned; return the manifest with their rows."""
    output = prepared.job.output
    for kept in _kept_rows(output):
        names = pa.array((frame.name for frame in prepared.film_frames), pa.string())
        is_back = pc.and_(
            pc.is_in(kept["frame"], value_set=names),
            pc.invert(pc.is_in(kept["frame"], value_set=previous["frame"])),
        )
        rows = kept.filter(is_back)
        if not rows.num_rows:
            continue
        check()
        extras = _extra_folders(prepared, rows)
        paths = rows["output"].to_pylist()
        wanted = {*paths, *(beside(path, folder) for path in paths for folder in extras)}
        moved = {entry.path.removeprefix(f"{FOLDER}/") for entry in output.entries(FOLDER)}
        _move(output, ((f"{FOLDER}/{path}", path) for path in sorted(wanted & moved)))
        manifest.append_part(output, rows)
        previous = pa.concat_tables([previous, rows])
    return previous


def _move(output: Storage, pairs: Iterable[tuple[str, str]]) -> None:
    def move(pair: tuple[str, str]) -> None:
        # It is gone if the thread of a killed run moved it.
        with suppress(FileNotFoundError):
            output.move(*pair)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(move, pairs):
            pass
