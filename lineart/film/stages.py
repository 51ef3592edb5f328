"""Stages of a frame as plain functions, and the class that runs the network.

Stages take and return rows of plain values, so that tests, notebooks and loops without Ray can call
them. They read, verify and write files; the `FilmTask` computes the pixels. torch is imported only
when a `NetworkStage` is created, which keeps the memory of pixel workers small. A frame that fails
becomes a row with a `Failure` and does not stop others. With a time limit, the work on it runs in
sandbox processes, so that this also holds for crashes and hangs.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import cv2
import numpy as np

from lineart.device import Precision, has_gpu, pick_device, pick_precision, use_one_thread
from lineart.film.frames import Source, beside, read_picture
from lineart.film.hashing import Failure
from lineart.film.records import (
    STAGES,
    FrameResult,
    StageSeconds,
    pack_arrays,
    unpack_arrays,
    unpack_work,
)
from lineart.film.tasks import FilmTask, RunNetwork
from lineart.sandbox import Sandbox, run_isolated, step
from lineart.storage import Storage
from lineart.weights.onnx_file import MODEL

# One thread per frame: the pipeline processes as many frames at once as there are cores.
cv2.setNumThreads(1)


GPU_BATCH = 16
"""Batch size that a network on a GPU is opened with; on a CPU it is 1."""


@dataclass(frozen=True)
class FilmJob:
    """Settings of a run that all stages need; small and picklable."""

    pictures: Storage
    output: Storage
    hints: Storage | None
    task: FilmTask
    limit_s: float | None = None
    """Timeout of one step of one frame in seconds; None runs in this process without a timeout."""
    weights_sha256: str = ""
    """Fingerprint that the weights must have; an empty string accepts any."""
    precision: Precision | None = None
    """Number format of the networks; None: each machine takes its fastest, see `pick_precision`."""


Answers = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""Maps rows with `inputs` to rows with `answers`, as `NetworkStage` does."""

AGAIN = "the same command takes up what it is now"


def make_frame(network: Answers, work: dict[str, Any], job: FilmJob) -> list[FrameResult]:
    """Run all stages for a `WorkItem` packed by `pack_work`; return a result for each output."""
    (answered,) = network([shrink(work, job)])
    return compose_and_write(answered, job)


# Shrink: encoded picture -> network inputs.


def shrink(row: dict[str, Any], job: FilmJob) -> dict[str, Any]:
    """Read a picture and compute its network inputs.

    Args:
        row: A `WorkItem` packed by `pack_work`.
        job: Settings of the run.

    Returns:
        Row with `outputs`, `inputs` (packed by `pack_arrays`), `kept` (bytes for
        `FilmTask.compose`), `stages` (`StageSeconds`) and `failure` (a `Failure` as a list, or
        None).
    """
    started = time.perf_counter()
    shrunk: dict[str, Any] = {"inputs": [], "kept": b"", "failure": None}
    try:
        shrunk |= run_isolated(job.limit_s, _shrink, row, job)
    except Exception as error:  # noqa: BLE001 - any error fails this frame alone
        shrunk["failure"] = list(Failure.of("decode", error))
    shrunk["stages"] = dict.fromkeys(STAGES, 0.0) | {"shrink": time.perf_counter() - started}
    return shrunk | {"outputs": row["outputs"]}


def _shrink(row: dict[str, Any], job: FilmJob) -> dict[str, Any]:
    work = unpack_work(row)
    stage = step("read")
    try:
        data = read_picture(job.pictures, work.source)
        if hashlib.sha256(data).hexdigest() != work.source_sha256:
            raise ValueError(f"the picture was changed while the film was running; {AGAIN}")
        stage = step("decode")
        picture = job.task.decode(data)
        stage = step("hint")
        hint = _read_hint(job.hints, work.hint, work.hint_sha256)
        stage = step(job.task.shrink_stage)
        inputs, kept = job.task.shrink(data, picture, hint)
    except Exception as error:  # noqa: BLE001 - any error fails this frame alone
        return {"failure": list(Failure.of(stage, error))}
    return {"inputs": pack_arrays(inputs), "kept": kept}


@lru_cache(maxsize=4)
def _read_hint(hints: Storage | None, source: Source | None, sha256: str | None) -> bytes | None:
    """Read a hint's file; cached, because one hint applies to many frames."""
    if source is None or hints is None:
        return None
    data = read_picture(hints, source)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the hint {source.name} was changed while the film was running; {AGAIN}")
    return data


# Network: inputs -> outputs, which rows call `answers`.


class NetworkStage:
    """Runs the network on rows, on the GPU if there is one, else on one CPU thread.

    With a time limit, the network is in a sandbox process of this instance.

    Args:
        job: Settings of the run.
        weights: Folder or ONNX file of the weights.

    Raises:
        ValueError: the weights have changed since the run began.
    """

    def __init__(self, job: FilmJob, weights: Storage) -> None:
        opening, limit_s = partial(_open_network, job, weights), job.limit_s
        self._sandbox = None if limit_s is None else Sandbox(opening, limit_s)
        if self._sandbox is not None:
            self._sandbox.open()
        self._network: Answer = self._sandbox or opening()

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows with `inputs` replaced by `answers` and `precision`."""
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in rows:
            if row["failure"] is None:
                shapes = tuple(tuple(array["shape"]) for array in row["inputs"])
                groups.setdefault(shapes, []).append(row)
        for group in groups.values():
            self._answer(group)
        return [
            {name: value for name, value in row.items() if name != "inputs"}
            | {"answers": row.get("answers", []), "precision": row.get("precision")}
            for row in rows
        ]

    def _answer(self, rows: list[dict[str, Any]]) -> None:
        """Run rows of one size as a batch; if it fails, one by one, to find the failing row."""
        started = time.perf_counter()
        try:
            inputs = zip(*(unpack_arrays(row["inputs"]) for row in rows), strict=True)
            stacks, precision = self._network(*map(np.stack, inputs))
            for row, answers in zip(rows, zip(*stacks, strict=True), strict=True):
                row |= {"answers": pack_arrays(answers), "precision": precision}
        except Exception as error:  # noqa: BLE001 - any error fails this frame alone
            if len(rows) == 1:
                rows[0]["failure"] = list(Failure.of("network", error))
                # Restart the process: after an error, a device may fail for all later frames.
                if self._sandbox is not None:
                    self._sandbox.close()
            else:
                for row in rows:
                    self._answer([row])
            return
        for row in rows:
            row["stages"]["network"] = (time.perf_counter() - started) / len(rows)


Answer = Callable[..., tuple[Sequence[np.ndarray], str]]
"""Maps batches of inputs to batches of outputs and the number format of the computation."""

ONNX = "onnx"
"""Recorded as number format for ONNX models, whatever format they compute in."""


def _open_network(job: FilmJob, weights: Storage) -> Answer:
    from lineart.weights import fingerprint, read_weights

    files = read_weights(weights)
    if job.weights_sha256 not in ("", fingerprint(files)):
        raise ValueError(f"the weights at {weights.uri} were changed while the film was running")
    is_onnx = MODEL in files
    on_gpu = not is_onnx and has_gpu()
    if not (is_onnx or on_gpu):
        use_one_thread()
    precision = None if is_onnx else pick_precision(pick_device(), job.precision)
    run = job.task.open_network(
        files,
        device="cuda" if on_gpu else "cpu",
        # Fixed for each kind of device, so that the other frames of a batch do not affect a frame.
        batch_size=GPU_BATCH if on_gpu else 1,
        precision=precision,
    )
    return partial(_answer, run, precision or ONNX)


def _answer(
    run: RunNetwork, precision: str, *inputs: np.ndarray
) -> tuple[Sequence[np.ndarray], str]:
    return run(*inputs), precision


# Compose: network outputs -> stored files.


def compose_and_write(row: dict[str, Any], job: FilmJob) -> list[FrameResult]:
    """Compose the frame at full size and write it to every output; return a result for each."""
    started = time.perf_counter()
    failure = row["failure"] and Failure(*row["failure"])
    if failure is None:
        try:
            sizes = run_isolated(job.limit_s, _compose_and_write, row, job)
        except Exception as error:  # noqa: BLE001 - as above
            failure = Failure.of("compose", error)
    spent = row["stages"] | {"compose": time.perf_counter() - started}
    if failure is not None:
        sizes = [failure] * len(row["outputs"])
    precision = row.get("precision")
    # Time of shared work counts once, for the first output.
    return [
        _written(output, size, spent if output == row["outputs"][0] else {}, precision)
        for output, size in zip(row["outputs"], sizes, strict=True)
    ]


def _compose_and_write(row: dict[str, Any], job: FilmJob) -> list[int | Failure]:
    """Return the size of each output in bytes, or why it was not written."""
    step("compose")
    try:
        pngs = job.task.compose(unpack_arrays(row["answers"]), row["kept"])
    except Exception as error:  # noqa: BLE001 - any error fails this frame alone
        return [Failure.of("compose", error)] * len(row["outputs"])
    return [_write(job, output, pngs) for output in row["outputs"]]


def _write(job: FilmJob, output: str, pngs: Sequence[bytes]) -> int | Failure:
    """Write a frame and its extra files; the frame is last, so its presence implies the others."""
    step("write")
    try:
        for path, png in reversed(list(zip(files_of(output, job.task), pngs, strict=True))):
            job.output.write(path, png)
    except OSError as error:
        return Failure.of("write", error)
    return len(pngs[0])


def _written(
    output: str, size: int | Failure, spent: StageSeconds, precision: str | None = None
) -> FrameResult:
    if isinstance(size, Failure):
        return FrameResult(output, 0, spent, size, precision)
    return FrameResult(output, size, spent, None, precision)


def files_of(output: str, task: FilmTask) -> list[str]:
    """Return the paths of a frame and of its extra files."""
    return [output, *(beside(output, folder) for folder in task.extras)]


def copy_finished(job: FilmJob, items: list[tuple[str, list[str]]]) -> list[FrameResult]:
    """Copy finished frames and their extra files to outputs that show the same."""
    return [written for finished, outputs in items for written in _copy(job, finished, outputs)]


def _copy(job: FilmJob, finished: str, outputs: list[str]) -> list[FrameResult]:
    try:
        sizes = run_isolated(job.limit_s, _read_and_write, job, finished, outputs)
    except Exception as error:  # noqa: BLE001 - as above
        sizes = [Failure.of("copy", error)] * len(outputs)
    return [_written(output, size, {}) for output, size in zip(outputs, sizes, strict=True)]


def _read_and_write(job: FilmJob, finished: str, outputs: list[str]) -> list[int | Failure]:
    step("copy")
    pngs = [job.output.read(path) for path in files_of(finished, job.task)]
    return [_write(job, output, pngs) for output in outputs]
