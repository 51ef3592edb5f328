"""Run an evaluation plan, in this process or on Ray, and write its results."""

import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from lineart.codec import encode_png
from lineart.evaluation.distances import Distances
from lineart.evaluation.page import scores_page, stack_rows
from lineart.evaluation.statistics import MIN_GROUPS
from lineart.evaluation.tables import explain, rows_to_csv, summarize, to_csv, to_frame, to_markdown
from lineart.evaluation.types import EvaluationPlan, EvaluationResult, Finding, ScoreRow
from lineart.runtime.device import use_one_thread
from lineart.runtime.executor import Executor, LocalExecutor, RayExecutor, ray_errors
from lineart.storage import Storage

FEW_UNITS = 16
"""Maximum number of units evaluated locally: starting Ray would take longer."""

FAILURES_LISTED = 1000

FEW_FOR_FID = 2048
"""Below this number of pictures the covariance of Inception's 2,048 features is singular."""


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
    from lineart.runtime.cluster import start_ray, stop_ray

    try:
        with ray_errors():
            # Floating-point sums depend on the order of their terms.
            yield RayExecutor(start_ray(), workers=workers, is_ordered=True)
    finally:
        stop_ray()


def run_plan(
    plan: EvaluationPlan,
    executor: Executor,
    seed: int,
    on_progress: Callable[[EvaluationResult, int], None],
) -> EvaluationResult:
    """Evaluate all units and summarise; a unit that raises is recorded as a failure.

    Args:
        plan: Plan to run.
        executor: Evaluates the units; it must yield findings in their order.
        seed: Seed of intervals, random choices and subsets.
        on_progress: Called after each unit with the result so far and the number of all units.

    Raises:
        ValueError: no unit could be evaluated.
    """
    if plan.session is not None and not isinstance(executor, LocalExecutor):
        plan.session.close()
    result = EvaluationResult()
    rows: list[ScoreRow] = []
    judged: list[Any] = []
    per_picture = [name for name in plan.scores if name not in plan.distances]
    with tempfile.TemporaryFile() as file:
        distances = Distances(plan.distances, seed, file)
        evaluate = partial(evaluate_unit, plan.evaluate)
        for _, finding in executor.map(evaluate, plan.units, uses_network=plan.uses_network):
            rows += finding.rows
            judged += finding.judged
            distances.add(finding.features)
            count(result, finding)
            on_progress(result, len(plan.units))
        if not result.num_judged:
            raise ValueError("nothing could be judged: {}: {}".format(*result.failures[0]))
        frame = to_frame(rows, per_picture)
        result.rows = rows_to_csv(frame)
        result.summaries = summarize(frame, distances.results(), plan.scores, plan.ours, seed)
    if plan.pooled is not None:
        result.summaries += plan.pooled(judged, seed)
    if plan.charts is not None:
        result.charts = plan.charts(judged)
    result.notes.update(plan.notes)
    result.notes.update(distances.too_small)
    note_few_for_fid(plan, result)
    note_no_interval(per_picture, result)
    return result


def evaluate_unit(evaluate: Callable[[Any], Finding], unit: Any) -> Finding:
    """Evaluate a unit, repeatably, on one thread; return any exception as a failure."""
    use_one_thread()
    try:
        finding = evaluate(unit)
        for row in finding.rows:
            for name, value in row.values.items():
                if not math.isfinite(value):
                    raise ValueError(f"{name} of {row.method} is {value}")
    except Exception as error:  # noqa: BLE001 - any error fails this unit alone
        return Finding(failures=[(unit.name, str(error) or repr(error))])
    return finding


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


def note_few_for_fid(plan: EvaluationPlan, result: EvaluationResult) -> None:
    """Add a note for each Fréchet distance of too few pictures to compare with other data."""
    for name, kind in plan.distances.items():
        numbers = [s.scores[name].number for s in result.summaries if name in s.scores]
        if kind == "frechet" and min(numbers, default=FEW_FOR_FID) < FEW_FOR_FID:
            result.notes[
                f"{plan.scores[name].heading} of only {min(numbers):,} pictures: below "
                f"{FEW_FOR_FID:,} it is too high, and compares only methods on the same pictures"
            ] += 1


def note_no_interval(per_picture: Sequence[str], result: EvaluationResult) -> None:
    """Add a note if a mean has no interval, with the reason."""
    estimates = (
        s.scores[name] for s in result.summaries for name in per_picture if name in s.scores
    )
    if any(estimate.low is None for estimate in estimates):
        result.notes[
            f"means of fewer than {MIN_GROUPS} pictures, or groups of them (in a film: shots), "
            "have no interval: it would be their least and greatest"
        ] += 1


# Output files.


def write_outputs(
    output: Storage, plan: EvaluationPlan, result: EvaluationResult, run: Mapping[str, Any]
) -> str:
    """Write scores, tables, summary, contact sheets and the page; return the Markdown table.

    Args:
        output: Folder for the files.
        plan: Plan that was run.
        result: Its result.
        run: Machine, versions, commit and flags.

    Raises:
        OSError: a file cannot be written.
    """
    table = to_markdown(
        result.summaries,
        plan.scores,
        explain(plan, result.summaries),
        list_remarks(plan, result),
        hints_heading=plan.hints_heading,
    )
    summary = {
        **run,
        "ours": plan.ours,
        **plan.facts,
        "scores": {name: asdict(score) for name, score in plan.scores.items()},
        "missing": dict(plan.missing),
        "notes": dict(result.notes),
        "num_failed": result.num_failed,
        "failures": [{"picture": name, "message": why} for name, why in result.failures],
        "summaries": [asdict(one) for one in result.summaries],
    }
    output.write("scores.csv", result.rows)
    flat = to_csv(result.summaries, hints_heading=plan.hints_heading)
    output.write("table.csv", flat.encode())
    output.write("table.md", table.encode("utf-8", "replace"))
    output.write("summary.json", json.dumps(summary, indent=2).encode())
    for name, rows in result.sheets.items():
        output.write(f"sheet_{file_name(name)}.png", encode_png(stack_rows(rows)))
    output.write("report.html", scores_page(plan, result, run).encode())
    output.sweep()
    return table


def list_remarks(plan: EvaluationPlan, result: EvaluationResult) -> list[str]:
    """Return one line for each missing score and for each note, with its count."""
    missing = (f"{name} is left out: {why}" for name, why in plan.missing.items())
    notes = (f"{note}{f' ({n} times)' if n > 1 else ''}" for note, n in result.notes.items())
    return [" ".join(line.split()) for line in (*missing, *notes)]


def file_name(name: str) -> str:
    """Return a name in lower case with `_` for all but letters, digits and `_`; "all" if empty."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "all"
