"""Pictures dealt to the workers of a machine."""

from collections.abc import Iterator

import pytest

from lineart.film.execution.work_queue import BATCH, WorkQueue
from lineart.film.pictures.frames import Source
from lineart.film.records import Input, WorkItem
from lineart.film.tasks.roles import ADJACENT


def picture(number: int, *, has_votes: bool = True) -> WorkItem:
    """Give a picture on which an adjacent one votes, or none."""
    source = Source(f"{number}.png", f"{number}.png")
    roles = ("line", ADJACENT) if has_votes else ("line",)
    inputs = tuple(Input(role, source, "") for role in roles)
    return WorkItem(inputs, (f"frames/{number}.png",), "shot")


def deal(work: list[WorkItem], workers: int) -> list[list[WorkItem]]:
    """Let workers that are equally fast make pictures; give what each has made."""
    dealer, made = WorkQueue(work), [list[WorkItem]() for _ in range(workers)]
    in_hand = [next(dealer) for _ in range(workers)]
    while any(one is not None for one in in_hand):
        for worker, item in enumerate(in_hand):
            if item is not None:
                made[worker].append(item)
                dealer.end(item)
                in_hand[worker] = next(dealer, None)
    return made


@pytest.mark.parametrize(
    ("count", "workers"), [(4 * BATCH, 2), (3 * BATCH, 3), (BATCH + 3, 2), (5, 5)]
)
def test_a_worker_makes_pictures_that_follow_each_other(count: int, workers: int) -> None:
    """Every picture is made once, all workers have as many, and few begin a batch."""
    work = [picture(number) for number in range(count)]
    made = deal(work, workers)
    assert sorted((item for one in made for item in one), key=work.index) == work
    lengths = [len(one) for one in made]
    assert max(lengths) - min(lengths) <= 1
    begun = sum(
        one != other + 1
        for numbers in ([work.index(item) for item in one] for one in made)
        for one, other in zip(numbers[1:], numbers, strict=False)
    )
    assert begun <= count // BATCH + workers


def test_others_are_dealt_one_by_one() -> None:
    """Pictures that need no others are taken only when a worker is free."""
    taken = []

    def give() -> Iterator[WorkItem]:
        for number in range(4):
            taken.append(number)
            yield picture(number, has_votes=False)

    dealer = WorkQueue(give())
    first, second = next(dealer), next(dealer)
    assert taken == [0, 1]
    dealer.end(second)
    assert next(dealer).outputs == ("frames/2.png",)
    dealer.end(first)
    assert [one.outputs for one in dealer] == [("frames/3.png",)]
