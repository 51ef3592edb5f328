"""A plan of `jobs.evaluate`, carried out here or on Ray, and what it leaves."""

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
from lineart.evaluation.answers import judge_answers, write_judgement
from lineart.evaluation.outputs import list_remarks, write_outputs
from lineart.evaluation.protocols import STUDY, check, open_plan
from lineart.evaluation.run import EvaluationResult, run_plan, start_executor
from lineart.evaluation.types import EvaluationPlan
from lineart.evaluation.uris import make_absolute
from lineart.storage import Storage


def work(flags: Evaluate) -> int:
    """Judge, and leave scores and a page; give the exit status."""
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
    """Refuse what cannot be meant.

    Raises:
        ValueError: there are no workers, or nothing for them to do.
    """
    if flags.workers is not None and flags.workers < 1:
        raise ValueError(f"--workers {flags.workers} must be above 0")
    if flags.workers is not None and flags.protocol == STUDY:
        raise ValueError("--workers is not for study")


def score_study(flags: Evaluate, output: Storage) -> dict[str, Any]:
    """Judge the answers to a study; raises as `judge_answers`."""
    judgement = judge_answers(flags.request)
    for file, reason in judgement.refused:
        print(f"evaluate: {file} does not count: {reason}", file=sys.stderr)
    print(write_judgement(output, judgement))
    answers = judgement.preferred.number
    return {"judged": answers, "failed": len(judgement.refused), "missing": []}


def score(flags: Evaluate, output: Storage) -> dict[str, Any]:
    """Score pictures or a film; raises as `open_plan`, `run` and `write_outputs`."""
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
    """Carry the plan out, here or on Ray; raises as `run_plan` and `start_executor`."""
    wants_ray = "RAY_ADDRESS" in os.environ
    with start_executor(len(plan.units), flags.workers, wants_ray) as executor:
        # Ray has a handler of its own; `ray job stop` must end a run as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        return run_plan(plan, executor, flags.request.seed, make_printer())


def make_printer() -> Callable[[EvaluationResult, int], None]:
    """Give a function that prints progress every ten seconds, and at the end."""
    printed_at = time.monotonic()
    first_at: float | None = None

    def tell(result: EvaluationResult, units: int) -> None:
        nonlocal printed_at, first_at
        now = time.monotonic()
        # Before the first, processes start and open networks.
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
