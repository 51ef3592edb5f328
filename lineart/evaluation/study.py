"""Which of two sets of drawings people prefer: the answers to a page of `lineart.report.study`."""

import csv
import hashlib
import io
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from lineart.evaluation.proportions import Proportion

FORMAT, ANSWERS_FORMAT = "lineart study 1", "lineart answers 1"
MOST_BYTES = 16 * 2**20
"""Of one participant's answers: there are far fewer."""
FEW_PARTICIPANTS = 8
MOST_MS = 10**10
"""For one answer: a page may stay open for months."""
PARTICIPANT = re.compile(r"[0-9a-f]{32}")


class StudyChoice(NamedTuple):
    """One answer: which drawing of a pair someone preferred."""

    participant: str
    pair: str
    name: str
    """Of the two drawings."""
    side: str
    """Where the preferred one was: left or right."""
    preferred: str
    """The set that it is of: first or second."""
    seconds: float


@dataclass(frozen=True)
class Participant:
    """What one person preferred."""

    participant: str
    file: str
    second: Proportion
    left: float
    """Share of the answers that were for the left side: far from a half, nobody looked."""
    median_s: float
    """Seconds for an answer."""


@dataclass(frozen=True)
class Judgement:
    """What a study says."""

    first: str
    second: str
    question: str
    pairs: int
    """Of the study."""
    preferred: Proportion
    """How often the second set was preferred, in the mean of all participants."""
    participants: Sequence[Participant]
    choices: Sequence[StudyChoice]
    refused: Sequence[tuple[str, str]]
    """File, and why its answers do not count."""
    superseded: Sequence[tuple[str, str]]
    """File, and the fuller or later one of the same participant that counts in its place."""


class StudyAnswers(NamedTuple):
    """What one file holds."""

    file: str
    ended: str
    """When, as ISO 8601 writes it; empty before the last pair is answered."""
    choices: Sequence[StudyChoice]


def judge_study(study: Mapping[str, Any], answers: Mapping[str, bytes]) -> Judgement:
    """Say how often the second set was preferred.

    For one participant the interval is Wilson's over the answers; with several it is over people,
    since answers of one person are alike: see `Proportion.among`. Of several files of one
    participant the fullest counts, then the one that ended last.

    Args:
        study: What `study.json` holds.
        answers: By file: the answers that a participant downloaded, complete or not.

    Raises:
        ValueError: the study is none, or no answers are left; the message names files and reasons.
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
    """Give the pairs of a study by their ids.

    Raises:
        ValueError: it is no study, or was changed after it was written.
    """
    if study.get("format") != FORMAT:
        raise ValueError("this is no study; give the study.json that jobs.report --study wrote")
    told = {name: value for name, value in study.items() if name != "id"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    if study.get("id") != digest[:16]:
        raise ValueError("the study was changed after it was written: its id is of something else")
    return {pair["id"]: pair for pair in study["pairs"]}


def _read_answers(
    study_id: str, pairs: Mapping[str, Mapping[str, Any]], file: str, data: bytes
) -> StudyAnswers:
    """Read a participant's answers.

    Raises:
        ValueError: they are not answers to this study.
    """
    told = _parse(data)
    if told.get("format") != ANSWERS_FORMAT:
        raise ValueError("these are no answers to a study")
    if told.get("study") != study_id:
        raise ValueError(f"these are answers to the study {told.get('study')!r:.40}")
    participant, answers = told.get("participant"), told.get("answers")
    if not isinstance(participant, str) or not PARTICIPANT.fullmatch(participant):
        raise ValueError("they do not say whose they are")
    if not isinstance(answers, list) or not answers:
        raise ValueError("nothing was answered")
    choices = [_read_choice(participant, pairs, answer) for answer in answers]
    if len({choice.pair for choice in choices}) < len(choices):
        raise ValueError("a pair is answered twice")
    ended = told.get("ended")
    return StudyAnswers(file, ended if isinstance(ended, str) else "", choices)


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise ValueError(f"{len(data)} bytes are too many; {MOST_BYTES} are the most")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ValueError("these are no answers to a study")
    return told


def _read_choice(
    participant: str, pairs: Mapping[str, Mapping[str, Any]], answer: Any
) -> StudyChoice:
    """Read one answer; what it says twice must agree."""
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
    if not is_number or not 0 <= milliseconds <= MOST_MS:
        raise ValueError(f"the time of the pair {pair['id']} makes no sense")
    is_first = (pair["a"] == "first") == (picture == "a")
    preferred = "first" if is_first else "second"
    return StudyChoice(participant, pair["id"], pair["name"], side, preferred, milliseconds / 1000)


# To read.


def to_json(judgement: Judgement) -> str:
    """Give all but the single answers as JSON."""
    told = {name: value for name, value in asdict(judgement).items() if name != "choices"}
    return json.dumps(told | {"method": _method(judgement)}, indent=2)


def to_csv(judgement: Judgement) -> str:
    """Give a row for each answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(StudyChoice._fields)
    writer.writerows(judgement.choices)
    return text.getvalue()


def to_markdown(judgement: Judgement) -> str:
    """Give a table: all participants together, then each."""
    lines = [
        f"# {judgement.question}",
        "",
        f"`{judgement.second}` was preferred to `{judgement.first}` in "
        f"{_percent(judgement.preferred)} of {judgement.preferred.number} answers. "
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
