"""Executors: call one function on many arguments, in this process or on a Ray cluster."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Protocol, TypeVar, runtime_checkable

from lineart.runtime.device import count_cpus
from lineart.runtime.machines import wait_for_one
from lineart.runtime.sandbox import stop_sandboxes

T = TypeVar("T")
U = TypeVar("U")

MAX_DEATHS = 5
"""A call that ends so many processes is not made again: it ends the run, as it would locally.

Ray does not tell a call that crashes from a machine that is lost."""
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
        resources: CPUs and GPUs of the cluster, from `lineart.runtime.cluster.start_ray`.
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
        """Yield arguments and results; calls whose process or machine is lost are made again.

        Raises:
            ConnectionError: Ray cannot go on, or a call was lost `MAX_DEATHS` times.
        """
        with ray_errors():
            yield from self._map(function, arguments, uses_network)

    def _map(
        self, function: Callable[[T], U], arguments: Iterable[T], uses_network: bool
    ) -> Iterator[tuple[T, U]]:
        gpus = int(self.resources.get("GPU", 0)) if uses_network else 0
        workers = gpus or max(1, int(self.resources.get("CPU", 1)))
        workers = min(workers, self._workers or workers)
        calls = _Actors(function, workers, on_gpu=gpus > 0) if uses_network else _Tasks(function)
        # Two calls for each worker keep it busy. In order, more: results wait for slow calls.
        most = (4 if self._is_ordered else 2) * workers
        waiting = enumerate(arguments)
        running: dict[int, T] = {}
        results: dict[int, U] = {}
        while True:
            for number, argument in islice(waiting, most - len(running)):
                running[number] = argument
                calls.submit(number, argument)
            if not running:
                return
            number, result = calls.take()
            results[number] = result
            following = next(iter(running)) if self._is_ordered else number
            while following in results:
                yield running.pop(following), results.pop(following)
                following = next(iter(running), -1)


class _Tasks:
    """Calls of one function in Ray tasks; Ray repeats those whose process or machine is lost."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        import ray

        self._task = ray.remote(num_cpus=1, max_retries=MAX_DEATHS - 1)(call_function)
        self._function = ray.put(function)
        self._numbers: dict[Any, int] = {}

    def submit(self, number: int, argument: Any) -> None:
        """Start a call."""
        self._numbers[self._task.remote(self._function, argument)] = number

    def take(self) -> tuple[int, Any]:
        """Wait for any of the calls; return its number and its result."""
        import ray

        call = wait_for_one(list(self._numbers), {"CPU": 1.0})
        return self._numbers.pop(call), ray.get(call)


class _Actors:
    """Calls of one function in Ray actors: their processes stay, with the networks they opened.

    Each process unpickles the function once.

    An actor gets a call only once it has started: a cluster may never have room for all of them.
    One that dies is replaced, and its call goes to the next that is free, `MAX_DEATHS` times at
    most.
    """

    def __init__(self, function: Callable[[Any], Any], workers: int, *, on_gpu: bool) -> None:
        import ray

        reserved = {"num_cpus": 0, "num_gpus": 1} if on_gpu else {"num_cpus": 1}
        self._reserved = {"GPU": 1.0} if on_gpu else {"CPU": 1.0}
        self._actor = ray.remote(**reserved)(_Caller)
        self._function = ray.put(function)
        self._queue: deque[tuple[int, Any]] = deque()
        self._free: list[Any] = []
        self._busy: dict[Any, tuple[Any, tuple[int, Any] | None]] = {}
        """Reference -> actor, and the number and argument of its call; None while it starts."""
        self._deaths: Counter[int | None] = Counter()
        """Number of a call -> actors that died in it; None -> in a row, at their start."""
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        actor = self._actor.remote()
        self._busy[actor.start.remote(self._function)] = actor, None

    def submit(self, number: int, argument: Any) -> None:
        """Queue a call."""
        self._queue.append((number, argument))

    def take(self) -> tuple[int, Any]:
        """Wait for any of the calls; return its number and its result."""
        import ray
        from ray.exceptions import RayActorError

        while True:
            while self._free and self._queue:
                actor, item = self._free.pop(), self._queue.popleft()
                self._busy[actor.call.remote(item[1])] = actor, item
            reference = wait_for_one(list(self._busy), self._reserved)
            actor, ended = self._busy.pop(reference)
            try:
                result = ray.get(reference)
            except RayActorError:
                number = ended[0] if ended else None
                self._deaths[number] += 1
                if self._deaths[number] == MAX_DEATHS:
                    raise
                self._queue.extendleft([ended] if ended else [])
                self._start()
                continue
            self._free.append(actor)
            self._deaths.pop(ended[0] if ended else None, None)
            if ended:
                return ended[0], result


class _Caller:
    """Body of the actors: one copy of the function, which may keep what it opens."""

    def start(self, function: Callable[[Any], Any]) -> None:
        """Return as soon as the actor has started."""
        self._function = function

    def call(self, argument: Any) -> Any:
        return call_function(self._function, argument)


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
        if "No module named" in reason:
            reason += (
                "; install the same lineart on every machine of the cluster, or send a checkout "
                "with ray job submit --working-dir"
            )
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
