"""Ray's part, with Ray in this process; whole films run in `tests/jobs/test_colorize.py`."""

import sys

from lineart.film.pipeline import RayRunner


def where(_: int) -> str:
    """Tell which Python a task runs on."""
    return sys.executable


def test_tasks_run_in_this_environment(ray_resources: dict[str, float]) -> None:
    """Every argument comes back with its result, and workers run on this very Python.

    Under `uv run`, Ray would by itself build them an environment of their own, over the network.
    """
    runner = RayRunner(ray_resources, None, None)
    assert dict(runner.run_tasks(where, range(20))) == dict.fromkeys(range(20), sys.executable)
