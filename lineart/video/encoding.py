"""H.264 encoding to MP4, and joining of MP4 files without re-encoding."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from lineart.image import Frame, Size

NTSC = (24, 30, 48, 60, 120)
"""Frame rates that are also used divided by 1.001: 23.976 is 24000/1001."""
MIN_RATE, MAX_RATE = 1, 240
"""Bounds of the frame rate, in frames per second."""
SEEK_S = 2
"""Interval of key frames, at which players can start, in seconds."""

OPTIONS = {"crf": "18", "preset": "veryfast", "tune": "animation", "bf": "0"}
"""Options of x264. Without B-frames, packets are in display order: files can be joined by copying
packets, and playback starts without delay. At CRF 18, losses are hard to see."""
BT709, LIMITED_RANGE = 1, 1
"""Code of ISO/IEC 23091-2 for primaries, transfer and matrix of HD video; FFmpeg's for 16..235."""
FASTSTART = {"movflags": "+faststart"}
"""Puts the index at the start of the file, so that browsers can play it while loading."""


def frame_rate(fps: float) -> Fraction:
    """Return the exact frame rate for a rounded one: 24000/1001 for 23.976.

    Raises:
        ValueError: it is not within `MIN_RATE` and `MAX_RATE`.
    """
    if not MIN_RATE <= fps <= MAX_RATE:
        raise ValueError(f"--fps {fps:g} is not within {MIN_RATE} and {MAX_RATE} frames per second")
    for whole in NTSC:
        rate = Fraction(whole * 1000, 1001)
        if abs(fps - rate) < 0.005:
            return rate
    return Fraction(fps).limit_denominator(1000)


class Encoder:
    """H.264 encoder of frames of one size at a constant rate."""

    def __init__(self, container: Any, size: Size, rate: Fraction) -> None:
        self._container = container
        group = str(max(1, round(SEEK_S * rate)))
        self._stream = container.add_stream("libx264", rate, options=OPTIONS | {"g": group})
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.thread_type = 1 / rate, "FRAME"
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self._reformatter = VideoReformatter()
        self._num_frames = 0

    def add(self, picture: Frame, times: int) -> None:
        """Append a picture of the encoder's size for `times` frames; it is converted once."""
        shown = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(picture, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )
        for _ in range(times):
            shown.pts = self._num_frames
            self._mux(shown)
            self._num_frames += 1

    def finish(self) -> None:
        """Flush the encoder."""
        self._mux(None)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # Without a duration, the last frame would last 0 s.
            packet.duration = 1
            self._container.mux(packet)


@contextmanager
def encoding(path: Path, size: Size, rate: Fraction) -> Iterator[Encoder]:
    """Open an encoder of an MP4 file, complete at the end of the block; `size` must be even."""
    with av.open(str(path), "w", format="mp4", options=FASTSTART) as container:
        encoder = Encoder(container, size, rate)
        yield encoder
        encoder.finish()


class Joiner:
    """Concatenates MP4 files from `encoding` of equal size and rate."""

    def __init__(self, container: Any, rate: Fraction) -> None:
        self._container, self._rate = container, rate
        self._stream: Any = None
        self._num_frames = 0

    def add(self, path: Path) -> None:
        """Append the frames of a file by copying its packets."""
        with av.open(str(path)) as source:
            (stream,) = source.streams.video
            if self._stream is None:
                self._stream = self._container.add_stream_from_template(stream)
                self._stream.time_base = 1 / self._rate
            for packet in source.demux(stream):
                # The last packet is empty and only marks the end of the stream.
                if packet.size:
                    self._mux(packet)

    def _mux(self, packet: Any) -> None:
        packet.stream, packet.time_base = self._stream, 1 / self._rate
        packet.pts = packet.dts = self._num_frames
        packet.duration = 1
        self._container.mux(packet)
        self._num_frames += 1


@contextmanager
def joining(path: Path, rate: Fraction) -> Iterator[Joiner]:
    """Open a joiner that writes an MP4 file, complete at the end of the block."""
    with av.open(str(path), "w", format="mp4", options=FASTSTART) as container:
        yield Joiner(container, rate)
