"""Training job: opened by each training process, in this process or in several on Ray."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from lineart.models import Pair, build_empty, check_config, describe
from lineart.runtime.machines import MachineRequest
from lineart.storage import Storage, fetch_file
from lineart.training import checkpoint
from lineart.training.checkpoint import CheckpointId
from lineart.training.dataloader import Loader, RayLoader
from lineart.training.device import Device
from lineart.training.loop import (
    OnSave,
    TrainingRun,
    check_batches,
    ignore_save,
    open_start,
    train,
)
from lineart.training.objectives import find_objective
from lineart.training.recipes import Recipe
from lineart.training.tasks import TASKS, TrainingTask

MAX_FAILURES = 3
"""Maximum number of restarts after a lost worker, each from the last checkpoint."""

START_S = 3600.0
"""Time that Ray Train waits for the machines of its processes before it asks anew, in seconds."""
SAMPLE_CPUS = 8
"""CPUs for making samples that are asked for at the start, for each training process."""


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Recipe, data, output and options of a training; it holds no open file or network."""

    recipe: Recipe
    data: Storage
    """Output of `lineart prepare_data`."""
    output: Storage
    compiled: bool = False
    """Compile networks with torch.compile."""
    accumulate: int = 1
    """Number of parts of each worker's batch whose gradients are summed before a step."""
    start: Mapping[str, bytes] | None = None
    """Files of the weights that the training starts from; None: random ones."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Loss term -> weights of its feature network: file, s3:// address or open_clip tag; default:
    torchvision's cache."""

    def open(self, device: Device, loader: Loader, on_save: OnSave = ignore_save) -> TrainingRun:
        """Open pictures and feature networks, and return the run of one process.

        Raises:
            FileNotFoundError: shards or the weights of a feature network do not exist.
            ValueError: pictures lack maps that a loss needs, or shards or weights are invalid.
        """
        return TrainingRun(
            recipe=self.recipe,
            training=self.task.open(self.data, "train", self.recipe),
            validation=self.task.open(self.data, "validation", self.recipe),
            output=self.output,
            device=device,
            loader=loader,
            start=self.start,
            features=self.open_features(device),
            accumulate=self.accumulate,
            on_save=on_save,
        )

    def check(self, workers: int) -> None:
        """Raise if the job cannot run, before any training process is started.

        Raises:
            FileNotFoundError: as `open`.
            ValueError: as `open`; or a batch cannot be divided, the output holds another run, or
                the recipe's objectives, arguments or crops are not valid.
        """
        check_recipe(self.recipe)
        for side in ("train", "validation"):
            self.task.open(self.data, side, self.recipe)
        check_batches(self.recipe, workers, self.accumulate)
        if self.start is not None:
            open_start(self.start, self.recipe)
        checkpoint.check(self.output, self.recipe)
        # On the CPU, to leave GPU memory to the training processes.
        self.open_features(Device(torch.device("cpu"), precision="float32", compiled=False))

    @property
    def task(self) -> TrainingTask:
        """Training task of the recipe's pair."""
        return TASKS[type(self._pair.task)]

    @property
    def _pair(self) -> Pair:
        return build_empty(self.recipe.model, self.recipe.arguments)

    def open_features(self, device: Device) -> dict[str, nn.Module]:
        """Load the feature networks of the recipe's losses on a device."""
        if not self.recipe.features:
            return {}
        # Imported here, because torchvision takes seconds to import.
        from lineart.models.pretrained import load_features

        return {
            term: device.place(load_features(term, name, self._weights_of(term)))
            for term, name in self.recipe.features.items()
        }

    def describe_features(self) -> dict[str, dict[str, str]]:
        """Return the name and SHA-256 of each loss term's feature network."""
        if not self.recipe.features:
            return {}
        from lineart.models.pretrained import describe_features

        return {
            term: describe_features(term, name, self._weights_of(term))
            for term, name in self.recipe.features.items()
        }

    def _weights_of(self, term: str) -> str | None:
        """Return the file or tag of a loss term; a file on S3 is copied to this machine, once."""
        given = self.features.get(term)
        if given is None or not given.startswith("s3://"):
            return given
        return fetch_file(given, Path(torch.hub.get_dir()) / "checkpoints" / "lineart")


def check_recipe(recipe: Recipe) -> None:
    """Raise ValueError if the arguments, the objectives or the crops of a recipe are not valid."""
    pair = build_empty(recipe.model, recipe.arguments)
    check_config(describe(pair))
    for stage in recipe.stages:
        find_objective(stage.objective)
        if stage.crop % pair.multiple:
            raise ValueError(
                f"stage {stage.name}: crop {stage.crop} is no multiple of {pair.multiple}"
            )


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
    # Ray would give up after a minute and try again; a machine takes several to start.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(START_S))
    scaling = ScalingConfig(
        num_workers=workers, use_gpu="GPU" in share, resources_per_worker=dict(share)
    )
    bundles = [dict(share)] * workers + [{"CPU": 1.0}] * (SAMPLE_CPUS * workers)
    least = {name: amount * workers for name, amount in share.items()}
    try:
        # Ray Train repeats its part of the request itself. It gets a folder of its own: workers
        # resume by our checkpoints, and its marker files are refused by some S3 servers.
        with (
            MachineRequest(bundles, least, is_repeated=False),
            TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ):
            kept = RunConfig(
                name=job.output.name,
                storage_path=folder,
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
            )
            trainer = TorchTrainer(
                _work, train_loop_config={"job": job}, scaling_config=scaling, run_config=kept
            )
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
        # Ray Train requires the same number of reports from all processes.
        ray.train.report({"stage": place.stage, "images": place.images, **scalars})

    try:
        train(job.open(device, RayLoader(), report))
    except FloatingPointError as error:
        # Returned, not raised: Ray would restart the workers, and the same images would fail again.
        return str(error)
    return ""
