"""HTML page of a training, built from the output folder of its run."""

from collections.abc import Mapping
from typing import Any

from lineart.report.grids import Grid
from lineart.report.read_json import read_job_json
from lineart.report.refusals import Refused, read_refusals
from lineart.report.stages import ScalarPoint
from lineart.report.tables import part_of
from lineart.report.training import training_page
from lineart.storage import Storage
from lineart.training.preview import read_grids
from lineart.training.run_log import read_scalars

PAGE, RUN = "report.html", "run.json"


def write_training(
    place: Storage, output: Storage, data: Storage | None = None
) -> dict[str, object]:
    """Write the page of a training.

    Args:
        place: Output of jobs.train.
        output: Folder for `report.html`.
        data: Its dataset, as written by jobs.prepare_data; default: the one that `run.json` names,
            if it can be read.

    Returns:
        URI of the `page` and its size in `bytes`.

    Raises:
        ValueError: a file of the run or of `data` is invalid.
        OSError: `place`, its `run.json` or `data` does not exist, or storage fails.
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
    """Render the page of a training.

    Args:
        place: Output of jobs.train.
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
    named = part_of(run, "flags").get("data")
    try:
        return read_refusals(Storage.at(named)) if isinstance(named, str) else []
    except (OSError, ValueError):
        return []
