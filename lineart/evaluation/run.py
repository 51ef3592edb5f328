"""Carry out a plan: judge unit by unit, here or on Ray, and keep no more than the tables need."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lineart.device import use_one_thread
from lineart.evaluation.distances import Distances
from lineart.evaluation.methods import clear_networks
from lineart.evaluation.statistics import FEWEST_GROUPS
from lineart.evaluation.tables import RowsFile, ScoreSummaries, ScoreSummary
from lineart.evaluation.types import AnySize, EvaluationPlan, Finding
from lineart.executor import Executor, LocalExecutor, RayExecutor, ray_errors

FEW_UNITS = 16
"""Up to so many, starting Ray takes longer than the work."""

FAILURES_LISTED = 1000

FEW_FOR_FID = 2048
"""Fewer pictures than features: the covariance of Inception's 2,048 has no full rank."""


@dataclass
class EvaluationResult:
    """What came out."""

    summaries: list[ScoreSummary] = field(default_factory=list)
    rows: bytes = b""
    """All single scores, as CSV."""
    num_units: int = 0
    num_judged: int = 0
    """Pictures of which there is a score or a feature."""
    num_rows: int = 0
    num_failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """The first of them: picture, and why."""
    notes: Counter[str] = field(default_factory=Counter)
    sheets: dict[str, list[AnySize]] = field(default_factory=dict)


def run_plan(
    plan: EvaluationPlan,
    executor: Executor,
    seed: int,
    tell: Callable[[EvaluationResult, int], None],
) -> EvaluationResult:
    """Judge all units; one that cannot be judged is a failure among others.

    Args:
        plan: What to do.
        executor: Must yield findings in the order of the units.
        seed: Decides the intervals.
        tell: Is told after each unit how far it is, and of how many.

    Raises:
        ValueError: nothing could be judged.
    """
    result = EvaluationResult()
    summaries = ScoreSummaries(plan.scores, plan.ours, seed)
    distances = Distances(plan.distances, seed)
    per_picture = [name for name in plan.scores if name not in plan.distances]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stream:
        rows = RowsFile(stream, per_picture)
        judge = partial(judge_unit, plan.judge)
        findings = executor.map(judge, plan.units, uses_network=plan.uses_network)
        for _, finding in findings:
            summaries.add(finding.rows)
            distances.add(finding.features)
            rows.add(finding.rows)
            count(result, finding)
            tell(result, len(plan.units))
        stream.seek(0)
        result.rows = stream.read().encode()
    if not result.num_judged:
        raise ValueError("nothing could be judged: {}: {}".format(*result.failures[0]))
    result.summaries = summaries.finish(distances.results())
    result.notes.update(distances.too_small)
    warn_of_few(plan, result)
    warn_of_no_interval(per_picture, result)
    return result


def judge_unit(judge: Callable[[Any], Finding], unit: Any) -> Finding:
    """Judge a unit; what is wrong with it is a finding, too. Twice the same gives the same."""
    use_one_thread()
    try:
        return judge(unit)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a unit is its own failure
        return Finding(failures=[(unit.name, str(error) or repr(error))])


def count(result: EvaluationResult, finding: Finding) -> None:
    """Take what is neither row nor feature."""
    result.num_units += 1
    pictures = {row.picture for row in finding.rows}
    result.num_judged += len(pictures) or bool(finding.features)
    result.num_rows += len(finding.rows)
    result.num_failed += len(finding.failures)
    result.failures += finding.failures[: FAILURES_LISTED - len(result.failures)]
    result.notes.update(finding.notes)
    for name, row in finding.sheets.items():
        result.sheets.setdefault(name, []).append(row)


def warn_of_few(plan: EvaluationPlan, result: EvaluationResult) -> None:
    """Note where a Fréchet distance has too few pictures to be compared with others."""
    for name, kind in plan.distances.items():
        numbers = [s.scores[name].number for s in result.summaries if name in s.scores]
        if kind == "frechet" and min(numbers, default=FEW_FOR_FID) < FEW_FOR_FID:
            result.notes[
                f"{plan.scores[name].heading} of only {min(numbers):,} pictures: below "
                f"{FEW_FOR_FID:,} it is too high, and compares only ways on the same pictures"
            ] += 1


def warn_of_no_interval(per_picture: Sequence[str], result: EvaluationResult) -> None:
    """Note why means have no interval, where any has none."""
    estimates = (
        s.scores[name] for s in result.summaries for name in per_picture if name in s.scores
    )
    if any(estimate.low is None for estimate in estimates):
        result.notes[
            f"means of fewer than {FEWEST_GROUPS} pictures, or groups of them (in a film: shots), "
            "have no interval: it would be their least and greatest"
        ] += 1


@contextmanager
def start_executor(units: int, workers: int | None, wants_ray: bool) -> Iterator[Executor]:
    """Start what judges: this process for a few units, else Ray, which stops with the block.

    Args:
        units: How many there are.
        workers: Most processes on Ray; None for what the cluster has.
        wants_ray: Use Ray for a few units, too.

    Raises:
        ConnectionError: the cluster of `RAY_ADDRESS` does not answer, or Ray cannot go on.
    """
    if units <= FEW_UNITS and not wants_ray and not workers:
        yield LocalExecutor(workers=1)
        return
    from lineart.cluster import start_ray, stop_ray

    clear_networks()
    try:
        with ray_errors():
            # Sums depend on the order in which numbers are added.
            yield RayExecutor(start_ray(), workers=workers, is_ordered=True)
    finally:
        stop_ray()
