"""Nested settings and counts as tables for the templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from lineart.report.html import (
    CONTROL_BUT_NEWLINE,
    as_text,
    flatten,
    format_value,
    list_settings,
    spaced,
)

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
    parts = {
        name: {inner: item for inner, item in value.items() if not numbered_parts(item)}
        for name, value in kept.items()
        if isinstance(value, Mapping)
    }
    single = {name: value for name, value in kept.items() if name not in parts}
    groups = {"run": single, **parts}
    return [
        (spaced(name).capitalize(), list_settings(group)) for name, group in groups.items() if group
    ]


def part_of(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a nested mapping by name; an empty one if the value is missing or not a mapping."""
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def numbered_parts(parts: object) -> dict[str, Mapping[str, Any]]:
    """Return a list of mappings by their `name`, else by number from 1; empty for other values."""
    if not isinstance(parts, list | tuple) or not all(isinstance(p, Mapping) for p in parts):
        return {}
    return {str(part.get("name", number)): part for number, part in enumerate(parts, 1)}


def compare_parts(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Build a table: a column for each part, a row for each setting, marked if values differ."""
    flat = [dict(list_settings(part)) for part in parts.values()]
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
        "facts": [(name, _number_text(value)) for name, value in flatten(rest)],
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_counts(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_number, value.values()))


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_counts, value.values()))


def _number_text(value: object) -> str:
    """Format a number with thousands separators, other values as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return as_text(value, CONTROL_BUT_NEWLINE)
    return f"{value:,}" if isinstance(value, int) else format_value(value)


def _bars(name: str, counts: Mapping[str, int | float]) -> dict[str, Any]:
    """Build a table of counts, largest first, with bar lengths in percent of the largest."""
    listed = sorted(counts.items(), key=lambda entry: -entry[1])
    largest = max(map(abs, counts.values()))
    return {
        "heading": spaced(name).capitalize(),
        "total": _number_text(sum(counts.values())),
        "rows": [
            (as_text(key), _number_text(count), round(100 * max(0.0, count / (largest or 1)), 1))
            for key, count in listed[:BARS_SHOWN]
        ],
        "unlisted": len(listed[BARS_SHOWN:]),
    }


def _table(name: str, rows: Mapping[str, Mapping[str, int | float]]) -> dict[str, Any]:
    """Build a table of nested counts: a row for each outer name, a column for each inner name."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    return {
        "heading": spaced(name).capitalize(),
        "columns": [spaced(column) for column in columns],
        "rows": [
            (
                as_text(key),
                [_number_text(row[column]) if column in row else "" for column in columns],
            )
            for key, row in list(rows.items())[:BARS_SHOWN]
        ],
        "unlisted": len(rows) - min(len(rows), BARS_SHOWN),
    }
