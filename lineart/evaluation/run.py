"""Run an evaluation plan, in this process or on Ray, and aggregate results as they arrive."""

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
"""Maximum number of units evaluated locally: starting Ray would take longer."""

FAILURES_LISTED = 1000

FEW_FOR_FID = 2048
"""Below this number of pictures the covariance of Inception's 2,048 features is singular."""


@dataclass
class EvaluationResult:
    """Result of an evaluation."""

    summaries: list[ScoreSummary] = field(default_factory=list)
    rows: bytes = b""
    """Scores of single pictures, as CSV."""
    num_units: int = 0
    num_judged: int = 0
    """Pictures with a score or a feature."""
    num_rows: int = 0
    num_failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Picture and reason of the first `FAILURES_LISTED` failures."""
    notes: Counter[str] = field(default_factory=Counter)
    """Note -> how often it was made."""
    sheets: dict[str, list[AnySize]] = field(default_factory=dict)
    """Name of a contact sheet -> its rows."""


def run_plan(
    plan: EvaluationPlan,
    executor: Executor,
    seed: int,
    tell: Callable[[EvaluationResult, int], None],
) -> EvaluationResult:
    """Evaluate all units and summarise; a unit that raises is recorded as a failure.

    Args:
        plan: Plan to run.
        executor: Evaluates the units; it must yield findings in their order.
        seed: Seed of intervals, reservoirs and subsets.
        tell: Called after each unit with the result so far and the number of all units.

    Raises:
        ValueError: no unit could be evaluated.
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
    """Evaluate a unit, repeatably, on one thread; return any exception as a failure."""
    use_one_thread()
    try:
        return judge(unit)
    except Exception as error:  # noqa: BLE001 - any error fails this unit alone
        return Finding(failures=[(unit.name, str(error) or repr(error))])


def count(result: EvaluationResult, finding: Finding) -> None:
    """Add counts, failures, notes and sheets of a finding to the result."""
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
    """Add a note for each Fréchet distance of too few pictures to compare with other data."""
    for name, kind in plan.distances.items():
        numbers = [s.scores[name].number for s in result.summaries if name in s.scores]
        if kind == "frechet" and min(numbers, default=FEW_FOR_FID) < FEW_FOR_FID:
            result.notes[
                f"{plan.scores[name].heading} of only {min(numbers):,} pictures: below "
                f"{FEW_FOR_FID:,} it is too high, and compares only ways on the same pictures"
            ] += 1


def warn_of_no_interval(per_picture: Sequence[str], result: EvaluationResult) -> None:
    """Add a note if a mean has no interval, with the reason."""
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
    """Yield an executor: local for up to `FEW_UNITS` units, else Ray, stopped after the block.

    Args:
        units: Number of units.
        workers: Maximum number of processes on Ray, and use Ray for few units, too; None for all
            CPUs of the cluster.
        wants_ray: Use Ray for few units, too.

    Raises:
        ConnectionError: the cluster at `RAY_ADDRESS` does not answer, or Ray fails in the block.
    """
    if units <= FEW_UNITS and not wants_ray and not workers:
        yield LocalExecutor(workers=1)
        return
    from lineart.cluster import start_ray, stop_ray

    clear_networks()
    try:
        with ray_errors():
            # Floating-point sums depend on the order of their terms.
            yield RayExecutor(start_ray(), workers=workers, is_ordered=True)
    finally:
        stop_ray()
