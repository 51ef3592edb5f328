"""Training on Ray: Ray Train runs the loop in several processes, Ray Data makes the samples."""

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
"""Maximum number of restarts after a lost worker, each from the last checkpoint."""

ROUND_IMAGES = 16_384
"""Samples per execution of Ray Data, rounded down to whole rounds of batches, at least one."""

SNAPSHOT = "checkpoint_manager_snapshot.json"
"""Ray Train's state file; deleted at the start, because checkpoints determine where to resume."""


@dataclass(frozen=True)
class RayLoader:
    """Makes samples on all CPUs of the cluster; a streaming split deals batches to the workers."""

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
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
            # Drop the last execution's iterators only after the broadcast, which each worker
            # reaches when it has read all its batches.
            splits = following
            yield from splits[0][rank].iter_batches(
                batch_size=order.size, batch_format="numpy", prefetch_batches=4
            )


def split(maker: Collator, order: SampleRange) -> list[Any]:
    """Start making samples; return an iterator for each worker.

    Blocks keep their order and hold one batch each, and Ray Data gives each block to the worker
    with the fewest rows so far: the n-th batch goes to worker `n % world`, as in `SampleRange`.
    """
    import ray.data

    blocks = [pa.table({"number": list(numbers)}) for numbers in order.batches()]
    numbers = ray.data.from_blocks(blocks)
    numbers.context.execution_options.preserve_order = True
    numbers.context.enable_progress_bars = False
    # No size limit, which would split batches into several blocks.
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
    """Fetch the collator; cached, so that each process keeps its shards open between batches."""
    import ray

    fetched: Collator = ray.get(maker)
    return fetched


def train_on_ray(job: TrainingJob, workers: int, share: Mapping[str, float]) -> None:
    """Train in several processes, each of which calls `train`.

    Args:
        job: Training job that has passed `TrainingJob.check`.
        workers: Number of training processes.
        share: Resources of each process, from `worker_resources`.

    Raises:
        FloatingPointError: as `train`.
        RuntimeError: workers failed more than `MAX_FAILURES` times.
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
    """Return the resources of one training process; half of the CPUs or more remain for samples.

    Args:
        workers: Number of training processes.
        resources: Resources of the cluster, "CPU" and "GPU".

    Raises:
        ValueError: the cluster has GPUs, but fewer than workers.
    """
    gpus, cpus = int(resources.get("GPU", 0)), resources.get("CPU", 1)
    if gpus:
        if gpus < workers:
            raise ValueError(f"{workers} workers need as many GPUs; the cluster has {gpus}")
        return {"CPU": min(1.0, cpus / 2 / workers), "GPU": 1.0}
    share = cpus / 2 / workers
    return {"CPU": float(int(share)) if share > 1 else share}


def _work(config: Mapping[str, TrainingJob]) -> str:
    """Run one training process; return the message of a FloatingPointError, else ""."""
    import ray.train

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    job = config["job"]
    device = Device.here(compiled=job.compiled)

    def report(place: CheckpointId, scalars: Mapping[str, float]) -> None:
        # Ray Train requires the same number of reports from all processes; rank 0 has written the
        # checkpoint.
        there = _saved(job.output, place) if device.is_first else None
        ray.train.report(
            {"stage": place.stage, "images": place.images, **scalars},
            checkpoint=there,
            checkpoint_upload_mode=ray.train.CheckpointUploadMode.NO_UPLOAD,
        )

    try:
        train(job.open(device, RayLoader(), report))
    except FloatingPointError as error:
        # Returned, not raised: Ray would restart the workers, and the same images would fail again.
        return str(error)
    return ""


def _saved(output: Storage, place: CheckpointId) -> Any:
    from ray.train import Checkpoint

    return Checkpoint(output.child(place.folder).root, output.filesystem)
