"""Protocol `study`: reads the answers to a `jobs.report study` page and writes the judgement."""

import json
import posixpath
from collections.abc import Iterator, Sequence

from lineart.evaluation.request import StudyRequest
from lineart.evaluation.study import Judgement, judge_study, to_csv, to_json, to_markdown
from lineart.storage import Storage, read_file

STUDY = "study.json"


def judge_answers(request: StudyRequest) -> Judgement:
    """Compute the preference between the two sets of a study from its answers.

    Raises:
        ValueError: `study.json` is not a study, or no answers are valid.
        OSError: the study or its answers cannot be read.
    """
    data = Storage.at(request.study).read(STUDY)
    try:
        study = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{request.study}/{STUDY} is no JSON: {error}") from error
    if not isinstance(study, dict):
        raise ValueError(f"{request.study}/{STUDY} is no study")
    return judge_study(study, dict(read_answers(request.answers)))


def read_answers(answers: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each answers file; a folder yields all its JSON files.

    Args:
        answers: Addresses of `.json` files or folders; `study.json` is skipped in folders.

    Raises:
        OSError: a file or folder cannot be read.
    """
    for uri in answers:
        if posixpath.splitext(uri)[1].lower() == ".json":
            yield uri, read_file(uri)
            continue
        folder = Storage.at(uri)
        folder.check()
        for entry in folder.entries():
            if entry.path.lower().endswith(".json") and posixpath.basename(entry.path) != STUDY:
                # Participants download files of one name; each may lie in a folder of its own.
                name = entry.path if len(answers) == 1 else f"{uri.rstrip('/')}/{entry.path}"
                yield name, folder.read(entry.path)


def write_judgement(output: Storage, judgement: Judgement) -> str:
    """Write a judgement as JSON, CSV and Markdown; return the Markdown table.

    Raises:
        OSError: a file cannot be written.
    """
    table = to_markdown(judgement)
    output.write("summary.json", to_json(judgement).encode())
    output.write("answers.csv", to_csv(judgement).encode("utf-8", "replace"))
    output.write("table.md", table.encode("utf-8", "replace"))
    output.sweep()
    return table
