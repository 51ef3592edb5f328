"""A log of each frame, as a text file: its inputs, its result, its times and its error."""

import json
import logging
import os
import socket
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from urllib.parse import quote

from lineart.film.pictures.listing import refusal_of
from lineart.film.pictures.names import stem
from lineart.film.records import FilmJob
from lineart.manifest import ManifestRow
from lineart.storage import Storage

logger = logging.getLogger(__name__)

THREADS = 8
"""Logs that are written at once."""
MAX_WAITING = 1024
"""Logs that wait to be written; then the run waits, too."""


class FrameLogs:
    """Writes a log of each frame as it ends, in threads; an earlier log of the frame is replaced.

    A log that cannot be written does not stop the film.

    Args:
        folder: Folder or S3 prefix for the logs, `<shot>/<frame>.log`; None writes nothing.
        job: The run.
    """

    def __init__(self, folder: str | None, job: FilmJob) -> None:
        self._folder, self._job = None if folder is None else Storage.at(folder), job
        self._pool = ThreadPoolExecutor(THREADS)
        self._waiting: deque[Future[None]] = deque()
        self._errors: list[str] = []

    def __enter__(self) -> "FrameLogs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Wait for the logs, also if the run was interrupted: few of them wait."""
        self._settle(0)
        self._pool.shutdown()
        if self._errors:
            logger.warning("%d logs were not written: %s", len(self._errors), self._errors[0])

    def add(self, row: ManifestRow) -> None:
        """Write the log of a frame that is stored or has failed."""
        if self._folder is not None:
            data = format_log(row, self._job).encode()
            self._waiting.append(self._pool.submit(self._folder.write, log_path(row), data))
            self._settle(MAX_WAITING)

    def _settle(self, most: int) -> None:
        """Wait until at most so many logs are not written."""
        while len(self._waiting) > most:
            try:
                self._waiting.popleft().result()
            except (OSError, ValueError) as error:
                self._errors.append(str(error))


def log_path(row: ManifestRow) -> str:
    """Return the path of a frame's log: its name with `.log`, or an escaped one if it is refused.

    Frames that are refused may have any name, or that of another frame but for the suffix.
    """
    name = row["frame"]
    if row["stage"] != "name":
        return f"{stem(name)}.log"
    return (
        f"{name}.log" if refusal_of(name) is None else f"refused/{quote(name, safe='')[:200]}.log"
    )


def format_log(row: ManifestRow, job: FilmJob) -> str:
    """Return the log of a frame: a line for each fact, `name: value`, without empty ones."""
    return "".join(f"{name}: {value}\n" for name, value in _facts(row, job) if value)


def _facts(row: ManifestRow, job: FilmJob) -> Iterator[tuple[str, object]]:
    yield "frame", row["frame"]
    yield "shot", f"{row['shot']}, frame {row['number']}"
    yield "status", row["status"]
    if row["error"]:
        yield "error", f"{row['error']} in stage {row['stage']}: {row['message']}"
    yield from (("warning", warning) for warning in row["warnings"] or ())
    yield "drawing", f"{job.pictures.uri}/{row['frame']}{_hashed(row['source_sha256'])}"
    yield "size", row["width"] and f"{row['width']} x {row['height']} px"
    yield from (
        ("hint", f"{job.hints.uri}/{hint}") for hint in row["hints"] or () if job.hints is not None
    )
    yield from (("key", _locate(job, key)) for key in row["keys"] or ())
    if job.weights is not None:
        yield "weights", f"{job.weights.uri}{_hashed(job.weights_sha256)}"
    yield "settings", json.dumps(job.task.settings)
    yield "output", row["output"] and f"{job.output.uri}/{row['output']}"
    yield "output bytes", row["output_bytes"]
    yield "copy of", row["held_by"]
    yield "number format", row["precision"]
    yield "made again because of", row["retake"]
    for stage, seconds in row["stage_seconds"] or ():
        yield f"seconds of {stage}", f"{seconds:.3f}"
    yield "written at", row["written_at"].isoformat(timespec="milliseconds")
    yield "written by", f"process {os.getpid()} on {socket.gethostname()}"


def _locate(job: FilmJob, key: str) -> str:
    """Return the address of a key or sheet; its name alone if it may be either."""
    places = [place for place in (job.keys, job.sheets) if place is not None]
    return f"{places[0].uri}/{key}" if len(places) == 1 else key


def _hashed(sha256: str | None) -> str:
    return f" (SHA-256 {sha256})" if sha256 else ""
