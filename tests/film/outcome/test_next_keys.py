"""Which drawings to colour next."""

from lineart.film.outcome.next_keys import choose_next, describe_doubt
from lineart.manifest import make_row, make_table


def row(shot: str, number: int, confidence: float | None) -> dict[str, object]:
    """Give the row of a drawing, whose colours were not carried if it has no confidence."""
    certainty = {} if confidence is None else {"asked": 1 - confidence, "lowest_confidence": 0}
    return make_row(
        {
            "frame": f"{shot}/{number}.png",
            "shot": shot,
            "number": number,
            "status": "done",
            "mean_confidence": confidence,
            **certainty,
        }
    )


def test_the_least_certain_drawings_are_asked_for_apart() -> None:
    """The neighbours of a chosen drawing come after less doubtful ones far from it."""
    rows = [row("s", n, 0.6 + 0.001 * n) for n in range(1, 30)]
    rows += [row("t", 1, 0.7), row("t", 2, 1.0), row("u", 1, None)]
    chosen = choose_next(make_table(rows), 4)
    first = {"shot": "s", "frame": "s/1.png", "doubtful": 0.399, "confidence": 0.601}
    assert chosen[0] == first
    assert [one["frame"] for one in chosen[1:]][:2] == ["s/29.png", "t/1.png"]
    assert chosen[3]["shot"] == "s"
    assert 8 < int(chosen[3]["frame"][2:-4]) < 22
    # Drawings without a doubt are never asked for.
    assert [one["frame"] for one in choose_next(make_table(rows[-3:]), 9)] == ["t/1.png"]
    assert choose_next(make_table([row("u", 1, None)]), 3) == []


def test_a_doubt_is_never_rounded_away() -> None:
    """Small regions in doubt are named, although nearly all of the area is sure."""
    small = row("s", 1, 0.9998) | {"asked": 0.29}
    (chosen,) = choose_next(make_table([small]), 1)
    said = "29% of its regions are in doubt; by area its colours are 99% sure"
    assert describe_doubt(chosen) == said
    assert describe_doubt(chosen | {"doubtful": 0.001}).startswith("1% of its regions")
