"""Shared by the film commands: flags, the run, run.json and the page."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import Field, asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    Protocol,
    runtime_checkable,
)

from tyro import conf

from lineart.jobs.command import BrokenOffError, as_sentence, log_to_stderr, say
from lineart.jobs.film_progress import make_printer
from lineart.jobs.film_video import choose_rate, write_video
from lineart.runtime.device import Precision

if TYPE_CHECKING:
    import pyarrow as pa

    from lineart.codec.reading.palettes import Colors
    from lineart.codec.writing.encode import FileFormat
    from lineart.film.exposure.cuts import ExposedCut
    from lineart.film.inputs import FilmConfig, PreparedRun, TaskFactory
    from lineart.film.outcome.run_json import FilmSummary
    from lineart.film.run import FilmRunner
    from lineart.film.tasks.upscaling import Factor, Upscaling
    from lineart.jobs.colorize import Colorize
    from lineart.jobs.recolor import Recolor
    from lineart.runtime.lease import Lease
    from lineart.storage import Storage
    from lineart.weights.waifu2x import Denoise

STOPPED = "stopped; the same command goes on from here"

SUCCESS = "_SUCCESS"
"""File written last, if every frame of the film is finished; deleted at the start of a run."""


@dataclass(frozen=True, kw_only=True)
class FilmFlags:
    """Flags that choose frames, numbers of workers, timeout and number format."""

    shots: tuple[str, ...] = ()
    """Shots to process; default: all."""
    frames: str | None = None
    """Numbers of the frames to process, as in 1-100x2,150 (x2: every second one); the number of a
    frame is the last one in its name. Default: all."""
    limit: int | None = None
    """Maximum number of frames, from the first one of these shots; default: all."""
    pages: Literal["all", "first"] = "all"
    """Which pages of multi-page TIFF and animated GIF, PNG and WebP files are frames: all, as
    NAME#0001, ...; or the first, as NAME."""
    force: bool = False
    """Make all frames anew, including finished and accepted ones; in an output that holds another
    film, too."""
    retry_failed: Annotated[tuple[str, ...] | None, conf.arg(metavar="[FRAME [FRAME ...]]")] = None
    """Try only failed frames again; with names, only these failed or accepted ones. A name is that
    in the manifest, or the shot and the last number in the name, as s1/3 for s1/f0003.png. Other
    files are not read."""
    accept: Annotated[tuple[str, ...], conf.arg(metavar="FRAME [FRAME ...]")] = ()
    """Failed frames, named likewise, that count as accepted, although they are not made, until
    their drawing or what they are made with changes."""
    strict: bool = False
    """End with status 3 and without _SUCCESS if there is a warning on the film's files or on a
    frame, or a frame without a drawing, too."""
    keep_removed: bool = False
    """Leave frames whose drawing was removed from the film in frames/, instead of moving them to
    removed/."""
    xdts: Annotated[tuple[str, ...], conf.arg(metavar="SHEET [SHEET ...]")] = ()
    """Exposure sheets (XDTS), one a cut, whose times the shots have on the page."""
    levels: Annotated[tuple[str, ...], conf.arg(metavar="LEVEL [LEVEL ...]")] = ()
    """Levels of the sheets to follow; default: all."""
    video: bool = False
    """Also write MP4 videos of each shot and of the film, below video/."""
    fps: float | None = None
    """With --video, frames per second, 1 to 240; default: the rate of most video
    frames of the input, else 24."""
    log_folder: str | None = None
    """Folder or s3:// address for a log of each frame, <shot>/<frame>.log."""
    parquet_frames: bool = False
    """Also write the finished frames as Parquet files, below parquet/."""
    output_format: Literal["png", "tga", "tiff", "webp"] = "png"
    """Format of the frames: PNG, TGA as PaintMan reads it, TIFF, or lossless WebP."""
    bits: Literal[8, 16] = 8
    """Bits per channel of the frames; 16 for PNG and TIFF only, of the same 256 levels."""
    names: Literal["as-input", "A0001"] = "as-input"
    """Names of the frames: those of their pictures; or RETAS's, where A_1 becomes A0001."""
    gpu_workers: str | None = None
    """Number of network workers on Ray, MIN:MAX: two on each GPU or, without GPUs, one on each CPU;
    default: chosen from the resources."""
    cpu_workers: str | None = None
    """Number of tasks on Ray that read, compose and write frames beside GPUs, MIN:MAX; not accepted
    without GPUs, where network workers do this. Default: chosen from the resources."""
    time_limit: float = 300.0
    """Timeout of one step of one frame in seconds, above 0; then the frame fails."""
    precision: Precision | None = None
    """Number format of the networks on all machines; frames made in the other one are made anew.
    Default: each machine uses bfloat16 if its processor or GPU multiplies it in hardware, else
    float32."""
    log_frames: bool = False
    """Log every frame as a line of JSON, not only failed ones."""


def build_film_config(
    flags: FilmFlags,
    *,
    pictures: str,
    output: str,
    weights: str | None = None,
    hints: str | None = None,
) -> FilmConfig:
    """Build the film's configuration from addresses and flags."""
    from lineart.film.execution.pools import WorkerBounds
    from lineart.film.inputs import FilmConfig

    return FilmConfig(
        pictures=pictures,
        output=output,
        weights=weights,
        hints=hints,
        shots=flags.shots,
        numbers=flags.frames,
        limit=flags.limit,
        pages=flags.pages,
        force=flags.force,
        retry_failed=flags.retry_failed,
        accept=flags.accept,
        strict=flags.strict,
        keep_removed=flags.keep_removed,
        log_folder=flags.log_folder,
        parquet_frames=flags.parquet_frames,
        names=flags.names,
        gpu_workers=WorkerBounds.parse(flags.gpu_workers) if flags.gpu_workers else None,
        cpu_workers=WorkerBounds.parse(flags.cpu_workers) if flags.cpu_workers else None,
        limit_s=flags.time_limit,
        precision=flags.precision,
    )


def build_format(flags: FilmFlags) -> FileFormat:
    """Build the format of the frames from flags; raises ValueError if there is no such format."""
    from lineart.codec.writing.encode import FileFormat

    return FileFormat(flags.output_format, flags.bits)


def choose_upscaling(upscale: Factor, denoise: Denoise | None) -> Upscaling | None:
    """Return how frames are enlarged, from the flags `upscale` and `denoise`."""
    from lineart.film.tasks.upscaling import choose_upscaling

    return choose_upscaling(upscale, denoise)


def choose_extras(flags: Colorize | Recolor) -> tuple[str, ...]:
    """Return the folders of extra files."""
    from lineart.film.pictures.frames import OPENRASTER, PSD
    from lineart.film.tasks.layers import LAYERS, LINES, PAINT

    wanted = {
        LAYERS: flags.layers,
        LINES: flags.layers,
        OPENRASTER: flags.openraster,
        PSD: flags.psd,
        PAINT: flags.indexed_paint,
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def read_colors(flag: str, address: str) -> tuple[Colors, list[str]]:
    """Read the palette at a path or s3:// address; return it, and sentences that warn of it.

    Raises:
        ValueError: it is no palette; the sentence names the flag.
        OSError: it cannot be read; likewise.
    """
    from lineart.codec.errors import noting_warnings
    from lineart.codec.reading.palettes import read_palette
    from lineart.storage import for_flag, read_file

    with for_flag(flag, "give a palette, such as a GPL file or a PNG of swatches"):
        data = read_file(address)
    try:
        with noting_warnings() as noted:
            colors = read_palette(data)
    except ValueError as error:
        raise ValueError(f"{flag} {address}: {error}") from error
    return colors, [f"{flag} {address}: {sentence}" for sentence in noted]


@runtime_checkable
class FilmCommand(Protocol):
    """Flags of a command that makes a film, as a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def film(self) -> FilmFlags:
        """Flags that all these commands share."""


def make_film(
    name: str, flags: FilmCommand, film: FilmConfig, open_task: TaskFactory
) -> dict[str, Any]:
    """Make the frames of a film, print progress, write run.json and page, and return the counts.

    Args:
        name: Name of the command, which begins each message.
        flags: Its flags, for run.json.
        film: Configuration of the film.
        open_task: Returns the task for the weights.
    """
    from pythonjsonlogger.json import JsonFormatter

    from lineart.film.exposure.cuts import Sheets, describe_missing
    from lineart.film.inputs import prepare_run
    from lineart.film.outcome.completeness import is_unconfirmed
    from lineart.film.planning.other_film import refuse_other_film
    from lineart.film.planning.retries import apply_retry_flags, count_missing, describe_finished
    from lineart.manifest import read_manifest
    from lineart.runtime.lease import HeldError, hold_lease
    from lineart.storage import for_flag

    prepared = prepare_run(film, open_task)
    sheets = Sheets(flags.film.xdts, flags.film.levels)
    cuts = sheets.expose({frame.name: frame.shot for frame in prepared.film_frames})
    missing_drawings = [describe_missing(cut) for cut in cuts if cut.missing]
    prepared = replace(prepared, warnings=[*prepared.warnings, *missing_drawings])
    fps = choose_rate(flags.film, prepared)
    _say_all(name, prepared.warnings)
    log_to_stderr(
        JsonFormatter("%(levelname)s %(message)s", timestamp="time"),
        logging.INFO if flags.film.log_frames else logging.WARNING,
    )
    try:
        with ExitStack() as stack:
            with for_flag("--output", advice=""):
                lease = stack.enter_context(hold_lease(prepared.job.output, partial(say, name)))
            # Raises if the manifest is invalid, before anything in the output is changed.
            previous = read_manifest(prepared.job.output)
            refuse_other_film(prepared, previous)
            prepared = apply_retry_flags(prepared, previous)
            # That of an earlier run: from here on, a run that is stopped leaves none.
            prepared.job.output.delete(SUCCESS)
            _say_all(name, describe_finished(prepared, previous))
            with start_runner(prepared, count_missing(prepared, previous)) as runner:
                summary, rows, new_warnings = _make_with_lease(
                    flags, prepared, previous, cuts, runner, lease
                )
            if flags.film.video:
                write_video(prepared, sheets, fps)
            _mark_success(prepared, rows, summary, lease)
    except HeldError as error:
        raise ValueError(f"{error}") from error
    _say_all(name, (*new_warnings, *_describe(summary)))
    if is_unconfirmed(prepared, rows):
        part = f"{len(prepared.frames)} of {len(prepared.film_frames)} frames"
        say(
            name, f"no {SUCCESS}, as this run looked at {part}; a run over the whole film writes it"
        )
    if summary.done or summary.held or summary.removed:
        _say_all(name, _describe_stale(prepared.job.output, flags.film))
    return asdict(summary)


def _say_all(name: str, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        say(name, sentence)


def _make_with_lease(
    flags: FilmCommand,
    prepared: PreparedRun,
    previous: pa.Table,
    cuts: Sequence[ExposedCut],
    runner: FilmRunner,
    lease: Lease,
) -> tuple[FilmSummary, pa.Table, list[str]]:
    """Make the frames while this process holds the lease on the output.

    The page is left as it is if it shows the same frames and warnings.

    Returns:
        The summary, the manifest, and the warnings on the film's files that the run has added to
        `prepared`.
    """
    from lineart.film.outcome.run_json import write_run

    write_state = partial(write_run, asdict(flags), prepared, datetime.now(UTC))
    known_warnings = len(prepared.warnings)
    try:
        summary, rows = _make_and_show(prepared, previous, cuts, runner, lease, write_state)
    except (OSError, ValueError) as error:
        why = f"broke off: {as_sentence(error)}"
        _write_if_owned(write_state, why, lease)
        raise BrokenOffError(f"{why}; the same command goes on from here") from error
    except KeyboardInterrupt:
        _write_if_owned(write_state, "was stopped", lease)
        raise
    return summary, rows, prepared.warnings[known_warnings:]


def _write_if_owned(write_state: Callable[[str], None], why: str, lease: Lease) -> None:
    """Write why a run breaks off, if storage allows and no other run owns the output."""
    with suppress(OSError):
        lease.check()
        write_state(why)


def _make_and_show(
    prepared: PreparedRun,
    previous: pa.Table,
    cuts: Sequence[ExposedCut],
    runner: FilmRunner,
    lease: Lease,
    write_state: Callable[[tuple[FilmSummary, pa.Table] | None], None],
) -> tuple[FilmSummary, pa.Table]:
    """Make the frames and write the page; `write_state` writes `run.json`."""
    from lineart.film.outcome.completeness import find_objections
    from lineart.film.outcome.next_keys import choose_next
    from lineart.film.run import run_film
    from lineart.report.film_folder import PAGE

    output, film = prepared.job.output, prepared.film
    shown = _read_shown(output)
    write_state(None)
    summary, rows = run_film(prepared, runner, _open_progress(output), lease.check)
    stale = summary.removed + summary.kept
    if film.ask is not None:
        summary.ask = choose_next(rows, film.ask)
    summary.objections = find_objections(prepared, rows, stale)
    lease.check()
    is_shown = shown == prepared.warnings and rows.equals(previous) and not cuts
    if not is_shown:
        # If the run is killed before it is written, the next one writes it.
        output.delete(PAGE)
    write_state((summary, rows))
    if not is_shown:
        write_page(prepared, rows, cuts)
    return summary, rows


def _open_progress(output: Storage) -> Callable[[FilmSummary], None]:
    """Return a function that prints progress; with the first frame it deletes the page.

    From then on, the page of an earlier run is no longer true.
    """
    from lineart.report.film_folder import PAGE

    print_progress = make_printer()

    def show(summary: FilmSummary) -> None:
        if summary.done + summary.held + summary.failed == 1:
            output.delete(PAGE)
        print_progress(summary)

    return show


def _mark_success(
    prepared: PreparedRun, rows: pa.Table, summary: FilmSummary, lease: Lease
) -> None:
    """Write `_SUCCESS`, after all other files, if the whole film is finished without objections."""
    from lineart.film.outcome.completeness import is_complete
    from lineart.film.outcome.run_json import of_whole_film

    try:
        lease.check()
        if is_complete(prepared, rows) and not summary.objections:
            counts = asdict(of_whole_film(summary, rows))
            prepared.job.output.write(SUCCESS, json.dumps(counts).encode())
    except (OSError, ValueError) as error:
        why = f"broke off: {as_sentence(error)}"
        raise BrokenOffError(f"{why}; the same command goes on from here") from error


def _read_shown(output: Storage) -> Any:
    """Return the run's warnings on the page; None if there is no page of the manifest as it is."""
    from lineart.film.records import RUN
    from lineart.report.film_folder import PAGE

    try:
        run = json.loads(output.read(RUN)) if output.exists(PAGE) else {}
        return run["warnings"] if run["summary"] else None
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def _describe(summary: FilmSummary) -> Iterator[str]:
    """Yield what a person should know of the end of a run, besides the counts."""
    from lineart.film.outcome.frame_warnings import describe_warning

    yield from map(describe_warning, summary.warnings)
    if summary.unlisted_warnings:
        yield f"the frames have {summary.unlisted_warnings} more warnings; report.html names all"
    for number, of_one, of_several in (
        (
            summary.accepted,
            "failed frame is accepted, which is not made",
            "failed frames are accepted, which are not made",
        ),
        (
            summary.redone,
            "frame was made again, as it was marked in the review",
            "frames were made again, as they were marked in the review",
        ),
        (
            summary.lapsed,
            "frame that was accepted in the review was made again",
            "frames that were accepted in the review were made again",
        ),
        (
            summary.removed,
            "frame has no drawing any more and was moved to removed/",
            "frames have no drawing any more and were moved to removed/",
        ),
        (
            summary.kept,
            "frame has no drawing any more and stays in frames/",
            "frames have no drawing any more and stay in frames/",
        ),
    ):
        if number:
            yield f"{number} {of_one if number == 1 else of_several}"
    yield from map(_ask, summary.ask)
    yield from (f"--strict: {objection}" for objection in summary.objections)


def _describe_stale(output: Storage, flags: FilmFlags) -> Iterator[str]:
    """Yield which folders show the frames of an earlier run."""
    from lineart.film.outcome.outputs import FOLDER
    from lineart.jobs.film_video import VIDEO

    for folder, flag, is_new in (
        (VIDEO, "--video", flags.video),
        (FOLDER, "--parquet-frames", flags.parquet_frames),
    ):
        if not is_new and any(output.entries(folder)):
            yield f"{folder}/ is of an earlier run; the same command with {flag} writes it anew"


def _ask(drawing: dict[str, Any]) -> str:
    from lineart.film.outcome.next_keys import describe_doubt

    return (
        f"--ask: colour {drawing['frame']} next, and put it into --keys: {describe_doubt(drawing)}"
    )


@contextmanager
def start_runner(prepared: PreparedRun, missing: int) -> Iterator[FilmRunner]:
    """Yield the runner of a run, and stop Ray, if it was started, after the block.

    It is local for up to `FEW_FRAMES` frames, on Ray if `RAY_ADDRESS` or a number of workers is
    given, and otherwise local until Ray has started. A cluster is asked for the machines that the
    `missing` frames need.
    """
    from lineart.film.execution.runners import FEW_FRAMES, LocalRunner

    film = prepared.film
    wants_ray = "RAY_ADDRESS" in os.environ or film.gpu_workers or film.cpu_workers
    if len(prepared.frames) <= FEW_FRAMES and not wants_ray:
        yield LocalRunner()
        return
    from lineart.film.execution.pipeline import RayRunner
    from lineart.film.execution.runners import HybridRunner
    from lineart.runtime.cluster import start_ray, stop_ray
    from lineart.runtime.executor import HybridExecutor, RayExecutor

    def start() -> RayExecutor:
        return RayExecutor(start_ray())

    if wants_ray:
        try:
            on_ray = RayRunner(start(), film.gpu_workers, film.cpu_workers)
            with on_ray.request_machines(prepared.job, missing):
                yield on_ray
        finally:
            stop_ray()
    else:
        executor = HybridExecutor(start, stop_ray)
        with closing(HybridRunner(executor)) as runner:
            yield runner


def write_page(prepared: PreparedRun, rows: pa.Table, cuts: Sequence[ExposedCut] = ()) -> None:
    """Write the HTML page of the film, whose shots have the times of the cuts' exposure sheets."""
    from lineart.film.outcome.outputs import ThumbnailGallery, outputs_of
    from lineart.film.records import RUN
    from lineart.report.film_folder import PAGE, show_film

    job = prepared.job
    gallery = ThumbnailGallery(
        job.pictures,
        {frame.name: frame.source for frame in prepared.film_frames},
        job.output,
        lambda data: job.task.show(job.task.decode(data)),
        outputs_of(rows),
    )
    run = json.loads(job.output.read(RUN))
    page = show_film(gallery, rows, run, page_at=job.output, cuts=cuts)
    job.output.write(PAGE, page.encode())
