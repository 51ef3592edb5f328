"""Output files of an evaluation: scores, tables, summary, contact sheets and the HTML page."""

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
    """Write all files of an evaluation; return the Markdown table.

    Args:
        output: Folder for the files.
        plan: Plan that was run.
        result: Its result.
        run: Machine, versions, commit and flags.

    Raises:
        OSError: a file cannot be written.
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
    """Return one line for each missing score and for each note, with its count."""
    missing = (f"{name} is left out: {why}" for name, why in plan.missing.items())
    notes = (f"{note}{f' ({n} times)' if n > 1 else ''}" for note, n in result.notes.items())
    return [" ".join(line.split()) for line in (*missing, *notes)]


def file_name(name: str) -> str:
    """Return a name in lower case with `_` for all but letters, digits and `_`; "all" if empty."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "all"
