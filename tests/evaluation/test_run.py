import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from lineart.evaluation.film import TOGETHER, cut, find_segments
from lineart.evaluation.run import (
    FAILURES_LISTED,
    FEW_UNITS,
    run_plan,
    start_executor,
)
from lineart.evaluation.session import Session
from lineart.evaluation.types import (
    EvaluationPlan,
    EvaluationResult,
    Feature,
    Finding,
    ScoreRow,
    distance_score,
    pick,
)
from lineart.film.pictures.frames import Source
from lineart.runtime.executor import LocalExecutor


class Unit(NamedTuple):
    """A unit of work."""

    name: str
    number: int


def evaluate(unit: Unit) -> Finding:
    """Score a unit by its number, and refuse every tenth."""
    if unit.number % 10 == 9:
        raise ValueError(f"no {unit.number}")
    rng = np.random.default_rng(unit.number)
    features = [
        Feature("s", rng.random(512).astype(np.float32), method) for method in (None, "ours")
    ]
    row = ScoreRow(("s",), unit.name, unit.name, "ours", {"psnr": float(unit.number)})
    return Finding([row], features, notes=["seen"])


def plan(number: int, evaluate: Callable[[Unit], Finding] = evaluate) -> EvaluationPlan:
    """Plan to judge so many."""
    name, score = distance_score("frechet", "stand-ins")
    return EvaluationPlan(
        [Unit(f"{i}", i) for i in range(number)],
        evaluate,
        {name: score, **pick(("psnr",))},
        "ours",
        "about",
        {name: "frechet"},
    )


def run(number: int, told: list[tuple[int, int]] | None = None) -> EvaluationResult:
    """Judge so many."""

    def tell(result: EvaluationResult, units: int) -> None:
        if told is not None:
            told.append((result.num_units, units))

    return run_plan(plan(number), LocalExecutor(workers=1), 0, tell)


def test_everything_that_was_found_is_counted() -> None:
    """Rows, distances, notes and failures come out; progress is told unit by unit."""
    told: list[tuple[int, int]] = []
    result = run(30, told)
    assert told == [(number, 30) for number in range(1, 31)]
    assert (result.num_units, result.num_rows, result.num_failed) == (30, 27, 3)
    assert result.failures == [("9", "no 9"), ("19", "no 19"), ("29", "no 29")]
    (summary,) = result.summaries
    expected = np.mean([number for number in range(30) if number % 10 != 9])
    assert summary.scores["psnr"].mean == pytest.approx(expected)
    assert summary.scores["frechet_stand-ins"].number == 27
    assert result.notes["seen"] == 27
    assert result.rows.count(b"\n") == 28
    assert any("below 2,048" in note for note in result.notes)


def test_memory_does_not_grow_with_pictures() -> None:
    """More pictures take no more memory but for their rows: features are in a file."""
    run(10)
    grown = []
    for number in (300, 700):
        work = plan(number)
        tracemalloc.start()
        run_plan(work, LocalExecutor(workers=1), 0, lambda *_: None)
        grown.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Of 360 pictures more: their rows, and 1 kB each for the bootstrap's draws, twice. Their
    # features would be 1.5 MB.
    assert grown[1] - grown[0] < 1_200_000


def test_of_many_failures_the_first_are_listed() -> None:
    """All are counted; if nothing else is there, that is an error that names the first."""

    def some(unit: Unit) -> Finding:
        return evaluate(unit) if unit.number == 0 else evaluate(Unit(unit.name, 9))

    number = FAILURES_LISTED + 20
    result = run_plan(plan(number, some), LocalExecutor(workers=1), 0, lambda *_: None)
    assert (result.num_failed, len(result.failures)) == (number - 1, FAILURES_LISTED)
    broken = plan(5, lambda unit: evaluate(Unit(unit.name, 9)))
    with pytest.raises(ValueError, match="nothing could be judged: 0: no 9"):
        run_plan(broken, LocalExecutor(workers=1), 0, lambda *_: None)


def test_few_units_need_no_ray() -> None:
    """A small run stays in this process."""
    with start_executor(3, None, wants_ray=False) as executor:
        assert isinstance(executor, LocalExecutor)
        assert executor.workers == 1


def test_whatever_a_unit_raises_is_its_failure() -> None:
    """Errors of no known kind, as ONNX Runtime's, end neither the run nor the other units."""

    class Strange(Exception):  # noqa: N818 - as theirs
        pass

    def strange(unit: Unit) -> Finding:
        if unit.number == 1:
            raise Strange("tensor")
        return evaluate(unit)

    result = run_plan(plan(3, strange), LocalExecutor(workers=1), 0, lambda *_: None)
    assert (result.num_judged, result.failures) == (2, [("1", "tensor")])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_a_failure(value: float) -> None:
    """It would vanish from the means; the picture is named, with the score and the method."""

    def some(unit: Unit) -> Finding:
        found = evaluate(unit)
        return Finding([replace(found.rows[0], values={"psnr": value})]) if unit.number else found

    result = run_plan(plan(2, some), LocalExecutor(workers=1), 0, lambda *_: None)
    assert result.failures == [("1", f"psnr of ours is {value}")]


def test_networks_of_the_plan_are_closed_before_others_open_them() -> None:
    """In this process they stay; where other processes evaluate, they are freed."""

    class Elsewhere:
        def map(
            self, function: Any, arguments: Iterable[Any], *, uses_network: bool = False
        ) -> Iterator[tuple[Any, Any]]:
            assert uses_network
            assert not session._opened
            return ((argument, function(argument)) for argument in arguments)

    session = Session()
    work = replace(plan(2), session=session)
    session.open(str, 7)
    run_plan(work, LocalExecutor(workers=1), 0, lambda *_: None)
    assert session._opened
    run_plan(work, Elsewhere(), 0, lambda *_: None)


def test_few_pictures_are_told() -> None:
    """Means of fewer than five have no interval; for distances the smaller set counts."""

    def evaluate_ways(unit: Unit) -> Finding:
        found = evaluate(unit)
        kept = [one for one in found.features if one.method or unit.number < 3]
        return Finding(found.rows, kept)

    notes = run_plan(plan(6, evaluate_ways), LocalExecutor(workers=1), 0, lambda *_: None).notes
    assert [note[:50] for note in notes] == ["Frechet distance on stand-ins of only 3 pictures: "]
    notes = run_plan(plan(4), LocalExecutor(workers=1), 0, lambda *_: None).notes
    assert any("fewer than 5 pictures" in note and "no interval" in note for note in notes)


def test_plan_says_whether_it_runs_a_network() -> None:
    """The executor is told, so that what needs none takes no GPU."""
    told = []

    class Told(LocalExecutor):
        def map(
            self, function: Any, arguments: Iterable[Any], *, uses_network: bool = False
        ) -> Iterator[tuple[Any, Any]]:
            told.append(uses_network)
            return super().map(function, arguments)

    for uses_network in (True, False):
        work = replace(plan(3), uses_network=uses_network)
        run_plan(work, Told(workers=1), 0, lambda *_: None)
    assert told == [True, False]


@pytest.mark.parametrize(
    ("last_line", "said"),
    [
        ("the node died", "the node died$"),
        ("ModuleNotFoundError: No module named 'lineart'", ".*install the same lineart on every"),
    ],
)
def test_what_ray_raises_is_one_sentence(
    last_line: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that goes away, or lacks the package, is an error of the network, on one line."""
    from ray.exceptions import RayError

    stopped = []
    monkeypatch.setattr("lineart.runtime.cluster.start_ray", lambda: {"CPU": 2.0})
    monkeypatch.setattr("lineart.runtime.cluster.stop_ray", lambda: stopped.append(True))
    with (
        pytest.raises(ConnectionError, match=f"^Ray cannot go on: {said}"),
        start_executor(FEW_UNITS + 1, None, wants_ray=False),
    ):
        raise RayError(f"Traceback\n  line 3\n{last_line}\n")
    assert stopped == [True]


# The parts of a film.


def rows_of(shot: str, names: str, missing: str = "") -> list[dict[str, object]]:
    """Give rows of a manifest; frames in `missing` have failed."""
    return [
        {
            "frame": name,
            "shot": shot,
            "status": "done",
            "output": None if name in missing else f"frames/{name}.png",
            "pixels_sha256": name,
            "hint_sha256": None,
            "key_sha256": None,
        }
        for name in names
    ]


def test_parts_end_where_a_frame_is_missing() -> None:
    """Shots stand apart, and the frame after a gap has none before it."""
    rows = [*rows_of("one", "abcde", missing="c"), *rows_of("two", "fgh")]
    sources = {name: Source(name, name) for name in "abdefh"}
    parts = list(find_segments(rows, sources))
    found = [(part.shot, "".join(f.source.name for f in part.frames)) for part in parts]
    assert found == [("one", "ab"), ("one", "de"), ("two", "f"), ("two", "h")]
    assert all(part.before is None for part in parts)


def test_long_shots_are_cut_and_keep_the_frame_before() -> None:
    """No step from frame to frame is lost, and none is judged twice."""
    sources = {f"{i}": Source(f"{i}", f"{i}") for i in range(2 * TOGETHER + 3)}
    rows = [row for i in sources for row in rows_of("s", [i])]  # type: ignore[arg-type]
    (part,) = list(find_segments(rows[:TOGETHER], sources))
    parts = list(cut("s", [part.frames[0]] * len(rows)))
    assert [len(one.frames) for one in parts] == [TOGETHER, TOGETHER, 3]
    first, second, third = find_segments(rows, sources)
    assert first.before is None
    assert second.before == first.frames[-1]
    assert third.before == second.frames[-1]
