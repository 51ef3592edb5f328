"""Ray: join the cluster, or start one on this machine."""

import logging
import os
import socket
import time
from importlib import import_module
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

JOIN_S = 30.0
"""Longest time in which a cluster answers."""

MOST_LABELS = {"CPU": "most-cpus", "GPU": "most-gpus"}
"""Labels that tell, on the head of a cluster that grows, what all its workers have at most."""


def start_ray(*, join_s: float = JOIN_S) -> dict[str, float]:
    """Join the cluster of `RAY_ADDRESS`, or start Ray on this machine; give its resources.

    A cluster that grows may have no worker yet. Ray itself does not tell a program what it may
    grow to, hence `MOST_LABELS`.

    Args:
        join_s: Longest time, in seconds above 0, in which the cluster of `RAY_ADDRESS` answers.

    Returns:
        The CPUs, GPUs and whatever else the cluster has or may grow to, by name.

    Raises:
        ConnectionError: the cluster does not answer or has no CPUs, or Ray does not start here.
        ValueError: a label of `MOST_LABELS` is no whole number.
    """
    # The workers are the program here: no reason to run them at low priority, nor to end those that
    # wait while a network starts; starting them again takes seconds.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "60000")
    # Under `uv run`, Ray would build an environment anew for its workers; this one is there.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # What is left over when Ray has been stopped would start another.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    # Machines may go as often as they like; what a frame does to its process is not Ray's matter.
    os.environ.setdefault("RAY_TASK_MAX_RETRIES", "-1")
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        # Without it Ray takes 127.0.0.1 for "this machine", and listens where others can reach it.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    # Importing Ray Data takes as long as Ray's own start, most of which is waiting.
    Thread(target=import_module, args=["ray.data"], daemon=True).start()
    if not ray.is_initialized():
        options: dict[str, Any] = {}
        if address:
            wait_for(address, join_s=join_s)
        else:
            options = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            ray.init(logging_level=logging.ERROR, **options)
        except Exception as error:
            # A machine that is too busy is a bare Exception.
            if type(error) is not Exception:
                raise
            raise ConnectionError(f"Ray did not start on this machine: {error}") from error
    return read_resources()


def wait_for(address: str, *, join_s: float = JOIN_S) -> None:
    """Wait until somebody answers at `address`.

    Ray itself would try for many minutes.

    Args:
        address: `HOST:PORT` with or without a scheme. Without a port it is one of Ray's own words,
            and nobody is waited for.
        join_s: Longest wait, in seconds above 0.

    Raises:
        ConnectionError: nobody answers for `join_s`, or there is no such host.
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
    """Give the CPUs, GPUs and whatever else the cluster has or may grow to.

    Raises:
        ConnectionError: it has no CPUs and does not say that it will.
        ValueError: a label of `MOST_LABELS` is no whole number.
    """
    import ray

    resources = dict(ray.cluster_resources())
    for labels in (node["Labels"] for node in ray.nodes() if node["Alive"]):
        for name, label in MOST_LABELS.items():
            if label in labels:
                if not labels[label].isdecimal():
                    raise ValueError(f"the label {label}={labels[label]} is no whole number")
                resources[name] = max(resources.get(name, 0.0), float(labels[label]))
    if not resources.get("CPU"):
        raise ConnectionError(
            "the Ray cluster has no CPUs now; if it grows, give its head the labels "
            f"{' and '.join(MOST_LABELS.values())}, the most that its workers have together"
        )
    return resources


def stop_ray() -> None:
    """Leave the cluster, or stop the one that `start_ray` started."""
    import ray

    ray.shutdown()
