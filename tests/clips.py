"""Video files of drawn pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

X264 = {"crf": "20", "g": "12", "bf": "3"}


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    options: Mapping[str, str] = X264,
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
    setup: Any = None,
) -> Path:
    """Write pictures (H x W x 3) as a video of 24 frames per second, or at times in milliseconds.

    Args:
        path: File, whose suffix is the format.
        pictures: Pictures, or RGBA.
        codec: FFmpeg's name of the encoder.
        options: Its options.
        pixels: FFmpeg's name of the pixel format.
        times: Time of each frame.
        setup: Called with the stream before the first frame.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 1000 if times else 24, options=dict(options))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if setup is not None:
            setup(stream)
        for number, picture in enumerate(pictures):
            form = "rgb24" if picture.shape[2] == 3 else "rgba"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=form)
            frame.pts = times[number] if times else number
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path
