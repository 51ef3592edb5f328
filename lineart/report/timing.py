"""Where the time of a film went: frames a second as it was made, and what each stage took."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from lineart.report.charts import ChartStyle, draw_chart
from lineart.report.curves import Curve
from lineart.report.text import duration

STAGES = ("shrink", "network", "compose")
POINTS, FRAMES_A_POINT = 48, 4
"""Most points of the curve of speeds, and fewest frames that one is the mean of."""
PAUSE_S = 60.0
"""A longer time in which no frame was finished is no work, and is left out."""
SPEED = ChartStyle(heading="Speed", unit="frames/s", from_zero=True, across="seconds of work")


def show_timing(rows: pa.Table) -> dict[str, Any]:
    """Give the chart of speeds, how often the work paused, and a row for each stage."""
    at = _written_at(rows)
    worked, pauses = _leave_out_pauses(at)
    return {
        "speed": _draw_speed(worked) if len(worked) > 1 and worked[-1] > 0 else None,
        "pauses": pauses,
        "worked": duration(float(worked[-1])) if len(worked) else "",
        "stages": _stages(rows),
    }


def _written_at(rows: pa.Table) -> Float64[np.ndarray, " N"]:
    """Give the moments at which frames that stand were written, in order, in seconds."""
    standing = rows.filter(pc.not_equal(rows["status"], "failed"))["written_at"].drop_null()
    return np.sort(np.asarray(standing.cast("int64"), np.float64) / 1e6)


def _leave_out_pauses(
    moments: Float64[np.ndarray, " N"],
) -> tuple[Float64[np.ndarray, " N"], int]:
    """Give seconds of work before each moment, and the number of pauses between."""
    steps = np.diff(moments, prepend=moments[:1])
    is_pause = steps > PAUSE_S
    return np.cumsum(np.where(is_pause, 0.0, steps)), int(is_pause.sum())


def _draw_speed(worked: Float64[np.ndarray, " N"]) -> dict[str, Any]:
    """Draw frames a second over the work; a point is the mean of a part of it."""
    parts = max(2, min(POINTS, len(worked) // FRAMES_A_POINT, int(worked[-1])))
    frames, edges = np.histogram(worked, parts, (0.0, float(worked[-1])))
    middles, speeds = (edges[1:] + edges[:-1]) / 2, frames / np.diff(edges)
    manner = SPEED
    if worked[-1] > 600:
        middles, manner = middles / 60, replace(SPEED, across="minutes of work")
    return draw_chart({"frames/s": Curve(middles, speeds)}, manner)


def _stages(rows: pa.Table) -> list[dict[str, Any]]:
    """Give each stage's median, what nine frames in ten stay below, and its share of all work."""
    seconds = {stage: _seconds(rows, stage) for stage in STAGES}
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


def _seconds(rows: pa.Table, stage: str) -> Float64[np.ndarray, " M"]:
    """Give the seconds that frames spent in a stage, where that is known."""
    return np.asarray(rows[f"{stage}_seconds"].drop_null(), np.float64)


def format_time(seconds: float) -> str:
    """Say a short time: `83 ms`, `1.25 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
