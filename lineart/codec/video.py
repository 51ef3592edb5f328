"""Video files: their frames by number, and decoding from a container to frames of FFmpeg."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av

from lineart.codec.limits import MAX_PIXELS, check_size

VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".mts", ".m2ts"}
"""Suffixes of the video files that are read."""
GROUP = 32
"""Frames after which a hold is not followed further: to read one frame, up to so many are decoded.
"""
MAX_FRAMES = 10_000_000
"""Maximum number of frames of one file."""
BUFFER_BYTES = 2**20
"""Bytes that are read at once from a file that is no path, such as an object on S3."""
CUT_OFF = "the file is cut off"
MIN_CUT_S = 0.25
"""Seconds by which a file must end before the end that its header says, to be taken as cut off."""


_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that leave alpha out -> those that do not."""


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


class Decoded(NamedTuple):
    """A decoded frame."""

    frame: av.VideoFrame
    time: int
    """In the units of its stream."""
    is_damaged: bool


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


def decode_frames(container: Any, stream: Any, max_pixels: int = MAX_PIXELS) -> Iterator[Decoded]:
    """Yield the frames from here on; after an error those up to the next key frame are damaged.

    Raises:
        ValueError: a frame is too large or has no time.
    """
    check_size((stream.codec_context.width, stream.codec_context.height), max_pixels)
    decode = _find_decoder(stream)
    bad_from: float = math.inf
    for packet in container.demux(stream):
        try:
            frames = decode(packet)
        except av.FFmpegError:
            bad_from = min(bad_from, -math.inf if packet.pts is None else packet.pts)
            continue
        for frame in frames:
            time = _time_of(frame)
            if frame.key_frame and time > bad_from:
                bad_from = math.inf
            if frame.is_corrupt:
                bad_from = min(bad_from, time)
            yield Decoded(frame, time, time >= bad_from)


def _find_decoder(stream: Any) -> Callable[[Any], list[av.VideoFrame]]:
    """Return what decodes the packets of a stream, the last of which is empty.

    FFmpeg's own decoders of VP8 and VP9 leave alpha out, which WebM holds beside each frame.
    """
    name = _WITH_ALPHA.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return lambda packet: packet.decode()
    try:
        context: Any = av.CodecContext.create(name, "r")
    except ValueError as error:
        raise ValueError("its transparency cannot be read; convert it to MOV, or PNG") from error
    context.thread_count = 1
    return lambda packet: context.decode(packet if packet.size else None)


def _time_of(frame: av.VideoFrame) -> int:
    time = frame.pts if frame.pts is not None else frame.dts
    if time is None:
        raise ValueError("its frames have no times; convert the video to MP4")
    return int(time)


@contextmanager
def _opened(file: Any) -> Iterator[tuple[Any, Any]]:
    with explaining():
        container, stream = open_container(file)
        with container:
            yield container, stream


def open_container(file: Any) -> tuple[Any, Any]:
    """Open a file for decoding on one core; return FFmpeg's container and its video stream.

    Args:
        file: Path, or file object with `read`, `seek` and `tell`.

    Raises:
        ValueError: it is no video of a format that is read.
        OSError: it cannot be read.
    """
    with explaining():
        form = _find_format(_first_bytes(file))
        container = av.open(file, format=form, buffer_size=BUFFER_BYTES)
    stream = container.streams.best("video")
    if stream is None:
        container.close()
        raise ValueError("it holds no video")
    assert stream.type == "video"
    # One core a frame: the pipeline reads as many frames at once as there are cores.
    stream.codec_context.thread_count = 1
    return container, stream


def _first_bytes(file: Any) -> bytes:
    if isinstance(file, str):
        with Path(file).open("rb") as opened:
            return opened.read(512)
    start = bytes(file.read(512))
    file.seek(0)
    return start


def _find_format(start: bytes) -> str:
    """Return FFmpeg's name of the container format of a file; others could name further files."""
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return "mov"
    if start.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "avi"
    if start.startswith(b"\x06\x0e\x2b\x34"):
        return "mxf"
    if start[:1] == start[188:189] == b"G" or start[4:5] == start[196:197] == b"G":
        return "mpegts"
    raise ValueError(f"it is no video that can be read, it begins with {start[:8]!r}; save as MP4")


@contextmanager
def explaining() -> Iterator[None]:
    """Turn errors of FFmpeg about a file's content into ValueError."""
    try:
        yield
    except av.InvalidDataError as error:
        raise ValueError(
            "the video is damaged, or cut off before its index was written; "
            "save it again as MP4, or export its frames"
        ) from error
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(f"the video cannot be read: {error}") from error
