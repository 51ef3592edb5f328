"""Ray: join the cluster, or start one on this machine."""

import logging
import os
from importlib import import_module
from threading import Thread
from typing import Any


def start_ray() -> dict[str, float]:
    """Join the cluster of `RAY_ADDRESS`, or start Ray on this machine; give its resources.

    Raises:
        ConnectionError: the cluster does not answer, or Ray does not start here.
    """
    # The workers are the program here: no reason to run them at low priority, nor to end those that
    # wait while a network starts; starting them again takes seconds.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "60000")
    # Under `uv run`, Ray would build an environment anew for its workers; this one is there.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    # Importing Ray Data takes as long as Ray's own start, most of which is waiting.
    Thread(target=import_module, args=["ray.data"], daemon=True).start()
    if not ray.is_initialized():
        options: dict[str, Any] = (
            {} if "RAY_ADDRESS" in os.environ else {"include_dashboard": False}
        )
        try:
            ray.init(logging_level=logging.ERROR, **options)
        except Exception as error:
            # A machine that is too busy is a bare Exception.
            if type(error) is not Exception:
                raise
            raise ConnectionError(f"Ray did not start on this machine: {error}") from error
    return dict(ray.cluster_resources())


def stop_ray() -> None:
    """Leave the cluster, or stop the one that `start_ray` started."""
    import ray

    ray.shutdown()
