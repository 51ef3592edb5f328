"""Flags and inputs of a run, validated before any work is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lineart.film.frames import (
    FilmFrame,
    Source,
    assemble,
    holds_others,
    stem,
)
from lineart.film.hints import (
    find_origins,
    hold_everywhere,
    hold_hints,
    take_first_pages,
    unused_hints,
)
from lineart.film.keys import describe_keyless, hold_keys
from lineart.film.output_names import Names, name_outputs
from lineart.film.pages import Pages, find_pictures
from lineart.film.painted import PaintedFilm, describe_unused, hold_paint
from lineart.film.pools import WorkerBounds
from lineart.film.records import FilmJob
from lineart.film.selection import Selection
from lineart.film.sequence import describe_gaps, describe_versions
from lineart.film.sheets import find_sheets, hold_sheets
from lineart.film.tasks import FilmTask
from lineart.runtime.device import PRECISIONS, Precision
from lineart.runtime.sandbox import hold_signals
from lineart.storage import LIMITS, S3Limits, Storage
from lineart.weights import fingerprint, is_included, open_weights, read_weights
from lineart.weights.onnx_file import MODEL

MOST_NAMED = 10
"""Most hints that are named in a sentence."""


@dataclass(frozen=True, kw_only=True)
class FilmConfig:
    """Flags that all film tasks share; addresses are folders or `s3://bucket/prefix`.

    Pictures and hints may also be one file.
    """

    pictures: str
    output: str
    weights: str | None = None
    """Name or address of the weights; None for tasks without a network."""
    painted: PaintedFilm | None = None
    """Film whose paint is recoloured, in place of hints."""
    hints: str | None = None
    carries_hints: bool = False
    """Hints are keys for the drawings after the one that they were set in; see `frame_colors`."""
    keys: str | None = None
    sheets: str | None = None
    shots: tuple[str, ...] = ()
    adjacent: int = 0
    """Drawings before a drawing, and as many after it, that vote on its colours by keys."""
    ask: int | None = None
    """Number of drawings to name at the end that should become keys; see `next_keys`."""
    numbers: str | None = None
    limit: int | None = None
    pages: Pages = "all"
    force: bool = False
    retry_failed: tuple[str, ...] | None = None
    """Failed frames to try again, empty for all; None processes all frames. See `retries`."""
    accept: tuple[str, ...] = ()
    """Failed frames that are taken as they are."""
    keep_removed: bool = False
    """Leave the frames of removed drawings in place; see `removed`."""
    strict: bool = False
    """Warnings and stale frames leave the film unfinished; see `completeness`."""
    log_folder: str | None = None
    """Folder or S3 prefix for a log of each frame; see `frame_logs`."""
    parquet_frames: bool = False
    names: Names = "as-input"
    gpu_workers: WorkerBounds | None = None
    cpu_workers: WorkerBounds | None = None
    limit_s: float | None = None
    precision: Precision | None = None
    """`limit_s` and `precision` are those of `FilmJob`."""

    @property
    def selection(self) -> Selection:
        """Flags that choose frames."""
        return Selection(self.shots, self.numbers, self.limit)


TaskFactory = Callable[[Mapping[str, bytes]], FilmTask]
"""Builds a task from the files of its weights; raises ValueError if flags and weights conflict."""


@dataclass(frozen=True)
class PreparedRun:
    """Validated inputs of a run."""

    film: FilmConfig
    job: FilmJob
    film_frames: list[FilmFrame]
    """All frames of the film, in order."""
    frames: list[FilmFrame]
    """Frames that this run processes."""
    warnings: list[str]
    """Sentences on what a person should look at in the film's files, such as unused hints; a run
    adds those on what it reads."""
    accepted: frozenset[str] = frozenset()
    """Names of failed frames that this run takes as they are; see `retries.choose_again`."""


def prepare_run(
    film: FilmConfig, open_task: TaskFactory, *, limits: S3Limits = LIMITS
) -> PreparedRun:
    """Validate flags and inputs, and list the film's frames.

    Args:
        film: Flags that all tasks share.
        open_task: Builds the task and validates its own flags.
        limits: Limits of requests for pictures, hints and frames on S3.

    Returns:
        The inputs of `run.run_film`.

    Raises:
        ValueError: a flag or an input is invalid.
        OSError: a folder, a bucket or the weights cannot be read.
    """
    film.selection.check()
    if film.limit_s is not None and not film.limit_s > 0:
        raise ValueError(f"--time-limit {film.limit_s:g} leaves no time; give seconds above 0")
    if film.precision not in (None, *PRECISIONS):
        raise ValueError(f"--precision {film.precision}: choose one of {', '.join(PRECISIONS)}")
    at = partial(Storage.at, limits=limits)
    pictures, output = at(film.pictures), at(film.output)
    places = _Colors(
        *(None if one is None else at(one) for one in (film.hints, film.keys, film.sheets))
    )
    painted = film.painted.place if film.painted is not None else None
    given = {"pictures": pictures, "coloured film": painted, **places._asdict()}
    _check_places(output, given)
    others = [pictures, output.child("frames"), *filter(None, places)]
    _check_log_folder(film.log_folder, others)
    weights = None if film.weights is None else open_weights(film.weights)
    files = {} if weights is None else read_weights(weights)
    if film.precision and weights is None:
        raise ValueError("--precision is for networks, and this run has none; leave it out")
    if film.precision and MODEL in files:
        raise ValueError("--precision is for networks of PyTorch; an ONNX model has its own")
    task = open_task(files)
    if weights is not None and not is_included(weights):
        _check_networks(files)
    folder, sources = find_pictures(pictures, pages=film.pages, has_videos=True)
    frames = assemble(sources, folder.name or stem(pictures.name), role=task.role)
    if not frames:
        raise ValueError(f"there is no image, video or Parquet file below {pictures.uri}")
    folders, frames, of_colors = _hold_colors(film, frames, places)
    if film.painted is not None:
        folders = folders._replace(hints=film.painted.place)
        frames = hold_paint(frames, film.painted)
        of_colors += describe_unused(film.painted)
    frames = name_outputs(frames, task.form.suffix, film.names)
    job = FilmJob(
        folder,
        output,
        folders.hints,
        task,
        weights,
        weights_sha256=fingerprint(files) if files else "",
        limit_s=film.limit_s,
        precision=film.precision,
        pages=film.pages,
        keys=folders.keys,
        sheets=folders.sheets,
    )
    chosen, absent = film.selection.choose(frames)
    keyless = describe_keyless(chosen) if film.keys is not None else []
    warnings = [*of_colors, *keyless, *describe_versions(frames), *describe_gaps(frames), *absent]
    return PreparedRun(film, job, frames, chosen, warnings)


class _Colors(NamedTuple):
    """Where hints, keys and sheets are."""

    hints: Storage | None
    keys: Storage | None
    sheets: Storage | None


def _hold_colors(
    film: FilmConfig, frames: list[FilmFrame], places: _Colors
) -> tuple[_Colors, list[FilmFrame], list[str]]:
    """Return the folders of hints, keys and sheets, the frames with them, and sentences on them."""
    hint_folder, frames, of_hints = _hold_hints(places.hints, frames, film.pages)
    if film.carries_hints:
        frames = find_origins(frames)
    key_folder, frames, of_keys = _hold_keys(places.keys, frames)
    sheet_folder, frames, of_sheets = _hold_sheets(places.sheets, frames)
    folders = _Colors(hint_folder, key_folder, sheet_folder)
    return folders, frames, [*of_hints, *of_keys, *of_sheets]


def _hold_hints(
    place: Storage | None, frames: list[FilmFrame], pages: Pages
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the hints, the frames with their hints, and sentences on hints."""
    if place is None:
        return None, frames, []
    folder, hints = find_pictures(place, pages=pages)
    if not hints:
        raise ValueError(f"there is no hint picture below {place.uri}; leave out --hints")
    _check_hints(hints, "hints")
    hints, sentences = take_first_pages(frames, hints)
    held, is_one_file = hold_hints(frames, hints), folder != place
    unused = unused_hints(held, hints)
    if is_one_file and len(unused) == len(hints) == 1 and hints[0].row is None:
        sentences.append(f"the hint {unused[0]} is named after no frame; alone, it holds on all")
        return folder, hold_everywhere(frames, hints[0]), sentences
    if unused:
        named = ", ".join(unused[:MOST_NAMED]) + (", ..." if unused[MOST_NAMED:] else "")
        what = "a hint belongs" if len(unused) == 1 else f"{len(unused)} hints belong"
        sentences.append(f"{what} to no shot or frame: {named}")
    return folder, held, sentences


def _hold_keys(
    place: Storage | None, frames: list[FilmFrame]
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the keys, the frames with their keys, and sentences on keys."""
    if place is None:
        return None, frames, []
    folder, keys = _list_colors(place, "keys")
    return folder, *hold_keys(frames, keys)


def _hold_sheets(
    place: Storage | None, frames: list[FilmFrame]
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the sheets, the frames with them, and sentences on sheets."""
    if place is None:
        return None, frames, []
    folder, pictures = _list_colors(place, "sheets")
    sheets, sentences = find_sheets(pictures)
    if not sheets:
        raise ValueError(f"there are line drawings alone below {place.uri}; add the sheets")
    return folder, hold_sheets(frames, sheets), sentences


def _list_colors(place: Storage, what: str) -> tuple[Storage, list[Source]]:
    """Return the folder of keys or sheets and its pictures."""
    folder, pictures = find_pictures(place, pages="first")
    if not pictures:
        raise ValueError(f"there is no picture below {place.uri}; leave out --{what}")
    _check_hints(pictures, what)
    return folder, pictures


def _check_places(output: Storage, places: Mapping[str, Storage | None]) -> None:
    for what, place in places.items():
        if place is None:
            continue
        if place.as_file() is None:
            place.check()
        if place.contains(output) or output.contains(place):
            raise ValueError(
                f"--output {output.uri} and the {what} {place.uri} lie in one another; "
                "keep them apart"
            )
    if output.is_s3:
        output.check()
    elif Path(output.root).exists() and not Path(output.root).is_dir():
        raise ValueError(f"--output {output.root} is a file; give a folder")


def _check_log_folder(log_folder: str | None, others: Sequence[Storage]) -> None:
    """Raise if logs would lie among pictures, where they could be taken for the film's files."""
    for other in others if log_folder is not None else ():
        if other.contains(Storage.at(str(log_folder))):
            raise ValueError(
                f"--log-folder {log_folder} lies in {other.uri}; give a folder of its own"
            )
    if log_folder is not None and Path(log_folder).is_file():
        raise ValueError(f"--log-folder {log_folder} is a file; give a folder")


def _check_hints(hints: Sequence[Source], what: str) -> None:
    """Raise if a folder or Parquet file of hints is unreadable: they could be for any frame."""
    for hint in hints:
        if hint.refusal and hint.row is None and holds_others(hint.path):
            raise ValueError(f"the {what} in {hint.name} cannot be known: {hint.refusal}")


def _check_networks(files: Mapping[str, bytes]) -> None:
    """Build the networks once, so that invalid weights raise before any work is done."""
    if MODEL in files:
        from lineart.onnx.inference import open_session

        open_session(files[MODEL])
        return
    with hold_signals():
        # An exception in the start of its C++ code, as Ctrl-C is, ends torch with an abort.
        from lineart.models import from_files

    from_files(files)
