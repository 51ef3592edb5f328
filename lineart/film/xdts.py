"""Exposure sheets in XDTS (exchange digital time sheet), as Clip Studio and OpenToonz export."""

import json
from collections.abc import Iterable
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

IDENTIFIER = "exchangeDigitalTimeSheet Save Data"
"""First line of a file; JSON follows."""
TDTS = "toeiDigitalTimeSheet Save Data"
"""First line of a file in the related format TDTS, which is not read."""
CELLS = 0
"""Number of the field of drawings; 3 is dialogue, 5 is camera work."""
EMPTY = {"SYMBOL_NULL_CELL", "", None}
"""Values from which on a level shows nothing."""
HELD = {"SYMBOL_HYPHEN", "SYMBOL_TICK_1", "SYMBOL_TICK_2"}
"""Values that leave the drawing before them: hyphen, and marks for inbetweens."""
MOST_FRAMES = 500_000
"""Maximum duration of a sheet: more than five hours."""

FrameNumber = Annotated[int, Field(ge=-MOST_FRAMES, le=MOST_FRAMES)]


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


class _Part(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class _Data(_Part):
    id: int = 0
    values: list[str | None] = []


class _Frame(_Part):
    frame: FrameNumber
    data: list[_Data] = []

    @property
    def value(self) -> str | None:
        items = sorted(self.data, key=lambda item: item.id != 0)
        return items[0].values[0] if items and items[0].values else None


class _Track(_Part):
    number: Annotated[int, Field(ge=0, alias="trackNo")]
    frames: list[_Frame] = []


class _Tracks(_Part):
    field: Annotated[int, Field(alias="fieldId")]
    tracks: list[_Track] = []


class _Names(_Part):
    field: Annotated[int, Field(alias="fieldId")]
    names: list[str] = []


class _Table(_Part):
    duration: Annotated[int, Field(ge=1, le=MOST_FRAMES)]
    fields_: Annotated[list[_Tracks], Field(alias="fields")] = []
    names: Annotated[list[_Names], Field(alias="timeTableHeaders")] = []


class _Header(_Part):
    cut: str | None = None
    scene: str | None = None


class _File(_Part):
    tables: Annotated[list[_Table], Field(min_length=1, alias="timeTables")]
    header: _Header = _Header()


def parse_xdts(data: bytes) -> ExposureSheet:
    """Parse an exposure sheet; of several time tables the first counts, as in OpenToonz.

    A drawing stands until the next entry of its level, the last one until the end. The last entry
    before frame 0, which Clip Studio may write, stands at the start.

    Raises:
        ValueError: the file is not XDTS, or it has no level with drawings.

    Source:
        Celsys, "XDTS file format", version 1.0, 2022; OpenToonz, `xdtsio.cpp`.
    """
    file = _read(data)
    table = file.tables[0]
    names = [name for part in table.names if part.field == CELLS for name in part.names]
    tracks = [track for part in table.fields_ if part.field == CELLS for track in part.tracks]
    levels = []
    for track in sorted(tracks, key=lambda track: track.number):
        if not track.frames:
            continue
        name = names[track.number].strip() if track.number < len(names) else ""
        if not name:
            raise ValueError(f"its track {track.number} has drawings, but no name of a level")
        levels.append(Level(name, _expand(track.frames, table.duration)))
    if not levels:
        raise ValueError("it has no level with drawings")
    return ExposureSheet(file.header.cut or "", file.header.scene or "", tuple(levels))


def _read(data: bytes) -> _File:
    try:
        text = data.decode("utf-8-sig").lstrip()
        if not text.startswith(IDENTIFIER):
            kind = "it is in the format TDTS" if text.startswith(TDTS) else "it is not XDTS"
            raise ValueError(f"{kind}: the first line of XDTS is {IDENTIFIER!r}; export it as XDTS")
        return _File.model_validate(json.loads(text.removeprefix(IDENTIFIER)))
    except UnicodeDecodeError as error:
        raise ValueError("it is not XDTS: it is no text in UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not valid XDTS: its JSON is damaged: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its JSON"
        raise ValueError(f"it is not valid XDTS: {place}: {first['msg'].lower()}") from error


def _expand(frames: Iterable[_Frame], duration: int) -> tuple[str | None, ...]:
    """Return the drawing at each time from the entries of a track."""
    drawings: list[str | None] = []
    now = None
    # The sort is stable: of two entries at one time, the later one counts.
    for entry in sorted(frames, key=lambda entry: entry.frame):
        drawings += [now] * (min(entry.frame, duration) - len(drawings))
        if entry.value not in HELD:
            now = None if entry.value in EMPTY else entry.value
    return tuple(drawings + [now] * (duration - len(drawings)))
