"""Executors: call one function on many arguments, in this process or on a Ray cluster."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Protocol, TypeVar, runtime_checkable

from lineart.device import count_cpus
from lineart.sandbox import stop_sandboxes

T = TypeVar("T")
U = TypeVar("U")

SOON_S = 2.0
"""Seconds of work after which `HybridExecutor` starts Ray."""


@runtime_checkable
class Executor(Protocol):
    """Calls a function on arguments; films, data preparation and evaluation run on one."""

    def map(
        self, function: Callable[[T], U], arguments: Iterable[T], *, uses_network: bool = False
    ) -> Iterator[tuple[T, U]]:
        """Yield each argument with the function's result.

        Args:
            function: Is pickled, with what it refers to, where it runs in another process.
            arguments: Are taken only as workers become free.
            uses_network: Whether the function runs a network: it then gets a GPU where there is
                one, and its processes stay, so that the network is opened once.

        Raises:
            ConnectionError: Ray did not start or cannot go on.
        """


class LocalExecutor:
    """Calls functions in threads of this process; with one worker, in the calling thread.

    Args:
        workers: Most calls at once; None: the number of cores.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or count_cpus()
        # The threads stay: each keeps the sandbox processes in which it handles pixels.
        self._pool = ThreadPoolExecutor(self.workers)

    def map(
        self, function: Callable[[T], U], arguments: Iterable[T], *, uses_network: bool = False
    ) -> Iterator[tuple[T, U]]:
        """Yield arguments and results as calls end; with one worker, in the given order."""
        del uses_network
        return self.spread(function, arguments, self.workers)

    def spread(
        self, function: Callable[[T], U], arguments: Iterable[T], workers: int
    ) -> Iterator[tuple[T, U]]:
        """Do `map` in at most `workers` of the threads.

        An argument is taken only when a worker is free for it, so that the caller may still decide
        to give the rest to Ray. An exception or a closed iterator ends all calls in progress: no
        result is written after it.
        """
        waiting = iter(arguments)
        if workers == 1:
            yield from ((argument, function(argument)) for argument in waiting)
            return

        def call(argument: T) -> tuple[T, U]:
            return argument, call_function(function, argument)

        running = {self._pool.submit(call, item) for item in islice(waiting, workers)}
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
                    running |= {self._pool.submit(call, item) for item in islice(waiting, 1)}
        except BaseException:
            stop_sandboxes()
            raise
        finally:
            wait(running)


class RayExecutor:
    """Calls functions in Ray tasks, or in actors if they run a network.

    Args:
        resources: CPUs and GPUs of the cluster, from `lineart.cluster.start_ray`.
        workers: Most calls at once; None: one for each CPU, or for each GPU if they run a network.
        is_ordered: Whether results come in the order of the arguments; else as calls end.
    """

    def __init__(
        self,
        resources: Mapping[str, float],
        *,
        workers: int | None = None,
        is_ordered: bool = False,
    ) -> None:
        self.resources = dict(resources)
        self._workers, self._is_ordered = workers, is_ordered

    def map(
        self, function: Callable[[T], U], arguments: Iterable[T], *, uses_network: bool = False
    ) -> Iterator[tuple[T, U]]:
        """Yield arguments and results; calls on a machine that is lost are made again.

        Raises:
            ConnectionError: Ray cannot go on.
        """
        with ray_errors():
            yield from self._map(function, arguments, uses_network)

    def _map(
        self, function: Callable[[T], U], arguments: Iterable[T], uses_network: bool
    ) -> Iterator[tuple[T, U]]:
        gpus = int(self.resources.get("GPU", 0)) if uses_network else 0
        workers = gpus or max(1, int(self.resources.get("CPU", 1)))
        workers = min(workers, self._workers or workers)
        calls = _Calls(function, workers, uses_network=uses_network, on_gpu=gpus > 0)
        # Two calls for each worker keep it busy. In order, one that takes long must not stop all.
        most = (4 if self._is_ordered else 2) * workers
        waiting, running = iter(arguments), dict[Any, T]()
        for argument in islice(waiting, most):
            running[calls.submit(argument)] = argument
        while running:
            for call, result in calls.take(list(running), self._is_ordered):
                ended = running.pop(call)
                for argument in islice(waiting, 1):
                    running[calls.submit(argument)] = argument
                yield ended, result


class _Calls:
    """Calls of one function on Ray: each a task, or a method of the actor with the fewest calls."""

    def __init__(
        self, function: Callable[[Any], Any], workers: int, *, uses_network: bool, on_gpu: bool
    ) -> None:
        import ray

        self._function = ray.put(function)
        if uses_network:
            actor = ray.remote(
                num_cpus=0 if on_gpu else 1,
                num_gpus=int(on_gpu),
                max_restarts=-1,
                max_task_retries=-1,
            )(_Caller)
            self._actors = [actor.remote() for _ in range(workers)]
        else:
            self._actors = []
            self._task = ray.remote(num_cpus=1, max_retries=-1)(call_function)
        self._loads = [0] * len(self._actors)
        self._actor_of: dict[Any, int] = {}

    def submit(self, argument: Any) -> Any:
        """Start a call; return its reference."""
        if not self._actors:
            return self._task.remote(self._function, argument)
        index = min(range(len(self._actors)), key=self._loads.__getitem__)
        self._loads[index] += 1
        call = self._actors[index].call.remote(self._function, argument)
        self._actor_of[call] = index
        return call

    def take(self, calls: list[Any], is_ordered: bool) -> Iterator[tuple[Any, Any]]:
        """Wait for the first of the calls, or for any; yield those that ended, with results."""
        import ray

        ready = calls[:1] if is_ordered else ray.wait(calls)[0]
        for call in ready:
            result = ray.get(call)
            if self._actors:
                self._loads[self._actor_of.pop(call)] -= 1
            yield call, result


class _Caller:
    """An actor: its process stays, with the networks that its calls have opened."""

    def call(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return call_function(function, argument)


def call_function(function: Callable[[T], U], argument: T) -> U:
    """Call a function on one thread: there are as many calls as cores."""
    import cv2

    cv2.setNumThreads(1)
    return function(argument)


@contextmanager
def ray_errors() -> Iterator[None]:
    """Turn an error of Ray into one sentence.

    Raises:
        ConnectionError: Ray cannot go on.
    """
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[-1]
        raise ConnectionError(f"Ray cannot go on: {reason}") from error


class HybridExecutor:
    """Calls functions on this machine while Ray starts there, then on Ray.

    Ray and its workers need some twenty seconds to start. Work that ends within `SOON_S` starts no
    Ray at all.

    Args:
        start_ray: Starts Ray and returns its executor.
        stop_ray: Stops it. Both are called in one thread: Linux ends the processes of Ray when the
            thread ends that started them, and `stop_ray` would then fail.
        workers: Most calls at once on this machine; None: the number of cores.
    """

    def __init__(
        self,
        start_ray: Callable[[], RayExecutor],
        stop_ray: Callable[[], None],
        *,
        workers: int | None = None,
    ) -> None:
        self.local = LocalExecutor(workers)
        self._start_ray, self._stop_ray = start_ray, stop_ray
        self._starter = ThreadPoolExecutor(1)
        self._ray: Future[RayExecutor] | None = None

    def start(self) -> None:
        """Begin to start Ray, unless that was done before."""
        if self._ray is None:
            self._ray = self._starter.submit(self._start_ray)

    @property
    def is_ready(self) -> bool:
        """Whether Ray has started, or failed to."""
        return self._ray is not None and self._ray.done()

    @property
    def ray(self) -> RayExecutor | None:
        """Ray's executor; None until it has started, and if it failed to."""
        if self._ray is None or not self._ray.done() or self._ray.exception() is not None:
            return None
        return self._ray.result()

    def wait(self) -> RayExecutor:
        """Start Ray, if that was not done, and wait for its executor.

        Raises:
            ConnectionError: Ray did not start.
        """
        self.start()
        assert self._ray is not None
        return self._ray.result()

    def map(
        self, function: Callable[[T], U], arguments: Iterable[T], *, uses_network: bool = False
    ) -> Iterator[tuple[T, U]]:
        """Yield arguments and results as calls end.

        Raises:
            ConnectionError: Ray did not start or cannot go on.
        """
        started, waiting = time.monotonic(), iter(arguments)

        def until_ray_stands() -> Iterator[T]:
            for argument in waiting:
                if time.monotonic() - started > SOON_S:
                    self.start()
                yield argument
                if self.is_ready:
                    return

        # A network in this process would be opened for a few seconds, and on the CPU.
        if not (uses_network or self.is_ready):
            yield from self.local.map(function, until_ray_stands())
        for first in islice(waiting, 1):
            rest = chain([first], waiting)
            yield from self.wait().map(function, rest, uses_network=uses_network)

    def close(self) -> None:
        """Stop Ray, once it has started; its results are not waited for."""
        with self._starter:
            if self._ray is not None:
                self._starter.submit(self._stop_ray)
