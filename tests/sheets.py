"""Exposure sheets in XDTS for the tests."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

IDENTIFIER = "exchangeDigitalTimeSheet Save Data\n"

Entries = Mapping[int, str]
"""Frame -> value of a level's entry."""


def write_track(number: int, entries: Entries) -> dict[str, Any]:
    """Return a track as JSON, with its entries in reverse order."""
    frames = [
        {"data": [{"id": 0, "values": [value]}], "frame": at} for at, value in entries.items()
    ]
    return {"frames": frames[::-1], "trackNo": number}


def write_sheet(
    levels: Sequence[tuple[str, Entries]], duration: int, cut: str | None = None
) -> bytes:
    """Return a sheet with levels from bottom to top, and with dialogue and camera work.

    Its tracks are in reverse order. It has the line ends of Windows, and a byte order mark.
    """
    tracks = [write_track(number, entries) for number, (_, entries) in enumerate(levels)]
    dialogue = {"fieldId": 3, "tracks": [write_track(0, {0: "Hello"})]}
    camera = {"fieldId": 5, "tracks": [write_track(0, {0: "PAN", 3: "SYMBOL_HYPHEN"})]}
    table = {
        "duration": duration,
        "fields": [dialogue, {"fieldId": 0, "tracks": tracks[::-1]}, camera],
        "name": "timeline",
        "timeTableHeaders": [
            {"fieldId": 3, "names": ["Anna"]},
            {"fieldId": 0, "names": [f"{name} " for name, _ in levels]},
        ],
    }
    content: dict[str, Any] = {"timeTables": [table], "version": 5}
    if cut is not None:
        content["header"] = {"cut": cut, "scene": "2"}
    text = IDENTIFIER + json.dumps(content, indent=1)
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
