"""What the pipeline does to a frame: plain functions, and the class that holds the network.

Each takes and gives plain rows, so a test, a notebook or a loop without Ray calls them directly.
Nothing here imports torch before a `Network` is made: processes that only handle pixels stay small.
A frame that fails becomes a row with a `Failure`; it never stops its neighbours.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from lineart.codec import decode_hint, decode_line, encode_png
from lineart.film.frames import Source, read_picture
from lineart.film.index import Failure
from lineart.image import Hint, Size, fit_short_side, resize
from lineart.imaging.frequency import compose
from lineart.imaging.hints import no_hints, pool_hints, resize_hints
from lineart.storage import Storage

# One frame, one thread: the pipeline runs as many frames at once as there are cores.
cv2.setNumThreads(1)

MAX_ASPECT = 8
"""Longest side of a network's picture over its short side; longer pans are shrunk further."""


@dataclass(frozen=True)
class Job:
    """What every stage needs to know of a run; small, and the same for all frames."""

    lines: Storage
    output: Storage
    hints: Storage | None
    network_size_px: int
    """Short side of the network's picture."""
    draft_scale: int
    """How much smaller the draft is, and so the grid of the hints that the network sees."""


AGAIN = "the same command takes up what it is now"


class Work(NamedTuple):
    """A drawing to colour."""

    source: Source
    line_sha256: str
    hint: Source | None
    hint_sha256: str | None
    outputs: list[str]
    """The files to write: the first frame's and those of the frames that hold it."""


class Written(NamedTuple):
    """How one output ended."""

    output: str
    output_bytes: int
    seconds: float
    failure: Failure | None


# Shrink: compressed line -> small line and hint.


def shrink(row: dict[str, Any], job: Job) -> dict[str, Any]:
    """Read a drawing and make the network's inputs.

    Args:
        row: A `Work`, as `pack_work` gives it.
        job: The run.

    Returns:
        `outputs`, `line` (file bytes), `small` (uint8 pixels of the small line), `height`, `width`
        (of it), `hint` (uint8 RGBA pixels of the pooled hint), `seconds` and `failure`.
    """
    started = time.perf_counter()
    work = unpack_work(row)
    shrunk: dict[str, Any] = {
        "outputs": work.outputs, "line": b"", "small": b"", "height": 0, "width": 0, "hint": b"",
    }  # fmt: skip
    stage = "read"
    try:
        data = read_picture(job.lines, work.source)
        if hashlib.sha256(data).hexdigest() != work.line_sha256:
            raise ValueError(f"the drawing was changed while the film was running; {AGAIN}")
        stage = "decode"
        line = decode_line(data)
        size = network_size(line.shape, job.network_size_px)
        stage = "hint"
        hint = _pooled_hint(job, work.hint, work.hint_sha256, size)
        shrunk |= {
            "line": data,
            "small": resize(line, size).tobytes(),
            "height": size[0],
            "width": size[1],
            "hint": hint.tobytes(),
        }
        failure = None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
        failure = Failure.of(stage, error)
    return shrunk | {"failure": failure and list(failure), "seconds": time.perf_counter() - started}


def network_size(size: Size, short_side_px: int) -> Size:
    """Give the size at which the network sees a drawing of `size`."""
    height, width = size
    longest = MAX_ASPECT * min(height, width)
    if max(height, width) <= longest:
        return fit_short_side((height, width), short_side_px)
    scale = MAX_ASPECT * short_side_px / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


@lru_cache(maxsize=4)
def _pooled_hint(job: Job, source: Source | None, sha256: str | None, size: Size) -> Hint:
    """Give a hint on the draft's grid; one hint holds for many frames, so the last few are kept."""
    if source is None or job.hints is None:
        return pool_hints(no_hints(size), job.draft_scale)
    data = read_picture(job.hints, source)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the hint {source.name} was changed while the film was running; {AGAIN}")
    return pool_hints(resize_hints(decode_hint(data), size), job.draft_scale)


# Network: small line and hint -> small colour.


class Network:
    """Colour small lines. One process holds one, on its GPU or on one CPU thread."""

    def __init__(self, weights: Storage, batch_size: int = 1) -> None:
        import torch

        from lineart.inference import Colorizer
        from lineart.models import from_files
        from lineart.weights import read_weights

        on_gpu = torch.cuda.is_available()
        if not on_gpu:
            torch.set_num_threads(1)
        self._colorizer = Colorizer(
            from_files(read_weights(weights)),
            device="cuda" if on_gpu else "cpu",
            batch_size=batch_size if on_gpu else 1,
        )

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replace `small` and `hint` by `color` in every row."""
        groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for row in rows:
            if row["failure"] is None:
                groups.setdefault((row["height"], row["width"]), []).append(row)
        for size, group in groups.items():
            self._color(group, size)
        return [
            {name: value for name, value in row.items() if name not in ("small", "hint")}
            | {"color": row.get("color", b"")}
            for row in rows
        ]

    def _color(self, rows: list[dict[str, Any]], size: Size) -> None:
        """Colour rows of one size together; should that fail, one by one, to name the culprit."""
        started = time.perf_counter()
        try:
            for row, color in zip(rows, self._run(rows, size), strict=True):
                row["color"] = color.tobytes()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
            if len(rows) == 1:
                rows[0]["failure"] = list(Failure.of("network", error))
            else:
                for row in rows:
                    self._color([row], size)
            return
        for row in rows:
            row["seconds"] += (time.perf_counter() - started) / len(rows)

    def _run(self, rows: list[dict[str, Any]], size: Size) -> Iterable[np.ndarray]:
        height, width = size
        grid = -(-height // self._colorizer.draft_scale), -(-width // self._colorizer.draft_scale)
        lines = np.stack([_pixels(row["small"], size) for row in rows])
        hints = np.stack([_pixels(row["hint"], (*grid, 4)) for row in rows])
        return iter(self._colorizer(lines, hints))


def _pixels(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(shape)


# Compose: compressed line and small colour -> PNG in place.


def compose_and_write(row: dict[str, Any], job: Job) -> list[Written]:
    """Compose the frame at the drawing's own size and write it to every output."""
    started = time.perf_counter()
    failure, png = row["failure"] and Failure(*row["failure"]), b""
    if failure is None:
        try:
            color = _pixels(row["color"], (row["height"], row["width"], 3))
            png = encode_png(compose(color, decode_line(row["line"])))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a frame is its own row
            failure = Failure.of("compose", error)
    spent = row["seconds"] + time.perf_counter() - started
    if failure is not None:
        return [Written(output, 0, spent, failure) for output in row["outputs"]]
    first, *held = row["outputs"]
    return [write(job, first, png, spent), *(write(job, output, png, 0.0) for output in held)]


def write(job: Job, output: str, png: bytes, spent: float) -> Written:
    """Put one picture in place."""
    started = time.perf_counter()
    try:
        job.output.write(output, png)
    except OSError as error:
        return Written(output, 0, spent, Failure.of("write", error))
    return Written(output, len(png), spent + time.perf_counter() - started, None)


def copy_finished(job: Job, items: list[tuple[str, list[str]]]) -> list[Written]:
    """Write pictures that are finished in one place to the frames that hold them."""
    return [written for finished, outputs in items for written in _copy(job, finished, outputs)]


def _copy(job: Job, finished: str, outputs: list[str]) -> list[Written]:
    try:
        png = job.output.read(finished)
    except OSError as error:
        return [Written(output, 0, 0.0, Failure.of("copy", error)) for output in outputs]
    return [write(job, output, png, 0.0) for output in outputs]


# Rows as Ray moves them: plain values.


def pack_work(work: Work) -> dict[str, Any]:
    """Give a `Work` as plain values."""
    hint = work.hint or Source("", "")
    return {
        "name": work.source.name, "path": work.source.path, "row": _or_minus(work.source.row),
        "line_sha256": work.line_sha256, "outputs": work.outputs,
        "hint_name": hint.name, "hint_path": hint.path, "hint_row": _or_minus(hint.row),
        "hint_sha256": work.hint_sha256,
    }  # fmt: skip


def unpack_work(row: dict[str, Any]) -> Work:
    """Read what `pack_work` gave."""
    source = Source(row["name"], row["path"], _or_none(row["row"]))
    hint = Source(row["hint_name"], row["hint_path"], _or_none(row["hint_row"]))
    return Work(
        source,
        row["line_sha256"],
        hint if hint.name else None,
        row["hint_sha256"],
        list(row["outputs"]),
    )


def _or_minus(row: int | None) -> int:
    return -1 if row is None else row


def _or_none(row: int) -> int | None:
    return None if row < 0 else row
