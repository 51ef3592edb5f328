"""Protocol `study`: which drawings people preferred; the answers to `jobs.report --study`."""

import json
import posixpath
from collections.abc import Iterator

from lineart.evaluation.request import Request, split
from lineart.evaluation.study import Judgement, judge_study, to_csv, to_json, to_markdown
from lineart.storage import Storage, read_file

STUDY = "study.json"


def judge_answers(request: Request) -> Judgement:
    """Judge the answers to a study.

    Raises:
        ValueError: nothing was answered, or what is there is no study.
        OSError: the study or its answers are not there.
    """
    if request.answers is None:
        raise ValueError("study needs --answers, the files that participants downloaded")
    (uri,) = request.places
    data = Storage.at(uri).read(STUDY)
    try:
        study = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{uri}/{STUDY} is no JSON: {error}") from error
    if not isinstance(study, dict):
        raise ValueError(f"{uri}/{STUDY} is no study")
    return judge_study(study, dict(read_answers(request.answers)))


def read_answers(answers: str) -> Iterator[tuple[str, bytes]]:
    """Read files of answers, and all JSON files of folders.

    Raises:
        OSError: one is not there.
    """
    uris = split(answers)
    for uri in uris:
        if posixpath.splitext(uri)[1].lower() == ".json":
            yield uri, read_file(uri)
            continue
        folder = Storage.at(uri)
        folder.check()
        for entry in folder.entries():
            if entry.path.lower().endswith(".json") and posixpath.basename(entry.path) != STUDY:
                # Participants download files of one name; each may lie in a folder of its own.
                name = entry.path if len(uris) == 1 else f"{uri.rstrip('/')}/{entry.path}"
                yield name, folder.read(entry.path)


def write_judgement(output: Storage, judgement: Judgement) -> str:
    """Write what people preferred; give the table to print.

    Raises:
        OSError: it cannot be written.
    """
    table = to_markdown(judgement)
    output.write("summary.json", to_json(judgement).encode())
    output.write("answers.csv", to_csv(judgement).encode("utf-8", "replace"))
    output.write("table.md", table.encode("utf-8", "replace"))
    output.sweep()
    return table
