"""H.264 in MP4: frames of one size at one rate, and files joined without encoding them again."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from lineart.image import Frame, Size

NTSC = (24, 30, 48, 60, 120)
"""Rates that exist divided by 1.001, too: 23.976 is 24000/1001."""
LEAST_RATE, MOST_RATE = 1, 240
SEEK_S = 2
"""A player can begin at least this often."""

OPTIONS = {"crf": "18", "preset": "veryfast", "tune": "animation", "bf": "0"}
"""Without B-frames a packet is a frame at its time: files are joined by copying packets, and no
player begins late. CRF 18 is where a difference is hard to see."""
BT709, LIMITED_RANGE = 1, 1
"""ISO/IEC 23091-2: primaries, transfer and matrix of HD video; FFmpeg's number for 16..235."""
FASTSTART = {"movflags": "+faststart"}
"""The index stands first: a browser plays before it has the whole file."""


def frame_rate(fps: float) -> Fraction:
    """Give the exact rate that is meant: 23.976 is 24000/1001.

    Raises:
        ValueError: it is no usual rate.
    """
    if not LEAST_RATE <= fps <= MOST_RATE:
        raise ValueError(f"{fps:g} frames a second are not within {LEAST_RATE} and {MOST_RATE}")
    for whole in NTSC:
        rate = Fraction(whole * 1000, 1001)
        if abs(fps - rate) < 0.005:
            return rate
    return Fraction(fps).limit_denominator(1000)


class Encoder:
    """Encodes frames of one size."""

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
        """Show a picture for as many frames; it is converted once."""
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
        """Write what is still being encoded."""
        self._mux(None)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # Without it the last frame would take no time.
            packet.duration = 1
            self._container.mux(packet)


@contextmanager
def encoding(path: Path, size: Size, rate: Fraction) -> Iterator[Encoder]:
    """Write an MP4 file of even `size`, whole at the end of the block."""
    with av.open(str(path), "w", format="mp4", options=FASTSTART) as container:
        encoder = Encoder(container, size, rate)
        yield encoder
        encoder.finish()


class Joiner:
    """Puts files that `encoding` wrote, of one size and rate, one after the other."""

    def __init__(self, container: Any, rate: Fraction) -> None:
        self._container, self._rate = container, rate
        self._stream: Any = None
        self._num_frames = 0

    def add(self, path: Path) -> None:
        """Copy the frames of a file."""
        with av.open(str(path)) as source:
            (stream,) = source.streams.video
            if self._stream is None:
                self._stream = self._container.add_stream_from_template(stream)
                self._stream.time_base = 1 / self._rate
            for packet in source.demux(stream):
                # The last one is empty: it only ends the stream.
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
    """Write an MP4 file of others, whole at the end of the block."""
    with av.open(str(path), "w", format="mp4", options=FASTSTART) as container:
        yield Joiner(container, rate)
