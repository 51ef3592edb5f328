"""What travels between the stages: pictures to make, how outputs ended, rows of plain values."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lineart.film.frames import Source
from lineart.film.hashing import Failure

STAGES = ("shrink", "network", "compose")
"""What a frame goes through."""


class WorkItem(NamedTuple):
    """A picture to make a frame of."""

    source: Source
    source_sha256: str
    hint: Source | None
    hint_sha256: str | None
    outputs: list[str]
    """The files to write: the first frame's and those of the frames that hold it."""


StageSeconds = Mapping[str, float]
"""By stage: how long it took."""


class FrameResult(NamedTuple):
    """How one output ended."""

    output: str
    output_bytes: int
    stages: StageSeconds
    failure: Failure | None
    precision: str | None = None
    """Number format in which the network computed it; None for a copy, or a failure before."""


# As Ray moves them.


def pack_work(work: WorkItem) -> dict[str, Any]:
    """Give a `WorkItem` as plain values."""
    hint = work.hint or Source("", "")
    return {
        "name": work.source.name, "path": work.source.path, "row": _or_minus(work.source.row),
        "source_sha256": work.source_sha256, "outputs": work.outputs,
        "hint_name": hint.name, "hint_path": hint.path, "hint_row": _or_minus(hint.row),
        "hint_sha256": work.hint_sha256,
    }  # fmt: skip


def unpack_work(row: dict[str, Any]) -> WorkItem:
    """Read what `pack_work` gave."""
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
    """Give arrays of uint8 as plain values."""
    return [{"shape": list(array.shape), "pixels": array.tobytes()} for array in arrays]


def unpack_arrays(arrays: Iterable[dict[str, Any]]) -> list[np.ndarray]:
    """Read what `pack_arrays` gave."""
    return [np.frombuffer(array["pixels"], np.uint8).reshape(array["shape"]) for array in arrays]


def _or_minus(row: int | None) -> int:
    return -1 if row is None else row


def _or_none(row: int) -> int | None:
    return None if row < 0 else row
