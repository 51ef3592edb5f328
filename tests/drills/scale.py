"""A film on a cluster that grows and shrinks: simulated machines, each with a raylet of its own.

python -m tests.drills.scale --frames 600
python -m tests.drills.scale --frames 3000 --replaced

There is no machine but the head, which runs nothing, when the film begins. Networks run where there
is a (pretended) GPU; one of these machines is killed on the way; when all is done, they go. The
frames are those of a run in one process. With `--replaced` the film has to be long enough for the
machine that comes in place of the killed one, about a minute, and that machine has to make frames.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import yaml
from pyarrow import parquet

from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.runtime.cluster import MAX_LABELS
from tests.drills.film import hash_frames, make_weights
from tests.ray_head import LOOPBACK, Head, free_ports, run_head

MACHINES: dict[str, Any] = {
    "gpu": {"resources": {"CPU": 1, "GPU": 1}, "min_workers": 0, "max_workers": 2},
    "cpu": {"resources": {"CPU": 1}, "min_workers": 0, "max_workers": 2},
}
IDLE_S = 6.0
"""After so long without work a machine goes."""
RELEASED_S = 90.0
"""How long it may take until all have gone."""


NETWORK = "_StageBatches"
STAGES = ("_run_stages", NETWORK, "call_function")
"""Names of Ray's tasks: pixels, networks, and reading and hashing."""


@dataclass(frozen=True)
class Scale:
    """A drill."""

    folder: Path
    frames: int
    network_size_px: int
    kills: bool = True
    """Whether a machine with a GPU is killed once a quarter of the film stands."""
    replaced: bool = False
    """Whether the machine that replaces it has to run a network. Every machine with a GPU runs one
    then; otherwise one network may suffice for the film, and nothing is missed."""

    def command(self) -> list[str]:
        """Return the command that colours the film."""
        names = {"lines": "lines", "output": "color", "weights": "weights"}
        flags = [f"--{flag}={self.folder / name}" for flag, name in names.items()]
        flags += [f"--network-size={self.network_size_px}"]
        if self.replaced:
            flags += [f"--gpu-workers={MACHINES['gpu']['max_workers']}"]
        return [sys.executable, "-m", "jobs.colorize", *flags]


@dataclass
class Found:
    """What was seen of a run."""

    frames: int = 0
    seconds: float = 0.0
    first_frame_s: float = 0.0
    machines: int = 0
    """How many came; there were none when the film began."""
    worked: int = 0
    """How many of them ran a stage."""
    late: int = 0
    """How many of those came after the first frame."""
    killed: int = 0
    killed_s: float = 0.0
    """When; like `first_frame_s` since the start of the command."""
    before: set[str] = field(default_factory=set)
    """Nodes that were there then."""
    replaced: int = 0
    """How many of those that came later ran networks."""
    replaced_calls: int = 0
    """How many batches of frames they made."""
    released_s: float = 0.0
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    """Stage, and how often each kind of machine ran it."""
    wrong: list[str] = field(default_factory=list)
    """What should not be."""


@contextmanager
def grow(folder: Path) -> Iterator[Head]:
    """Run a head without CPUs, which starts and stops `MACHINES` as they are needed."""
    (port,) = free_ports(1)
    (folder / "cluster.yaml").write_text(yaml.safe_dump(describe(port)))
    most = ",".join(
        f"{label}={sum(m['max_workers'] * m['resources'].get(name, 0) for m in MACHINES.values())}"
        for name, label in MAX_LABELS.items()
    )
    environment = {
        "RAY_FAKE_CLUSTER": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        # A process that is given a GPU and cannot use it is an error; these GPUs are pretended.
        "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1",
        "AUTOSCALER_HEARTBEAT_TIMEOUT_S": "5",
    }
    options = ["--num-cpus=0", f"--labels={most}", f"--autoscaling-config={folder}/cluster.yaml"]
    with run_head(*options, port=port, environment=environment) as head:
        yield head


def describe(port: int) -> dict[str, Any]:
    """Return the cluster's configuration, for a head that listens at `port`."""
    types = {name: {**machine, "node_config": {}} for name, machine in MACHINES.items()}
    types["ray.head.default"] = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    nothing = ("setup", "initialization", "head_setup", "worker_setup")
    nothing += ("head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "drill",
        "max_workers": sum(machine["max_workers"] for machine in MACHINES.values()),
        "idle_timeout_minutes": IDLE_S / 60,
        "upscaling_speed": 10,
        "provider": {
            "type": "external",
            "module": "tests.drills.machines.Machines",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "gcs_address": f"127.0.0.1:{port}",
        },
        "head_node_type": "ray.head.default",
        "available_node_types": types,
        "head_node": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "auth": {},
        **{f"{name}_commands": [] for name in nothing},
    }


def machines(head: Head) -> dict[str, psutil.Process]:
    """Return the raylets of the machines that are up, besides the head's, by node."""
    found = {}
    for process in head.process.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == "raylet":
                node = process.environ().get("RAY_OVERRIDE_NODE_ID_FOR_TESTING")
                if node and not node.endswith("00000"):
                    found[node] = process
    return found


def draw(scale: Scale) -> None:
    """Leave a film of small drawings, and tiny weights."""
    rng = np.random.default_rng(0)
    for number in range(scale.frames):
        line = np.full((72, 128), 255, np.uint8)
        points = (rng.random((5, 2)) * (128, 72)).astype(np.int32)
        cv2.polylines(line, [points], True, 0, 1, cv2.LINE_AA)
        path = scale.folder / f"lines/s{number // 100}/f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), line)
    make_weights(scale.folder / "weights")


def drill(scale: Scale) -> Found:
    """Colour a film on a cluster that grows, and in this process; compare."""
    draw(scale)
    found = Found(frames=scale.frames)
    with grow(scale.folder) as head:
        seen = run(scale, head, found)
        look(head, seen, found)
        ended = time.monotonic()
        while machines(head) and time.monotonic() - ended < RELEASED_S:
            time.sleep(0.2)
        found.released_s = round(time.monotonic() - ended, 1)
        found.wrong += [f"{machine.pid} is still there" for machine in machines(head).values()]
    compare(scale, found)
    return found


def run(scale: Scale, head: Head, found: Found) -> set[str]:
    """Run the command; give the machines that were there before the first frame."""
    started, early = time.monotonic(), set[str]()
    kills = scale.kills
    with (scale.folder / "log").open("wb") as log:
        command = subprocess.Popen(
            scale.command(),
            env=os.environ | LOOPBACK | head.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while command.poll() is None:
            up = machines(head)
            frames = sum(1 for _ in (scale.folder / "color/frames").rglob("*.png"))
            if not frames:
                early |= up.keys()
                found.first_frame_s = round(time.monotonic() - started, 1)
            if kills and frames >= scale.frames // 4:
                kills = not kill_gpu(up, found)
                found.killed_s = round(time.monotonic() - started, 1)
            time.sleep(0.2)
    found.seconds = round(time.monotonic() - started, 1)
    if command.returncode:
        found.wrong.append(f"status {command.returncode}: {(scale.folder / 'log').read_text()}")
    return early


def kill_gpu(up: Mapping[str, psutil.Process], found: Found) -> bool:
    """Kill a machine with a GPU, if there is one; tell whether there was."""
    for raylet in up.values():
        with suppress(psutil.NoSuchProcess):
            if raylet.environ()["RAY_NODE_TYPE_NAME"] == "gpu":
                raylet.kill()
                found.killed += 1
                found.before = set(up)
                return True
    return False


def look(head: Head, early: set[str], found: Found) -> None:
    """Ask Ray what ran where."""
    from ray.util.state import list_nodes, list_tasks

    kinds = {}
    for node in list_nodes(address=head.dashboard, detail=True):
        has = node.resources_total
        kinds[node.node_id] = "gpu" if "GPU" in has else "cpu" if "CPU" in has else "head"
    found.machines = len(kinds) - 1
    calls, worked = {stage: Counter[str]() for stage in STAGES}, set[str]()
    networks = Counter[str]()
    for task in list_tasks(address=head.dashboard, limit=10_000, raise_on_missing_output=False):
        stage = next((stage for stage in STAGES if stage in task.name), None)
        if stage and task.node_id and task.state == "FINISHED":
            calls[stage][kinds.get(task.node_id, "gone")] += 1
            worked.add(task.node_id)
            networks[task.node_id] += stage == NETWORK
    replaced = networks.keys() - found.before if found.killed else set()
    found.replaced = sum(networks[node] > 0 for node in replaced)
    found.replaced_calls = sum(networks[node] for node in replaced)
    found.calls = {stage: dict(counted) for stage, counted in calls.items()}
    found.worked, found.late = len(worked), len(worked - early)
    found.wrong += [f"{stage} ran on the head" for stage, where in calls.items() if where["head"]]
    found.wrong += [f"{stage} ran nowhere" for stage, where in calls.items() if not where]
    if calls[NETWORK].keys() != {"gpu"}:
        found.wrong.append(f"networks ran on {dict(calls[NETWORK])}")


def compare(scale: Scale, found: Found) -> None:
    """Colour the film in this process; its frames and those of the cluster are to be the same."""
    film = FilmConfig(
        pictures=str(scale.folder / "lines"),
        output=str(scale.folder / "alone"),
        weights=str(scale.folder / "weights"),
    )
    opened = prepare_run(film, partial(open_colorize_task, network_size_px=scale.network_size_px))
    run_film(opened, LocalRunner(), lambda _: None)
    alone, grown = (hash_frames(scale.folder / name) for name in ("alone", "color"))
    differing = [name for name, digest in alone.items() if grown.get(name) != digest]
    if differing or len(alone) != len(grown):
        found.wrong.append(f"{len(grown)} frames, of which {len(differing)} differ or are missing")
    rows = parquet.read_table(scale.folder / "color/manifest")["frame"].to_pylist()
    if sorted(rows) != sorted(name.removeprefix("frames/") for name in alone):
        found.wrong.append(f"{len(rows)} rows of {len(set(rows))} frames in the manifest")
    if scale.kills and not found.killed:
        found.wrong.append("no machine was killed")
    if scale.replaced and not found.replaced_calls:
        found.wrong.append("what replaced the killed machine made no frame; give more --frames")


def main() -> int:
    """Run the drill; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--network-size", type=int, default=512)
    parser.add_argument("--replaced", action="store_true", help="a replacement must make frames")
    flags = parser.parse_args()
    os.environ.update(LOOPBACK)
    with tempfile.TemporaryDirectory(prefix="scale") as folder:
        scale = Scale(Path(folder), flags.frames, flags.network_size, replaced=flags.replaced)
        found = drill(scale)
    if found.worked < 3:
        found.wrong.append(f"the cluster did not grow with the film: {found.worked} worked")
    for stage, where in found.calls.items():
        print(f"{stage:20} {where}")
    print(json.dumps({**asdict(found), "before": len(found.before)}))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
