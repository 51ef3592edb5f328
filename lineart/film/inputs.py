"""Flags and inputs of a run, validated before any work is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lineart.film.colors.hints import (
    attach_everywhere,
    attach_hints,
    find_origins,
    take_first_pages,
    unused_hints,
)
from lineart.film.colors.keys import attach_keys, describe_keyless
from lineart.film.colors.painted import PaintedFilm, attach_paint, describe_unused
from lineart.film.colors.sheets import attach_sheets, find_sheets
from lineart.film.execution.pools import WorkerBounds
from lineart.film.pictures.frames import (
    FilmFrame,
    Source,
    assemble,
    holds_others,
)
from lineart.film.pictures.listing import is_empty, name_some, printable
from lineart.film.pictures.names import stem
from lineart.film.pictures.output_names import Names, name_outputs
from lineart.film.pictures.pages import Pages, find_pictures, list_videos, split_pages
from lineart.film.pictures.selection import Selection
from lineart.film.pictures.sequence import describe_doubles, describe_gaps, describe_versions
from lineart.film.records import FilmJob
from lineart.film.tasks import FilmTask
from lineart.runtime.device import PRECISIONS, Precision
from lineart.runtime.sandbox import hold_signals
from lineart.storage import CHECK, LIMITS, S3Limits, Storage, check_apart, check_given, for_flag
from lineart.weights import fingerprint, is_included, open_weights, read_weights
from lineart.weights.onnx_file import MODEL


@dataclass(frozen=True, kw_only=True)
class FilmConfig:
    """Flags that all film tasks share; addresses are folders or `s3://bucket/prefix`.

    Pictures, hints, keys and sheets may also be one file.
    """

    pictures: str
    """Address of the drawings or photographs, or of video or Parquet files with them."""
    output: str
    """Address that frames, manifest and page are written to; it lies in no input."""
    pictures_flag: str = "--lines"
    """Flag that gives `pictures`, for sentences."""
    weights: str | None = None
    """Name or address of the weights; None for tasks without a network."""
    painted: PaintedFilm | None = None
    """Film whose paint is recoloured, in place of hints."""
    hints: str | None = None
    """Address of the hint pictures; None: no hints."""
    carries_hints: bool = False
    """Hints are keys for the drawings after the one that they were set in; see `frame_colors`."""
    keys: str | None = None
    """Address of the coloured drawings, below folders named as the shots; None: no keys."""
    sheets: str | None = None
    """Address of the colour sheets; None: no sheets."""
    warnings: tuple[str, ...] = ()
    """Sentences on what the flags name besides the film's pictures."""
    shots: tuple[str, ...] = ()
    """Names of the shots to process; empty: all."""
    adjacent: int = 0
    """Drawings before a drawing, and as many after it, that vote on its colours by keys."""
    ask: int | None = None
    """Number of drawings to name at the end that should become keys; see `next_keys`."""
    numbers: str | None = None
    """Numbers of the frames to process, as in `1-100x2,150`; None: all."""
    limit: int | None = None
    """Maximum number of frames to process, 1 or more; None: all."""
    pages: Pages = "all"
    """Which pages of a file are frames."""
    force: bool = False
    """Make all frames anew, including finished and accepted ones."""
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
    """Also write the finished frames as Parquet files; see `outputs.export_parquet`."""
    names: Names = "as-input"
    """How the files of frames are called."""
    gpu_workers: WorkerBounds | None = None
    """Number of network workers on Ray; None: chosen by the cluster's size."""
    cpu_workers: WorkerBounds | None = None
    """Number of tasks on Ray that read, compose and write frames beside GPUs; None: likewise."""
    limit_s: float | None = None
    """Timeout of one step of one frame in seconds, above 0; None: no timeout."""
    precision: Precision | None = None
    """Number format of the networks; None: each machine takes its fastest."""

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
    """Names of failed frames that this run takes as they are; see `retries.apply_retry_flags`."""


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
    _check_flags(film)
    at = partial(Storage.at, limits=limits)
    pictures, output = at(film.pictures), at(film.output)
    color_addresses = ColorFolders(
        *(None if one is None else at(one) for one in (film.hints, film.keys, film.sheets))
    )
    _check_addresses(film, pictures, output, color_addresses)
    weights = None if film.weights is None else open_weights(film.weights)
    with for_flag("--weights", advice=""):
        files = {} if weights is None else read_weights(weights)
    _check_precision(film, files)
    task = open_task(files)
    if weights is not None and not is_included(weights):
        _check_networks(files)
    folder, frames = _list_frames(film, pictures, task.role)
    color_folders, frames, color_warnings = _attach_colors(film, frames, color_addresses)
    frames = name_outputs(frames, task.form.suffix, film.names)
    job = FilmJob(
        folder,
        output,
        color_folders.hints,
        task,
        weights,
        weights_sha256=fingerprint(files) if files else "",
        limit_s=film.limit_s,
        precision=film.precision,
        pages=film.pages,
        keys=color_folders.keys,
        sheets=color_folders.sheets,
    )
    chosen, absent = film.selection.choose(frames)
    keyless = describe_keyless(chosen) if color_folders.keys is not None else []
    named = [*describe_versions(frames), *describe_gaps(frames), *describe_doubles(frames)]
    warnings = [*film.warnings, *color_warnings, *keyless, *named, *absent]
    return PreparedRun(film, job, frames, chosen, warnings)


class ColorFolders(NamedTuple):
    """Where hints, keys and sheets are: their addresses, or the folders that these mean.

    The folder of an address that is one file is the one that the file is in.
    """

    hints: Storage | None
    """None without hints; of a run that recolours, the coloured film."""
    keys: Storage | None
    sheets: Storage | None


def _check_flags(film: FilmConfig) -> None:
    """Raise ValueError if a flag is invalid whatever the inputs are."""
    film.selection.check()
    if film.limit_s is not None and not film.limit_s > 0:
        raise ValueError(f"--time-limit {film.limit_s:g} leaves no time; give seconds above 0")
    if film.precision not in (None, *PRECISIONS):
        raise ValueError(f"--precision {film.precision}: choose one of {', '.join(PRECISIONS)}")


def _check_addresses(
    film: FilmConfig, pictures: Storage, output: Storage, color_addresses: ColorFolders
) -> None:
    """Raise ValueError if inputs, output and logs lie in one another or cannot be what they are."""
    painted = film.painted.place if film.painted is not None else None
    colors = {f"--{name}": place for name, place in color_addresses._asdict().items()}
    inputs = {film.pictures_flag: pictures, "--film": painted, **colors}
    _check_output(output, inputs)
    picture_places = [pictures, output.child("frames"), *filter(None, color_addresses)]
    _check_log_folder(film.log_folder, picture_places)


def _check_precision(film: FilmConfig, files: Mapping[str, bytes]) -> None:
    """Raise ValueError if a number format is wanted and the weights' files leave no choice."""
    if film.precision and film.weights is None:
        raise ValueError("--precision is for networks, and this run has none; leave it out")
    if film.precision and MODEL in files:
        raise ValueError("--precision is for networks of PyTorch; an ONNX model has its own")


def _list_frames(film: FilmConfig, pictures: Storage, role: str) -> tuple[Storage, list[FilmFrame]]:
    """Return the folder of the pictures and the frames that they are.

    Raises:
        ValueError: there is none.
        OSError: the folder cannot be read.
    """
    folder, sources = find_pictures(pictures, pages=film.pages, has_videos=True)
    frames = assemble(sources, folder.name or stem(pictures.name), role=role)
    if not frames:
        nothing = f"there is no image, video or Parquet file below {pictures.uri}"
        raise ValueError(f"{film.pictures_flag}: {nothing}; {CHECK}")
    return folder, frames


def _attach_colors(
    film: FilmConfig, frames: list[FilmFrame], addresses: ColorFolders
) -> tuple[ColorFolders, list[FilmFrame], list[str]]:
    """Return the folders of hints, keys and sheets, the frames with them, and warnings on them.

    Of a film that is recoloured, its paint takes the place of hints.
    """
    hint_folder, frames, hint_warnings = _attach_hints(addresses.hints, frames, film.pages)
    if film.carries_hints:
        frames = find_origins(frames)
    key_folder, frames, key_warnings = _attach_keys(addresses.keys, frames)
    sheet_folder, frames, sheet_warnings = _attach_sheets(addresses.sheets, frames)
    folders = ColorFolders(hint_folder, key_folder, sheet_folder)
    warnings = [*hint_warnings, *key_warnings, *sheet_warnings]
    warnings += _describe_videos(folders, addresses)
    if film.painted is not None:
        folders = folders._replace(hints=film.painted.place)
        frames, left_out = attach_paint(frames, film.painted)
        warnings += [*left_out, *describe_unused(film.painted)]
    return folders, frames, warnings


def _describe_videos(folders: ColorFolders, addresses: ColorFolders) -> list[str]:
    """Return a warning for each folder of hints, keys or sheets that has videos."""
    warnings = []
    for what, folder in folders._asdict().items():
        # An address of one file has another folder.
        if folder is not None and folder in addresses and (names := list_videos(folder)):
            warnings.append(f"videos are no {what}: {name_some(names)}; export their pictures")
    return warnings


def _attach_hints(
    address: Storage | None, frames: list[FilmFrame], pages: Pages
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the hints, the frames with their hints, and warnings on hints."""
    if address is None:
        return None, frames, []
    folder, hints = find_pictures(address, pages=pages)
    if not hints:
        raise ValueError(f"--hints: there is no hint picture below {address.uri}; {CHECK}")
    _check_readable(hints, "hints")
    hints, warnings = take_first_pages(frames, hints)
    is_one_file = folder != address
    # A file that is meant for all frames may have some number.
    hinted = attach_hints(frames, hints, by_number=not is_one_file)
    unused = unused_hints(hinted, hints)
    if is_one_file and len(unused) == len(hints) == 1 and hints[0].row is None:
        warnings.append(f"the hint {unused[0]} is named after no frame; alone, it holds on all")
        return folder, attach_everywhere(frames, hints[0]), warnings
    if unused:
        what = "a hint belongs" if len(unused) == 1 else f"{len(unused)} hints belong"
        warnings.append(f"{what} to no shot or frame, or to several: {name_some(unused)}")
    return folder, hinted, warnings


def _attach_keys(
    address: Storage | None, frames: list[FilmFrame]
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the keys, the frames with their keys, and warnings on keys.

    An empty folder is none: the keys are still to be made.
    """
    if address is None:
        return None, frames, []
    if is_empty(address):
        return None, frames, [f"--keys: {address.uri} is empty; no shot has a key"]
    folder, keys = _list_colors(address, "keys")
    frames, warnings = attach_keys(frames, keys)
    return folder, frames, _describe_pages(folder, keys, "key") + warnings


def _attach_sheets(
    address: Storage | None, frames: list[FilmFrame]
) -> tuple[Storage | None, list[FilmFrame], list[str]]:
    """Return the folder of the sheets, the frames with them, and warnings on sheets."""
    if address is None:
        return None, frames, []
    folder, pictures = _list_colors(address, "sheets")
    sheets, warnings = find_sheets(pictures)
    if not sheets:
        raise ValueError(f"--sheets: below {address.uri} are line drawings alone; add the sheets")
    warnings += _describe_pages(folder, pictures, "sheet")
    return folder, attach_sheets(frames, sheets), warnings


def _list_colors(address: Storage, what: str) -> tuple[Storage, list[Source]]:
    """Return the folder of keys or sheets and its pictures."""
    folder, pictures = find_pictures(address, pages="first")
    if not pictures:
        raise ValueError(f"--{what}: there is no picture below {address.uri}; {CHECK}")
    _check_readable(pictures, what)
    return folder, pictures


def _describe_pages(folder: Storage, pictures: Sequence[Source], what: str) -> list[str]:
    """Return a warning of the keys or sheets that have pages besides the first."""
    pages = split_pages(folder, pictures)
    first = {(page.path, page.row) for page in pages if page.page == 0}
    paged = sorted(printable(one.name) for one in pictures if (one.path, one.row) in first)
    if not paged:
        return []
    whose = f"a {what} has pages" if len(paged) == 1 else f"{len(paged)} {what}s have pages"
    return [f"{whose}, of which the first alone counts: {name_some(paged)}"]


def _check_output(output: Storage, inputs: Mapping[str, Storage | None]) -> None:
    """Raise if the output is a file or lies in an input, or an input lies in it.

    Args:
        output: Where frames are written.
        inputs: Flag of each input -> its address, which must exist; None if it is not given.
    """
    for flag, address in inputs.items():
        if address is None:
            continue
        check_given(flag, address)
        check_apart(output, flag, address)
    if output.is_s3:
        check_given("--output", output)
    elif Path(output.root).exists() and not Path(output.root).is_dir():
        raise ValueError(f"--output {output.root} is a file; give a folder")


def _check_log_folder(log_folder: str | None, picture_places: Sequence[Storage]) -> None:
    """Raise if logs would lie among pictures, where they could be taken for the film's files."""
    for place in picture_places if log_folder is not None else ():
        if place.contains(Storage.at(str(log_folder))):
            raise ValueError(
                f"--log-folder {log_folder} lies in {place.uri}; give a folder of its own"
            )
    if log_folder is not None and Path(log_folder).is_file():
        raise ValueError(f"--log-folder {log_folder} is a file; give a folder")


def _check_readable(pictures: Sequence[Source], what: str) -> None:
    """Raise if a folder or Parquet file of hints, keys or sheets is unreadable.

    What is in it could be for any frame.
    """
    for one in pictures:
        if one.refusal and one.row is None and holds_others(one.path):
            raise ValueError(f"the {what} in {one.name} cannot be known: {one.refusal}")


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
