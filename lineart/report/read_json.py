"""Reading of JSON files that jobs write."""

import json
from typing import Any

from lineart.storage import Storage


def read_job_json(place: Storage, name: str) -> dict[str, Any]:
    """Read a JSON object from the file `name` in a job's output.

    Raises:
        ValueError: the file is not valid JSON, or not an object.
        OSError: the file does not exist, or storage fails.
    """
    try:
        told = json.loads(place.read(name))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place.uri}/{name} is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"{place.uri}/{name} is not what a job has left")
    return told
