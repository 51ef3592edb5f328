"""Pictures that FFmpeg decodes and Pillow does not."""

import av
import numpy as np
from jaxtyping import UInt16
from PIL import Image

from lineart.codec.colors.alpha import unassociate


def decode_frame(data: bytes, codec: str) -> av.VideoFrame:
    """Decode the picture of a file, whose size the caller has checked.

    Args:
        data: Content of the file.
        codec: FFmpeg's name of the format.

    Raises:
        ValueError: the file is damaged, or of a kind that FFmpeg does not decode.
    """
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError as error:
        raise ValueError(f"it is damaged or of an unusual kind ({error.strerror})") from error
    if not frames or frames[0].is_corrupt:
        raise ValueError("it is damaged")
    return frames[0]


def read_deep_gray_alpha(data: bytes, *, is_premultiplied: bool) -> Image.Image:
    """Decode a TIFF of grey and alpha with 16 bits, rounded to 8 bits.

    Raises:
        ValueError: as for `decode_frame`, or it is another kind of TIFF.
    """
    frame = decode_frame(data, "tiff")
    if frame.format.name not in ("ya16le", "ya16be"):
        raise ValueError("its samples are of an unusual kind; save it with 8 bits a channel")
    plane = frame.planes[0]
    order = ">u2" if frame.format.name == "ya16be" else "<u2"
    rows = np.frombuffer(bytes(plane), order).reshape(frame.height, plane.line_size // 2)
    values: UInt16[np.ndarray, "H W 2"] = rows[:, : 2 * frame.width].reshape(frame.height, -1, 2)
    samples = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(samples)
    return unassociate(image) if is_premultiplied else image
