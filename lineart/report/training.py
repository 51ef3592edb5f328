"""HTML page of a training: verdict, curves and picture grids by stage, data, configuration."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lineart.report.grids import Grid
from lineart.report.refusals import Refused, layout_refusals
from lineart.report.stages import SPEED, WAITING, ScalarPoint, StageSummary, gather
from lineart.report.tables import compare_parts, layout_data, layout_table, numbered_parts, part_of
from lineart.report.text import as_text, duration, template, words

STAGES_SHOWN = 24
"""Maximum number of stages on a page; further ones are counted."""


def training_page(
    run: Mapping[str, Any],
    scalars: Sequence[ScalarPoint],
    grids: Sequence[Grid],
    *,
    refused: Sequence[Refused] = (),
    title: str = "",
) -> str:
    """Render the page of a training.

    The page stays below 20 MB for a training of any length: curves are thinned to a few hundred
    points, and grids evenly. Values that are not finite are gaps, marked and counted.

    Args:
        run: Content of `run.json`: `recipe` with its `stages`, `data` with counts, `seconds`,
            `images`, `machine`, `versions`, `columns` of each stage's grids; any may be missing.
        scalars: Recorded scalars, in any order.
        grids: Saved picture grids, in any order.
        refused: Pictures that the filter of its dataset refused, by reason.
        title: Name of the training; default: that of its recipe or network.
    """
    stages = gather(run, scalars, grids)
    recipe = part_of(run, "recipe")
    seen = sum(stage.seen for stage in stages)
    return template("training.html").render(
        title=as_text(title) or _name(run),
        stages=stages[:STAGES_SHOWN],
        unlisted_stages=len(stages[STAGES_SHOWN:]),
        seen=seen,
        seconds=_seconds(run),
        failures=[(stage.name, *stage.failure) for stage in stages if stage.failure],
        unfinished=[stage for stage in stages if seen and stage.missed],
        last=next((stage for stage in reversed(stages) if stage.best), None),
        figures=_figures(run, stages, seen),
        data=layout_data(part_of(run, "data")),
        refusals=layout_refusals(refused),
        comparison=compare_parts(numbered_parts(recipe.get("stages"))),
        configuration=layout_table(run, without=("columns", "data", "seconds", "images")),
        written=as_text(datetime.now(UTC)),
    )


def _name(run: Mapping[str, Any]) -> str:
    """Return the name of the recipe, else of the network, else `Training`."""
    flags, recipe = part_of(run, "flags"), part_of(run, "recipe")
    named = flags.get("recipe") or recipe.get("name") or recipe.get("model") or run.get("recipe")
    return words(named) if isinstance(named, str) else "Training"


def _seconds(run: Mapping[str, Any]) -> float | None:
    seconds = run.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e10 else None


def _figures(
    run: Mapping[str, Any], stages: Sequence[StageSummary], seen: int
) -> list[tuple[str, str, str]]:
    """Return name, value and remark of the key figures."""
    seconds = _seconds(run)
    model = as_text(part_of(run, "recipe").get("model"))
    each = " + ".join(f"{stage.seen:,}" for stage in stages)
    figures = [
        ("Network", words(model), ""),
        ("Images seen", f"{seen:,}", each if 1 < len(stages) <= 4 else ""),
        ("Time", duration(seconds) if seconds else "", ""),
        ("Speed, images/s", *_medians(stages, SPEED)),
        ("Waiting for data, %", *_medians(stages, WAITING, scale=100.0)),
    ]
    validations = [
        (
            f"Validation, {as_text(stage.name)}",
            stage.best["last"],
            f"best {stage.best['value']} at {stage.best['images']:,}",
        )
        for stage in stages[-4:]
        if stage.best
    ]
    return [figure for figure in figures + validations if figure[1]]


def _medians(stages: Sequence[StageSummary], name: str, scale: float = 1.0) -> tuple[str, str]:
    """Format the medians of a scalar in the last four stages, and the names of these stages."""
    medians = {
        as_text(stage.name): np.median(curve.values[curve.is_finite]) * scale
        for stage in stages[-4:]
        if (curve := stage.curves.get(name)) is not None and curve.is_finite.any()
    }
    said = ", ".join(
        f"{median:,.0f}" if median >= 100 else f"{median:#.3g}" for median in medians.values()
    )
    remark = ", ".join(medians) if len(medians) > 1 else ""
    return (said, remark)
