"""What the pipeline does to a frame: plain functions, and the class that holds the network.

Each takes and gives plain rows, so a test, a notebook or a loop without Ray calls them directly.
What is done to the pixels is the `FilmTask`'s matter; here a picture is read, checked and written.
Nothing here imports torch before a `NetworkStage` is made: pixel workers stay small.
A frame that fails becomes a row with a `Failure`; it never stops its neighbours. With a time limit,
what is done to it runs in a process of its own, so that this holds for crashes and hangs, too.
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

# One frame, one thread: the pipeline runs as many frames at once as there are cores.
cv2.setNumThreads(1)


GPU_BATCH = 16
"""Pictures that a network on a GPU sees at once; on a CPU it sees one."""


@dataclass(frozen=True)
class FilmJob:
    """What every stage needs to know of a run; small, and the same for all frames."""

    pictures: Storage
    output: Storage
    hints: Storage | None
    task: FilmTask
    limit_s: float | None = None
    """Longest time for one step of one frame; None runs all in this process, without a limit."""
    weights_sha256: str = ""
    """Fingerprint of the weights; the network is not opened with others. Empty: with any."""
    precision: Precision | None = None
    """Number format of the networks; None: each machine takes the quickest that it has."""


Answers = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""Rows with `inputs` -> the same with `answers`, as `NetworkStage` does it."""

AGAIN = "the same command takes up what it is now"


def make_frame(network: Answers, work: dict[str, Any], job: FilmJob) -> list[FrameResult]:
    """Do everything for a picture, a `Work` as `pack_work` gives it, one stage after the other."""
    (answered,) = network([shrink(work, job)])
    return compose_and_write(answered, job)


# Shrink: compressed picture -> inputs of the network.


def shrink(row: dict[str, Any], job: FilmJob) -> dict[str, Any]:
    """Read a picture and make the network's inputs.

    Args:
        row: A `Work`, as `pack_work` gives it.
        job: The run.

    Returns:
        `outputs`, `inputs` (as `pack_arrays` gives them), `kept` (the task's own), `stages`
        (`StageSeconds`) and `failure`.
    """
    started = time.perf_counter()
    shrunk: dict[str, Any] = {"inputs": [], "kept": b"", "failure": None}
    try:
        shrunk |= run_isolated(job.limit_s, _shrink, row, job)
    except Exception as error:  # noqa: BLE001 - nor does what ends its process concern others
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
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
        return {"failure": list(Failure.of(stage, error))}
    return {"inputs": pack_arrays(inputs), "kept": kept}


@lru_cache(maxsize=4)
def _read_hint(hints: Storage | None, source: Source | None, sha256: str | None) -> bytes | None:
    """Give a hint's file; one hint holds for many frames, so the last few are kept."""
    if source is None or hints is None:
        return None
    data = read_picture(hints, source)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the hint {source.name} was changed while the film was running; {AGAIN}")
    return data


# Network: inputs -> answers.


class NetworkStage:
    """Answer to inputs. One process holds one, on its GPU or on one CPU thread.

    Args:
        job: The run.
        weights: Where its weights are.

    Raises:
        ValueError: the weights are no longer those of the run.
    """

    def __init__(self, job: FilmJob, weights: Storage) -> None:
        opening, limit_s = partial(_open_network, job, weights), job.limit_s
        self._cell = None if limit_s is None else Sandbox(opening, limit_s)
        if self._cell is not None:
            self._cell.open()
        self._network: Answer = self._cell or opening()

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replace `inputs` by `answers` and `precision` in every row."""
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
        """Answer rows of one size together; should that fail, one by one, to name the culprit."""
        started = time.perf_counter()
        try:
            inputs = zip(*(unpack_arrays(row["inputs"]) for row in rows), strict=True)
            stacks, precision = self._network(*map(np.stack, inputs))
            for row, answers in zip(rows, zip(*stacks, strict=True), strict=True):
                row |= {"answers": pack_arrays(answers), "precision": precision}
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
            if len(rows) == 1:
                rows[0]["failure"] = list(Failure.of("network", error))
                # A device that has failed once may fail every frame that follows.
                if self._cell is not None:
                    self._cell.close()
            else:
                for row in rows:
                    self._answer([row])
            return
        for row in rows:
            row["stages"]["network"] = (time.perf_counter() - started) / len(rows)


Answer = Callable[..., tuple[Sequence[np.ndarray], str]]
"""Stacks of inputs -> stacks of answers, and the number format in which they were computed."""

ONNX = "onnx"
"""Number format of a model of ONNX: whatever its maker chose."""


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
        # Everywhere the same: frames do not depend on who makes them, to the bit.
        batch_size=GPU_BATCH if on_gpu else 1,
        precision=precision,
    )
    return partial(_answer, run, precision or ONNX)


def _answer(
    run: RunNetwork, precision: str, *inputs: np.ndarray
) -> tuple[Sequence[np.ndarray], str]:
    return run(*inputs), precision


# Compose: answers -> PNGs in place.


def compose_and_write(row: dict[str, Any], job: FilmJob) -> list[FrameResult]:
    """Compose the frame at its full size and write it to every output."""
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
    # What is spent once counts once, with the first frame.
    return [
        _written(output, size, spent if output == row["outputs"][0] else {}, precision)
        for output, size in zip(row["outputs"], sizes, strict=True)
    ]


def _compose_and_write(row: dict[str, Any], job: FilmJob) -> list[int | Failure]:
    """Give the bytes of each output, or why it is not there."""
    step("compose")
    try:
        pngs = job.task.compose(unpack_arrays(row["answers"]), row["kept"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
        return [Failure.of("compose", error)] * len(row["outputs"])
    return [_write(job, output, pngs) for output in row["outputs"]]


def _write(job: FilmJob, output: str, pngs: Sequence[bytes]) -> int | Failure:
    """Put a frame and what stands beside it in place; the frame comes last and stands for all."""
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
    """Name the files of a frame: itself, and what stands beside it."""
    return [output, *(beside(output, folder) for folder in task.extras)]


def copy_finished(job: FilmJob, items: list[tuple[str, list[str]]]) -> list[FrameResult]:
    """Write pictures that are finished in one place to the frames that hold them."""
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
