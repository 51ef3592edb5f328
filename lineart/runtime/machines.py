"""Machines of a cluster that grows: asking for them, and saying what a run waits for."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

logger = logging.getLogger(__name__)

RENEW_S = 10.0
"""Interval at which a request is repeated, in seconds: other runs on the cluster and Ray Data
replace it by theirs."""
SAY_S = 60.0
"""Interval at which a run that waits says so, in seconds."""
END_S = 5.0
"""Time for the last call of a `MachineRequest` to end, in seconds."""

UNITS = {"CPU": "CPUs", "GPU": "GPUs"}


def find_shortage(minimum: Mapping[str, float], *, is_begun: bool = False) -> str | None:
    """Return a sentence on what a run waits for; None if the cluster has it.

    Args:
        minimum: CPUs and GPUs without which the run cannot go on.
        is_begun: Whether the run has machines: then those count that it uses, else only free ones.
    """
    import ray

    has, free = ray.cluster_resources(), ray.available_resources()
    there = has if is_begun else free
    if all(there.get(name, 0.0) >= amount for name, amount in minimum.items()):
        return None
    return (
        f"waits for machines: it needs at least {_amounts(minimum)}; "
        f"the cluster has {_amounts(has)}, of which {_amounts(free)} are free"
    )


def wait_for_one(references: Sequence[Any], minimum: Mapping[str, float]) -> Any:
    """Return a reference to a result of Ray that is there; wait as long as it takes.

    Args:
        references: References to results.
        minimum: CPUs and GPUs that each call needs; while the cluster lacks them, a warning is
            logged every `SAY_S`.
    """
    import ray

    while True:
        ready, _ = ray.wait(references, timeout=SAY_S)
        if ready:
            return ready[0]
        if shortage := find_shortage(minimum, is_begun=True):
            logger.warning(shortage)


def _amounts(resources: Mapping[str, float]) -> str:
    return " and ".join(f"{resources.get(name, 0.0):g} {unit}" for name, unit in UNITS.items())


class MachineRequest:
    """Asks a cluster for all machines of a run at its start; a context manager.

    Otherwise, each kind of machine would be started when its first work is there: those with GPUs
    after the others have read and hashed the film. What a run waits for is logged as a warning.

    The request ends with the block, or before by `withdraw`. That of a killed process stays
    until the next run on the cluster replaces it.

    Args:
        bundles: Resources of each worker, "CPU" and "GPU"; none: nothing is asked for.
        minimum: CPUs and GPUs without which the run cannot go on.
        is_repeated: Whether the request is repeated until `withdraw`; not where Ray asks, too.
        renew_s: Interval at which it is repeated, in seconds above 0.
        say_s: Interval at which a run that waits says so, in seconds above 0.
    """

    def __init__(
        self,
        bundles: Sequence[Mapping[str, float]],
        minimum: Mapping[str, float],
        *,
        is_repeated: bool = True,
        renew_s: float = RENEW_S,
        say_s: float = SAY_S,
    ) -> None:
        self._bundles, self._minimum = [dict(bundle) for bundle in bundles], minimum
        self._is_repeated, self._renew_s, self._say_s = is_repeated, renew_s, say_s
        self._is_withdrawn, self._ended = threading.Event(), threading.Event()
        self._watch = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> "MachineRequest":
        if self._bundles:
            self._send(self._bundles)
        else:
            self._is_withdrawn.set()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        # A call to a cluster that is lost may hang; the thread ends with the process.
        self._watch.join(END_S)
        self.withdraw()

    def withdraw(self) -> None:
        """Withdraw the request: the work has begun, and Ray asks for what else it needs."""
        if not self._is_withdrawn.is_set():
            self._is_withdrawn.set()
            self._send([])

    def _repeat(self) -> None:
        said_at = time.monotonic()
        while not self._ended.wait(self._renew_s):
            if self._is_repeated and not self._is_withdrawn.is_set():
                self._send(self._bundles)
                if self._is_withdrawn.is_set():  # Meanwhile.
                    self._send([])
            if time.monotonic() - said_at < self._say_s:
                continue
            said_at = time.monotonic()
            self._say()

    def _say(self) -> None:
        try:
            shortage = find_shortage(self._minimum, is_begun=self._is_withdrawn.is_set())
            if shortage and find_shortage(self._minimum, is_begun=True) is None:
                # Ray does not tell which of its jobs uses a machine.
                shortage += "; this run itself may use the others: its first frame is not finished"
        except Exception as error:  # noqa: BLE001 - the run itself meets it, too
            shortage = f"cannot see which machines there are: {error}"
        if shortage and not self._ended.is_set():
            logger.warning(shortage)

    def _send(self, bundles: list[dict[str, float]]) -> None:
        from ray.autoscaler.sdk import request_resources

        try:
            request_resources(bundles=bundles)
        # The request only saves time; Ray's errors here are of several kinds.
        except Exception as error:  # noqa: BLE001 - as said
            logger.info("the cluster was not asked for machines: %s", error)
