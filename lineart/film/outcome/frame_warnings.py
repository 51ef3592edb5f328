"""Warnings of the frames of a run, each different one once."""

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.pictures.listing import printable

MAX_LISTED = 10
"""Most different warnings that are listed."""


class FrameWarnings(NamedTuple):
    """Warnings of the frames of a run."""

    frames: int
    """Number of frames that have any."""
    listed: list[dict[str, Any]]
    """`warning`, `frame`, the first that has it, and `frames`, their number; in film order."""
    unlisted: int
    """Number of further different ones."""


def list_warnings(rows: pa.Table, made: pa.Array) -> FrameWarnings:
    """Return the warnings of the frames that a run has made.

    Args:
        rows: The manifest, in film order.
        made: Names of the frames.
    """
    warned = rows.filter(pc.and_(pc.is_valid(rows["warnings"]), pc.is_in(rows["frame"], made)))
    warned = warned.select(["frame", "warnings"]).combine_chunks()
    each = pa.table(
        {
            "warning": pc.list_flatten(warned["warnings"]),
            "place": pc.list_parent_indices(warned["warnings"]),
        }
    )
    of_each = each.group_by("warning").aggregate([("place", "min"), ("place", "count")])
    found = of_each.sort_by("place_min").slice(0, MAX_LISTED).to_pylist()
    listed = [
        {
            "warning": one["warning"],
            "frame": warned["frame"][one["place_min"]].as_py(),
            "frames": one["place_count"],
        }
        for one in found
    ]
    return FrameWarnings(warned.num_rows, listed, of_each.num_rows - len(listed))


def describe_warning(listed: dict[str, Any]) -> str:
    """Return a listed warning as a sentence, which begins with the first frame that has it."""
    others = listed["frames"] - 1
    also = "" if not others else f" and {others} more frame{'s' if others > 1 else ''}"
    return f"{printable(listed['frame'])}{also}: {listed['warning']}"
