"""Command that evaluates weights, drawings, films or studies, and compares methods in one table.

lineart evaluate colors --images shards/validation --output scores
lineart evaluate regions --images pairs --output scores
lineart evaluate paper_001 --weights new=runs/new/weights default \
    --images shards/validation --output scores
lineart evaluate keys --sequences characters --output scores
lineart evaluate film --film episode/color --lines episode/lines --output scores
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import subcommand

from lineart.evaluation.request import (
    ClipScoreRequest,
    ColorsRequest,
    FidHintsRequest,
    FidNoHintsRequest,
    FilmRequest,
    KeysRequest,
    KidRequest,
    RegionsRequest,
    ScoredRequest,
    StudyRequest,
)
from lineart.jobs.command import DryRun, ProgressClock, parse, run_command, say

if TYPE_CHECKING:
    from lineart.evaluation.types import EvaluationResult
    from lineart.storage import Storage


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compute scores of pictures, drawings, films, and the methods that made them."""

    output: str
    """Folder or s3:// address for tables, summary.json, contact sheets and report.html."""
    request: (
        Annotated[ColorsRequest, subcommand("colors")]
        | Annotated[RegionsRequest, subcommand("regions")]
        | Annotated[ClipScoreRequest, subcommand("paper_000")]
        | Annotated[FidNoHintsRequest, subcommand("paper_001")]
        | Annotated[FidHintsRequest, subcommand("paper_002")]
        | Annotated[KidRequest, subcommand("paper_004")]
        | Annotated[FilmRequest, subcommand("film")]
        | Annotated[KeysRequest, subcommand("keys")]
        | Annotated[StudyRequest, subcommand("study")]
    )
    """Protocol."""
    dry_run: DryRun = False


def main(flags: Evaluate) -> int:
    """Run the command and return its exit status."""
    return run_command(
        "evaluate",
        flags,
        evaluate,
        if_stopped="stopped; nothing was written",
        is_timed=True,
        configuration=describe_flags,
    )


def describe_flags(flags: Evaluate) -> dict[str, Any]:
    """Return the flags, and the name of the protocol, for JSON."""
    return {"protocol": flags.request.protocol, **asdict(flags)}


def evaluate(flags: Evaluate) -> dict[str, Any]:
    """Evaluate, write scores and the page, and return counts."""
    from lineart.evaluation.inputs import check_output, make_absolute
    from lineart.storage import Storage

    output = Storage.at(flags.output)
    flags.request.check()
    request = make_absolute(flags.request)
    check_output(request, output)
    if isinstance(request, StudyRequest):
        counts = score_study(request, output)
    else:
        counts = score_pictures(request, output, describe_flags(replace(flags, request=request)))
    return counts | {"output": output.uri}


def score_study(request: StudyRequest, output: Storage) -> dict[str, Any]:
    """Evaluate the answers to a study; return counts, and raise as `evaluate`."""
    from lineart.evaluation.study import judge_answers, write_judgement

    judgement = judge_answers(request)
    for file, reason in judgement.refused:
        say("evaluate", f"{file} does not count: {reason}")
    print(write_judgement(output, judgement))
    answers = judgement.preferred.number
    return {"judged": answers, "failed": len(judgement.refused), "missing": []}


def score_pictures(
    request: ScoredRequest, output: Storage, flags: dict[str, Any]
) -> dict[str, Any]:
    """Score pictures or a film, locally or on Ray; return counts, and raise as `evaluate`."""
    from lineart.evaluation.protocols import open_plan
    from lineart.evaluation.run import list_remarks, run_plan, start_executor, write_outputs
    from lineart.runtime.environment import describe_environment

    plan = open_plan(request)
    wants_ray = "RAY_ADDRESS" in os.environ
    with start_executor(len(plan.units), request.ray_workers, wants_ray) as executor:
        result = run_plan(plan, executor, request.seed, make_printer())
    for remark in list_remarks(plan, result):
        say("evaluate", remark)
    print(write_outputs(output, plan, result, describe_environment() | {"flags": flags}))
    return {
        "judged": result.num_judged,
        "failed": result.num_failed,
        "missing": list(plan.missing),
        "scores": result.num_rows,
    }


def make_printer() -> Callable[[EvaluationResult, int], None]:
    """Return a function that prints progress every ten seconds, and at the end."""
    clock = ProgressClock()
    first_at: float | None = None

    def show(result: EvaluationResult, units: int) -> None:
        nonlocal first_at
        # The rate leaves out the first unit, before which processes start and load networks.
        first_at = first_at or time.monotonic()
        if not clock.is_due(result.num_units, units):
            return
        sentence = f"{result.num_units} of {units} judged, {result.num_failed} failed"
        if result.num_units > 1:
            sentence += f", {(time.monotonic() - first_at) / (result.num_units - 1):.2f} s each"
        print(sentence, file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main(parse(Evaluate, "evaluate")))
