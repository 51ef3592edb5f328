"""Executors: locally, and on Ray."""

import sys

from lineart.executor import RayExecutor


def where(_: int) -> str:
    """Tell which Python a task runs on."""
    return sys.executable


def test_tasks_run_in_this_environment(ray_resources: dict[str, float]) -> None:
    """Every argument comes back with its result, and workers run on this very Python.

    Under `uv run`, Ray would by itself build them an environment of their own, over the network.
    """
    executor = RayExecutor(ray_resources)
    assert dict(executor.map(where, range(20))) == dict.fromkeys(range(20), sys.executable)
