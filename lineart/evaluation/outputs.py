"""What an evaluation leaves: all scores, the tables, pictures, and the page."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lineart.codec import encode_png
from lineart.evaluation.contact_sheet import stack_rows
from lineart.evaluation.page import scores_page
from lineart.evaluation.run import EvaluationResult
from lineart.evaluation.tables import to_csv, to_markdown
from lineart.evaluation.types import EvaluationPlan
from lineart.storage import Storage

PAGE = "report.html"


def write_outputs(
    output: Storage, plan: EvaluationPlan, result: EvaluationResult, run: Mapping[str, Any]
) -> str:
    """Write everything; give the table to print.

    Args:
        output: Where to.
        plan: What was done.
        result: What came out.
        run: Machine, versions, commit and flags.

    Raises:
        OSError: it cannot be written.
    """
    table = to_markdown(result.summaries, plan.scores, plan.about, list_remarks(plan, result))
    told = {
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
    output.write("table.csv", to_csv(result.summaries).encode())
    output.write("table.md", table.encode("utf-8", "replace"))
    output.write("summary.json", json.dumps(told, indent=2).encode())
    for name, rows in result.sheets.items():
        output.write(f"sheet_{file_name(name)}.png", encode_png(stack_rows(rows)))
    output.write(PAGE, scores_page(plan, result, run).encode())
    output.sweep()
    return table


def list_remarks(plan: EvaluationPlan, result: EvaluationResult) -> list[str]:
    """Say in a line each what is missing, and what else a reader of the scores must know."""
    missing = (f"{name} is left out: {why}" for name, why in plan.missing.items())
    notes = (f"{note}{f' ({n} times)' if n > 1 else ''}" for note, n in result.notes.items())
    return [" ".join(line.split()) for line in (*missing, *notes)]


def file_name(name: str) -> str:
    """Give a name with nothing in it that a file's may not have."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "all"
