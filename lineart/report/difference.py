"""The page of a comparison: two sets of drawings of the same photographs, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lineart.imaging.difference import Ink
from lineart.report.text import as_text, data_uri, flatten, template

PICTURES_SHOWN = 120
"""Three thumbnails each: about 5 MB."""

NAMES_LISTED = 300


@dataclass(frozen=True)
class DrawingPair:
    """Two drawings of one photograph: how much ink, and three small encoded pictures."""

    name: str
    ink: Ink
    first: bytes
    second: bytes
    difference: bytes


@dataclass(frozen=True)
class Unmatched:
    """What could not be compared."""

    only_first: Sequence[str]
    """Names that the second set lacks."""
    only_second: Sequence[str]
    failures: Sequence[tuple[str, str]]
    """Name and message."""


def difference_page(
    compared: Sequence[DrawingPair],
    total: Ink,
    num_compared: int,
    unmatched: Unmatched,
    run: Mapping[str, Any],
) -> str:
    """Give the page: shares of ink, drawings side by side, names without a partner.

    Args:
        compared: Pictures to show, in order; at most `PICTURES_SHOWN` are.
        total: Ink of all pictures together.
        num_compared: How many pictures that are.
        unmatched: What is missing or could not be read.
        run: What the run was told, as names and values; `first` and `second` are the two places.
    """
    return template("difference.html").render(
        first=as_text(run["first"]),
        second=as_text(run["second"]),
        total=shares(total),
        num_compared=num_compared,
        pictures=[_picture(one) for one in compared[:PICTURES_SHOWN]],
        missing=[
            (as_text(run["second"]), _names(unmatched.only_first)),
            (as_text(run["first"]), _names(unmatched.only_second)),
        ],
        failures=[(as_text(name), as_text(why)) for name, why in unmatched.failures[:NAMES_LISTED]],
        num_failures=len(unmatched.failures),
        configuration=[("Run", list(flatten(run)))],
        written=as_text(datetime.now(UTC)),
    )


def shares(ink: Ink) -> dict[str, str]:
    """Say what share of all ink only the first has, only the second has, and both have."""
    whole = sum(ink)
    return {
        part: f"{100 * amount / whole:.1f} %" if whole else "none"
        for part, amount in ink._asdict().items()
    }


def _picture(compared: DrawingPair) -> dict[str, Any]:
    return {
        "name": as_text(compared.name),
        "shares": shares(compared.ink),
        "first": data_uri(compared.first),
        "second": data_uri(compared.second),
        "difference": data_uri(compared.difference),
    }


def _names(names: Sequence[str]) -> dict[str, Any]:
    return {"count": len(names), "listed": [as_text(name) for name in names[:NAMES_LISTED]]}
