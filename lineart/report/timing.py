"""Times on the page of a film: speed over the run, and time of each stage."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from lineart.manifest import stage_seconds
from lineart.report.charts import ChartStyle, draw_chart
from lineart.report.curves import Curve
from lineart.report.text import duration

POINTS, FRAMES_A_POINT = 48, 4
"""Maximum number of points of the speed curve, and minimum mean number of frames per point; the
curve always has at least two points."""
PAUSE_S = 60.0
"""Longest interval between two finished frames in seconds; a longer one is a pause, left out."""
SPEED = ChartStyle(heading="Speed", unit="frames/s", from_zero=True, across="seconds of work")


def show_timing(rows: pa.Table) -> dict[str, Any]:
    """Return the speed chart, the number of pauses, the working time, and a row for each stage."""
    at = _written_at(rows)
    worked, pauses = _leave_out_pauses(at)
    return {
        "speed": _draw_speed(worked) if len(worked) > 1 and worked[-1] > 0 else None,
        "pauses": pauses,
        "worked": duration(float(worked[-1])) if len(worked) else "",
        "stages": _stages(rows),
    }


def _written_at(rows: pa.Table) -> Float64[np.ndarray, " N"]:
    """Return the times at which finished frames were written, ascending, in seconds since 1970."""
    standing = rows.filter(pc.not_equal(rows["status"], "failed"))["written_at"].drop_null()
    return np.sort(np.asarray(standing.cast("int64"), np.float64) / 1e6)


def _leave_out_pauses(
    moments: Float64[np.ndarray, " N"],
) -> tuple[Float64[np.ndarray, " N"], int]:
    """Return the working time before each moment in seconds, and the number of pauses."""
    steps = np.diff(moments, prepend=moments[:1])
    is_pause = steps > PAUSE_S
    return np.cumsum(np.where(is_pause, 0.0, steps)), int(is_pause.sum())


def _draw_speed(worked: Float64[np.ndarray, " N"]) -> dict[str, Any]:
    """Draw frames per second over the working time; each point is the mean of an equal part."""
    parts = max(2, min(POINTS, len(worked) // FRAMES_A_POINT, int(worked[-1])))
    frames, edges = np.histogram(worked, parts, (0.0, float(worked[-1])))
    middles, speeds = (edges[1:] + edges[:-1]) / 2, frames / np.diff(edges)
    manner = SPEED
    if worked[-1] > 600:
        middles, manner = middles / 60, replace(SPEED, across="minutes of work")
    return draw_chart({"frames/s": Curve(middles, speeds)}, manner)


def _stages(rows: pa.Table) -> list[dict[str, Any]]:
    """Return median, 90th percentile, sum and share of the total time of each stage."""
    seconds = stage_seconds(rows)
    whole = sum(float(part.sum()) for part in seconds.values())
    return [
        {
            "name": stage,
            "median": format_time(float(np.median(part))),
            "most": format_time(float(np.quantile(part, 0.9))),
            "sum": duration(float(part.sum())),
            "share": round(100 * float(part.sum()) / whole, 1),
        }
        for stage, part in seconds.items()
        if len(part) and whole
    ]


def format_time(seconds: float) -> str:
    """Format a short time: `83 ms`, `1.25 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
