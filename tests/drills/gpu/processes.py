"""Training in several processes: two share a GPU through Gloo, one is alone with NCCL.

python -m tests.drills.gpu.processes RECIPE BACKEND RANK WORLD FOLDER

is one of these processes.
"""

import os
import subprocess
import sys
import time
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from torch import distributed

from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.dataloader import LocalLoader
from lineart.training.device import Device
from lineart.training.job import TrainingJob
from lineart.training.loop import train
from lineart.training.recipes import RECIPES, tiny
from tests.drills.gpu.parts import Cases, Setting, Values
from tests.painted import painted, write_shards

FAMILIES = ("additive_unet", "two_stage", "line_drawing", "ugatit_light", "ugatit")
GROUPS = (("gloo", 2), ("nccl", 1))
"""Backends, and how many processes use them."""
LONGEST_S = 90.0
"""Time within which all groups have trained; one alone takes about 10 s."""

Process = subprocess.Popen[str]


def processes(setting: Setting) -> Cases:
    """Train each family's tiny twin in each kind of group, all at once."""
    folder = setting.work / "processes"
    write_shards(Storage.at(str(folder / "shards")), [painted(0), painted(1)])
    families = FAMILIES[:1] if setting.small else FAMILIES
    groups = {
        (name, backend): [_start(name, backend, rank, world, folder) for rank in range(world)]
        for name in families
        for backend, world in (GROUPS if setting.on_gpu else GROUPS[:1])
    }
    ends_at = time.monotonic() + LONGEST_S
    try:
        for (name, backend), group in groups.items():
            wait = partial(_wait, group, _job(name, backend, folder), ends_at)
            yield f"{name}, {backend} x{len(group)}", wait
    finally:
        for process in chain(*groups.values()):
            process.kill()
            process.communicate()


def _start(name: str, backend: str, rank: int, world: int, folder: Path) -> Process:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.drills.gpu.processes"),
            *(name, backend, str(rank), str(world), str(folder)),
        ],
        env=os.environ | {"LOCAL_RANK": "0"},  # all of them on the first GPU
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait(group: list[Process], job: TrainingJob, ends_at: float) -> Values:
    """Wait for all processes of a group.

    Raises:
        RuntimeError: One failed; the message is the end of what they wrote.
        TimeoutExpired: They take too long.
    """
    errors = "".join(
        process.communicate(timeout=max(ends_at - time.monotonic(), 1))[1] for process in group
    )
    statuses = [process.returncode for process in group]
    if any(statuses):
        raise RuntimeError(f"statuses {statuses}: {errors[-400:]}")
    last = checkpoint.places(job.output)[-1]
    return {"last_stage_equal": last.stage == len(job.recipe.stages) - 1, "images": last.images}


def _job(name: str, backend: str, folder: Path) -> TrainingJob:
    """Return a tiny training without frozen networks."""
    recipe = tiny(RECIPES[name]())
    return TrainingJob(
        recipe=recipe.without(recipe.features),
        data=Storage.at(str(folder / "shards")),
        output=Storage.at(str(folder / f"{name}-{backend}")),
    )


def main(name: str, backend: str, rank: int, world: int, folder: Path) -> None:
    """Join a group and train."""
    torch.set_num_threads(1)
    place = f"file://{folder}/group-{name}-{backend}"
    distributed.init_process_group(backend, init_method=place, rank=rank, world_size=world)
    train(_job(name, backend, folder).open(Device.here(), LocalLoader(0)))
    distributed.destroy_process_group()
    # The group's threads outlive it; an interpreter's exit would destroy C++ objects beneath them.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
