"""Connection to Ray: join a cluster, or start Ray on this machine."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

JOIN_S = 30.0
"""Default timeout for an answer of the cluster, in seconds."""

MAX_LABELS = {"CPU": "most-cpus", "GPU": "most-gpus"}
"""Labels on the head of an autoscaling cluster: most CPUs and GPUs that its workers can have."""


def start_ray(*, join_s: float = JOIN_S) -> dict[str, float]:
    """Join the cluster at `RAY_ADDRESS`, or start Ray on this machine; return its resources.

    An autoscaling cluster may have no worker yet, and Ray does not report to what it may grow;
    `MAX_LABELS` does.

    Args:
        join_s: Timeout for an answer of the cluster at `RAY_ADDRESS`, in seconds above 0.

    Returns:
        Amounts of CPUs, GPUs and other resources that the cluster has or may grow to, by name.

    Raises:
        ConnectionError: the cluster does not answer or has no CPUs, or Ray does not start here.
        ValueError: a label of `MAX_LABELS` is not a whole number.
    """
    # Run workers at normal priority, because they do all the work. Keep idle ones while a network
    # starts, because starting a worker again takes seconds.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "60000")
    # Under `uv run`, Ray would build a new environment for its workers; they use this one.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # Objects left over after `stop_ray` would otherwise start Ray again.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    # Retry without limit: frames crash in sandboxes, so a task is lost only with its machine.
    os.environ.setdefault("RAY_TASK_MAX_RETRIES", "-1")
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        # Otherwise Ray replaces 127.0.0.1 by an address that other machines can reach.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    # Import Ray Data while Ray starts: it takes as long, and the start is mostly waiting.
    threading.Thread(target=import_module, args=["ray.data"], daemon=True).start()
    if not ray.is_initialized():
        options: dict[str, Any] = {}
        if address:
            wait_for(address, join_s=join_s)
        else:
            options = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            with _keep_sigterm():
                ray.init(logging_level=logging.ERROR, **options)
        except Exception as error:
            # Ray raises a bare Exception when the machine is too busy.
            if type(error) is not Exception:
                raise
            raise ConnectionError(f"Ray did not start on this machine: {error}") from error
    return read_resources()


@contextmanager
def _keep_sigterm() -> Iterator[None]:
    """Restore the handler of SIGTERM, which Ray replaces if it is started in the main thread.

    Ray's own handler exits with a status of its own, so `ray job stop` would end a command without
    its sentence and status.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def wait_for(address: str, *, join_s: float = JOIN_S) -> None:
    """Wait until `address` accepts a connection; Ray itself would try for many minutes.

    Args:
        address: `HOST:PORT` with or without a scheme. An address without a port is one of Ray's
            keywords, such as `auto`: return at once.
        join_s: Timeout, in seconds above 0.

    Raises:
        ConnectionError: nothing answers within `join_s`.
    """
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname is None or parts.port is None:
        return
    deadline = time.monotonic() + join_s
    while True:
        try:
            with socket.create_connection((parts.hostname, parts.port), timeout=join_s / 3):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise ConnectionError(
                    f"no Ray cluster answers at RAY_ADDRESS={address}: {error}"
                ) from error
        time.sleep(0.5)


def read_resources() -> dict[str, float]:
    """Return the amounts of CPUs, GPUs and other resources that the cluster has or may grow to.

    Raises:
        ConnectionError: it has no CPUs, and no label announces any.
        ValueError: a label of `MAX_LABELS` is not a whole number.
    """
    import ray

    resources = dict(ray.cluster_resources())
    for labels in (node["Labels"] for node in ray.nodes() if node["Alive"]):
        for name, label in MAX_LABELS.items():
            if label in labels:
                if not labels[label].isdecimal():
                    raise ValueError(f"the label {label}={labels[label]} is no whole number")
                resources[name] = max(resources.get(name, 0.0), float(labels[label]))
    if not resources.get("CPU"):
        raise ConnectionError(
            "the Ray cluster has no CPUs now; if it grows, give its head the labels "
            f"{' and '.join(MAX_LABELS.values())}, the most that its workers have together"
        )
    return resources


def stop_ray() -> None:
    """Disconnect from the cluster, or stop the Ray that `start_ray` started."""
    import ray

    ray.shutdown()
