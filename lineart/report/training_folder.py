"""The page of a training, made from what a run has left in its folder."""

from collections.abc import Mapping
from typing import Any

from lineart.report.grids import Grid
from lineart.report.read_json import read_job_json
from lineart.report.refusals import Refused, read_refusals
from lineart.report.stages import ScalarPoint
from lineart.report.tables import part_of
from lineart.report.training import training_page
from lineart.storage import Storage
from lineart.training.progress_sheet import read_grids
from lineart.training.run_log import read_scalars

PAGE, RUN = "report.html", "run.json"


def write_training(
    place: Storage, output: Storage, data: Storage | None = None
) -> dict[str, object]:
    """Leave the page of a training.

    Args:
        place: What jobs.train left.
        output: Takes the page.
        data: The shards that it learned from; without them, those that run.json names.

    Raises:
        ValueError: something in it cannot be read.
        OSError: there is nothing.
    """
    place.check()
    if not place.exists(RUN):
        raise FileNotFoundError(f"{place.uri} has no {RUN}: jobs.train has not left that")
    if data is not None:
        data.check()
    page = show_training(place, read_job_json(place, RUN), data)
    output.write(PAGE, page.encode())
    output.sweep()
    return {"page": f"{output.uri}/{PAGE}", "bytes": len(page.encode())}


def show_training(place: Storage, run: Mapping[str, Any], data: Storage | None = None) -> str:
    """Give the page of a training.

    Args:
        place: What it left.
        run: What its run.json holds.
        data: As above.
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
    """Read the refusals of the shards that a run names, if they can still be reached."""
    named = part_of(run, "flags").get("data")
    try:
        return read_refusals(Storage.at(named)) if isinstance(named, str) else []
    except (OSError, ValueError):
        return []
