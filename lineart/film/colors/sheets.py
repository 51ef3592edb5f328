"""Colour sheets of a film: finished drawings of its characters, which serve every shot.

`<character>.png` and `<character>/<name>.png` are sheets; `<name>.line.png` or `<name>_line.png` is
the line drawing of the sheet `<name>`.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter

from lineart.film.pictures.frames import FilmFrame, SheetSource, Source, refuse_twins
from lineart.film.pictures.listing import caseless, name_some, printable
from lineart.film.pictures.names import stem

LINE_ENDINGS = (".line", "_line")
"""Ends of the names of line drawings, before the suffix."""


def find_sheets(pictures: Iterable[Source]) -> tuple[tuple[SheetSource, ...], list[str]]:
    """Pair the pictures of sheets with their line drawings.

    Args:
        pictures: Listed pictures.

    Returns:
        Sheets in the order of their names; those with colliding names or with several line drawings
        are refused. And a sentence on line drawings of which there is no sheet, if there are any.
    """
    drawings: dict[str, list[Source]] = defaultdict(list)
    colored: list[Source] = []
    for picture in sorted(pictures, key=attrgetter("name")):
        base = _base_of_line(picture)
        if base is None:
            colored.append(picture)
        else:
            drawings[base].append(picture)
    sheets: list[SheetSource] = []
    used: set[str] = set()
    for one in refuse_twins(colored, "are sheets of one name"):
        base = caseless(stem(one.name))
        used.add(base)
        sheets.append(_pair(one, drawings.get(base, [])))
    lost = [printable(ones[0].name) for base, ones in drawings.items() if base not in used]
    what = "a line drawing is" if len(lost) == 1 else f"{len(lost)} line drawings are"
    return tuple(sheets), [f"{what} of no sheet: {name_some(lost)}"] if lost else []


def attach_sheets(frames: Iterable[FilmFrame], sheets: tuple[SheetSource, ...]) -> list[FilmFrame]:
    """Return the frames of a film with its sheets, which serve them all."""
    return [replace(frame, sheets=sheets) for frame in frames]


def _base_of_line(picture: Source) -> str | None:
    """Return the name, as names are compared, of the sheet that a line drawing belongs to."""
    name = caseless(stem(picture.name))
    found = next((end for end in LINE_ENDINGS if name.endswith(end)), None)
    base = name.removesuffix(found) if found else ""
    return base if posixpath.basename(base) else None


def _pair(sheet: Source, drawings: Sequence[Source]) -> SheetSource:
    if not drawings:
        return SheetSource(sheet)
    first, *others = drawings
    if others and sheet.refusal is None:
        both = f"{first.name!r} and {others[0].name!r} are both the line drawing of this sheet"
        sheet = replace(sheet, refusal=f"{both}; leave one out")
    return SheetSource(sheet, first)
