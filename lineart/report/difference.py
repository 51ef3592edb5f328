"""HTML page that compares two sets of drawings of the same photographs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lineart.imaging.difference import Ink
from lineart.report.text import as_text, data_uri, flatten, template

PICTURES_SHOWN = 120
"""Maximum number of pairs on a page; with three thumbnails each, about 5 MB."""

NAMES_LISTED = 300
"""Maximum number of names in each list of missing or failed drawings."""


@dataclass(frozen=True)
class DrawingPair:
    """Two drawings of one photograph: their ink, and thumbnails of both and of their difference."""

    name: str
    ink: Ink
    first: bytes
    second: bytes
    difference: bytes


@dataclass(frozen=True)
class Unmatched:
    """Drawings that could not be compared."""

    only_first: Sequence[str]
    """Names that are missing in the second set."""
    only_second: Sequence[str]
    """Names that are missing in the first set."""
    failures: Sequence[tuple[str, str]]
    """Name and error message of each failed pair."""


def difference_page(
    compared: Sequence[DrawingPair],
    total: Ink,
    num_compared: int,
    unmatched: Unmatched,
    run: Mapping[str, Any],
) -> str:
    """Render the page: shares of ink, drawings side by side, names that only one set has.

    Args:
        compared: Pairs to show, in order; only the first `PICTURES_SHOWN` are shown.
        total: Ink of all compared pairs together.
        num_compared: Number of all compared pairs.
        unmatched: Drawings that are missing or could not be compared.
        run: Configuration of the run; `first` and `second` are the URIs of the two sets.
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
    """Format the shares of all ink that only the first, only the second and both drawings have."""
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
