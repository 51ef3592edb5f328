"""Training on Ray: Ray Train runs the loop in several processes, Ray Data makes their samples."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from torch import distributed

from lineart.storage import Storage
from lineart.training.checkpoint import CheckpointId
from lineart.training.dataloader import Arrays, Collator, SampleRange
from lineart.training.device import Device
from lineart.training.job import TrainingJob
from lineart.training.loop import train

MAX_FAILURES = 3
"""Lost workers after which a training gives up; each time it goes on from its last checkpoint."""

ROUND_IMAGES = 16_384
"""Samples that one execution of Ray Data makes; the next begins where it ends."""

SNAPSHOT = "checkpoint_manager_snapshot.json"
"""What Ray Train knows of a run; the checkpoints themselves say where to go on."""


@dataclass(frozen=True)
class RayLoader:
    """Makes samples on any CPU of the cluster; a streaming split gives each worker its batches."""

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Give this worker's batches, in order."""
        round_size = order.size * order.world
        images = max(ROUND_IMAGES // round_size, 1) * round_size
        splits: list[Any] = []
        for start in range(order.start, order.stop, images):
            part = replace(order, start=start, stop=min(start + images, order.stop))
            if not part.batches():
                return
            following: list[Any] = [split(maker, part) if rank == 0 else None]
            if order.world > 1:
                distributed.broadcast_object_list(following, src=0)
            # Only now is the last round over for every worker, and may its iterators go.
            splits = following
            yield from splits[0][rank].iter_batches(
                batch_size=order.size, batch_format="numpy", prefetch_batches=4
            )


def split(maker: Collator, order: SampleRange) -> list[Any]:
    """Start making samples; give an iterator for every worker.

    Blocks keep their order and hold one batch each, and Ray Data gives every block to the worker
    that has had the fewest rows: the n-th batch goes to worker `n % world`, as `SampleRange` says.
    """
    import ray.data

    blocks = [pa.table({"number": list(numbers)}) for numbers in order.batches()]
    numbers = ray.data.from_blocks(blocks)
    numbers.context.execution_options.preserve_order = True
    numbers.context.enable_progress_bars = False
    # A block is a batch, however large.
    numbers.context.target_max_block_size = None
    samples = numbers.map_batches(
        _make,
        fn_kwargs={"maker": ray.put(maker)},
        batch_size=None,
        batch_format="numpy",
        num_cpus=1,
    )
    return list(samples.streaming_split(order.world, equal=True))


def _make(batch: Arrays, maker: Any) -> Arrays:
    return _fetch(maker)([int(number) for number in batch["number"]])


@lru_cache(maxsize=2)
def _fetch(maker: Any) -> Collator:
    """Get what makes samples once a process, which keeps its files open."""
    import ray

    fetched: Collator = ray.get(maker)
    return fetched


def train_on_ray(job: TrainingJob, workers: int, share: Mapping[str, float]) -> None:
    """Train with several processes; each writes and reads as `train` does.

    Args:
        job: What to train; it has been checked.
        workers: Processes.
        share: What each takes, from `worker_resources`.

    Raises:
        FloatingPointError: As `train`.
        RuntimeError: Workers failed more often than `MAX_FAILURES`.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    job.output.delete(SNAPSHOT)
    root = PurePosixPath(job.output.root)
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu="GPU" in share,
            resources_per_worker=dict(share),
        ),
        run_config=RunConfig(
            name=root.name,
            storage_path=str(root.parent),
            storage_filesystem=job.output.filesystem,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )
    try:
        failure = trainer.fit().return_value
    except TrainingFailedError as error:
        raise RuntimeError(f"training on Ray failed: {error}") from error
    if failure:
        raise FloatingPointError(failure)


def worker_resources(workers: int, resources: Mapping[str, float]) -> dict[str, float]:
    """Say what a training process takes; at least half of the CPUs are left for samples.

    Raises:
        ValueError: There are GPUs, but fewer than workers.
    """
    gpus, cpus = int(resources.get("GPU", 0)), resources.get("CPU", 1)
    if gpus:
        if gpus < workers:
            raise ValueError(f"{workers} workers need as many GPUs; the cluster has {gpus}")
        return {"CPU": min(1.0, cpus / 2 / workers), "GPU": 1.0}
    share = cpus / 2 / workers
    return {"CPU": float(int(share)) if share > 1 else share}


def _work(config: Mapping[str, TrainingJob]) -> str:
    """Be one of the training processes; give what went wrong for all of them."""
    import ray.train

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    job = config["job"]
    device = Device.here(compiled=job.compiled)

    def report(place: CheckpointId, scalars: Mapping[str, float]) -> None:
        # Each process must report as often as the others; the first one has written.
        there = _saved(job.output, place) if device.is_first else None
        ray.train.report(
            {"stage": place.stage, "images": place.images, **scalars},
            checkpoint=there,
            checkpoint_upload_mode=ray.train.CheckpointUploadMode.NO_UPLOAD,
        )

    try:
        train(job.open(device, RayLoader(), report))
    except FloatingPointError as error:
        # The same images would fail again: this is no lost worker.
        return str(error)
    return ""


def _saved(output: Storage, place: CheckpointId) -> Any:
    from ray.train import Checkpoint

    return Checkpoint(output.child(place.folder).root, output.filesystem)
