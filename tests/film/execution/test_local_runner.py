"""A film on this machine without Ray: every core at work, and an end that leaves nothing behind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import psutil
import pytest

from lineart.codec import encode_png
from lineart.film.execution import stages
from lineart.film.execution.runners import LocalRunner
from lineart.film.execution.worker import hash_pictures
from lineart.film.pictures.frames import Source
from lineart.film.records import FilmJob, Input, WorkItem
from lineart.film.tasks.colorize import ColorizeTask, open_colorize_task
from lineart.runtime.executor import LocalExecutor
from lineart.storage import Storage
from lineart.weights import read_weights
from tests.conftest import DrawLine

PICTURES = 12

MakeJob = Callable[..., tuple[FilmJob, list[WorkItem]]]


class HangingColoring(ColorizeTask):
    """Hangs where it should compose."""

    def compose(self, *_: object) -> list[bytes]:
        """Take longer than anyone waits."""
        time.sleep(600)
        return []


@pytest.fixture
def make_job(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> MakeJob:
    """Give a function that draws a film and says what is to be made."""

    def make(kind: type[ColorizeTask] = ColorizeTask) -> tuple[FilmJob, list[WorkItem]]:
        lines, weights = Storage.at(str(tmp_path / "lines")), Storage.at(str(tiny_weights))
        for number in range(PICTURES):
            lines.write(f"{number}.png", encode_png(draw_line(number, 64, 64)))
        task = open_colorize_task(read_weights(weights), network_size_px=64)
        task = kind(task.network_size_px, task.draft_scale)
        sources = [Source(f"{number}.png", f"{number}.png") for number in range(PICTURES)]
        job = FilmJob(lines, Storage.at(str(tmp_path / "out")), None, task, weights)
        found = hash_pictures(job, [(source, None) for source in sources])
        return job, [
            WorkItem(
                (Input("line", source, found[source.name].source_sha256),),
                (f"frames/{source.name}",),
                "lines",
            )
            for source in sources
        ]

    return make


def test_all_workers_are_at_work_at_once(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three workers meet, from the first frame to the last; no more networks are opened."""
    job, work = make_job()
    meeting, opened = Barrier(3), []
    run, network = stages.run_stages, stages.NetworkStage

    def meet(*arguments: object) -> object:
        meeting.wait(60)
        return run(*arguments)  # type: ignore[arg-type]  # passed on as they came

    def count(*arguments: object) -> object:
        opened.append(arguments)
        return network(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(stages, "run_stages", meet)
    monkeypatch.setattr(stages, "NetworkStage", count)
    monkeypatch.setattr("lineart.film.execution.runners.has_cuda_driver", lambda: False)
    written = list(LocalRunner(LocalExecutor(3)).make_frames(job, work))
    assert sorted(one.output for one in written) == sorted(one.outputs[0] for one in work)
    assert not any(one.failure for one in written)
    assert 1 <= len(opened) <= 3


def test_workers_share_the_network_of_a_gpu(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU holds one network, however many workers there are."""
    job, work = make_job()
    opened, network = [], stages.NetworkStage

    def count(*arguments: object) -> object:
        opened.append(arguments)
        return network(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(stages, "NetworkStage", count)
    monkeypatch.setattr("lineart.film.execution.runners.has_cuda_driver", lambda: True)
    assert len(list(LocalRunner(LocalExecutor(3)).make_frames(job, work))) == PICTURES
    assert len(opened) == 1


def test_few_pictures_start_few_workers(make_job: MakeJob) -> None:
    """Pictures are asked for as workers are free: one worker for each four of them."""
    job, work = make_job()
    asked = []

    def give() -> Iterator[WorkItem]:
        for item in work:
            asked.append(item)
            yield item

    frames = LocalRunner(LocalExecutor(8)).make_frames(job, give(), len(work))
    next(frames)
    # Three workers, and what the one that was ready has taken since.
    assert len(asked) in (3, 4)
    frames.close()  # type: ignore[attr-defined]  # a generator


def test_a_stop_ends_what_is_in_hand(make_job: MakeJob) -> None:
    """Whoever stops waits neither for frames that hang nor for their limit; no process stays."""
    job, work = make_job(HangingColoring)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    frames = LocalRunner(LocalExecutor(2)).make_frames(
        replace(job, limit_s=300.0), with_a_stop(work)
    )
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(frames)
    assert time.monotonic() - began < 60
    deadline = time.monotonic() + 60
    while {child.pid for child in psutil.Process().children(recursive=True)} - before:
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.1)


def with_a_stop(work: list[WorkItem]) -> Iterator[WorkItem]:
    """Give the first picture; when it is in hand, be interrupted."""
    yield work[0]
    time.sleep(3)
    raise KeyboardInterrupt


def test_an_error_of_one_worker_ends_all(make_job: MakeJob) -> None:
    """Weights that have changed meanwhile stop the film with one sentence."""
    job, work = make_job()
    job = replace(job, weights_sha256="others")
    with pytest.raises(ValueError, match="were changed"):
        list(LocalRunner(LocalExecutor(2)).make_frames(job, work))
