"""Protocol `study`: answers to a page of `lineart.report.study`, checked, summed up and written."""

import json
import posixpath
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import pandas as pd

from lineart.evaluation.request import StudyRequest
from lineart.evaluation.statistics import Proportion
from lineart.report.study import FORMAT, KEY, compute_id
from lineart.storage import Storage, read_file

ANSWERS_FORMAT = "lineart answers 1"
MAX_BYTES = 16 * 2**20
"""Maximum size of one file of answers, far above real ones."""
FEW_PARTICIPANTS = 8
"""Below this number, the text says that the interval is wide."""
MAX_MS = 10**10
"""Maximum time of one answer in milliseconds: a page may stay open for months."""
PARTICIPANT = re.compile(r"[0-9a-f]{32}")


class StudyChoice(NamedTuple):
    """One answer: the preferred drawing of a pair."""

    participant: str
    pair: str
    name: str
    """Name of the two drawings."""
    side: str
    """Side of the preferred drawing: left or right."""
    preferred: str
    """Set of the preferred drawing: first or second."""
    seconds: float
    """Time of the answer."""


@dataclass(frozen=True)
class Participant:
    """Summary of one participant's answers."""

    participant: str
    file: str
    second: Proportion
    """Share of the answers that prefer the second set."""
    left: float
    """Share of the answers for the left side, 0..1; far from 0.5 suggests careless answers."""
    median_s: float
    """Median time of an answer in seconds."""


@dataclass(frozen=True)
class Judgement:
    """Result of a study."""

    first: str
    second: str
    question: str
    pairs: int
    """Number of pairs in the study."""
    preferred: Proportion
    """Mean over participants of the share of answers that prefer the second set."""
    participants: Sequence[Participant]
    choices: Sequence[StudyChoice]
    refused: Sequence[tuple[str, str]]
    """File, and the reason why its answers do not count."""
    superseded: Sequence[tuple[str, str]]
    """File, and the more complete or later file of the same participant that replaces it."""


class StudyAnswers(NamedTuple):
    """Content of one file of answers."""

    file: str
    ended: str
    """Time of the last answer in ISO 8601; empty if the study is not complete."""
    choices: Sequence[StudyChoice]


def judge_study(study: Mapping[str, Any], answers: Mapping[str, bytes]) -> Judgement:
    """Compute how often the second set was preferred.

    For one participant the interval is Wilson's over the answers. For several it is over
    participants, because answers of one person are correlated: see `Proportion.among`. Of several
    files of one participant, the one with most answers counts; of equal ones, the last to end.

    Args:
        study: Content of `study.json`.
        answers: File name -> bytes of the answers that a participant downloaded, complete or not.

    Raises:
        ValueError: `study` is not a study, or no valid answers are left; the message names files
            and reasons.
    """
    pairs = _read_pairs(study)
    found: dict[str, list[StudyAnswers]] = {}
    refused = []
    for file, data in answers.items():
        try:
            one = _read_answers(study["id"], pairs, file, data)
        except ValueError as error:
            refused.append((file, str(error)))
            continue
        found.setdefault(one.choices[0].participant, []).append(one)
    if not found:
        reasons = "; ".join(f"{file}: {why}" for file, why in refused) or "none were given"
        raise ValueError(f"there are no answers to the study {study['id']}: {reasons}")
    counted = [
        max(files, key=lambda one: (len(one.choices), one.ended)) for files in found.values()
    ]
    participants = [_sum_up(one) for one in counted]
    return Judgement(
        study["first"],
        study["second"],
        study["question"],
        len(pairs),
        Proportion.among([one.second for one in participants]),
        participants,
        [choice for one in counted for choice in one.choices],
        refused,
        [
            (one.file, best.file)
            for best, files in zip(counted, found.values(), strict=True)
            for one in files
            if one is not best
        ],
    )


def _sum_up(answers: StudyAnswers) -> Participant:
    choices = answers.choices
    seconds = sum(choice.preferred == "second" for choice in choices)
    return Participant(
        choices[0].participant,
        answers.file,
        Proportion.of(seconds, len(choices)),
        sum(choice.side == "left" for choice in choices) / len(choices),
        statistics.median(choice.seconds for choice in choices),
    )


def _read_pairs(study: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the pairs of a study by id.

    Raises:
        ValueError: `study` is not a study, or its id shows that it was edited.
    """
    if study.get("format") != FORMAT:
        raise ValueError("this is no study; give the study.json that lineart report study wrote")
    content = {name: value for name, value in study.items() if name != "id"}
    if study.get("id") != compute_id(content):
        raise ValueError("the study was changed after it was written: its id is of something else")
    return {pair["id"]: pair for pair in study["pairs"]}


def _read_answers(
    study_id: str, pairs: Mapping[str, Mapping[str, Any]], file: str, data: bytes
) -> StudyAnswers:
    """Parse and validate one file of answers.

    Raises:
        ValueError: it does not hold valid answers to this study.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are too many; {MAX_BYTES} are the most")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != ANSWERS_FORMAT:
        raise ValueError("these are no answers to a study")
    if content.get("study") != study_id:
        raise ValueError(f"these are answers to the study {content.get('study')!r:.40}")
    participant, answers = content.get("participant"), content.get("answers")
    if not isinstance(participant, str) or not PARTICIPANT.fullmatch(participant):
        raise ValueError("they do not say whose they are")
    if not isinstance(answers, list) or not answers:
        raise ValueError("nothing was answered")
    choices = [_read_choice(participant, pairs, answer) for answer in answers]
    if len({choice.pair for choice in choices}) < len(choices):
        raise ValueError("a pair is answered twice")
    ended = content.get("ended")
    return StudyAnswers(file, ended if isinstance(ended, str) else "", choices)


def _read_choice(
    participant: str, pairs: Mapping[str, Mapping[str, Any]], answer: Any
) -> StudyChoice:
    """Parse one answer; chosen side and chosen picture must agree."""
    if not isinstance(answer, dict) or not isinstance(answer.get("pair"), str):
        raise ValueError("an answer is not of this page")
    if answer["pair"] not in pairs:
        raise ValueError(f"the study has no pair {answer['pair']!r:.40}")
    pair, side, left = pairs[answer["pair"]], answer.get("chosen"), answer.get("left")
    if side not in ("left", "right") or left not in ("a", "b"):
        raise ValueError(f"the sides of the pair {pair['id']} make no sense")
    picture = left if side == "left" else {"a": "b", "b": "a"}[left]
    if answer.get("picture") != picture:
        raise ValueError(f"the sides of the pair {pair['id']} were changed: they contradict")
    milliseconds: Any = answer.get("ms")
    is_number = isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool)
    if not is_number or not 0 <= milliseconds <= MAX_MS:
        raise ValueError(f"the time of the pair {pair['id']} makes no sense")
    is_first = (pair["a"] == "first") == (picture == "a")
    preferred = "first" if is_first else "second"
    return StudyChoice(participant, pair["id"], pair["name"], side, preferred, milliseconds / 1000)


# Output formats.


def to_json(judgement: Judgement) -> str:
    """Return the judgement without the single answers as JSON."""
    summary = {name: value for name, value in asdict(judgement).items() if name != "choices"}
    return json.dumps(summary | {"method": _method(judgement)}, indent=2)


def to_csv(judgement: Judgement) -> str:
    """Return CSV with a row for each answer."""
    text: str = pd.DataFrame(judgement.choices, dtype=object).to_csv(
        index=False, lineterminator="\n"
    )
    return text


def to_markdown(judgement: Judgement) -> str:
    """Return Markdown: the result over all participants, then a table with a row for each."""
    lines = [
        f"# {judgement.question}",
        "",
        f"`{judgement.second}` was preferred to `{judgement.first}` in "
        f"{_percent(judgement.preferred)} of a participant's answers on average; there are "
        f"{judgement.preferred.number} answers. "
        f"{_method(judgement)}",
        "",
        "| participant | answers | second preferred | left chosen | seconds an answer |",
        "|---|---|---|---|---|",
        *(
            f"| {one.participant[:8]} | {one.second.number} of {judgement.pairs} "
            f"| {_percent(one.second)} | {100 * one.left:.0f} % | {one.median_s:.1f} |"
            for one in judgement.participants
        ),
        *([""] if judgement.refused or judgement.superseded else []),
        *(f"Refused: {file}: {why}." for file, why in judgement.refused),
        *(
            f"Superseded: {file}: its participant's answers are counted from {counted}."
            for file, counted in judgement.superseded
        ),
    ]
    return "\n".join(lines) + "\n"


def _percent(share: Proportion) -> str:
    return f"{100 * share.share:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _method(judgement: Judgement) -> str:
    people = len(judgement.participants)
    if people == 1:
        return "One participant; 95 % interval by Wilson: of this person, not of people."
    rough = "; so few make it wide" if people < FEW_PARTICIPANTS else ""
    return (
        f"Mean of {people} participants' shares; 95 % interval over people by Student's t, and "
        f"never narrower than Wilson's of {people} answers{rough}."
    )


# Reading and writing files.


def judge_answers(request: StudyRequest) -> Judgement:
    """Compute the preference between the two sets of a study from its answers.

    Raises:
        ValueError: `study.json` is not a study, or no answers are valid.
        OSError: the study or its answers cannot be read.
    """
    data = Storage.at(request.study).read(KEY)
    try:
        study = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{request.study}/{KEY} is no JSON: {error}") from error
    if not isinstance(study, dict):
        raise ValueError(f"{request.study}/{KEY} is no study")
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
            if entry.path.lower().endswith(".json") and posixpath.basename(entry.path) != KEY:
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
