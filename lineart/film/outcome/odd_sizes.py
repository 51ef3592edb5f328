"""Warnings of frames whose size is not that of their shot."""

from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from lineart.manifest import SCHEMA

START = "odd size: "
"""Beginning of these warnings, by which those of an earlier run are replaced."""
MIN_FRAMES = 3
"""Minimum number of frames of a shot that has a usual size."""

WidthHeight = tuple[int, int]
"""Width and height in pixels."""


def warn_of_odd_sizes(rows: pa.Table) -> pa.Table:
    """Return a film's manifest with a warning on each frame whose size is unusual in its shot.

    The usual size of a shot is that of more than half of its frames.
    """
    odd = _find_odd_sizes(rows)
    warned = pc.list_flatten(rows["warnings"])
    if not odd and not pc.any(pc.starts_with(warned, START)).as_py():
        return rows
    names = ("shot", "width", "height", "warnings")
    columns = zip(*(rows[name].to_pylist() for name in names), strict=True)
    warnings = [
        [*(one for one in known or () if not one.startswith(START)), *odd.get((shot, size), ())]
        for shot, *size_px, known in columns
        for size in [tuple(size_px)]
    ]
    field = SCHEMA.field("warnings")
    column = pa.array((one or None for one in warnings), field.type)
    return rows.set_column(rows.column_names.index(field.name), field, column)


def _find_odd_sizes(rows: pa.Table) -> dict[tuple[str, WidthHeight], list[str]]:
    """Return shot and unusual size -> the warning."""
    counts = rows.group_by(["shot", "width", "height"]).aggregate([([], "count_all")])
    sizes: dict[str, Counter[WidthHeight]] = defaultdict(Counter)
    for row in counts.to_pylist():
        if row["width"] is not None:
            sizes[row["shot"]][row["width"], row["height"]] = row["count_all"]
    found: dict[tuple[str, WidthHeight], list[str]] = {}
    for shot, of_shot in sizes.items():
        (usual, most), total = of_shot.most_common(1)[0], of_shot.total()
        if total < MIN_FRAMES or 2 * most <= total:
            continue
        for width, height in of_shot.keys() - {usual}:
            found[shot, (width, height)] = [
                f"{START}{width} x {height} pixels; "
                f"{most} of the {total} pictures of its shot have {usual[0]} x {usual[1]}"
            ]
    return found
