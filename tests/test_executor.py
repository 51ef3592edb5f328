"""Executors: locally, and on Ray."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from lineart.runtime import executor
from lineart.runtime.executor import RayExecutor


def where(_: int) -> str:
    """Tell which Python a task runs on."""
    return sys.executable


def test_tasks_run_in_this_environment(ray_resources: dict[str, float]) -> None:
    """Every argument comes back with its result, and workers run on this very Python.

    Under `uv run`, Ray would by itself build them an environment of their own, over the network.
    """
    executor = RayExecutor(ray_resources)
    assert dict(executor.map(where, range(20))) == dict.fromkeys(range(20), sys.executable)


def wait_and_return(number: int) -> int:
    """Return the number; the first takes longest."""
    time.sleep(0.5 if number == 0 else 0)
    return number


@pytest.mark.parametrize("uses_network", [False, True])
def test_results_come_in_order_if_asked_for(
    ray_resources: dict[str, float], *, uses_network: bool
) -> None:
    """A slow first call does not let others overtake it, in tasks nor in actors."""
    executor = RayExecutor(ray_resources, is_ordered=True)
    results = list(executor.map(wait_and_return, range(30), uses_network=uses_network))
    assert results == [(number, number) for number in range(30)]


def test_networks_do_not_wait_for_room_that_never_comes(ray_resources: dict[str, float]) -> None:
    """A cluster that promised more CPUs than it has makes all calls on those that it has."""
    executor = RayExecutor(ray_resources | {"CPU": 5.0})
    assert dict(executor.map(abs, range(20), uses_network=True)) == {n: n for n in range(20)}


def die_once(number: int, folder: Path) -> int:
    """End the process without a word at the first call for 3."""
    died = folder / "died"
    if number == 3 and not died.exists():
        died.touch()
        os._exit(1)
    return number


def test_a_call_whose_actor_dies_is_made_again(
    ray_resources: dict[str, float], tmp_path: Path
) -> None:
    """Another actor takes its place, and no argument is lost."""
    calls = RayExecutor(ray_resources).map(
        partial(die_once, folder=tmp_path), range(8), uses_network=True
    )
    assert dict(calls) == {number: number for number in range(8)}
    assert (tmp_path / "died").exists()


def die(number: int, folder: Path) -> int:
    """End the process without a word at each call for 1; note that it was called."""
    if number == 1:
        (folder / f"{time.monotonic_ns()}").touch()
        os._exit(1)
    return number


def test_a_call_that_ends_each_actor_ends_the_run(
    ray_resources: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made again for ever."""
    monkeypatch.setattr(executor, "MAX_DEATHS", 2)
    calls = RayExecutor(ray_resources).map(
        partial(die, folder=tmp_path), range(3), uses_network=True
    )
    with pytest.raises(ConnectionError, match="Ray cannot go on"):
        list(calls)
    assert len(list(tmp_path.iterdir())) == 2
