"""A head of Ray in a process of its own, on loopback, for commands and tests to join."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

START_S = 90.0
"""How long a head may take until it answers."""
STOP_S = 5.0
"""How long Ray may take to end after SIGTERM; it would wait half a minute for its workers."""

LOOPBACK = {
    # Ray takes 127.0.0.1 for "this machine" and listens where others can reach it; this stops that.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Under `uv run` workers would each build an environment anew.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_metrics_report_interval_ms": "1000",
    # As `start_ray` has it.
    "RAY_worker_niceness": "0",
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
    # As `runtime.cluster.yaml` has it.
    "RAY_JOB_STOP_WAIT_TIME_S": "30",
}
"""Environment of every process that has to do with Ray in the tests."""


@dataclass(frozen=True)
class Head:
    """A running head."""

    process: psutil.Process
    address: str
    """For RAY_ADDRESS."""
    dashboard: str
    """For RAY_API_SERVER_ADDRESS."""
    folder: Path
    """Where Ray writes, its logs among the rest."""

    @property
    def environment(self) -> dict[str, str]:
        """Return what a command needs to join, and `ray job` to submit."""
        return {"RAY_ADDRESS": self.address, "RAY_API_SERVER_ADDRESS": self.dashboard}

    def workers(self, name: str) -> list[psutil.Process]:
        """Return the processes of Ray that are at work and have `name` in their title."""
        found = []
        for process in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                title = " ".join(process.cmdline())
                found += [process] if title.startswith("ray::") and name in title else []
        return found


@contextmanager
def run_head(
    *options: str, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Head]:
    """Start `ray start --head` with more options; stop it, and all that it started, with the block.

    Args:
        options: More flags.
        port: Where it listens, or None to choose.
        environment: Variables besides those of this process.
    """
    free, dashboard_port, client_port, agent, grpc_agent, runtime_env = free_ports(6)
    port = port or free
    # A Unix socket's path has at most 107 characters: pytest's own folders are too long.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *(f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"),
            f"--ray-client-server-port={client_port}",
            *("--include-dashboard=true", "--dashboard-host=127.0.0.1"),
            *(f"--dashboard-port={dashboard_port}", f"--dashboard-agent-listen-port={agent}"),
            f"--dashboard-agent-grpc-port={grpc_agent}",
            f"--runtime-env-agent-port={runtime_env}",
            *("--object-store-memory=300000000", "--disable-usage-stats"),
            *options,
        ]
        log = Path(folder, "start.log")
        with log.open("wb") as output:
            started = subprocess.Popen(
                command,
                env=os.environ | LOOPBACK | dict(environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        head = Head(
            psutil.Process(started.pid),
            f"127.0.0.1:{port}",
            f"http://127.0.0.1:{dashboard_port}",
            Path(folder),
        )
        try:
            _wait_for(head, started, log)
            yield head
        finally:
            stop(started)


def stop(started: "subprocess.Popen[bytes]") -> None:
    """End a `ray start --block` and see to it that nothing of it stays."""
    family = psutil.Process(started.pid).children(recursive=True)
    started.terminate()
    try:
        started.wait(STOP_S)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=STOP_S)


def free_ports(count: int) -> Sequence[int]:
    """Return ports of loopback that nobody uses now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _wait_for(head: Head, started: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the dashboard knows the job API."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and started.poll() is None:
        try:
            with urlopen(f"{head.dashboard}/api/version", timeout=5):
                return
        except OSError as error:
            # Without a token it says 401 once it is there.
            if getattr(error, "code", None) == 401:
                return
            time.sleep(0.1)
    raise TimeoutError(f"no head of Ray answers: {log.read_text()[-2000:]}")
