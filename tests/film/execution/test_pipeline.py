"""Workers from what a cluster has, and how frames travel between them."""

from contextlib import nullcontext, suppress

import numpy as np
import pytest

from lineart.film.execution import pipeline
from lineart.film.execution.pipeline import blocks
from lineart.film.execution.pools import WorkerBounds, WorkerPools, plan_workers
from lineart.film.pictures.frames import Source
from lineart.film.records import Failure, FilmJob, FrameData, Input, WorkItem, from_table, to_table
from lineart.film.tasks.colorize import ColorizeTask
from lineart.runtime.executor import RayExecutor
from lineart.storage import Storage


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 16, 96])
def test_a_network_a_cpu_without_gpu(cpus: int) -> None:
    """Without a GPU each CPU gets a worker that does everything."""
    pools = plan_workers({"CPU": float(cpus)}, pictures=1000)
    assert (pools.networks, pools.pixels) == (WorkerBounds(1, cpus), None)


def test_two_networks_a_gpu() -> None:
    """Each has a CPU of its own, and the other CPUs do the pixels; as many as GPUs share none."""
    pools = plan_workers({"CPU": 16.0, "GPU": 4.0}, pictures=1000)
    assert pools == WorkerPools(WorkerBounds(1, 8), WorkerBounds(1, 8), 0.5)
    pools = plan_workers({"CPU": 3.0, "GPU": 4.0}, pictures=1000)
    assert pools == WorkerPools(WorkerBounds(1, 2), WorkerBounds(1, 1), 1.0)
    pools = plan_workers({"CPU": 16.0, "GPU": 4.0}, 1000, networks=WorkerBounds(4, 4))
    assert (pools.network_gpus, pools.minimum) == (1.0, {"CPU": 5.0, "GPU": 4.0})
    pools = plan_workers({"CPU": 16.0, "GPU": 4.0}, 1000, networks=WorkerBounds(5, 5))
    assert (pools.network_gpus, pools.minimum) == (0.5, {"CPU": 6.0, "GPU": 2.5})


def test_tasks_that_wait_for_s3_share_a_cpu() -> None:
    """Twice as many tasks as CPUs are left, and room for half a CPU is room for one."""
    pools = plan_workers({"CPU": 16.0, "GPU": 4.0}, pictures=1000, pixel_cpus=0.5)
    assert (pools.pixels, pools.minimum) == (WorkerBounds(1, 16), {"CPU": 1.5, "GPU": 0.5})
    pools = plan_workers({"CPU": 2.0, "GPU": 1.0}, 100, pixels=WorkerBounds(2, 2), pixel_cpus=0.5)
    assert pools.minimum == {"CPU": 2.0, "GPU": 1.0}


def test_a_run_that_breaks_off_leaves_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run of the same runner withdraws its own request alone."""
    monkeypatch.setattr(pipeline, "MachineRequest", lambda *_: nullcontext("a request"))
    monkeypatch.setattr(RayExecutor, "resources", {"CPU": 2.0}, raising=False)
    runner = pipeline.RayRunner(RayExecutor.__new__(RayExecutor))
    place = Storage.at("film")
    job = FilmJob(place, place, None, ColorizeTask(64, 2), None)
    requests = []
    with suppress(OSError), runner.request_machines(job, 3):
        requests.append(runner._request)
        raise OSError("full")
    assert [*requests, runner._request] == ["a request", None]


def test_few_drawings_need_few_networks() -> None:
    """A network is not started for a handful of drawings."""
    assert plan_workers({"CPU": 96.0}, pictures=5).networks.maximum == 2


@pytest.mark.parametrize(
    ("resources", "networks", "pixels"),
    [
        ({"CPU": 2.0}, WorkerBounds(3, 3), None),
        ({"CPU": 1.0, "GPU": 1.0}, None, WorkerBounds(1, 1)),
        ({"CPU": 4.0, "GPU": 2.0}, WorkerBounds(2, 2), WorkerBounds(3, 3)),
        ({"CPU": 2.0}, None, WorkerBounds(1, 1)),
        ({}, None, None),
    ],
)
def test_what_cannot_be_placed_is_refused(
    resources: dict[str, float], networks: WorkerBounds | None, pixels: WorkerBounds | None
) -> None:
    """Pools without room are an error that says so, not a wait without end."""
    with pytest.raises(ValueError, match="cannot be placed"):
        plan_workers(resources, 100, networks, pixels)


@pytest.mark.parametrize("text", ["", "a", "0:2", "3:2", "1:2:3", "-1"])
def test_bounds_that_are_none(text: str) -> None:
    """Only MIN:MAX with 1 <= MIN <= MAX is read."""
    with pytest.raises(ValueError, match="MIN:MAX"):
        WorkerBounds.parse(text)
    assert WorkerBounds.parse("2:5") == WorkerBounds(2, 5)
    assert WorkerBounds.parse("3") == WorkerBounds(3, 3)


def test_blocks_keep_shots_together() -> None:
    """Blocks are work in order, small at first: a shot's items meet in as few as may be."""
    work = [WorkItem((), (f"{n}",), f"shot {n // 20}") for n in range(100)]
    parts = [*blocks(work)]
    assert [len(part) for part in parts[:5]] == [1, 2, 4, 8, 8]
    assert [item for part in parts for item in part] == work


def test_records_are_packed_and_unpacked() -> None:
    """Whatever a frame carries comes back: several inputs of a role, arrays, a failure."""
    inputs = tuple(Input(role, Source(role, role, 3), "ab") for role in ("line", "key", "key"))
    item = WorkItem(inputs, ("a", "b"), "s")
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    frames = [
        FrameData(item, (array,), b"kept", {"shrink": 0.5}, None, "float32", (3, 4)),
        FrameData(item, failure=Failure("decode", "ValueError", "broken")),
    ]
    first, second = from_table(to_table(frames))
    np.testing.assert_array_equal(first.arrays[0], array)
    assert (first._replace(arrays=()), second) == (frames[0]._replace(arrays=()), frames[1])
