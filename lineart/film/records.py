"""Records passed between stages, and their conversion to plain values for Ray."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lineart.film.frames import Source
from lineart.film.hashing import Failure

STAGES = ("shrink", "network", "compose")
"""Names of the timed stages of a frame, in order."""


class WorkItem(NamedTuple):
    """Picture to process with its hint, and the outputs that show it."""

    source: Source
    source_sha256: str
    hint: Source | None
    hint_sha256: str | None
    outputs: list[str]
    """Paths to write: that of the first frame, then those of frames with equal pixels and hint."""


StageSeconds = Mapping[str, float]
"""Stage -> time in seconds."""


class FrameResult(NamedTuple):
    """Result of one output."""

    output: str
    output_bytes: int
    stages: StageSeconds
    failure: Failure | None
    precision: str | None = None
    """Number format of the network; None for a copy, or if the network did not succeed."""


# Conversion to plain values and back.


def pack_work(work: WorkItem) -> dict[str, Any]:
    """Convert a `WorkItem` to a dict of plain values."""
    hint = work.hint or Source("", "")
    return {
        "name": work.source.name, "path": work.source.path, "row": _or_minus(work.source.row),
        "source_sha256": work.source_sha256, "outputs": work.outputs,
        "hint_name": hint.name, "hint_path": hint.path, "hint_row": _or_minus(hint.row),
        "hint_sha256": work.hint_sha256,
    }  # fmt: skip


def unpack_work(row: dict[str, Any]) -> WorkItem:
    """Convert the result of `pack_work` back."""
    source = Source(row["name"], row["path"], _or_none(row["row"]))
    hint = Source(row["hint_name"], row["hint_path"], _or_none(row["hint_row"]))
    return WorkItem(
        source,
        row["source_sha256"],
        hint if hint.name else None,
        row["hint_sha256"],
        list(row["outputs"]),
    )


def pack_arrays(arrays: Iterable[np.ndarray]) -> list[dict[str, Any]]:
    """Convert uint8 arrays to dicts of plain values."""
    return [{"shape": list(array.shape), "pixels": array.tobytes()} for array in arrays]


def unpack_arrays(arrays: Iterable[dict[str, Any]]) -> list[np.ndarray]:
    """Convert the result of `pack_arrays` back."""
    return [np.frombuffer(array["pixels"], np.uint8).reshape(array["shape"]) for array in arrays]


def _or_minus(row: int | None) -> int:
    return -1 if row is None else row


def _or_none(row: int) -> int | None:
    return None if row < 0 else row
