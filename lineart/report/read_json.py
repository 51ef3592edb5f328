"""What a job has left as JSON."""

import json
from typing import Any

from lineart.storage import Storage


def read_job_json(place: Storage, name: str) -> dict[str, Any]:
    """Read an object of JSON.

    Raises:
        ValueError: it is none.
        OSError: storage failed.
    """
    try:
        told = json.loads(place.read(name))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place.uri}/{name} is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"{place.uri}/{name} is not what a job has left")
    return told
