"""Stages of a frame, which the local and the Ray runner execute one after another.

A stage maps frames to frames, so that tests, notebooks and loops without Ray can call it. The
stages are listed in `STAGES` and, for frames that a second network enlarges, `ENLARGING`; a new
stage is a new entry there. Stages read, verify and write files; the `FilmTask` computes the pixels.
torch is imported only when a network is opened, which keeps the memory of pixel workers small. A
frame that fails gets a `Failure` and does not stop others. With a time limit, the work on it runs
in sandbox processes, so that crashes and hangs do not stop others either.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import cv2
import numpy as np

from lineart.codec import count_pages
from lineart.film.execution.worker import Worker, run_in_worker
from lineart.film.records import WRITE, Failure, FilmJob, FrameData, Input
from lineart.film.tasks import ComposedFrame, DoubtfulError, Drawn, FilmTask, RunNetwork
from lineart.film.tasks.roles import ADJACENT
from lineart.runtime.device import (
    Precision,
    free_gpu_memory,
    has_gpu,
    is_out_of_memory,
    name_device,
    pick_device,
    pick_precision,
    use_one_thread,
)
from lineart.runtime.sandbox import Sandbox
from lineart.runtime.sandbox_process import step
from lineart.weights import is_onnx
from lineart.weights.onnx_file import MODEL

logger = logging.getLogger(__name__)

T = TypeVar("T")

# One thread per frame: the pipeline processes as many frames at once as there are cores.
cv2.setNumThreads(1)

GPU_BATCHES = (16, 4, 1)
"""Batch sizes of a network on a GPU; on a CPU it is 1.

On one kind of GPU, a frame has the same bits in all batches of one size, whatever else is in them;
between sizes, the last bits differ.
"""
GPU_BATCH = GPU_BATCHES[0]
"""Batch size on a GPU in films of more than `FEW_PICTURES`."""
FEW_PICTURES = 96
"""Maximum number of pictures of a run that a GPU computes one by one: most are made without Ray,
which passes no batches."""
ONNX = "onnx"
"""Recorded as number format for ONNX models, whatever format they compute in."""

RENAME = "for all, name it by its format: .apng, .gif, .tif or .webp"

BatchNetwork = Callable[..., tuple[Sequence[np.ndarray], str]]
"""A network: batches of inputs, N x ... each -> batches of outputs, and the number format of the
computation."""

OpenStage = Callable[[Sequence[FrameData]], list[FrameData]]
"""A stage, opened in a worker: frames -> the same frames, in order."""


class Stage(NamedTuple):
    """One pass over every frame."""

    name: str
    """Name under which its time is recorded, and failures that have no stage of their own."""
    function: Callable[..., Any]
    """For resources `cpu`: worker and frame -> frame. For `network`: job -> `BatchNetwork`."""
    resources: Literal["cpu", "network"]
    """`cpu`: one core. `network`: a GPU if there is one, for batches of frames; else one core."""

    def open(self, job: FilmJob) -> OpenStage:
        """Open the stage in this process."""
        return (NetworkStage if self.resources == "network" else PixelStage)(self, job)


class PixelStage:
    """Calls a function on each frame, in a worker."""

    def __init__(self, stage: Stage, job: FilmJob) -> None:
        self._stage, self._job = stage, job
        # Without a time limit, the worker is here and lasts as long as the stage.
        self._worker = Worker(job) if job.limit_s is None else None

    def __call__(self, frames: Sequence[FrameData]) -> list[FrameData]:
        """Run the stage; frames that failed are passed on unchanged."""
        return [frame if frame.failure else self._process(frame) for frame in frames]

    def _process(self, frame: FrameData) -> FrameData:
        started, before, made = time.perf_counter(), frame.seconds, self._run(frame)
        if made.failure is not None and made.failure.stage == ADJACENT:
            made = self._run(_without_votes(frame, made.failure))
        # The stage may have given the times of its parts.
        parts = sum(made.seconds.values(), 0.0) - sum(before.values(), 0.0)
        seconds = {**made.seconds, self._stage.name: time.perf_counter() - started - parts}
        return made._replace(seconds=seconds)

    def _run(self, frame: FrameData) -> FrameData:
        function: Callable[..., FrameData] = self._stage.function
        try:
            if self._worker is None:
                return run_in_worker(self._job, function, frame)
            return function(self._worker, frame)
        except Exception as error:  # noqa: BLE001 - any error fails this frame alone
            return frame.failed(Failure.of(self._stage.name, error))


def _without_votes(frame: FrameData, failure: Failure) -> FrameData:
    """Return a frame without the drawings that vote on it: one of them fails, for its own frame."""
    inputs = tuple(one for one in frame.item.inputs if one.role != ADJACENT)
    warning = f"adjacent drawings did not vote on its colours: {failure.message}"
    return frame._replace(
        item=frame.item._replace(inputs=inputs), warnings=(*frame.warnings, warning)
    )


class NetworkStage:
    """Runs a network on frames, on the GPU if there is one, else on one CPU thread.

    With a time limit, the network is in a sandbox process of this instance.

    Raises:
        ValueError: the weights have changed since the run began.
    """

    def __init__(self, stage: Stage, job: FilmJob) -> None:
        self._name = stage.name
        open_network, limit_s = partial(stage.function, job), job.limit_s
        self._sandbox = None if limit_s is None else Sandbox(open_network, limit_s)
        if self._sandbox is not None:
            self._sandbox.open()
        self._network: BatchNetwork = self._sandbox or open_network()
        is_onnx_model = job.weights is not None and is_onnx(job.weights)
        self._device = name_device(uses_gpu=not is_onnx_model)

    def __call__(self, frames: Sequence[FrameData]) -> list[FrameData]:
        """Replace the arrays of frames by the network's outputs; frames of one size are a batch.

        Frames without arrays need no network, and are passed on.
        """
        batches: dict[Any, list[int]] = defaultdict(list)
        for place, frame in enumerate(frames):
            if frame.failure is None and frame.arrays:
                batches[tuple(array.shape for array in frame.arrays)].append(place)
        computed = list(frames)
        for places in batches.values():
            batch = self._run_batch([frames[place] for place in places])
            for place, frame in zip(places, batch, strict=True):
                computed[place] = frame
        return computed

    def _run_batch(self, frames: list[FrameData]) -> list[FrameData]:
        """Run a batch; if it fails, run its frames one by one, to find the failing one."""
        started = time.perf_counter()
        try:
            inputs = zip(*(frame.arrays for frame in frames), strict=True)
            stacks, precision = self._network(*map(np.stack, inputs))
            outputs = list(zip(*stacks, strict=True))
            seconds = (time.perf_counter() - started) / len(frames)
            return [
                frame._replace(
                    arrays=arrays,
                    # The first network's, which of an ONNX file says so.
                    precision=frame.precision or precision,
                    device=frame.device or self._device,
                    seconds={**frame.seconds, self._name: seconds},
                )
                for frame, arrays in zip(frames, outputs, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 - any error fails this frame alone
            # Restart the process: after an error, a device may fail for all later frames.
            if self._sandbox is not None:
                self._sandbox.close()
            if len(frames) > 1:
                return [one for frame in frames for one in self._run_batch([frame])]
            return [frames[0].failed(Failure.of(self._name, error))]


def shrink(worker: Worker, frame: FrameData) -> FrameData:
    """Read the files of a frame and compute its network inputs."""
    task, files = worker.job.task, {}
    picture, *shared = frame.item.inputs
    stage = step("read")
    try:
        with worker.decoding() as noted:
            data = worker.read(picture)
            stage = step("decode")
            pixels = task.decode(data)
        files = {picture.role: [data]}
        for one in shared:
            stage = step(one.role)
            files.setdefault(one.role, []).append(worker.read_shared(one))
        stage = step(task.prepare_stage)
        with worker.decoding():
            inputs, kept, warnings, seconds = worker.prepare(pixels, files)
    except Exception as error:  # noqa: BLE001 - any error fails this frame alone
        failure = Failure.of(stage, error)
        suspects = [worker.job.name_file(stage, one.source) for one in shared if one.role == stage]
        is_named = any(file in failure.message for file in suspects)
        return frame.failed(failure if is_named else failure.about(", ".join(suspects)))
    warnings = (*frame.warnings, *noted, *_left_out_pages(worker, picture, data), *warnings)
    seconds = {**frame.seconds, **seconds}
    return frame._replace(arrays=tuple(inputs), kept=kept, warnings=warnings, seconds=seconds)


def _left_out_pages(worker: Worker, picture: Input, data: bytes) -> list[str]:
    """Return a warning if a picture has further pages that are no frames of their own."""
    if worker.job.pages == "first" or picture.source.page is not None:
        return []
    with suppress(ValueError):
        if (count := count_pages(data)) > 1:
            return [f"its file has {count} pages and only the first is a frame; {RENAME}"]
    return []


def open_network(job: FilmJob) -> BatchNetwork:
    """Open the task's network.

    Raises:
        ValueError: the weights have changed since the run began.
    """
    from lineart.weights import fingerprint, read_weights

    assert job.weights is not None
    files = read_weights(job.weights)
    if job.weights_sha256 not in ("", fingerprint(files)):
        raise ValueError(
            f"the weights at {job.weights.uri} were changed while the film was running"
        )
    if MODEL not in files and not has_gpu():
        use_one_thread()
    return MemoryAdaptiveNetwork(job, files)


def choose_batch(pictures: int) -> int:
    """Return the batch size on a GPU for a run over so many pictures.

    It does not depend on how many pictures wait at a time, which differs between equal runs.
    """
    return 1 if pictures <= FEW_PICTURES else GPU_BATCH


class MemoryAdaptiveNetwork:
    """A task's network, whose batches become smaller when the memory of its GPU is exhausted."""

    def __init__(self, job: FilmJob, files: Mapping[str, bytes]) -> None:
        self._job, self._files, self._batch = job, files, job.gpu_batch
        self._run, self._precision = self._open()

    def __call__(self, *inputs: np.ndarray) -> tuple[Sequence[np.ndarray], str]:
        """Return the outputs and the number format of their computation.

        Raises:
            torch.OutOfMemoryError: the memory does not suffice for one picture either.
        """
        while True:
            try:
                return self._run(*inputs), self._precision
            except RuntimeError as error:
                smaller = [size for size in GPU_BATCHES if size < self._batch]
                if not (smaller and is_out_of_memory(error)):
                    raise
            # After the handler, whose error holds the tensors of the failed batch.
            self._shrink(smaller[0])

    def _shrink(self, batch: int) -> None:
        logger.warning(
            "the memory of the GPU does not suffice for batches of %d; from here on they are of %d",
            *(self._batch, batch),
        )
        self._batch = batch
        del self._run
        free_gpu_memory()
        self._run, self._precision = self._open()

    def _open(self) -> tuple[RunNetwork, str]:
        precision = self._job.precision
        return open_task_network(
            self._job.task, self._files, gpu_batch=self._batch, precision=precision
        )


def open_task_network(
    task: FilmTask, files: Mapping[str, bytes], *, gpu_batch: int, precision: Precision | None
) -> tuple[RunNetwork, str]:
    """Open a task's network on the GPU if there is one, else on the CPU with a batch size of 1.

    Returns:
        The network, and the number format of its computation.
    """
    if MODEL in files:
        return task.open_network(files, device="cpu", batch_size=1), ONNX
    device = pick_device()
    chosen = pick_precision(device, precision)
    batch_size = gpu_batch if device.type == "cuda" else 1
    network = task.open_network(files, device=device.type, batch_size=batch_size, precision=chosen)
    return network, chosen


def open_upscaler(job: FilmJob) -> BatchNetwork:
    """Open the network that enlarges the task's frames; raises as `Upscales.open`."""
    assert job.task.upscaling is not None
    if not has_gpu():
        use_one_thread()
    device = pick_device()
    precision = pick_precision(device, job.precision)
    enlarge = job.task.upscaling.open(device=device.type, precision=precision)
    return lambda *pictures: (enlarge(*pictures), precision)


def compose_and_write(worker: Worker, frame: FrameData) -> FrameData:
    """Compose the frame at full size and write it to every output."""
    made, files = _compose(worker, frame, lambda composed: composed.files)
    return made if files is None else _write(worker, made, files)


def compose(worker: Worker, frame: FrameData) -> FrameData:
    """Compose the frame at full size, for a stage that changes its pictures."""
    made, drawn = _compose(worker, frame, lambda composed: composed.drawn)
    if drawn is None:
        return made
    return made._replace(arrays=tuple(drawn.pictures), kept=drawn)


def _compose(
    worker: Worker, frame: FrameData, use: Callable[[ComposedFrame], T]
) -> tuple[FrameData, T | None]:
    """Compose a frame at full size.

    Args:
        worker: Worker of the frame.
        frame: Frame with the outputs of the network.
        use: Computes from the composed frame what the stage goes on with.

    Returns:
        The frame and the result of `use`; the failed frame and None if either fails.
    """
    step("compose")
    try:
        with worker.decoding():
            composed = worker.job.task.compose(frame.arrays, frame.kept)
            used = use(composed)
    except Exception as error:  # noqa: BLE001 - any error fails this frame alone
        certainty = error.certainty if isinstance(error, DoubtfulError) else None
        return frame.failed(Failure.of("compose", error))._replace(certainty=certainty), None
    made = frame._replace(
        warnings=(*frame.warnings, *composed.warnings),
        doubts=composed.doubts,
        certainty=composed.certainty,
    )
    return made, used


def write_enlarged(worker: Worker, frame: FrameData) -> FrameData:
    """Write a composed frame, whose pictures are now others, to every output."""
    step(WRITE)
    drawn: Drawn = frame.kept
    return _write(worker, frame, drawn.enlarge(frame.arrays).write())


def _write(worker: Worker, frame: FrameData, files: Sequence[bytes]) -> FrameData:
    written = tuple(worker.write(output, files) for output in frame.item.outputs)
    return frame._replace(arrays=(), kept=None, written=written)


STAGES = (
    Stage("shrink", shrink, "cpu"),
    Stage("network", open_network, "network"),
    Stage("compose", compose_and_write, "cpu"),
)
"""Stages of a frame, in order."""
ENLARGING = (
    Stage("compose", compose, "cpu"),
    Stage("upscale", open_upscaler, "network"),
    Stage(WRITE, write_enlarged, "cpu"),
)
"""Stages in place of the last one for frames that are enlarged."""


def stages_of(job: FilmJob) -> Sequence[Stage]:
    """Return the stages of a job's frames: without weights, those without a network."""
    passes = STAGES if job.task.upscaling is None else (*STAGES[:-1], *ENLARGING)
    return [one for one in passes if one.function is not open_network or job.weights is not None]


def run_stages(stages: Sequence[OpenStage], frames: Sequence[FrameData]) -> Sequence[FrameData]:
    """Run stages on frames."""
    for stage in stages:
        frames = stage(frames)
    return frames
