"""Work on a film's files in a process that may crash or hang: reading, hashing and copying."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from lineart.codec import decode_line_art
from lineart.codec.decoder_output import attach_decoder_output
from lineart.codec.errors import noting_warnings
from lineart.film.pictures.frames import PictureReader, SheetSource, Source, beside
from lineart.film.records import (
    WRITE,
    Failure,
    FilmJob,
    FrameData,
    FrameResult,
    HashedFile,
    HashedHint,
    HashedSheet,
    Input,
    WorkItem,
)
from lineart.film.tasks import PrepareInputs, SharedRules
from lineart.film.tasks.key_files import KEY_RULES, MAX_ADJACENT
from lineart.film.tasks.roles import ADJACENT, KEY, SHEET, SHEET_LINE
from lineart.image import Hint, hash_pixels
from lineart.runtime.sandbox import run_isolated
from lineart.runtime.sandbox_process import step
from lineart.storage import S3Limits, is_refusal

T = TypeVar("T")

SHARED_BYTES = 2**27
"""Maximum total size, in bytes, of the shared files that a worker keeps, as a shot's hint or its
keys; the newest one is kept whatever its size."""
KEPT_DRAWINGS = 2 * MAX_ADJACENT + 1
"""Maximum number of drawings among them: those that vote on a frame, and the frame's own."""
AGAIN = "the same command takes up what it is now"


class Worker:
    """Process, or thread, that handles the files of a job; keeps what frames share.

    Frames of a shot come one after another, so that the last shared files suffice.
    """

    def __init__(self, job: FilmJob) -> None:
        self.job = job
        self.readers = {role: PictureReader(place) for role, place in job.places.items() if place}
        """Reader of the files of each role."""
        self._was_refused = False
        self._kept: dict[Input, bytes] = {}

    @cached_property
    def prepare(self) -> PrepareInputs:
        """Function that computes network inputs."""
        return self.job.task.open_prepare()

    @cached_property
    def _hasty_readers(self) -> dict[str, PictureReader]:
        """The same with few tries."""
        return {
            role: PictureReader(replace(place, limits=_with_few_tries(place.limits)))
            for role, place in self.job.places.items()
            if place
        }

    def read_source(self, role: str, source: Source) -> bytes:
        """Read a file; after one that the storage has refused, with few tries, until one is read.

        Raises:
            OSError: it cannot be read.
            ValueError: as for `PictureReader.read`.
        """
        readers = self._hasty_readers if self._was_refused else self.readers
        try:
            data = readers[role].read(source)
        except OSError as error:
            self._was_refused = is_refusal(error)
            raise
        self._was_refused = False
        return data

    @contextmanager
    def decoding(self) -> Iterator[list[str]]:
        """Collect the warnings of the enclosed decoding.

        In a sandbox process, what C libraries print is joined to errors and else dropped.
        """
        is_alone = self.job.limit_s is not None
        with noting_warnings() as noted, attach_decoder_output() if is_alone else nullcontext():
            yield noted

    def read(self, file: Input) -> bytes:
        """Read a file of a frame; a drawing that has voted on another is still there.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not what it was when the run began.
        """
        if (voted := self._kept.get(file._replace(role=ADJACENT))) is not None:
            return voted
        what = self.job.name_file(file.role, file.source)
        try:
            data = self.read_source(file.role, file.source)
        except FileNotFoundError as error:
            gone = f"{what} was removed while the film was running"
            raise FileNotFoundError(f"{gone}; the same command goes on without it") from error
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise ValueError(f"{what} was changed while the film was running; {AGAIN}")
        return data

    def read_shared(self, file: Input) -> bytes:
        """Read a file that frames share; raises as `read`."""
        # What is put in again is the newest.
        self._kept[file] = self._kept.pop(file) if file in self._kept else self.read(file)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > SHARED_BYTES:
            del self._kept[next(iter(self._kept))]
        drawings = [one for one in self._kept if one.role == ADJACENT]
        for one in drawings[:-KEPT_DRAWINGS]:
            del self._kept[one]
        return self._kept[file]

    def output_paths(self, output: str) -> list[str]:
        """Return the paths of a frame and of its extra files."""
        return [output, *(beside(output, folder) for folder in self.job.task.extras)]

    def write(self, output: str, files: Sequence[bytes]) -> int | Failure:
        """Write a frame and its extra files; return the frame's size or why it was not written.

        The frame is written last, so that its presence implies the others.
        """
        step(WRITE)
        try:
            for path, data in reversed(list(zip(self.output_paths(output), files, strict=True))):
                self.job.output.write(path, data)
        except OSError as error:
            return Failure.of(WRITE, error)
        return len(files[0])


def _with_few_tries(limits: S3Limits) -> S3Limits:
    attempts, patience_s = min(limits.attempts, 3), min(limits.patience_s, 5.0)
    return replace(limits, attempts=attempts, patience_s=patience_s)


def run_in_worker(job: FilmJob, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function with a worker, in this thread's sandbox; without a time limit, here.

    Raises:
        Exception: any exception of the function.
        CallEndedError: its process died, or a step took too long.
    """
    if job.limit_s is None:
        return function(Worker(job), *arguments)
    result: T = run_isolated(job.limit_s, _call, job, function, *arguments)
    return result


def _call(job: FilmJob, function: Callable[..., T], *arguments: Any) -> T:
    return function(_worker_of(job), *arguments)


# Called in sandbox processes only, which end with the threads that they serve.
_worker_of = lru_cache(maxsize=1)(Worker)


def hash_pictures(
    job: FilmJob, items: Sequence[tuple[Source, HashedFile | None]]
) -> dict[str, HashedFile | Failure]:
    """Return hashes and sizes of pictures, or failures, by name.

    A file whose hash equals that of its known result is not decoded again.
    """
    try:
        return run_in_worker(job, _hash_pictures, items)
    except Exception as error:  # noqa: BLE001 - any error fails its frame alone
        if len(items) == 1:
            return {items[0][0].name: Failure.of("decode", error)}
    # Hash each by itself to find the one that ended the process.
    return {name: found for item in items for name, found in hash_pictures(job, [item]).items()}


def _hash_pictures(
    worker: Worker, items: Sequence[tuple[Source, HashedFile | None]]
) -> dict[str, HashedFile | Failure]:
    return {source.name: _hash_picture(worker, source, known) for source, known in items}


def _hash_picture(worker: Worker, source: Source, known: HashedFile | None) -> HashedFile | Failure:
    stage, digest = step("read"), None
    try:
        try:
            data = worker.read_source(worker.job.task.role, source)
        except FileNotFoundError as error:
            # It was removed since, or is a link to nothing.
            what = worker.job.name_file(worker.job.task.role, source)
            raise FileNotFoundError(f"{what} was listed, and is not there now") from error
        digest = hashlib.sha256(data).hexdigest()
        if known is not None and known.source_sha256 == digest:
            return known
        stage = step("decode")
        with worker.decoding():
            picture = worker.job.task.decode(data)
    except Exception as error:  # noqa: BLE001 - any error fails its frame alone
        return Failure.of(stage, error)._replace(source_sha256=digest)
    height, width = picture.shape[:2]
    return HashedFile(digest, hash_pixels(picture), width, height)


def hash_hints(job: FilmJob, sources: Sequence[Source]) -> dict[str, HashedHint | Failure]:
    """Return hashes of hints, or failures, by name."""
    return _hash_shared(job, sources, job.task.hint_rules)


def hash_keys(job: FilmJob, sources: Sequence[Source]) -> dict[str, HashedHint | Failure]:
    """Return hashes of keys, or failures, by name."""
    return _hash_shared(job, sources, KEY_RULES)


def _hash_shared(
    job: FilmJob, sources: Sequence[Source], rules: SharedRules
) -> dict[str, HashedHint | Failure]:
    found: dict[str, HashedHint | Failure] = {}
    for source in sources:
        try:
            found[source.name] = run_in_worker(job, _hash_hint, source, rules)
        except Exception as error:  # noqa: BLE001 - as above
            what = job.name_file(rules.role, source)
            found[source.name] = Failure.of(rules.role, error).about(what)
    return found


def _hash_hint(worker: Worker, source: Source, rules: SharedRules) -> HashedHint:
    step(rules.role)
    data = worker.read_source(rules.role, source)
    with worker.decoding() as noted:
        hint = rules.read(data)
    warnings = (*noted, *(KEY_RULES.warn_of(data, hint) if rules.role == KEY else ()))
    return hash_colors(data, hint)._replace(warnings=warnings)


def hash_colors(data: bytes, colors: Hint) -> HashedHint:
    """Return the hashes of a hint or key from its file and what its rules read there."""
    height, width = colors.shape[:2]
    digest = hashlib.sha256(data).hexdigest()
    return HashedHint(digest, hash_pixels(colors), width, height, not colors.any())


def hash_sheets(job: FilmJob, sheets: Sequence[SheetSource]) -> dict[str, HashedSheet | Failure]:
    """Return hashes of colour sheets, or why they cannot be used, by name."""
    found: dict[str, HashedSheet | Failure] = {}
    for sheet in sheets:
        name = sheet.colors.name
        try:
            found[name] = run_in_worker(job, _hash_sheet, sheet)
        except Exception as error:  # noqa: BLE001 - as above
            found[name] = Failure.of(SHEET, error).about(job.name_file(SHEET, sheet.colors))
    return found


def _hash_sheet(worker: Worker, sheet: SheetSource) -> HashedSheet:
    # Imported here: it imports the code that carries colours.
    from lineart.film.tasks.sheets import read_sheet

    step(SHEET)
    data = worker.read_source(SHEET, sheet.colors)
    with worker.decoding():
        line = None if sheet.drawing is None else _read_sheet_line(worker, sheet.drawing)
        key = read_sheet(data, line)
    digests = [None if one is None else hashlib.sha256(one).hexdigest() for one in (data, line)]
    pixels = f"{hash_pixels(key.colors)} {hash_pixels(key.drawing)}"
    return HashedSheet(str(digests[0]), digests[1], hashlib.sha256(pixels.encode()).hexdigest())


def _read_sheet_line(worker: Worker, source: Source) -> bytes:
    """Read the line drawing of a sheet.

    Raises:
        ValueError: it is no picture; the sentence names it.
    """
    try:
        data = worker.read_source(SHEET_LINE, source)
        decode_line_art(data)
    except (OSError, ValueError) as error:
        why = Failure.of(SHEET, error).about(worker.job.name_file(SHEET_LINE, source))
        raise ValueError(why.message) from error
    return data


def copy_finished(job: FilmJob, items: Sequence[tuple[str, list[str]]]) -> list[FrameResult]:
    """Copy finished frames and their extra files to outputs that show the same."""
    results: list[FrameResult] = []
    for finished, outputs in items:
        try:
            written = run_in_worker(job, _copy, finished, outputs)
        except Exception as error:  # noqa: BLE001 - as above
            written = [Failure.of("copy", error)] * len(outputs)
        copied = WorkItem((), tuple(outputs), "")
        results += FrameData(copied, written=tuple(written)).results()
    return results


def _copy(worker: Worker, finished: str, outputs: list[str]) -> list[int | Failure]:
    step("copy")
    files = [worker.job.output.read(path) for path in worker.output_paths(finished)]
    return [worker.write(output, files) for output in outputs]
