"""Frames to try again, or whose failure is accepted."""

import pytest

from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.planning import retries

NAMES = ("s1/cover.png", "s1/0003.png")


def resolve(name: str) -> set[str]:
    """Return the frames that `--accept` means by a name."""
    frames = [FilmFrame(Source(one, one), "s1", place) for place, one in enumerate(NAMES)]
    return retries._resolve("--accept", [name], frames, dict.fromkeys(NAMES, "failed"))


def test_frames_are_named_by_name_or_number() -> None:
    """One without a number has its name alone."""
    assert resolve("s1/3") == resolve("s1/0003.png") == {"s1/0003.png"}
    assert resolve("s1/cover.png") == {"s1/cover.png"}
    with pytest.raises(ValueError, match="there is no such frame"):
        resolve("s1/None")
