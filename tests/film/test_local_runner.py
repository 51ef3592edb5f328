"""A film on this machine without Ray: every core at work, and an end that leaves nothing behind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import psutil
import pytest

from lineart.codec import encode_png
from lineart.executor import LocalExecutor
from lineart.film import stages
from lineart.film.frames import Source
from lineart.film.hashing import hash_pictures
from lineart.film.local_runner import LocalRunner
from lineart.film.records import WorkItem
from lineart.film.stages import FilmJob
from lineart.film.tasks.colorize import ColorizeTask, open_colorize_task
from lineart.storage import Storage
from lineart.weights import read_weights
from tests.conftest import DrawLine

PICTURES = 12

MakeJob = Callable[..., tuple[FilmJob, Storage, list[WorkItem]]]


class HangingColoring(ColorizeTask):
    """Hangs where it should compose."""

    def compose(self, *_: object) -> list[bytes]:
        """Take longer than anyone waits."""
        time.sleep(600)
        return []


@pytest.fixture
def make_job(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> MakeJob:
    """Give a function that draws a film and says what is to be made."""

    def make(kind: type[ColorizeTask] = ColorizeTask) -> tuple[FilmJob, Storage, list[WorkItem]]:
        lines, weights = Storage.at(str(tmp_path / "lines")), Storage.at(str(tiny_weights))
        for number in range(PICTURES):
            lines.write(f"{number}.png", encode_png(draw_line(number, 64, 64)))
        task = open_colorize_task(read_weights(weights), network_size_px=64)
        task = kind(task.network_size_px, task.draft_scale)
        sources = [Source(f"{number}.png", f"{number}.png") for number in range(PICTURES)]
        found = hash_pictures(lines, task.decode, None, [(source, None) for source in sources])
        work = [
            WorkItem(
                source, found[source.name].source_sha256, None, None, [f"frames/{source.name}"]
            )
            for source in sources
        ]
        return FilmJob(lines, Storage.at(str(tmp_path / "out")), None, task), weights, work

    return make


def test_all_workers_are_at_work_at_once(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three workers meet, from the first frame to the last; no more networks are opened."""
    job, weights, work = make_job()
    meeting, opened = Barrier(3), []
    made, network = stages.make_frame, stages.NetworkStage

    def meet(*arguments: object) -> object:
        meeting.wait(60)
        return made(*arguments)  # type: ignore[arg-type]  # passed on as they came

    def count(*arguments: object) -> object:
        opened.append(arguments)
        return network(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(stages, "make_frame", meet)
    monkeypatch.setattr(stages, "NetworkStage", count)
    monkeypatch.setattr("lineart.film.local_runner.has_cuda_driver", lambda: False)
    written = list(LocalRunner(LocalExecutor(3)).make_frames(job, weights, work))
    assert sorted(one.output for one in written) == sorted(one.outputs[0] for one in work)
    assert not any(one.failure for one in written)
    assert 1 <= len(opened) <= 3


def test_workers_share_the_network_of_a_gpu(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU holds one network, however many workers there are."""
    job, weights, work = make_job()
    opened, network = [], stages.NetworkStage

    def count(*arguments: object) -> object:
        opened.append(arguments)
        return network(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(stages, "NetworkStage", count)
    monkeypatch.setattr("lineart.film.local_runner.has_cuda_driver", lambda: True)
    assert len(list(LocalRunner(LocalExecutor(3)).make_frames(job, weights, work))) == PICTURES
    assert len(opened) == 1


def test_few_pictures_start_few_workers(make_job: MakeJob) -> None:
    """Pictures are asked for as workers are free: one worker for each four of them."""
    job, weights, work = make_job()
    asked = []

    def give() -> Iterator[WorkItem]:
        for item in work:
            asked.append(item)
            yield item

    frames = LocalRunner(LocalExecutor(8)).make_frames(job, weights, give(), len(work))
    next(frames)
    # Three workers, and what the one that was ready has taken since.
    assert len(asked) in (3, 4)
    frames.close()  # type: ignore[attr-defined]  # a generator


def test_a_stop_ends_what_is_in_hand(make_job: MakeJob) -> None:
    """Whoever stops waits neither for frames that hang nor for their limit; no process stays."""
    job, weights, work = make_job(HangingColoring)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    frames = LocalRunner(LocalExecutor(2)).make_frames(
        replace(job, limit_s=300.0), weights, with_a_stop(work)
    )
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(frames)
    assert time.monotonic() - began < 60
    deadline = time.monotonic() + 20
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
    job, weights, work = make_job()
    job = replace(job, weights_sha256="others")
    with pytest.raises(ValueError, match="were changed"):
        list(LocalRunner(LocalExecutor(2)).make_frames(job, weights, work))
