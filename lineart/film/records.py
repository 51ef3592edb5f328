"""Records of a film's work: files, work items, frames between stages, results and failures."""

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lineart.film.pictures.frames import Source
from lineart.film.pictures.listing import printable
from lineart.film.pictures.pages import Pages
from lineart.film.tasks import FilmTask
from lineart.film.tasks.roles import (
    ADJACENT,
    HINT_KEY,
    KEY,
    KEY_LINE,
    LINED_SHEET,
    SHEET,
    SHEET_LINE,
)
from lineart.imaging.paint.doubts import Certainty, Doubt
from lineart.runtime.device import Precision
from lineart.runtime.sandbox import CallEndedError
from lineart.storage import Storage, is_refusal, reason_of

RUN = "run.json"
"""File in the output with the flags, versions and counts of the last run."""
WRITE = "write"
"""Stage that writes a frame."""
FILES = {
    "line": "line drawing",
    KEY_LINE: "line drawing",
    ADJACENT: "line drawing",
    "photo": "photograph",
    HINT_KEY: "hint",
    LINED_SHEET: "sheet",
    SHEET_LINE: "line drawing",
}
"""Role of a file among the inputs of a frame -> what people call it; other roles are words."""


def name_file(role: str, source: Source, place: Storage | None) -> str:
    """Return what a file is and where: `the key s3://studio/keys/s1/f0001.png`.

    Args:
        role: Role of the file.
        source: The file, or a row or page in one.
        place: Folder or prefix that it was listed in; None: its name alone is returned.
    """
    name = printable(source.name)
    if place is not None:
        file = printable(f"{place.uri}/{source.path}")
        name = file if name == printable(source.path) else f"{name} in {file}"
    return f"the {FILES.get(role, role)} {name}"


class Failure(NamedTuple):
    """Stage, exception type and message of a failed frame."""

    stage: str
    error: str
    message: str
    source_sha256: str | None = None
    """SHA-256 of the picture's file, if it was read."""
    is_refused: bool = False
    """Whether the storage refused to read a file, see `is_refusal`."""

    @classmethod
    def of(cls, stage: str, error: BaseException) -> "Failure":
        """Build a failure from an exception; the step of a `CallEndedError` replaces `stage`."""
        if isinstance(error, CallEndedError):
            stage = error.step or stage
        why = reason_of(error) if isinstance(error, OSError) else str(error)
        return cls(stage, type(error).__name__, why or repr(error), None, is_refusal(error))

    def about(self, file: str) -> "Failure":
        """Return the failure with the file at fault, unless the message has it.

        Args:
            file: What the file is and where, see `name_file`.
        """
        return self if file in self.message else self._replace(message=f"{file}: {self.message}")

    def columns(self) -> dict[str, str]:
        """Return the columns of the manifest that say that and why a frame failed."""
        # Escape surrogates, which Arrow cannot store.
        message = self.message.encode("utf-8", "backslashreplace").decode()
        why = {"stage": self.stage, "error": self.error, "message": message}
        return {"status": "failed", **why}


class HashedFile(NamedTuple):
    """Hashes of a picture's file and of its pixels, and its size in pixels."""

    source_sha256: str
    pixels_sha256: str
    width: int
    height: int


class HashedSheet(NamedTuple):
    """Hashes of a colour sheet."""

    source_sha256: str
    """Hash of the picture's file."""
    line_sha256: str | None
    """Hash of the file of its line drawing, if there is one."""
    pixels_sha256: str
    """Hash of the pixels of the picture and of its lines."""


class HashedHint(NamedTuple):
    """Hashes of the file of a hint or key and of its pixels, and its size in pixels."""

    source_sha256: str
    pixels_sha256: str
    width: int
    height: int
    is_blank: bool
    """Whether it is fully transparent."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at."""


@dataclass(frozen=True)
class Fingerprint:
    """Everything besides picture and hints that a finished frame must have been made with."""

    weights: str
    """SHA-256 over the files of the weights."""
    settings: str
    """The task's settings, as JSON."""
    extras: tuple[str, ...] = ()
    """Folders of the extra files of each frame; they do not affect its pixels."""
    precision: str | None = None
    """Number format that the user requires; None accepts finished frames in any format."""


@dataclass(frozen=True)
class FilmJob:
    """Settings of a run that its workers need; small, hashable and picklable."""

    pictures: Storage
    output: Storage
    hints: Storage | None
    task: FilmTask
    weights: Storage | None
    """Folder or ONNX file of the weights; None if the task has no network."""
    weights_sha256: str = ""
    """Fingerprint that the weights must have; an empty string accepts any."""
    limit_s: float | None = None
    """Timeout of one step of one frame in seconds; None runs in this process without a timeout."""
    precision: Precision | None = None
    """Number format of the networks; None: each machine takes its fastest, see `pick_precision`."""

    gpu_batch: int = 16
    """Batch size of the network on a GPU, see `execution.stages.choose_batch`."""
    pages: Pages = "all"
    """Which pages of a file are frames."""
    keys: Storage | None = None
    sheets: Storage | None = None

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What the frames of this job are made with."""
        settings = json.dumps(self.task.settings)
        return Fingerprint(self.weights_sha256, settings, tuple(self.task.extras), self.precision)

    @cached_property
    def places(self) -> Mapping[str, Storage | None]:
        """Role of a file among the inputs of a frame -> where such files are; None: nowhere."""
        return {
            self.task.role: self.pictures,
            self.task.hint_rules.role: self.hints,
            KEY: self.keys,
            KEY_LINE: self.pictures,
            ADJACENT: self.pictures,
            HINT_KEY: self.hints,
            **dict.fromkeys((SHEET, LINED_SHEET, SHEET_LINE), self.sheets),
        }

    def name_file(self, role: str, source: Source) -> str:
        """Return what a file of this job is and where, see `name_file`."""
        return name_file(role, source, self.places[role])


class Input(NamedTuple):
    """File that a frame is made from."""

    role: str
    """Role in the task: `line` or `photo` for the picture itself, or `hint`, or one of the roles in
    `tasks.roles`."""
    source: Source
    sha256: str


class WorkItem(NamedTuple):
    """Distinct frame to make, from one or more files, for one or more outputs."""

    inputs: tuple[Input, ...]
    """The picture itself, then files that other frames may share."""
    outputs: tuple[str, ...]
    """Paths to write: that of the first frame, then those of frames with equal pixels and hints."""
    shot: str
    """Shot of the first frame; items of a shot follow one another, and share cached inputs."""


StageSeconds = Mapping[str, float]
"""Stage -> time in seconds."""


class FrameResult(NamedTuple):
    """Result of one output."""

    output: str
    output_bytes: int
    stages: StageSeconds
    """Empty if another output of the work item, or a copied frame, has them."""
    failure: Failure | None
    precision: str | None = None
    """Number format of the network; None for a copy, or if the network did not succeed."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at."""
    doubts: tuple[Doubt, ...] = ()
    """Regions whose colour may be wrong; empty if another output of the work item has them."""
    certainty: Certainty | None = None
    """How sure carried colours are; None without, or if another output of the item has it."""
    device: str | None = None
    """GPU or processor of the network; None as for `precision`."""


class FrameData(NamedTuple):
    """Frame on its way through the stages."""

    item: WorkItem
    arrays: tuple[np.ndarray, ...] = ()
    """Inputs of the next stage, uint8."""
    kept: Any = None
    """Picklable data of the task for `FilmTask.compose`, or the drawn frame for what follows."""
    seconds: StageSeconds = {}  # noqa: RUF012 - replaced, never changed
    failure: Failure | None = None
    """If set, the following stages pass the frame on unchanged."""
    precision: str | None = None
    """Number format of the network."""
    written: tuple[int | Failure, ...] = ()
    """Size of each output in bytes, or why it was not written."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at."""
    doubts: tuple[Doubt, ...] = ()
    """Regions whose colour may be wrong."""
    certainty: Certainty | None = None
    """How sure carried colours are."""
    device: str | None = None
    """GPU or processor of the network."""

    def failed(self, failure: Failure) -> "FrameData":
        """Return the frame with a failure, without its data."""
        return self._replace(failure=failure, arrays=(), kept=None)

    def results(self) -> Iterator[FrameResult]:
        """Yield the result of each output; the first has the seconds of the shared work."""
        written = self.written if self.failure is None else [self.failure] * len(self.item.outputs)
        seconds, doubts, certainty = self.seconds, self.doubts, self.certainty
        for output, size in zip(self.item.outputs, written, strict=True):
            failed = size if isinstance(size, Failure) else None
            length = 0 if isinstance(size, Failure) else size
            made = self.precision, self.warnings, doubts, certainty, self.device
            yield FrameResult(output, length, seconds, failed, *made)
            seconds, doubts, certainty = {}, (), None


def to_table(records: Iterable[Any]) -> pa.Table:
    """Pack records in an Arrow table, a row each, in the form in which Ray Data moves them."""
    return pa.table({"record": pa.array(map(pack, records), pa.binary())})


def from_table(table: pa.Table) -> list[Any]:
    """Unpack the records of a table made by `to_table`."""
    return [unpack(record.as_buffer()) for record in table["record"]]


def pack(record: Any) -> bytes:
    """Pack what one stage of a run hands to the next."""
    # Pickled: a schema would have to follow each new input and stage.
    return pickle.dumps(record)


def unpack(record: bytes | pa.Buffer) -> Any:
    """Unpack what `pack` has packed in the same run."""
    return pickle.loads(record)
