"""Nested settings and counts as tables for the templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from lineart.report.axes import format_value
from lineart.report.text import CONTROL_BUT_NEWLINE, as_text, flatten, words

BARS_SHOWN = 60
"""Maximum number of rows of a table of counts."""

Group = tuple[str, list[tuple[str, str]]]
"""Heading of a group of settings, and pairs of name and value."""


def layout_table(values: Mapping[str, Any], without: Sequence[str] = ()) -> list[Group]:
    """Group nested settings: first single values under the heading `Run`, then each nested mapping.

    Lists of mappings inside a nested one, such as a recipe's stages, are left out, because
    `compare_parts` shows them.

    Args:
        values: Settings.
        without: Names of top-level settings to leave out.
    """
    kept = {name: value for name, value in values.items() if name not in without}
    parts = {name: _without_lists(value) for name, value in kept.items() if _is_part(value)}
    alone = {name: value for name, value in kept.items() if name not in parts}
    groups = {"run": alone, **parts}
    return [
        (words(name).capitalize(), list(flatten(group))) for name, group in groups.items() if group
    ]


def part_of(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a nested mapping by name; an empty one if the value is missing or not a mapping."""
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def _is_part(value: object) -> bool:
    return isinstance(value, Mapping)


def _without_lists(part: Mapping[str, Any]) -> dict[str, Any]:
    """Remove lists of mappings."""
    return {name: value for name, value in part.items() if not numbered_parts(value)}


def numbered_parts(parts: object) -> dict[str, Mapping[str, Any]]:
    """Return a list of mappings by their `name`, else by number from 1; empty for other values."""
    if not isinstance(parts, list | tuple) or not all(map(_is_part, parts)):
        return {}
    return {str(part.get("name", number)): part for number, part in enumerate(parts, 1)}


def compare_parts(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Build a table: a column for each part, a row for each setting, marked if values differ."""
    flat = [dict(flatten(part)) for part in parts.values()]
    names = dict.fromkeys(name for part in flat for name in part)
    rows = [(name, [part.get(name, "") for part in flat]) for name in names if name != "name"]
    return {
        "names": [as_text(name) for name in parts],
        "rows": [(name, values, len(set(values)) > 1) for name, values in rows],
    }


def layout_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Build tables of a training's data: counts as bars, nested counts as tables, the rest."""
    bars = {name: value for name, value in data.items() if _is_counts(value)}
    tables = {name: value for name, value in data.items() if _is_table(value)}
    rest = {name: value for name, value in data.items() if name not in {*bars, *tables}}
    return {
        "bars": [_bars(name, counts) for name, counts in bars.items()],
        "tables": [_table(name, rows) for name, rows in tables.items()],
        "facts": [(name, _say(text)) for name, text in flatten_values(rest)],
    }


def flatten_values(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Flatten nested values into pairs of name and value; unlike `flatten`, keep value types."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += flatten_values(value, f"{prefix}{name}.")
        else:
            pairs.append((words(f"{prefix}{name}"), value))
    return pairs


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_counts(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_number, value.values()))


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_counts, value.values()))


def _say(value: object) -> str:
    """Format a number with thousands separators, other values as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return as_text(value, CONTROL_BUT_NEWLINE)
    return f"{value:,}" if isinstance(value, int) else format_value(value)


def _bars(name: str, counts: Mapping[str, int | float]) -> dict[str, Any]:
    """Build a table of counts, largest first, with bar lengths in percent of the largest."""
    listed = sorted(counts.items(), key=lambda entry: -entry[1])
    largest = max(map(abs, counts.values()))
    return {
        "heading": words(name).capitalize(),
        "total": _say(sum(counts.values())),
        "rows": [
            (as_text(key), _say(count), round(100 * max(0.0, count / (largest or 1)), 1))
            for key, count in listed[:BARS_SHOWN]
        ],
        "unlisted": len(listed[BARS_SHOWN:]),
    }


def _table(name: str, rows: Mapping[str, Mapping[str, int | float]]) -> dict[str, Any]:
    """Build a table of nested counts: a row for each outer name, a column for each inner name."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    return {
        "heading": words(name).capitalize(),
        "columns": [words(column) for column in columns],
        "rows": [
            (as_text(key), [_say(row[column]) if column in row else "" for column in columns])
            for key, row in list(rows.items())[:BARS_SHOWN]
        ],
        "unlisted": len(rows) - min(len(rows), BARS_SHOWN),
    }
