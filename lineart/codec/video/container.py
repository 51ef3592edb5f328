"""Containers of videos: which are read, opened, and decoded to frames of FFmpeg."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av

from lineart.codec.limits import MAX_PIXELS, check_size

VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".mts", ".m2ts"}
"""Suffixes of the video files that are read."""
BUFFER_BYTES = 2**20
"""Bytes that are read at once from a file that is no path, such as an object on S3."""
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that leave alpha out -> those that do not."""


class Decoded(NamedTuple):
    """A decoded frame."""

    frame: av.VideoFrame
    time: int
    """In the units of its stream."""
    is_damaged: bool


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
