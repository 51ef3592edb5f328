"""Implementation of `jobs.evaluate`: runs a protocol, locally or on Ray, and writes the results."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from jobs.evaluate import ALL_DONE, INTERRUPTED, SOME_FAILED, WRONG_INPUT, Evaluate
from jobs.work.machine import describe
from lineart.evaluation.inputs import make_absolute
from lineart.evaluation.protocols import STUDY, check, open_plan
from lineart.evaluation.run import list_remarks, run_plan, start_executor, write_outputs
from lineart.evaluation.study import judge_answers, write_judgement
from lineart.evaluation.types import EvaluationPlan, EvaluationResult
from lineart.storage import Storage


def work(flags: Evaluate) -> int:
    """Evaluate, write scores and the page, and return the exit status."""
    started = time.perf_counter()
    try:
        output = Storage.at(flags.output)
        check(flags.protocol, flags.request)
        check_workers(flags)
        flags = replace(flags, request=make_absolute(flags.request))
        told = score_study(flags, output) if flags.protocol == STUDY else score(flags, output)
    except (ValueError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("evaluate: stopped; nothing was written", file=sys.stderr)
        return INTERRUPTED
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps({**told, "seconds": seconds, "output": output.uri}))
    return SOME_FAILED if told["failed"] or told["missing"] else ALL_DONE


def check_workers(flags: Evaluate) -> None:
    """Validate `--workers`.

    Raises:
        ValueError: it is below 1, or the protocol is study, which uses no workers.
    """
    if flags.workers is not None and flags.workers < 1:
        raise ValueError(f"--workers {flags.workers} must be above 0")
    if flags.workers is not None and flags.protocol == STUDY:
        raise ValueError("--workers is not for study")


def score_study(flags: Evaluate, output: Storage) -> dict[str, Any]:
    """Evaluate the answers to a study; return counts, and raise as `judge_answers`."""
    judgement = judge_answers(flags.request)
    for file, reason in judgement.refused:
        print(f"evaluate: {file} does not count: {reason}", file=sys.stderr)
    print(write_judgement(output, judgement))
    answers = judgement.preferred.number
    return {"judged": answers, "failed": len(judgement.refused), "missing": []}


def score(flags: Evaluate, output: Storage) -> dict[str, Any]:
    """Score pictures or a film; return counts, and raise as `open_plan`, `run`, `write_outputs`."""
    plan = open_plan(flags.protocol, flags.request)
    result = run(flags, plan)
    for remark in list_remarks(plan, result):
        print(f"evaluate: {remark}", file=sys.stderr)
    print(write_outputs(output, plan, result, describe() | {"flags": asdict(flags)}))
    return {
        "judged": result.num_judged,
        "failed": result.num_failed,
        "missing": list(plan.missing),
        "scores": result.num_rows,
    }


def run(flags: Evaluate, plan: EvaluationPlan) -> EvaluationResult:
    """Run the plan, locally or on Ray; raise as `run_plan` and `start_executor`."""
    wants_ray = "RAY_ADDRESS" in os.environ
    with start_executor(len(plan.units), flags.workers, wants_ray) as executor:
        # Replaces Ray's handler, so that `ray job stop` ends a run as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        return run_plan(plan, executor, flags.request.seed, make_printer())


def make_printer() -> Callable[[EvaluationResult, int], None]:
    """Return a function that prints progress every ten seconds, and at the end."""
    printed_at = time.monotonic()
    first_at: float | None = None

    def tell(result: EvaluationResult, units: int) -> None:
        nonlocal printed_at, first_at
        now = time.monotonic()
        # The rate leaves out the first unit, before which processes start and load networks.
        first_at = now if first_at is None else first_at
        if now - printed_at < 10 and result.num_units < units:
            return
        printed_at = now
        told = f"{result.num_units} of {units} judged, {result.num_failed} failed"
        if result.num_units > 1:
            told += f", {(now - first_at) / (result.num_units - 1):.2f} s each"
        print(told, file=sys.stderr, flush=True)

    return tell


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
