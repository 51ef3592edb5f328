import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lineart.datasets.key_pairs import to_bytes
from lineart.datasets.pair_shards import PairRow, to_shard
from lineart.datasets.shards import finish
from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.checkpoint import CheckpointId
from lineart.training.dataloader import LocalLoader
from lineart.training.device import Device
from lineart.training.job import TrainingJob, train_on_ray, worker_resources
from lineart.training.loop import train
from lineart.training.recipes import RECIPES, tiny
from tests.key_pairs import list_pairs
from tests.painted import write_shards
from tests.ray_head import Head


@pytest.fixture
def data(pictures: Any, tmp_path: Path) -> Storage:
    """Give a prepared set of drawn pictures for either task; one serves all sides."""
    return write_shards(Storage.at(str(tmp_path / "shards")), pictures.pictures)


def make_job(name: str, data: Storage, output: str) -> TrainingJob:
    """Give a tiny training for two workers, without frozen networks."""
    recipe = tiny(RECIPES[name]())
    recipe = recipe.without(recipe.features).divide_batches(2)
    return TrainingJob(recipe=recipe, data=data, output=Storage.at(output))


def state(job: TrainingJob, stage: int) -> dict[str, torch.Tensor]:
    """Read all state at the end of a stage."""
    return dict(checkpoint.read_at(job.output, CheckpointId(stage, 8)).tensors)


def kill_a_worker(output: Storage, place: CheckpointId, head: Head) -> int:
    """Wait for a checkpoint, then kill one of the training processes; give its process id."""
    deadline = time.monotonic() + 300
    while not output.exists(place.path):
        assert time.monotonic() < deadline, "no checkpoint to kill a worker after"
        time.sleep(0.05)
    workers = head.workers("RayTrainWorker")
    assert len(workers) == 2
    workers[1].kill()
    return workers[1].pid


JOIN_GROUP = """
import os, pickle, sys
from pathlib import Path

import torch
from torch import distributed

from lineart.training.device import Device
from lineart.training.dataloader import LocalLoader
from lineart.training.loop import train

world, folder = int(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
# The first optimizer imports as much as all the rest, which takes longer than the training; so one
# process imports, and divides then.
torch.optim.Adam([torch.zeros(1)])
rank = next((rank for rank in range(1, world) if not os.fork()), 0)
place = f"file://{folder}/group"
distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=world)
for job in pickle.loads((folder / "jobs").read_bytes()):
    train(job.open(Device.here(precision=sys.argv[3] or None), LocalLoader(0)))
# Neither closes a connection that the other still reads.
distributed.barrier()
distributed.destroy_process_group()
failed = rank == 0 and any([os.wait()[1] for _ in range(1, world)])
# DistributedDataParallel keeps the group, so that Gloo's threads are still there. An exit of the
# interpreter would destroy C++ objects beneath them, and might abort; Ray too ends its workers so.
os._exit(failed)
"""


def train_in_processes(
    jobs: Sequence[TrainingJob], folder: Path, precision: str = "", world: int = 2
) -> None:
    """Train one job after the other in several processes without Ray, as `torchrun` would."""
    (folder / "jobs").write_bytes(pickle.dumps(jobs))
    done = subprocess.run(
        [sys.executable, "-c", JOIN_GROUP, str(world), str(folder), precision],
        check=False,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def assert_equal_state(one: TrainingJob, other: TrainingJob) -> None:
    """Compare each stage's networks, heads, discriminators, averages and optimizers, to the bit."""
    for stage in range(len(one.recipe.stages)):
        ours, theirs = state(one, stage), state(other, stage)
        assert ours.keys() == theirs.keys()
        for key, tensor in ours.items():
            assert torch.equal(tensor, theirs[key]), f"stage {stage}, {key}"


def test_two_workers_survive_the_loss_of_one(
    data: Storage, tmp_path: Path, ray_head: Head, ray_resources: dict[str, float]
) -> None:
    """Two workers (gloo) train both stages of `additive_unet`; one is killed on the way.

    Ray starts both again, they go on from the checkpoint, and end with the same bits as two
    processes that nothing happened to.
    """
    job = make_job("additive_unet", data, str(tmp_path / "ray"))
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill_a_worker, job.output, CheckpointId(0, 8), ray_head)
        train_on_ray(job, 2, worker_resources(2, ray_resources))
    assert killed.result()
    quiet = make_job("additive_unet", data, str(tmp_path / "quiet"))
    train_in_processes([quiet], tmp_path)
    assert_equal_state(job, quiet)


def test_two_workers_stop_at_what_is_not_finite(
    data: Storage, bucket: Path, ray_resources: dict[str, float]
) -> None:
    """Two workers train the draft of `two_stage`; a rate too high then stops both, and says where.

    The broken state is not saved. The run is on S3, with no file of Ray's beside ours.
    """
    job = make_job("two_stage", data, f"s3://{bucket.name}/run")
    draft, color = job.recipe.stages
    stages = (draft, replace(color, learning_rate=1e38))
    job = replace(job, recipe=replace(job.recipe, stages=stages))
    with pytest.raises(FloatingPointError, match="stage color, after 4 images: not finite"):
        train_on_ray(job, 2, worker_resources(2, ray_resources))
    assert checkpoint.places(job.output)[-1] == CheckpointId(0, 8)
    known = ("checkpoints/", "grids/", "weights/", "tensorboard/", "scalars.csv", "columns.json")
    paths = [entry.path for entry in job.output.entries()]
    assert [path for path in paths if not path.startswith(known)] == []
    assert state(job, 0).keys() > {"random"}
    # Machines take minutes to start; Ray would wait for one.
    assert float(os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"]) >= 1800


def test_a_pair_that_translates_trains_on_two_workers(
    data: Storage, tmp_path: Path, ray_resources: dict[str, float]
) -> None:
    """Two workers on Ray (gloo) end with the same bits as two processes without Ray.

    Each network runs several times before one backward pass; spectral norm has buffers.
    """
    on_ray = make_job("ugatit_light", data, str(tmp_path / "ray"))
    train_on_ray(on_ray, 2, worker_resources(2, ray_resources))
    quiet = make_job("ugatit_light", data, str(tmp_path / "quiet"))
    train_in_processes([quiet], tmp_path)
    assert_equal_state(on_ray, quiet)


def test_every_recipe_trains_on_four_workers(data: Storage, tmp_path: Path) -> None:
    """Small networks take a step in each stage, on a batch as large as the recipe's."""
    jobs = []
    for name, make in RECIPES.items():
        own, small = make().divide_batches(4), tiny(make())
        stages = tuple(
            replace(stage, batch_size=one.batch_size, images=one.batch_size)
            for stage, one in zip(small.stages, own.stages, strict=True)
        )
        recipe = replace(small, stages=stages).without(small.features)
        pairs = write_pairs(tmp_path / "pairs") if recipe.model == "matching" else data
        output = Storage.at(str(tmp_path / f"runs/{name}"))
        jobs.append(TrainingJob(recipe=recipe, data=pairs, output=output))
    train_in_processes(jobs, tmp_path, "float32", world=4)
    for job in jobs:
        for number, stage in enumerate(job.recipe.stages):
            ended = checkpoint.read_at(job.output, CheckpointId(number, stage.images)).tensors
            assert {float(ended[key]) for key in ended if key.endswith(".step")} == {1.0}


def write_pairs(folder: Path) -> Storage:
    """Leave pairs of drawings to match."""
    there = Storage.at(str(folder))
    rows = [PairRow("face", "cycle", to_bytes(pair), None, None) for pair in list_pairs().pairs]
    for side in ("train", "validation"):
        there.child(side).write("pairs.parquet", to_shard(rows))
        finish(there.child(side), ["pairs.parquet"])
    return there


def test_two_workers_learn_what_one_does(data: Storage, tmp_path: Path, cpu: Device) -> None:
    """Gradients of two workers are those of one with the whole batch, where norms see one picture.

    Generators and discriminators of both domains, and the head that reads regions: after the first
    step they differ by rounding alone. The true gradient of a bias before an instance norm is zero:
    what is left of it is rounding, which only the network's other gradients give a measure for.
    """
    job = make_job("line_drawing", data, str(tmp_path / "two"))
    losses = {"adversarial": 1.0, "cycle": 0.05, "segmentation": 1.0}
    stage = replace(job.recipe.stages[0], images=4, losses=losses)
    job = replace(job, recipe=replace(job.recipe, stages=(stage,)))
    train_in_processes([job], tmp_path, "float32")
    alone = replace(job, output=Storage.at(str(tmp_path / "one")))
    train(alone.open(cpu, LocalLoader(0)))
    two, one = (checkpoint.read_at(j.output, CheckpointId(0, 4)).tensors for j in (job, alone))
    for group in ("generators", "discriminators"):
        keys = [key for key in one if re.match(rf"optimizer\.{group}\..*exp_avg$", key)]
        largest = max(float(one[key].abs().max()) for key in keys)
        for key in keys:
            bound = 1e-4 * float(one[key].abs().max()) + 1e-6 * largest
            assert float((one[key] - two[key]).abs().max()) < bound, key
