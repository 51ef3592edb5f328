"""Training in several processes: two share a GPU through Gloo, one is alone with NCCL.

python -m tests.drills.gpu.processes RECIPE BACKEND RANK WORLD FOLDER

is one of these processes.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed

from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.dataloader import LocalLoader
from lineart.training.job import TrainingJob
from lineart.training.loop import train
from lineart.training.recipes import RECIPES, tiny
from tests.drills.gpu.networks import open_device
from tests.drills.gpu.parts import Cases, Values
from tests.drills.gpu.setting import Setting
from tests.painted import painted, write_shards

FAMILIES = ("additive_unet", "two_stage", "line_drawing", "ugatit_light", "ugatit")
GROUPS = (("gloo", 2), ("nccl", 1))
"""Backends, and how many processes use them."""
LONGEST_S = 90.0
"""Time within which a group has trained; one alone takes about 10 s."""


@dataclass(frozen=True)
class Group:
    """Processes that train together."""

    processes: "list[subprocess.Popen[str]]"
    output: Storage
    stages: int
    begun: float

    def wait(self) -> Values:
        """Wait for all of them.

        Raises:
            RuntimeError: One failed; the message is the end of what they wrote.
            TimeoutExpired: They take too long.
        """
        ends_at = self.begun + LONGEST_S
        told = "".join(
            process.communicate(timeout=max(ends_at - time.monotonic(), 1))[1]
            for process in self.processes
        )
        statuses = [process.returncode for process in self.processes]
        if any(statuses):
            raise RuntimeError(f"statuses {statuses}: {told[-400:]}")
        last = checkpoint.places(self.output)[-1]
        return {"last_stage_equal": last.stage == self.stages - 1, "images": last.images}

    def kill(self) -> None:
        """Kill those that still run."""
        for process in self.processes:
            process.kill()
            process.communicate()


def processes(setting: Setting) -> Cases:
    """Train each family's tiny twin in each kind of group, all at once."""
    folder = setting.work / "processes"
    write_shards(Storage.at(str(folder / "shards")), [painted(0), painted(1)])
    families = FAMILIES[:1] if setting.small else FAMILIES
    groups = {
        f"{name}, {backend} x{world}": _start(name, backend, world, folder)
        for name in families
        for backend, world in (GROUPS if setting.on_gpu else GROUPS[:1])
    }
    try:
        for name, group in groups.items():
            yield name, group.wait
    finally:
        for group in groups.values():
            group.kill()


def _start(name: str, backend: str, world: int, folder: Path) -> Group:
    arguments = [
        [name, backend, str(rank), str(world), str(folder)] for rank in range(world)
    ]  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.drills.gpu.processes", *given],
            env=os.environ | {"LOCAL_RANK": "0"},  # all of them on the first GPU
            stderr=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    job = _job(name, backend, folder)
    return Group(started, job.output, len(job.recipe.stages), time.monotonic())


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
    train(_job(name, backend, folder).open(open_device(), LocalLoader(0)))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
