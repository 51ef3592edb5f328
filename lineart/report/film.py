"""HTML page of a film: verdict, findings, thumbnails by shot, times, configuration."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from lineart.film.exposure.cuts import ExposedCut
from lineart.film.tasks import PageWords
from lineart.manifest import stage_seconds
from lineart.report.charts import ChartStyle, Curve, draw_chart
from lineart.report.doubts import Place, list_doubts, list_next
from lineart.report.findings import (
    ALL_FAILURES,
    list_failures,
    list_retakes,
    list_warnings,
    run_warnings,
)
from lineart.report.frames import STATUSES, columns, count
from lineart.report.html import as_text, duration, list_settings, spaced, template
from lineart.report.sheets import layout_sheets, set_times
from lineart.report.shots import Thumbnail, group, layout_picture, thin

SHOTS_LISTED = 2_000
LONG_FILM_SHOTS = 40
"""Number of shots above which the browser renders a shot only when it is scrolled into view."""
MIXTURES_LISTED = 4
LARGE_BYTES = 3_500_000
"""Maximum size of all pictures at full size, in bytes before Base64."""

ROOT_NAMES = {"", ".", "frames", "images", "in", "input", "line", "lineart", "lines", "photos"}
"""Folder names that are no name of a film, in lower case; the parent folder names it."""

POINTS, FRAMES_A_POINT = 48, 4
"""Maximum number of points of the speed curve, and minimum mean number of frames per point; the
curve always has at least two points."""
PAUSE_S = 60.0
"""Longest interval between two finished frames in seconds; a longer one is a pause, left out."""
SPEED = ChartStyle(heading="Speed", unit="frames/s", from_zero=True, x_label="seconds of work")


@dataclass(frozen=True, kw_only=True)
class Content:
    """Content of a film's page besides the manifest."""

    words: PageWords
    """Words for the task of the film."""
    thumbnails: Sequence[Thumbnail] = ()
    """Thumbnails in film order; those of frames without a row in the manifest are left out."""
    large: Sequence[Thumbnail] = ()
    """A few frames at full size, to compare with their sources; if empty, a thumbnail is used."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Failed frame -> address of its source picture: relative to the page, or a URI or path."""
    crops: Mapping[Place, bytes] = field(default_factory=dict)
    """Crops of doubtful regions, encoded as WebP."""
    cuts: Sequence[ExposedCut] = ()
    """Exposure sheets, whose times their shots get."""
    missing: int = 0
    """Number of finished frames whose files are gone."""


def film_page(
    rows: pa.Table, run: Mapping[str, Any], summary: Mapping[str, Any], content: Content
) -> str:
    """Render the page of a film.

    The page stays below 20 MB for a film of any length: beyond the limits of this module,
    thumbnails are thinned evenly, and failures, warnings, doubts, notes and shots are counted
    instead of listed.

    Args:
        rows: The manifest, in film order.
        run: Content of `run.json`; the film's name comes from the folder in `lines` or `images`.
        summary: Figures of the last run; `seconds`, `frames_per_second` and `skipped` are shown, if
            present.
        content: Thumbnails, crops, words and addresses of failed frames' pictures.
    """
    rows = _of_last_run(rows, run)
    shots = group(rows, content.thumbnails, SHOTS_LISTED, run_warnings(run))
    set_times(shots, content.cuts)
    pictures = [picture for shot in shots for picture in shot.pictures]
    fitting = thin([content.large], LARGE_BYTES)
    entries = {row.frame: row for shot in shots for row in shot.rows if row.frame in fitting}
    comparable = [
        layout_picture(pair, entries.get(pair.frame))
        for pair in content.large
        if pair.frame in fitting
    ]
    return template("film.html").render(
        title=as_text(_film_name(run)),
        words=content.words,
        statuses=STATUSES,
        counts=count(rows["status"].to_pylist()),
        broken_off=_describe_broken_off(rows, run),
        missing=content.missing,
        sizes=Counter(size for size in columns(rows, "width", "height") if size[0]).most_common(),
        summary={"seconds": None, "frames_per_second": None, "skipped": None, **summary},
        failures=list_failures(rows, content.inputs, content.words.source),
        accepted=list_failures(rows, content.inputs, content.words.source, "accepted"),
        all_failures=ALL_FAILURES,
        warnings=list_warnings(shots, run),
        doubts=list_doubts(rows, shots, content.crops),
        asked=list_next(rows, shots),
        retakes=list_retakes(shots, content.words),
        sheets=layout_sheets(content.cuts, shots),
        shots=shots[:SHOTS_LISTED],
        unlisted_shots=len(shots[SHOTS_LISTED:]),
        unlisted_frames=sum(len(shot.rows) for shot in shots[SHOTS_LISTED:]),
        pictures_shown=len(pictures),
        comparable=comparable or pictures[len(pictures) // 2 :][:1],
        is_large=bool(comparable),
        is_long=len(shots) > LONG_FILM_SHOTS,
        timing=layout_timing(rows),
        configuration=_configuration(rows, run),
        written=as_text(datetime.now(UTC)),
    )


def _describe_broken_off(rows: pa.Table, run: Mapping[str, Any]) -> str:
    """Return a sentence if the last run did not end; empty if it did, or is too old to say."""
    state, frames = run.get("state", "ended"), run.get("frames")
    if state == "ended":
        return ""
    why = "is running, or was killed" if state == "running" else state
    missing = frames - rows.num_rows if isinstance(frames, int) else 0
    without = f"; {missing:,} of {frames:,} frames have no result" if missing > 0 else ""
    return as_text(f"The last run {why}{without}.")


def _of_last_run(rows: pa.Table, run: Mapping[str, Any]) -> pa.Table:
    """Remove the retake marks of earlier runs; without a start time of the last run, keep all."""
    started_at = run.get("started_at")
    if not isinstance(started_at, str):
        return rows
    started = pa.scalar(datetime.fromisoformat(started_at), rows["written_at"].type)
    is_new = pc.greater_equal(rows["written_at"], started)
    retakes = pc.if_else(is_new, rows["retake"], pa.scalar(None, pa.string()))
    return rows.set_column(rows.schema.names.index("retake"), "retake", retakes)


def _finished(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.is_in(rows["status"], pa.array(["done", "held"], pa.string())))


def _configuration(
    rows: pa.Table, run: Mapping[str, Any]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return `run.json` in groups, with weights, settings and precision of the finished frames."""
    finished = _finished(rows)
    mixtures = Counter(
        values for values in columns(finished, "weights", "settings", "precision") if values[0]
    )
    made_with = "\n".join(
        f"{number:,} frames: weights {weights[:12]}, settings {settings}, "
        f"computed in {precision or 'an unknown number format'}"
        for (weights, settings, precision), number in mixtures.most_common(MIXTURES_LISTED)
    )
    is_plain = {name: not isinstance(value, Mapping) for name, value in run.items()}
    groups = {
        "run": {name: run[name] for name in run if is_plain[name] and name != "warnings"},
        **{name: value for name, value in run.items() if isinstance(value, Mapping)},
        "summary": {},  # Shown as key figures.
        "words": {},  # Used throughout the page.
        "manifest": {"made with": made_with} if made_with else {},
    }
    return [
        (spaced(name).capitalize(), list_settings(values))
        for name, values in groups.items()
        if values
    ]


def _film_name(run: Mapping[str, Any]) -> str:
    """Return the name of the folder of source pictures, as the film's name; else `Film`."""
    nested = [value for value in run.values() if isinstance(value, Mapping)]
    given = (part.get(name) for part in [run, *nested] for name in ("lines", "images"))
    address = next((str(value) for value in given if value), "")
    parts = [part for part in address.split("://")[-1].split("/") if part.lower() not in ROOT_NAMES]
    return parts[-1] if parts else "Film"


def layout_timing(rows: pa.Table) -> dict[str, Any]:
    """Return the speed chart, the number of pauses, the working time, and a row for each stage."""
    finished = _finished(rows)["written_at"].drop_null()
    moments = np.sort(np.asarray(finished.cast("int64"), np.float64) / 1e6)
    steps = np.diff(moments, prepend=moments[:1])
    is_pause = steps > PAUSE_S
    worked = np.cumsum(np.where(is_pause, 0.0, steps))
    return {
        "speed": _draw_speed(worked) if len(worked) > 1 and worked[-1] > 0 else None,
        "pauses": int(is_pause.sum()),
        "worked": duration(float(worked[-1])) if len(worked) else "",
        "stages": _stages(rows),
    }


def _draw_speed(worked: Float64[np.ndarray, " N"]) -> dict[str, Any]:
    """Draw frames per second over the working time; each point is the mean of an equal part.

    Args:
        worked: Working time until each finished frame in seconds, ascending.
    """
    parts = max(2, min(POINTS, len(worked) // FRAMES_A_POINT, int(worked[-1])))
    frames, edges = np.histogram(worked, parts, (0.0, float(worked[-1])))
    middles, speeds = (edges[1:] + edges[:-1]) / 2, frames / np.diff(edges)
    style = SPEED
    if worked[-1] > 600:
        middles, style = middles / 60, replace(SPEED, x_label="minutes of work")
    return draw_chart({"frames/s": Curve(middles, speeds)}, style)


def _stages(rows: pa.Table) -> list[dict[str, Any]]:
    """Return median, 90th percentile, sum and share of the total time of each stage."""
    seconds = stage_seconds(rows)
    total = sum(float(part.sum()) for part in seconds.values())
    return [
        {
            "name": stage,
            "median": format_time(float(np.median(part))),
            "most": format_time(float(np.quantile(part, 0.9))),
            "sum": duration(float(part.sum())),
            "share": round(100 * float(part.sum()) / total, 1),
        }
        for stage, part in seconds.items()
        if len(part) and total
    ]


def format_time(seconds: float) -> str:
    """Format a short time: `83 ms`, `1.25 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
