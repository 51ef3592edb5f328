"""Answers to a study: what they say, how sure that is, and which do not count."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lineart.evaluation.statistics import Proportion
from lineart.evaluation.study import judge_study, to_csv, to_json, to_markdown

PAIRS = 12


def make_study(num_pairs: int = PAIRS) -> dict[str, Any]:
    """Make the key of a study; in every other pair the first set's drawing is `a`."""
    pairs = [
        {"id": f"{number:012x}", "name": f"p{number}", "a": "second" if number % 2 else "first"}
        for number in range(num_pairs)
    ]
    told = {
        "format": "lineart study 1", "question": "Which?", "first": "old", "second": "new",
        "pairs": pairs,
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {"id": digest[:16], **told}


STUDY = make_study()


def answer(
    preferred: Sequence[str], participant: int = 1, lefts: str = "ab" * PAIRS
) -> dict[str, Any]:
    """Answer the pairs in order: which set is preferred, and which picture stands on the left."""
    answers = []
    for number, (pair, which) in enumerate(zip(STUDY["pairs"], preferred, strict=False)):
        picture = "a" if pair["a"] == which else "b"
        left = lefts[number]
        side = "left" if picture == left else "right"
        answers.append(
            {"pair": pair["id"], "left": left, "chosen": side, "picture": picture, "ms": 2000}
        )
    return {
        "format": "lineart answers 1", "study": STUDY["id"], "participant": f"{participant:032x}",
        "started": "2026-01-01T00:00:00Z", "ended": None, "answers": answers,
    }  # fmt: skip


def packed(answers: dict[str, Any]) -> bytes:
    """Pack answers as the page does."""
    return json.dumps(answers).encode()


@pytest.mark.parametrize(
    ("preferred", "number", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval(preferred: int, number: int, low: float, high: float) -> None:
    """The interval is Wilson's: values of Newcombe, Statistics in Medicine 17, 1998."""
    share = Proportion.of(preferred, number)
    assert share.share == preferred / number
    assert (share.low, share.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("lefts", ["a" * PAIRS, "b" * PAIRS, "abba" * PAIRS])
def test_what_one_participant_prefers(lefts: str) -> None:
    """The set is found whatever side and letter its drawing had; the interval is Wilson's."""
    preferred = ["second"] * 9 + ["first"] * 3
    judged = judge_study(STUDY, {"a.json": packed(answer(preferred, lefts=lefts))})
    assert judged.preferred == Proportion.of(9, 12)
    assert [choice.preferred for choice in judged.choices] == preferred
    (participant,) = judged.participants
    assert (participant.file, participant.median_s) == ("a.json", 2.0)
    sides = [choice.side for choice in judged.choices]
    assert participant.left == sides.count("left") / 12


def test_people_are_what_is_sampled() -> None:
    """People who disagree have Student's interval over people; those who agree are so many."""
    files = {
        f"{number}.json": packed(answer(["second" if number % 2 else "first"] * PAIRS, number + 1))
        for number in range(10)
    }
    judged = judge_study(STUDY, files)
    # Shares 0 and 1, five of each: s^2 = 10/36, and t of 9 degrees of freedom is 2.262.
    reach = 2.2622 * np.sqrt(10 / 36 / 10)
    found = judged.preferred
    assert (found.share, found.number) == (0.5, 120)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-4)
    same = {f"{n}.json": packed(answer(["second"] * PAIRS, n + 1)) for n in range(3)}
    three = Proportion.of(3, 3)
    assert judge_study(STUDY, same).preferred == Proportion(1.0, three.low, three.high, 36)
    assert "of 3 answers; so few make it wide" in to_markdown(judge_study(STUDY, same))


def test_each_person_counts_alike() -> None:
    """Whoever answers more does not weigh more."""
    files = {"a.json": packed(answer(["second"] * PAIRS)), "b.json": packed(answer(["first"], 2))}
    assert judge_study(STUDY, files).preferred.share == 0.5


@pytest.mark.parametrize("people", [2, 3, 5, 8])
def test_the_interval_covers(people: int) -> None:
    """Of studies with people who differ, 40 answers each, 93 % and more cover the true share."""
    random = np.random.default_rng(people)
    for first, second in ((3, 3), (6, 2), (0.5, 0.5)):
        counts = random.binomial(40, random.beta(first, second, (400, people)))
        found = [
            Proportion.among([Proportion.of(count, 40) for count in study])
            for study in counts.tolist()
        ]
        truth = first / (first + second)
        assert np.mean([share.low <= truth <= share.high for share in found]) >= 0.93


def change(path: str, value: Any) -> bytes:
    """Give good answers with one value changed."""
    told = answer(["first"] * PAIRS)
    *way, last = path.split(".")
    where: Any = told
    for step in way:
        where = where[int(step) if step.isdigit() else step]
    where[last] = value
    return packed(told)


HOSTILE = {
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe\x00{",
    "these are no answers": b"[1]",
    "no answers to a study": change("format", "x"),
    "answers to the study 'ffff'": change("study", "ffff"),
    "whose they are": change("participant", "../x"),
    "nothing was answered": change("answers", []),
    "not of this page": change("answers", [7]),
    "no pair 'zzz'": change("answers.3.pair", "zzz"),
    "make no sense": change("answers.3.left", "c"),
    "contradict": change("answers.3.left", "a"),
    "were changed": change("answers.3.chosen", "right"),
    "a pair is answered twice": change("answers.3.pair", "00000000000b"),
    "the time": change("answers.0.ms", -1),
    "time of the pair": change("answers.0.ms", float("nan")),
    "makes no sense": change("answers.0.ms", 10**400),
    "000000000000 makes": change("answers.0.ms", True),
    "too many": b" " * (2**24 + 1),
    "is no JSON": b"[" * 10**6,
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_what_does_not_count(reason: str) -> None:
    """Answers that are not from the page are refused by file and reason; the others count."""
    files = {"good.json": packed(answer(["second"] * PAIRS, 2)), "bad.json": HOSTILE[reason]}
    judged = judge_study(STUDY, files)
    ((file, why),) = judged.refused
    assert file == "bad.json"
    if reason != "not UTF-8":
        assert reason in why
    assert judged.preferred.number == PAIRS
    with pytest.raises(ValueError, match=r"bad\.json"):
        judge_study(STUDY, {"bad.json": HOSTILE[reason]})


def test_nobody_counts_twice() -> None:
    """Of several files of one participant the fullest counts, then the last; none is refused."""
    early, late = answer(["first"] * 3), answer(["second"] * 3)
    early["ended"], late["ended"] = "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"
    short = answer(["second"])
    short["ended"] = {"a": "2027"}
    told = {"short": short, "late": late, "early": early, "other": answer(["first"], 2)}
    judged = judge_study(STUDY, {name: packed(one) for name, one in told.items()})
    assert [(one.file, one.second.share) for one in judged.participants] == [
        ("late", 1), ("other", 0)
    ]  # fmt: skip
    assert judged.refused == []
    assert judged.superseded == [("short", "late"), ("early", "late")]
    assert "Superseded: early: its participant's answers are counted from late." in to_markdown(
        judged
    )


def test_a_study_that_was_changed() -> None:
    """Whoever swaps the sets of a pair in study.json changes what its id is a hash of."""
    study = json.loads(json.dumps(STUDY))
    study["pairs"][0]["a"] = "second"
    with pytest.raises(ValueError, match="changed after it was written"):
        judge_study(study, {"a.json": packed(answer(["first"]))})
    with pytest.raises(ValueError, match="no study"):
        judge_study({"pairs": []}, {})
    with pytest.raises(ValueError, match="none were given"):
        judge_study(STUDY, {})


def test_what_is_written() -> None:
    """JSON has the shares, CSV a row for each answer; the table says what was refused and why."""
    files = {"a.json": packed(answer(["second"] * 9 + ["first"])), "b|.json": b"{}"}
    judged = judge_study(STUDY, files)
    told = json.loads(to_json(judged))
    assert told["preferred"]["share"] == 0.9
    assert "choices" not in told
    rows = list(csv.DictReader(io.StringIO(to_csv(judged))))
    assert len(rows) == 10
    assert rows[9]["preferred"] == "first"
    table = to_markdown(judged)
    assert "`new` was preferred to `old` in 90.0 % (59.6 to 98.2) of a participant's" in table
    assert "there are 10 answers." in table
    assert "Refused: b|.json: these are no answers to a study." in table
