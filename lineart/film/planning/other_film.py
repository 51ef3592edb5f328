"""Refusal of an output that holds the film of other drawings."""

import hashlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.inputs import PreparedRun
from lineart.film.pictures.frames import PictureReader, Source
from lineart.film.records import RUN
from lineart.storage import Storage

SAMPLES = 8
"""Drawings that are compared."""


def refuse_other_film(prepared: PreparedRun, previous: pa.Table) -> None:
    """Raise if an output holds the film of another address, and its drawings are others, too.

    Drawings that were moved to another address are the same film. A few, evenly spread over the
    film, are read to tell. Single files of other names may be made beside other frames. With
    `--force` the film may take the place of the other one.

    Args:
        prepared: Inputs of the run.
        previous: The manifest in the output.

    Raises:
        ValueError: the drawings that the output was made of are not among those of the run.
        OSError: storage fails.
    """
    output, here = prepared.job.output, Storage.at(prepared.film.pictures).uri
    there = _read_run(output).get("pictures", here)
    made = previous.filter(pc.is_valid(previous["source_sha256"]))
    if prepared.film.force or there == here or not made.num_rows:
        return
    hashes = dict(zip(made["frame"].to_pylist(), made["source_sha256"].to_pylist(), strict=True))
    common = [frame for frame in prepared.film_frames if frame.name in hashes]
    is_file = here != prepared.job.pictures.uri
    if not common and (is_file or there.startswith(f"{here}/")):
        # Single files may be made beside other frames, and their folder after them.
        return
    step = max(1, len(common) // SAMPLES)
    reader = PictureReader(prepared.job.pictures)
    if not any(_hash(reader, one.source) == hashes[one.name] for one in common[::step][:SAMPLES]):
        raise ValueError(
            f"{output.uri} holds the film of {there}, whose drawings are others; give another "
            "--output, or --force to put this film in its place"
        )


def _read_run(output: Storage) -> dict[str, Any]:
    try:
        run = json.loads(output.read(RUN))
    except (FileNotFoundError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def _hash(reader: PictureReader, source: Source) -> str | None:
    try:
        return hashlib.sha256(reader.read(source)).hexdigest()
    except (OSError, ValueError):
        return None
