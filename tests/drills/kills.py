"""Kill whatever a film runs on, at random times; nothing may be lost, doubled or half-written.

python -m tests.drills.kills --kills 30
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from lineart.storage import Storage
from tests.drills.film import draw_film, make_weights
from tests.drills.storage import color, outcome
from tests.ray_head import LOOPBACK, Head, run_head, stop

LONGEST_PAUSE_S = 6.0
"""Longest time between two kills."""
RUN_S = 300.0
"""Longest time that a run may take, however much of what it runs on is killed."""


@dataclass
class Studio:
    """A head that runs nothing, and two machines that do the work."""

    head: Head
    nodes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def keep_two_nodes(self) -> None:
        """Replace machines that were lost."""
        self.nodes = [node for node in self.nodes if node.poll() is None]
        while len(self.nodes) < 2:
            self.nodes.append(_start_node(self.head))

    def processes(self) -> list[psutil.Process]:
        """Give all that runs on the machines."""
        found: list[psutil.Process] = []
        for node in self.nodes:
            with suppress(psutil.NoSuchProcess):
                found += psutil.Process(node.pid).children(recursive=True)
        return found


# `ray start --address` refuses to join a head that listens on loopback alone.
_NODE = """\
import sys, time
from ray._private.node import Node
from ray._private.parameter import RayParams
parameters = RayParams(
    gcs_address=sys.argv[1], node_ip_address="127.0.0.1", num_cpus=2, object_store_memory=200000000
)
node = Node(parameters, head=False, shutdown_at_exit=True, spawn_reaper=True)
while node.remaining_processes_alive():
    time.sleep(0.2)
sys.exit("a process of this machine is gone")
"""


def _start_node(head: Head) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", _NODE, head.address],
        env=os.environ | LOOPBACK,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def open_studio() -> Iterator[Studio]:
    """Start the machines; stop them with the block."""
    with run_head("--num-cpus=0", "--labels=most-cpus=4") as head:
        studio = Studio(head)
        try:
            studio.keep_two_nodes()
            yield studio
        finally:
            for node in studio.nodes:
                with suppress(psutil.NoSuchProcess):
                    stop(node)


VICTIMS = {
    "driver": "",
    "worker": "ray::MapWorker",
    "cell": "lineart.runtime.sandbox",
    "raylet": "raylet/raylet",
}
"""What is killed, and what its command line holds."""


def kill_one(kind: str, driver: psutil.Process, candidates: Sequence[psutil.Process]) -> bool:
    """Kill one process of a kind; tell whether there was one."""
    for process in [driver] if kind == "driver" else candidates:
        with suppress(psutil.Error):
            if VICTIMS[kind] in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)
                return True
    return False


def run_and_kill(
    command: Sequence[str],
    environment: Mapping[str, str],
    kinds: list[str],
    candidates: Callable[[], list[psutil.Process]],
    pauses: Iterator[float],
) -> Counter[str]:
    """Run a command again and again until it has ended well, and kill meanwhile.

    Args:
        command: What to run.
        environment: Its environment.
        kinds: What to kill, in this order if it is there; what was killed is taken away.
        candidates: Gives the processes besides the command's own.
        pauses: Seconds between kills.

    Raises:
        AssertionError: the command ended otherwise than by a kill, or takes too long.
    """
    killed: Counter[str] = Counter()
    while True:
        with (
            tempfile.TemporaryFile("w+") as told,
            subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=told
            ) as driver,
        ):
            deadline = time.monotonic() + RUN_S
            while driver.poll() is None:
                assert time.monotonic() < deadline, f"the command hangs; killed {killed}"
                with suppress(subprocess.TimeoutExpired):
                    driver.wait(next(pauses))
                    break
                process = psutil.Process(driver.pid)
                others = candidates()
                random.shuffle(others)
                # What is not there now may be later.
                kind = next((k for k in kinds if kill_one(k, process, others)), None)
                if kind is not None:
                    kinds.remove(kind)
                    killed[kind] += 1
            if driver.wait() == 0:
                return killed
            told.seek(0)
            said = told.read()[-3000:]
            assert driver.returncode == -signal.SIGKILL, f"status {driver.returncode}: {said}"


def check_output(output: Path, expected: Mapping[str, str]) -> None:
    """Check that an output is what an uninterrupted run leaves.

    Raises:
        AssertionError: it is not.
    """
    made, rows = outcome(Storage.at(str(output)))
    assert made == expected
    assert sorted(row["output"] for row in rows) == sorted(expected)
    assert {row["status"] for row in rows} <= {"done", "held"}
    left = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    meant = {"manifest/manifest.parquet", "run.json", "report.html", "_SUCCESS"}
    assert left - expected.keys() == meant
    assert json.loads((output / "_SUCCESS").read_text())["failed"] == 0


def drill(folder: Path, kills: int, frames: int, seed: int) -> Counter[str]:
    """Colour films until so many kills have been done; give what was killed.

    Raises:
        AssertionError: an output is not what it should be.
    """
    rng = random.Random(seed)
    pauses = iter(partial(rng.uniform, 0.2, LONGEST_PAUSE_S), None)
    kinds = [rng.choice([*VICTIMS]) for _ in range(kills)]
    lines, size_px = folder / "lines", 128
    draw_film(lines, frames, seed)
    weights = make_weights(folder / "weights")
    color(Storage.at(str(folder)), weights, "peace", size_px)
    expected, _ = outcome(Storage.at(str(folder / "peace")))
    assert len(expected) == frames
    killed: Counter[str] = Counter()
    films = 0
    with open_studio() as studio:

        def candidates() -> list[psutil.Process]:
            studio.keep_two_nodes()
            return studio.processes()

        while kinds:
            films += 1
            output = folder / f"film {films}"
            command = [sys.executable, "-m", "jobs.colorize", "--lines", str(lines)]
            command += ["--output", str(output), "--weights", str(weights)]
            command += ["--network-size", str(size_px)]
            environment = os.environ | studio.head.environment
            started = time.monotonic()
            new = run_and_kill(command, environment, kinds, candidates, pauses)
            check_output(output, expected)
            print(f"film {films}: {time.monotonic() - started:.0f} s, killed {dict(new)}")
            killed += new
    killed["films"] = films
    return killed


def main() -> int:
    """Run the drill; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            killed = drill(Path(folder), flags.kills, flags.frames, flags.seed)
        except AssertionError as error:
            print(json.dumps({"wrong": str(error)}))
            return 1
    print(json.dumps(killed))
    return 0


if __name__ == "__main__":
    os.environ |= LOOPBACK
    sys.exit(main())
