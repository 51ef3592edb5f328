"""Queue of pictures for the workers of one machine; in batches where adjacent drawings vote."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from lineart.film.records import WorkItem
from lineart.film.tasks.roles import ADJACENT

BATCH = 16
"""Most drawings that are dealt to a worker at once."""


class WorkQueue(Iterator[WorkItem]):
    """Deals pictures to workers: one by one, or in batches if adjacent drawings vote.

    A drawing that votes on those beside it is matched with its keys for each of them. A worker that
    makes drawings that follow each other matches each once. When all pictures are dealt, half of
    the longest batch goes to a worker without any.

    Args:
        work: Pictures in film order; taken only as workers become free.
    """

    def __init__(self, work: Iterable[WorkItem]) -> None:
        self._work = iter(work)
        self._rest: dict[tuple[str, ...], deque[WorkItem]] = {}
        self._own: deque[WorkItem] = deque()

    def end(self, item: WorkItem) -> None:
        """Say that a picture is made: the next one is for the worker that made it."""
        self._own = self._rest.pop(item.outputs)

    def __next__(self) -> WorkItem:
        """Return the picture for a worker that is free."""
        batch, self._own = self._own or self._begin(), deque()
        item = batch.popleft()
        self._rest[item.outputs] = batch
        return item

    def _begin(self) -> deque[WorkItem]:
        for item in self._work:
            has_votes = any(one.role == ADJACENT for one in item.inputs)
            return deque([item, *(islice(self._work, BATCH - 1) if has_votes else ())])
        longest = max(self._rest.values(), key=len, default=deque())
        if not longest:
            raise StopIteration
        return deque([longest.pop() for _ in range((len(longest) + 1) // 2)][::-1])
