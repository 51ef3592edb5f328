"""Frames of a video by number, found in its packets."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import av

from lineart.codec.video.container import decode_frames, explaining, open_container

GROUP = 32
"""Frames after which a hold is not followed further: to read one frame, up to so many are decoded.
"""
MAX_FRAMES = 10_000_000
"""Maximum number of frames of one file."""
CUT_OFF = "the file is cut off"
MIN_CUT_S = 0.25
"""Seconds by which a file must end before the end that its header says, to be taken as cut off."""


class FrameTime(NamedTuple):
    """Where a frame is in a video, in the units of its stream."""

    start: int
    """Time of the first frame of its group."""
    time: int
    """Its own time."""


class FoundFrames(NamedTuple):
    """Frames of a video file."""

    times: list[FrameTime]
    """In the order in which they are shown."""
    damage: str | None
    """Why there are no further ones, if the file is not complete."""


def find_frames(file: Any) -> FoundFrames:
    """Return the frames of a video, from its packets; as a rule, nothing is decoded.

    Args:
        file: Path, or file object with `read`, `seek` and `tell`.

    Raises:
        ValueError: it is no video of a format that is read.
        OSError: it cannot be read.
    """
    with _opened(file) as (container, stream):
        found = _Packets()
        damage = _find_times(container, stream, found)
        expected = stream.frames
    if damage is None and found.count < expected:
        damage = f"it should have {expected} frames; the file is cut off"
    times = found.times() if damage is None else found.times_before_hole()
    starts = times[::GROUP]
    return FoundFrames(
        [FrameTime(starts[place // GROUP], time) for place, time in enumerate(times)], damage
    )


def read_rate(file: Any) -> Fraction | None:
    """Return the mean number of frames per second of a video, if it is known; raises as above."""
    with _opened(file) as (_, stream):
        rate: Fraction | None = stream.average_rate or stream.guessed_rate
        return rate


@dataclass
class _Packets:
    """Frames of a video, which are stored in the order in which they are decoded."""

    ends: dict[int, float] = field(default_factory=dict)
    """Time of each frame -> its end."""
    count: int = 0
    """Number of packets, also of frames that an edit list leaves out."""
    decoded: float = -math.inf
    """Time at which the last one is decoded; all frames that are shown up to then are there."""

    def add(self, packet: Any) -> None:
        """Add the frame of a packet, unless the file says that it is not shown."""
        self.decoded = self.decoded if packet.dts is None else packet.dts
        self.count += 1
        if not packet.is_discard:
            self.ends[packet.pts] = packet.pts + (packet.duration or 0)

    def times(self) -> list[int]:
        """Return the times of the frames in order."""
        return sorted(self.ends)

    def times_before_hole(self) -> list[int]:
        """Return those before the first frame that the end of a damaged file lacks."""
        times = self.times()
        for place, (before, time) in enumerate(pairwise(times), 1):
            # Times are rounded.
            if time > self.decoded and time > self.ends[before] + 1:
                return times[:place]
        return times


def _find_times(container: Any, stream: Any, found: _Packets) -> str | None:
    """Add the times of the frames to `found`; return why there are no further ones, or None."""
    end_s = 0.0
    try:
        for packet in container.demux():
            if packet.is_corrupt:
                return CUT_OFF
            if packet.pts is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index != stream.index or not packet.size:
                continue
            if packet.pts is None or container.format.name == "avi":
                found.ends = dict.fromkeys(_decode_times(container, stream), math.inf)
                found.count = len(found.ends)
                return None
            found.add(packet)
            if found.count > MAX_FRAMES:
                return f"{MAX_FRAMES} frames are the most"
    except av.FFmpegError as error:
        return f"the file is damaged ({error.strerror})"
    start_s, length_s = ((one or 0) / av.time_base for one in _extent(container))
    return CUT_OFF if end_s - start_s < length_s - MIN_CUT_S else None


def _extent(container: Any) -> tuple[int | None, int | None]:
    """Return start and duration of a file by its header, in microseconds."""
    return container.start_time, container.duration


def _decode_times(container: Any, stream: Any) -> list[int]:
    """Return the times of the decoded frames, for files whose packets have none, or guessed ones.

    Raises:
        ValueError: the frames are not in the order of their times, which are then guesses.
    """
    container.seek(0)
    times = [one.time for one in decode_frames(container, stream)]
    if times != sorted({*times}):
        raise ValueError("the order of its frames is not in the file; convert the video to MP4")
    return times


@contextmanager
def _opened(file: Any) -> Iterator[tuple[Any, Any]]:
    with explaining():
        container, stream = open_container(file)
        with container:
            yield container, stream
