"""Exposure sheets in XDTS (exchange digital time sheet), as Clip Studio and OpenToonz export."""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

CELLS = 0
"""Number of the field of drawings; 3 is dialogue, 5 is camera work."""
EMPTY = {"SYMBOL_NULL_CELL", "", None}
"""Values from which on a level shows nothing."""
HELD = {"SYMBOL_HYPHEN", "SYMBOL_TICK_1", "SYMBOL_TICK_2"}
"""Values that leave the drawing before them: hyphen, and marks for inbetweens."""


class Level(NamedTuple):
    """A column of a sheet."""

    name: str
    drawings: tuple[str | None, ...]
    """Drawing at each time, as `12` or `12a`; None: the level shows nothing."""


class ExposureSheet(NamedTuple):
    """Which drawing of which level stands at which time."""

    cut: str
    scene: str
    levels: tuple[Level, ...]
    """Levels from bottom to top; two may have the same name. All have the same duration."""

    @property
    def duration(self) -> int:
        """Number of frames."""
        return len(self.levels[0].drawings)


def parse_xdts(data: bytes) -> ExposureSheet:
    """Parse an exposure sheet; of several time tables the first counts, as in OpenToonz.

    A drawing stands until the next entry of its level, the last one until the end. The last entry
    before frame 0, which Clip Studio may write, stands at the start.

    Raises:
        ValueError: the file is not XDTS, or it has no level with drawings.

    Source:
        Celsys, "XDTS file format", version 1.0, 2022; OpenToonz, `xdtsio.cpp`.
    """
    from lineart.film.exposure.xdts_schema import read_file

    file = read_file(data)
    table = file.tables[0]
    names = [name for part in table.names if part.field == CELLS for name in part.names]
    tracks = [track for part in table.fields_ if part.field == CELLS for track in part.tracks]
    levels = []
    for track in sorted(tracks, key=lambda track: track.number):
        entries = [(entry.frame, entry.value) for entry in track.frames]
        drawings = _expand(entries, table.duration)
        if not any(drawings):
            continue
        name = names[track.number].strip() if track.number < len(names) else ""
        if not name:
            raise ValueError(f"its track {track.number} has drawings, but no name of a level")
        levels.append(Level(name, drawings))
    if not levels:
        raise ValueError("it has no level with drawings")
    return ExposureSheet(file.header.cut or "", file.header.scene or "", tuple(levels))


def _expand(entries: Iterable[tuple[int, str | None]], duration: int) -> tuple[str | None, ...]:
    """Return the drawing at each time from the entries of a track: frames and values."""
    drawings: list[str | None] = []
    now = None
    # The sort is stable: of two entries at one time, the later one counts.
    for frame, value in sorted(entries, key=itemgetter(0)):
        drawings += [now] * (min(frame, duration) - len(drawings))
        if value not in HELD:
            now = None if value in EMPTY else value
    return tuple(drawings + [now] * (duration - len(drawings)))
