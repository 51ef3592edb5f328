"""Until Ray stands frames are made here; every picture is made once, whoever makes it."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest
import ray.data

from lineart.codec import encode_png
from lineart.film.execution import pipeline, stages
from lineart.film.execution.pipeline import RayRunner, make_frames
from lineart.film.execution.pools import WorkerBounds, WorkerPools
from lineart.film.execution.runners import FEW_FRAMES, HybridRunner, LocalRunner
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.records import FilmJob, FrameResult, WorkItem
from lineart.film.run import FilmRunner, run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.manifest import read_manifest
from lineart.runtime.executor import HybridExecutor, RayExecutor
from lineart.storage import Storage
from tests.conftest import DrawLine

DRAWINGS = 11


class StandIn(RayRunner):
    """Does nothing, and says that it was Ray."""

    def __init__(self, _: RayExecutor) -> None:
        self.counted: list[str] = []

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Give a frame for each picture."""
        del job
        yield from (FrameResult(item.outputs[0], 2, {}, None) for item in work)

    def count(self, status: str, result: FrameResult) -> None:
        """Remember what was counted."""
        self.counted.append(f"{status} {result.output}")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """This process makes nothing either, where no real film is asked for."""
    if "film" not in request.fixturenames:
        monkeypatch.setattr(
            LocalRunner,
            "make_frames",
            lambda _self, _job, work, _pictures: (
                FrameResult(item.outputs[0], 1, {}, None) for item in work
            ),
        )


class StandInExecutor(RayExecutor):
    """Calls nothing, and says that it was Ray."""

    def map(
        self, function: Any, arguments: Iterable[Any], *, uses_network: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        """Give arguments and who ran them."""
        del function, uses_network
        yield from ((argument, "ray") for argument in arguments)


def start(begun: Event, error: Exception | None = None) -> RayExecutor:
    """Stand when it is said, or fail."""
    begun.wait(120)
    if error is not None:
        raise error
    return StandInExecutor({})


def stop() -> None:
    """There is nothing to stop."""


def stood(runner: HybridRunner) -> None:
    """Wait until Ray stands, or has failed."""
    with suppress(ConnectionError):
        runner.executor.wait()


def hybrid(
    begin: Callable[[], RayExecutor],
    end: Callable[[], None] = stop,
    few_frames: int = FEW_FRAMES,
    on_ray: Callable[[RayExecutor], RayRunner] = StandIn,
) -> HybridRunner:
    """Give a runner with stand-ins for Ray."""
    return HybridRunner(HybridExecutor(begin, end), few_frames=few_frames, on_ray=on_ray)


def make(runner: HybridRunner, count: int) -> Iterator[FrameResult]:
    """Make frames of so many pictures."""
    nowhere = Storage.at("unused")
    task = open_colorize_task({"config.json": b'{"draft_scale": 2}'}, network_size_px=64)
    work = [WorkItem((), (f"{n}",), "shot") for n in range(count)]
    return runner.make_frames(FilmJob(nowhere, nowhere, None, task, nowhere), work)


def test_ray_gets_the_rest() -> None:
    """When Ray stands, the next few frames are still made here, all others there, each once."""
    begun = Event()
    with closing(hybrid(lambda: start(begun), few_frames=32)) as runner:
        frames = make(runner, 100)
        here = [next(frames) for _ in range(10)]
        begun.set()
        stood(runner)
        rest = list(frames)
    by_here = [frame.output for frame in here + rest if frame.output_bytes == 1]
    by_ray = [frame.output for frame in rest if frame.output_bytes == 2]
    # The eleventh was on its way.
    assert by_here == [f"{n}" for n in range(11 + 32 - 1)]
    assert by_ray == [f"{n}" for n in range(10 + 32, 100)]


def test_few_frames_need_no_ray() -> None:
    """A film that ends before Ray stands is made here; Ray is stopped in the thread it began in."""
    begun, threads = Event(), []

    def note() -> None:
        threads.append(current_thread())

    def begin() -> RayExecutor:
        note()
        return start(begun)

    runner = hybrid(begin, note, few_frames=32)
    assert {frame.output_bytes for frame in make(runner, 40)} == {1}
    assert len(threads) == 1
    begun.set()
    runner.close()
    assert len(threads) == 2
    assert len({*threads}) == 1


def test_what_is_soon_done_starts_no_ray() -> None:
    """A few tasks and a few pictures are done here; nothing is started, nor stopped."""

    def never() -> RayExecutor:
        raise AssertionError("it was started")

    with closing(hybrid(never)) as runner:
        assert len(list(runner.executor.map(abs, range(100)))) == 100
        assert len(list(make(runner, FEW_FRAMES))) == FEW_FRAMES
    assert not runner.executor.is_ready


def test_a_stop_does_not_wait_for_frames() -> None:
    """Workers that hang, as those that open a network from far away, are stopped at once."""
    stopped = Event()

    class Hanging(StandIn):
        def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
            del job, work
            assert stopped.wait(60)
            raise ConnectionError("Ray was stopped")
            yield

    ready = Event()
    ready.set()
    hanging = hybrid(lambda: start(ready), stopped.set, few_frames=32, on_ray=Hanging)
    with closing(hanging) as runner:
        stood(runner)
        frames = make(runner, 100)
        next(frames)
        next(frames)
        began = time.monotonic()
    assert stopped.is_set()
    assert time.monotonic() - began < 30


def test_ray_does_not_start() -> None:
    """What was made before is given; then one error says what is wrong."""
    begun = Event()
    error = ConnectionError("no room")
    with closing(hybrid(lambda: start(begun, error), few_frames=32)) as runner:
        frames = make(runner, 80)
        next(frames)
        begun.set()
        stood(runner)
        with pytest.raises(ConnectionError, match="no room"):
            list(frames)


def test_tasks() -> None:
    """Tasks run here until Ray stands; each argument is given once."""
    begun = Event()
    with closing(HybridExecutor(lambda: start(begun), stop, workers=1)) as executor:
        tasks = executor.map(lambda _: "here", range(5))
        first = [next(tasks), next(tasks)]
        begun.set()
        executor.wait()
        assert [*first, *tasks] == [(0, "here"), (1, "here"), (2, "ray"), (3, "ray"), (4, "ray")]


def test_counts_wait_for_ray() -> None:
    """What ended before Ray stood is counted when it does."""
    begun = Event()
    ray = StandIn(StandInExecutor({}))
    with closing(hybrid(lambda: start(begun), on_ray=lambda _: ray)) as runner:
        runner.count("done", FrameResult("a", 1, {}, None))
        begun.set()
        stood(runner)
        assert not ray.counted
        runner.count("failed", FrameResult("b", 1, {}, None))
    assert sorted(ray.counted) == ["done a", "failed b"]


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give a film without drawings."""
    return FilmConfig(
        pictures=str(tmp_path / "lines"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )


@pytest.fixture
def opened(film: FilmConfig, draw_line: DrawLine) -> PreparedRun:
    """Give a film with a few drawings, one of them broken."""
    lines = Storage.at(film.pictures)
    for number in range(DRAWINGS):
        lines.write(f"s/{number}.png", encode_png(draw_line(number, 64, 64)))
    lines.write("s/x.png", lines.read("s/0.png")[:200])
    return prepare_run(film, lambda files: open_colorize_task(files, network_size_px=64))


def run(opened: PreparedRun, runner: FilmRunner) -> dict[str, bytes]:
    """Run over the film; give its pictures by name, and leave none of them."""
    summary, _ = run_film(opened, runner, lambda _: None)
    assert (summary.done, summary.failed) == (DRAWINGS, 1)
    paths = [*Path(opened.film.output).rglob("*.png")]
    pictures = {path.name: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    return pictures


class BesideGpus(RayRunner):
    """Works as where there are GPUs: reading, networks and composing apart."""

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Make frames with networks that reserve no GPU, for there is none."""
        pools = WorkerPools(
            WorkerBounds(1, 1), WorkerBounds(1, 1), network_gpus=0.0, pixel_cpus=0.5
        )
        yield from make_frames(job, work, pools)


class Crowded(BesideGpus):
    """Finds, when it is to make frames, that another program holds all CPUs."""

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Wait for two sentences, then let the other program end, and make frames."""
        other = ray.remote(num_cpus=2)(Other).remote()
        ray.get(other.hold.remote())

        def leave() -> None:
            ray.kill(other)
            ray.data.DataContext.get_current().execution_no_progress_timeout_s = -1

        self.said = Said(leave)
        pipeline.logger.addHandler(self.said)
        try:
            yield from super().make_frames(job, work)
        finally:
            pipeline.logger.removeHandler(self.said)
            ray.kill(other)


class Other:
    """Another program."""

    def hold(self) -> None:
        """Do nothing."""


class Said(logging.Handler):
    """Collects sentences, and calls a function at the second."""

    def __init__(self, at_second: Callable[[], None]) -> None:
        super().__init__()
        self.sentences: list[str] = []
        self._at_second = at_second

    def emit(self, record: logging.LogRecord) -> None:
        """Note a sentence."""
        self.sentences.append(record.getMessage())
        if len(self.sentences) == 2:
            self._at_second()


def test_a_film_waits_for_machines(
    opened: PreparedRun, ray_resources: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Data gives up twice; what is awaited is said each time, and then all frames are made."""
    expected = run(opened, LocalRunner())
    context = ray.data.DataContext.get_current()
    monkeypatch.setattr(context, "execution_no_progress_timeout_s", 1.0)
    monkeypatch.setattr(pipeline, "SETTLE_S", 1.0)
    runner = Crowded(RayExecutor(ray_resources))
    assert run(opened, runner) == expected
    assert set(runner.said.sentences) == {
        "waits for machines: it needs at least 1.5 CPUs and 0 GPUs; "
        "the cluster has 2 CPUs and 0 GPUs, of which 0 CPUs and 0 GPUs are free"
    }


def test_a_film_is_the_same_everywhere(
    opened: PreparedRun, ray_resources: dict[str, float]
) -> None:
    """Here, handed over to Ray, and as where there are GPUs: frames are equal to the bit."""
    expected = run(opened, LocalRunner())
    executor = RayExecutor(ray_resources)
    with closing(hybrid(lambda: executor, few_frames=3, on_ray=RayRunner)) as runner:
        stood(runner)
        assert run(opened, runner) == expected
    assert run(opened, BesideGpus(executor)) == expected


def test_a_further_stage_runs_everywhere(
    opened: PreparedRun, ray_resources: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry in the list of stages changes all frames, in the same way whoever makes them."""
    before = run(opened, LocalRunner())
    first, network, last = stages.STAGES
    invert = stages.Stage(
        "invert",
        lambda _, frame: frame._replace(arrays=tuple(255 - array for array in frame.arrays)),
        "cpu",
    )
    again = stages.Stage("again", lambda _: lambda colors: ([255 - colors], "float32"), "network")
    monkeypatch.setattr(stages, "STAGES", (first, network, invert, last))
    expected = run(opened, LocalRunner())
    assert expected.keys() == before.keys()
    assert expected["0.png"] != before["0.png"]
    executor = RayExecutor(ray_resources)
    assert run(opened, RayRunner(executor)) == expected
    monkeypatch.setattr(stages, "STAGES", (first, network, invert, again, invert, last))
    assert run(opened, BesideGpus(executor)) == expected
    (row, *_) = read_manifest(opened.job.output).to_pylist()
    names = ["shrink", "network", "invert", "again", "compose"]
    assert [stage for stage, _ in row["stage_seconds"]] == names
