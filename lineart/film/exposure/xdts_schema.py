"""Content of a file in XDTS, checked; imported only for films with exposure sheets."""

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

IDENTIFIER = "exchangeDigitalTimeSheet Save Data"
"""First line of a file; JSON follows."""
TDTS = "toeiDigitalTimeSheet Save Data"
"""First line of a file in the related format TDTS, which is not read."""
MAX_FRAMES = 86_400
"""Maximum duration of a sheet: an hour at 24 frames per second."""
MAX_TRACKS = 200
"""Maximum number of tracks of a field."""

FrameNumber = Annotated[int, Field(ge=-MAX_FRAMES, le=MAX_FRAMES)]


class Part(BaseModel):
    """Part of a file; numbers are accepted as text."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


class Entry(Part):
    """Values of a frame."""

    id: int = 0
    values: list[str | None] = []


class FrameItem(Part):
    """Entry of a track at a time, in frames from 0."""

    frame: FrameNumber
    data: list[Entry] = []

    @property
    def value(self) -> str | None:
        """Its drawing or symbol."""
        items = sorted(self.data, key=lambda item: item.id != 0)
        return items[0].values[0] if items and items[0].values else None


class Track(Part):
    """Column of a field; 0 is the lowest level."""

    number: Annotated[int, Field(ge=0, alias="trackNo")]
    frames: list[FrameItem] = []


class TrackField(Part):
    """Tracks of a field."""

    field: Annotated[int, Field(alias="fieldId")]
    tracks: Annotated[list[Track], Field(max_length=MAX_TRACKS)] = []


class NameField(Part):
    """Names of the tracks of a field."""

    field: Annotated[int, Field(alias="fieldId")]
    names: list[str] = []


class TimeTable(Part):
    """Time table."""

    duration: Annotated[int, Field(ge=1, le=MAX_FRAMES)]
    fields_: Annotated[list[TrackField], Field(alias="fields")] = []
    names: Annotated[list[NameField], Field(alias="timeTableHeaders")] = []


class Header(Part):
    """Cut and scene."""

    cut: str | None = None
    scene: str | None = None


class SheetFile(Part):
    """Content of a file."""

    tables: Annotated[list[TimeTable], Field(min_length=1, alias="timeTables")]
    header: Header = Header()


def read_file(data: bytes) -> SheetFile:
    """Read the content of a file.

    Raises:
        ValueError: the file is not XDTS.
    """
    try:
        text = data.decode("utf-8-sig").lstrip()
        if not text.startswith(IDENTIFIER):
            kind = "it is in the format TDTS" if text.startswith(TDTS) else "it is not XDTS"
            raise ValueError(f"{kind}: the first line of XDTS is {IDENTIFIER!r}; export it as XDTS")
        return SheetFile.model_validate(json.loads(text.removeprefix(IDENTIFIER)))
    except UnicodeDecodeError as error:
        raise ValueError("it is not XDTS: it is no text in UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not valid XDTS: its JSON is damaged: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its JSON"
        raise ValueError(f"it is not valid XDTS: {place}: {first['msg'].lower()}") from error
