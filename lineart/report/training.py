"""HTML page of a training: verdict, curves and picture grids by stage, data, configuration."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lineart.report.html import as_text, duration, read_job_json, spaced, template
from lineart.report.stages import SPEED, WAITING, ScalarPoint, StageSummary, gather
from lineart.report.tables import compare_parts, layout_data, layout_table, numbered_parts, part_of
from lineart.report.training_pictures import Grid, Refused, layout_refusals, read_refusals
from lineart.storage import Storage
from lineart.training.preview import read_grids
from lineart.training.run_log import read_scalars

PAGE, RUN = "report.html", "run.json"
STAGES_SHOWN = 24
"""Maximum number of stages on a page; further ones are counted."""


def write_training(
    place: Storage, output: Storage, data: Storage | None = None
) -> dict[str, object]:
    """Write the page of a training.

    Args:
        place: Output of lineart train.
        output: Folder for `report.html`.
        data: Its dataset, as written by lineart prepare_data; default: the one that `run.json`
            names, if it can be read.

    Returns:
        URI of the `page` and its size in `bytes`.

    Raises:
        ValueError: `place` is no training, or a file of the run or of `data` is invalid.
        OSError: `place`, its `run.json` or `data` does not exist, or storage fails.
    """
    place.check()
    run = read_training(place)
    if data is not None:
        data.check()
    page = show_training(place, run, data)
    output.write(PAGE, page.encode())
    output.sweep()
    return {"page": f"{output.uri}/{PAGE}", "bytes": len(page.encode())}


def read_training(place: Storage) -> dict[str, Any]:
    """Return the `run.json` of a training; a film has a file of this name, too.

    Raises:
        ValueError: the file is invalid, or that of another job.
        OSError: there is no such file, or storage fails.
    """
    if not place.exists(RUN):
        raise FileNotFoundError(
            f"{place.uri} has no {RUN}, which lineart train writes; give the output of a training"
        )
    run = read_job_json(place, RUN)
    if "recipe" not in run and "recipe" not in part_of(run, "flags"):
        raise ValueError(
            f"{place.uri} is no run of lineart train: its {RUN} names no recipe; give the output "
            "of a training. lineart report film shows a film"
        )
    return run


def show_training(place: Storage, run: Mapping[str, Any], data: Storage | None = None) -> str:
    """Render the page of a training.

    Args:
        place: Output of lineart train.
        run: Content of its `run.json`.
        data: As for `write_training`.
    """
    grids = [
        Grid(stage, images, place.read(path))
        for stage, paths in read_grids(place).items()
        for images, path in sorted(paths.items())
    ]
    scalars = [ScalarPoint(*row) for row in read_scalars(place)]
    refused = _read_named(run) if data is None else read_refusals(data)
    return training_page(run, scalars, grids, refused=refused)


def _read_named(run: Mapping[str, Any]) -> list[Refused]:
    """Read the refusals of the dataset that a run names; none if it cannot be read."""
    address = part_of(run, "flags").get("data")
    try:
        return read_refusals(Storage.at(address)) if isinstance(address, str) else []
    except (OSError, ValueError):
        return []


def training_page(
    run: Mapping[str, Any],
    scalars: Sequence[ScalarPoint],
    grids: Sequence[Grid],
    *,
    refused: Sequence[Refused] = (),
    title: str = "",
) -> str:
    """Render the page of a training.

    The page stays below 20 MB for a training of any length: curves are smoothed or simplified, and
    grids are thinned evenly. Values that are not finite are gaps, marked and counted.

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
    name = flags.get("recipe") or recipe.get("name") or recipe.get("model") or run.get("recipe")
    return spaced(name) if isinstance(name, str) else "Training"


def _seconds(run: Mapping[str, Any]) -> float | None:
    seconds = run.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e10 else None


def _figures(
    run: Mapping[str, Any], stages: Sequence[StageSummary], seen: int
) -> list[tuple[str, str, str]]:
    """Return name, value and remark of the key figures."""
    seconds = _seconds(run)
    each = " + ".join(f"{stage.seen:,}" for stage in stages)
    figures = [
        ("Network", spaced(part_of(run, "recipe").get("model")), ""),
        ("Images seen", f"{seen:,}", each if 1 < len(stages) <= 4 else ""),
        ("Time", duration(seconds) if seconds else "", ""),
        ("Speed, images/s", *_medians(stages, SPEED)),
        ("Waiting for data, %", *_medians(stages, WAITING, scale=100.0)),
    ]
    validations = [
        (
            f"Validation, {stage.name}",
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
        stage.name: np.median(curve.values[curve.is_finite]) * scale
        for stage in stages[-4:]
        if (curve := stage.curves.get(name)) is not None and curve.is_finite.any()
    }
    texts = [f"{median:,.0f}" if median >= 100 else f"{median:#.3g}" for median in medians.values()]
    return ", ".join(texts), ", ".join(medians) if len(medians) > 1 else ""
