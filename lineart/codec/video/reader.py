"""Reading of frames of a video, each as a picture file that is equal on every machine.

Compression gives a picture that is held other noise in each frame. Within a group of frames, those
that show the same as the first of a hold are that first one, to the bit.
"""

import io
import math
import warnings
from collections.abc import Iterator
from fractions import Fraction
from threading import Lock
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from jaxtyping import UInt8
from PIL import Image

from lineart.codec.errors import PictureWarning
from lineart.codec.limits import MAX_PIXELS
from lineart.codec.video.container import Decoded, decode_frames, explaining, open_container
from lineart.codec.video.frames import FrameTime
from lineart.image import resize

NOISE = 12
"""Mean difference of luminance in a window of 5 x 5 pixels, in levels, from which two frames show
different pictures. Of drawings and cartoons that x264 had compressed at CRF 18 to 23, held ones
differed by 13 at most, 95 % of them by 11; 18 pixels of a blink differed by 21."""
WINDOW_PX = 5
_HD_WIDTH_PX, _HD_HEIGHT_PX = 1024, 600
"""Sizes above which colours that no file explains are those of HD."""
_MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
_MATRICES |= {7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
"""Codes of ISO/IEC 23091-2 for matrices of luminance and colour difference."""
_HDR = {16: "PQ", 18: "HLG"}
"""Codes of ISO/IEC 23091-2 for transfers of high dynamic range."""
_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)
"""Conversion to RGB with equal results on all processors."""
_BACK_S = (0, 5, 60)
"""Seconds before a frame at which decoding is tried to start, one after the other."""

VideoPicture = UInt8[np.ndarray, "H W C"]
"""RGB, or RGBA where the video has transparency."""
Levels = UInt8[np.ndarray, "H W *C"]
"""What is compared of two frames."""
Shown = UInt8[np.ndarray, "ShownH ShownW C"]
"""The same, turned and with square pixels."""


class VideoReader:
    """Reads frames of one video file, fastest in their order; may be used by several threads.

    Args:
        file: Path, or file object with `read`, `seek` and `tell`.
        max_pixels: Maximum number of pixels of a frame.

    Raises:
        ValueError: it is no video of a format that is read.
        OSError: it cannot be read.
    """

    def __init__(self, file: Any, *, max_pixels: int = MAX_PIXELS) -> None:
        self._container, self._stream = open_container(file)
        self._max_pixels = max_pixels
        self._lock, self._reformatter = Lock(), VideoReformatter()
        self._at: FrameTime | None = None
        self._frames: Iterator[Decoded] = iter(())
        self._first: Decoded
        self._levels: Levels

    def read(self, at: FrameTime) -> bytes:
        """Return a frame as a PPM file, or as a PNG if the video has transparency.

        It is turned as the file says, and pixels that are not square are made so.

        Raises:
            ValueError: the frame is damaged, missing or too large.
            OSError: the file cannot be read.
        """
        with self._lock, explaining():
            try:
                picture = self._show(self._find(at).frame)
            except BaseException:
                self._at = None
                raise
        sink = io.BytesIO()
        is_opaque = picture.shape[2] == 3
        Image.fromarray(picture).save(sink, "PPM" if is_opaque else "PNG", compress_level=0)
        return sink.getvalue()

    def _find(self, at: FrameTime) -> Decoded:
        """Decode up to a frame; return the first one of its hold, itself if it is not held."""
        if self._at is None or self._at.start != at.start or self._at.time > at.time:
            self._hold(self._seek(at.start))
            self._at = FrameTime(at.start, self._first.time)
        while self._at.time < at.time:
            one = self._next()
            self._at = FrameTime(at.start, one.time)
            if not self._is_held(one):
                self._hold(one)
        if self._at.time > at.time or self._first.is_damaged:
            raise ValueError("the video is damaged at this frame, or before it")
        return self._first

    def _hold(self, one: Decoded) -> None:
        self._first, self._levels = one, _levels(one.frame)

    def _is_held(self, one: Decoded) -> bool:
        """Return whether a frame differs from the first by no more than noise of compression."""
        if self._first.is_damaged or one.is_damaged:
            return False
        levels = _levels(one.frame)
        if levels.shape != self._levels.shape:
            return False
        difference = cv2.blur(cv2.absdiff(levels, self._levels), (WINDOW_PX, WINDOW_PX))
        return bool(difference.max() <= NOISE)

    def _seek(self, time: int) -> Decoded:
        """Return the frame at a time or, where it is missing, the next one.

        Decoding begins at an earlier place where it cannot begin there.
        """
        for back_s in _BACK_S:
            start = time - math.ceil(back_s / self._stream.time_base)
            self._container.seek(start, stream=self._stream)
            self._frames = decode_frames(self._container, self._stream, self._max_pixels)
            one = self._next()
            while one.time < time:
                one = self._next()
            if one.time == time:
                break
        return one

    def _next(self) -> Decoded:
        one = next(self._frames, None)
        if one is None:
            raise ValueError("the video ends before this frame; it has changed, or is damaged")
        return one

    def _show(self, frame: av.VideoFrame) -> Shown:
        if frame.color_trc in _HDR:
            warnings.warn(
                f"its light is HDR ({_HDR[frame.color_trc]}), which is taken as it is stored, so "
                "colours are pale; convert the video to SDR",
                PictureWarning,
                stacklevel=2,
            )
        shown = self._reformatter.reformat(
            frame,
            format="rgba" if _has_alpha(frame) else "rgb24",
            src_colorspace=_matrix(frame),
            interpolation=_EXACT,
            threads=1,
        )
        return _turn(_make_square(shown.to_ndarray(), self._stream.sample_aspect_ratio), frame)


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _levels(frame: av.VideoFrame) -> Levels:
    """Return the luminance of a frame, and beside it its alpha if it has one."""
    if not _has_alpha(frame):
        levels: Levels = frame.reformat(format="gray", threads=1).to_ndarray()
        return levels
    cel = frame.reformat(format="rgba", threads=1).to_ndarray()
    alpha = np.ascontiguousarray(cel[:, :, 3])
    luminance = cv2.multiply(cv2.cvtColor(cel, cv2.COLOR_RGBA2GRAY), alpha, scale=1 / 255)
    return np.dstack((luminance, alpha))


def _matrix(frame: av.VideoFrame) -> Colorspace:
    is_hd = frame.width > _HD_WIDTH_PX or frame.height > _HD_HEIGHT_PX
    return _MATRICES.get(frame.colorspace, Colorspace.ITU709 if is_hd else Colorspace.ITU601)


def _make_square(picture: VideoPicture, ratio: Fraction | None) -> Shown:
    """Widen or narrow a picture whose pixels have this ratio of width to height."""
    if not ratio or ratio == 1 or not Fraction(1, 8) <= ratio <= 8:
        return picture
    height, width = picture.shape[:2]
    return resize(picture, (height, max(1, round(width * ratio))))


def _turn(picture: VideoPicture, frame: av.VideoFrame) -> Shown:
    """Turn and mirror a picture as its display matrix says, a right angle at a time."""
    side_data: Any = frame.side_data  # iterates over its items, whatever its stub says
    matrix = next((one for one in side_data if one.type is Type.DISPLAYMATRIX), None)
    if matrix is None:
        return picture
    # Rows of the matrix: x and y of the picture become those of the screen (ISO/IEC 14496-12).
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3).tolist()
    if abs(b) > abs(a):
        picture, a, d = picture.swapaxes(0, 1), c, b
    picture = picture[:, ::-1] if a < 0 else picture
    return np.ascontiguousarray(picture[::-1] if d < 0 else picture)
