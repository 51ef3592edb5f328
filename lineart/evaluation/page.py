"""HTML page of an evaluation, and contact sheets: labelled pictures side by side in one image."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.evaluation.tables import (
    PARTS,
    columns,
    distinct,
    explain,
    pictures_in,
    write_gain,
    write_parts,
)
from lineart.evaluation.types import (
    LIMITS,
    AnySize,
    Estimate,
    EvaluationPlan,
    EvaluationResult,
    Score,
    ScoreSummary,
)
from lineart.image import Frame, Hint, Line, Size, resize
from lineart.report.html import as_text, data_uri, encode_thumbnail, template
from lineart.report.tables import layout_table

SETS_SHOWN = 60
FAILURES_SHOWN = 100
ROWS_SHOWN = 60

CELL_PX = 240
GAP_PX = 6
TEXT_PX = 18
BACKGROUND = 128
PALE = 0.3
"""Share of the ink's darkness that is kept in the drawing below the hints, 0..1."""


AnyLine = UInt8[np.ndarray, "_ _"]

Sheet = UInt8[np.ndarray, "SheetH SheetW 3"]
"""Part of a contact sheet: pictures on grey."""


def scores_page(plan: EvaluationPlan, result: EvaluationResult, run: Mapping[str, Any]) -> str:
    """Render the page.

    Args:
        plan: Plan that was run.
        result: Its result.
        run: Machine, versions, commit and flags, by name.
    """
    every = list(distinct(result.summaries))
    machine = {name: value for name, value in run.items() if name != "flags"}
    sets = [show_set(name, rows, plan) for name, rows in every[:SETS_SHOWN]]
    return template("scores.html").render(
        protocol=as_text(run["flags"]["protocol"]),
        ours=as_text(plan.ours),
        methods=sorted({as_text(one.method) for one in result.summaries} - {as_text(plan.ours)}),
        about=explain(plan, result.summaries),
        hints_heading=plan.hints_heading.capitalize(),
        judged=result.num_judged,
        sets=[one for one in sets if not one["is_part"]],
        parts=[one for one in sets if one["is_part"]],
        num_sets=len(every),
        missing=[(name, as_text(why)) for name, why in plan.missing.items()],
        notes=[(as_text(note), count) for note, count in result.notes.items()],
        failures=[(as_text(n), as_text(why)) for n, why in result.failures[:FAILURES_SHOWN]],
        num_failures=result.num_failed,
        charts=result.charts,
        sheets=[(as_text(n), show_sheet(rows)) for n, rows in result.sheets.items()],
        configuration=layout_table({**run["flags"], **plan.facts, **machine}),
        written=as_text(datetime.now(UTC)),
    )


def show_set(name: str, rows: Sequence[ScoreSummary], plan: EvaluationPlan) -> dict[str, Any]:
    """Build the template's values of one set."""
    names = columns(rows, plan.scores)
    ranges = {one: span_of(one, rows) for one in names}
    best = {
        (one, row.hints): pick_best(one, row.hints, rows, plan.scores[one].sign)
        for one in names
        for row in rows
    }
    return {
        "name": as_text(name),
        "is_part": name.startswith(PARTS),
        "pictures": pictures_in(rows),
        "has_hints": any(row.hints is not None for row in rows),
        "columns": [plan.scores[one] for one in names],
        "rows": [
            {
                "method": as_text(row.method),
                "hints": row.hints,
                "starts": place == 0 or rows[place - 1].hints != row.hints,
                "is_ours": row.method == plan.ours,
                "cells": [
                    show_cell(row, one, plan.scores[one], ranges[one])
                    | {"is_best": row.method == best[one, row.hints]}
                    for one in names
                ],
            }
            for place, row in enumerate(rows)
        ],
    }


def show_cell(
    row: ScoreSummary, name: str, score: Score, ends: tuple[float, float] | None
) -> dict[str, Any]:
    """Build the template's values of a cell: texts, and the bar of its interval.

    The methods of `LIMITS` are not compared: they have neither gain nor bar.

    Args:
        row: Summary of one method.
        name: Name of the score.
        score: The score.
        ends: Range of the column's intervals; None for no bar.
    """
    if name not in row.scores:
        return {"text": ""}
    estimate = row.scores[name]
    text, deviation, bounds = write_parts(estimate, score.decimals)
    is_compared = row.method not in LIMITS
    return {
        "text": text,
        "deviation": deviation,
        "bounds": bounds,
        "number": estimate.number,
        "gain": describe_gain(row, name, score.decimals) if is_compared else "",
        "bar": place_bar(estimate, ends) if is_compared and ends else None,
    }


def describe_gain(row: ScoreSummary, name: str, decimals: int) -> str:
    """Return the text of our mean gain over this method; empty if they are not compared."""
    if name not in row.margins:
        return ""
    margin = row.margins[name]
    return f"{write_gain(margin, decimals)}, better on {margin.won} of {margin.gain.number}"


def place_bar(estimate: Estimate, ends: tuple[float, float]) -> dict[str, float]:
    """Return left end, mean and width of an interval's bar, in percent of the range `ends`."""
    low, high = (estimate.mean if end is None else end for end in (estimate.low, estimate.high))
    left, middle, right = (
        round(100 * (value - ends[0]) / (ends[1] - ends[0]), 1)
        for value in (low, estimate.mean, high)
    )
    return {"left": left, "middle": middle, "width": round(right - left, 1)}


def span_of(name: str, rows: Sequence[ScoreSummary]) -> tuple[float, float] | None:
    """Return the range of a column's intervals; None for a single method or an empty range."""
    found = [row.scores[name] for row in rows if name in row.scores and row.method not in LIMITS]
    ends = [end for one in found for end in (one.low, one.mean, one.high) if end is not None]
    return (min(ends), max(ends)) if len(found) > 1 and min(ends) < max(ends) else None


def pick_best(name: str, hints: int | None, rows: Sequence[ScoreSummary], sign: int) -> str | None:
    """Return the method with the best mean at a number of hints.

    None if fewer than two methods have the score, or if its sign is 0; the methods of `LIMITS` do
    not count.
    """
    means = {
        row.method: sign * row.scores[name].mean
        for row in rows
        if row.hints == hints and name in row.scores and row.method not in LIMITS
    }
    return max(means, key=lambda method: means[method]) if sign and len(means) > 1 else None


def show_sheet(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Build the template's values of a contact sheet: its first rows as data URIs."""
    return [
        {
            "uri": data_uri(encode_thumbnail(row, row.shape[0])),
            "width": row.shape[1],
            "height": row.shape[0],
        }
        for row in rows[:ROWS_SHOWN]
    ]


# Contact sheets.


def strip(name: str, pictures: Mapping[str, AnySize | AnyLine]) -> Sheet:
    """Build a row of pictures side by side, each below its name and all below `name`."""
    cells = [
        cell(cv2.cvtColor(one, cv2.COLOR_GRAY2RGB) if one.ndim == 2 else one, title)
        for title, one in pictures.items()
    ]
    row = np.concatenate(cells, axis=1)
    return np.concatenate((caption(name, row.shape[1]), row))


def stack_rows(rows: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Sheet:
    """Stack rows into one sheet; narrower ones are padded with grey.

    Raises:
        ValueError: `rows` is empty.
    """
    if not rows:
        raise ValueError("a sheet needs at least one row")
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_place(row, (row.shape[0], width), (0, 0)) for row in rows])


def show_hints(line: Line, hint: Hint) -> Frame:
    """Draw the hints as dots on the drawing with pale lines."""
    shown: Frame = cv2.cvtColor((255 - (255 - line) * PALE).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    radius = max(1, min(line.shape) // 60)
    for y, x in np.argwhere(hint[..., 3] > 0).tolist():
        cv2.circle(shown, (x, y), radius + 1, (0, 0, 0), -1)
        cv2.circle(shown, (x, y), radius, hint[y, x, :3].tolist(), -1)
    return shown


def cell(picture: Frame, name: str) -> Sheet:
    """Return a picture fitted into a cell of the sheet, with its name above."""
    height, width = picture.shape[:2]
    scale = CELL_PX / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    corner = (CELL_PX - size[0]) // 2, (CELL_PX - size[1]) // 2
    placed = _place(resize(picture, size), (CELL_PX, CELL_PX + GAP_PX), corner)
    return np.concatenate((caption(name, placed.shape[1]), placed))


def caption(text: str, width_px: int) -> Sheet:
    """Return a grey strip with text; characters outside ASCII become `?`."""
    strip = np.full((TEXT_PX, width_px, 3), BACKGROUND, np.uint8)
    plain = text.encode("ascii", "replace").decode()
    white = (255, 255, 255)
    cv2.putText(strip, plain, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, white, 1, cv2.LINE_AA)
    return strip


def _place(picture: Frame, size: Size, corner: tuple[int, int]) -> Sheet:
    """Return grey of `size` with the picture's upper left corner at `corner`, (y, x)."""
    sheet = np.full((*size, 3), BACKGROUND, np.uint8)
    y, x = corner
    sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet
