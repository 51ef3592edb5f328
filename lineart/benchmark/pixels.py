"""Benchmark of codec and compositing, on one thread as in the pipeline's workers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from PIL import Image

from lineart.benchmark.timing import Figure, compare
from lineart.codec import decode_color, decode_line, encode_png
from lineart.image import Frame, Line, Size, fit_short_side, resize
from lineart.imaging.compositing.frequency import DEFAULT_SIGMA, ColorMap, compose
from lineart.imaging.hints.pixels import pool_hints, resize_hints
from lineart.inference import PairColorizer
from lineart.metrics import psnr
from lineart.models import from_files
from lineart.sample_film import SampleFrame, sample_film
from lineart.weights import open_weights, read_weights

T = TypeVar("T")

NETWORK_SIZE_PX = 512
HEIGHTS_PX = (1080, 2160)
"""Heights of the 16:9 frames."""
PICTURES = {".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp"}


class CompositingInputs(NamedTuple):
    """Inputs of compositing: colours at network size, and the line drawing at full size."""

    color: Frame
    line: Line


def measure_codec(
    frames: Path | None, repeats: int, heights_px: Sequence[int] = HEIGHTS_PX
) -> list[Figure]:
    """Time encoding of composed frames and decoding of line drawings: ours, OpenCV, Pillow."""
    figures = []
    for case, work in load_work(frames, heights_px).items():
        composed = [compose(one.color, one.line) for one in work]
        lines = [_save_with_pillow(one.line) for one in work]
        figures += _compare(f"write {case}", composed, WRITERS, repeats)
        figures += _compare(f"read line {case}", lines, READERS, repeats)
    return figures


def measure_compose(
    frames: Path | None, repeats: int, heights_px: Sequence[int] = HEIGHTS_PX
) -> list[Figure]:
    """Time compositing with and without encoding: ours, and Algorithm 2 of paper 001 literally."""
    figures = []
    for case, work in load_work(frames, heights_px).items():
        pairs = [(compose(*one), compose_literal(*one)) for one in work]
        lowest = min(psnr(ours, letter) for ours, letter in pairs)
        first, *rest = _compare(f"compose {case}", work, COMPOSERS, repeats)
        figures += [replace(first, note=f"{lowest:.1f} dB against the letter"), *rest]
        figures += _compare(f"compose + write {case}", work, FINISHERS, repeats)
    return figures


def compose_literal(color: ColorMap, line: Line, *, sigma: float = DEFAULT_SIGMA) -> Frame:
    """Compose by Algorithm 2 literally: enlarge, blur at full size, clamp, blend in float.

    It is the reference for tests and timings of `compose`, and clamps at the same exact mid-grey.
    """
    height, width = line.shape
    colored = cv2.resize(color, (width, height), interpolation=cv2.INTER_CUBIC)
    # Mean scale factor of the two sides.
    full_sigma = sigma * math.sqrt(height * width / (color.shape[0] * color.shape[1]))
    if full_sigma > 0:
        colored = cv2.GaussianBlur(colored, (0, 0), full_sigma)
    high = np.minimum(line.astype(np.float32), np.float32(127.5))
    blended = colored.astype(np.float32) + 2 * high[:, :, np.newaxis] - 255
    composed: Frame = np.clip(blended, 0, 255).astype(np.uint8)
    return composed


def load_work(folder: Path | None, heights_px: Sequence[int]) -> dict[str, list[CompositingInputs]]:
    """Return the frames of each case, for each height.

    Frames of the sample film come in its own flat colours ("painted") and as coloured with the
    default weights, whose fine grain compresses badly.

    Args:
        folder: Folder of colour pictures, of which up to 6 are used; None: the sample film.
        heights_px: Heights of the frames.

    Raises:
        ValueError: the folder holds no picture.
    """
    sizes: dict[str, Size] = {f"{side}p": (side, side * 16 // 9) for side in heights_px}
    if folder is None:
        painted = {f"{name} painted": _draw(size, colorizer=None) for name, size in sizes.items()}
        pair = from_files(read_weights(open_weights("default")))
        return painted | {name: _draw(size, PairColorizer(pair)) for name, size in sizes.items()}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not paths:
        raise ValueError(f"there is no picture in {folder}")
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(6, len(paths))).astype(int)]
    pictures = [decode_color(path.read_bytes()) for path in chosen]
    return {
        name: [_work_of(picture, min(size)) for picture in pictures] for name, size in sizes.items()
    }


def _draw(size: Size, colorizer: PairColorizer | None) -> list[CompositingInputs]:
    """Draw a frame of each shot of the sample film; None uses the film's own colours."""
    return [
        CompositingInputs(_color(frame, colorizer), frame.line)
        for frame in sample_film(size=size, frames_per_shot=1, hold=1)
    ]


def _color(frame: SampleFrame, colorizer: PairColorizer | None) -> Frame:
    """Return a frame's colours at network size: the film's own, or the network's."""
    size = fit_short_side((frame.line.shape[0], frame.line.shape[1]), NETWORK_SIZE_PX)
    if colorizer is None:
        return resize(frame.color, size)
    assert frame.hint is not None
    hint = pool_hints(resize_hints(frame.hint, size), colorizer.draft_scale)
    color: Frame = colorizer(resize(frame.line, size)[np.newaxis], hint[np.newaxis])[0]
    return color


def _work_of(picture: Frame, short_side_px: int) -> CompositingInputs:
    """Make frame parts of a picture: its colours as network output, its dark edges as lines."""
    size = picture.shape[0], picture.shape[1]
    large = resize(picture, fit_short_side(size, short_side_px))
    gray = cv2.GaussianBlur(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    edges = cv2.subtract(cv2.GaussianBlur(gray, (0, 0), 4.0), gray)
    line = cv2.bitwise_not(cv2.multiply(cv2.subtract(edges, 8.0), 12.0))
    return CompositingInputs(resize(picture, fit_short_side(size, NETWORK_SIZE_PX)), line)


def _opencv_png(frame: Frame, options: Sequence[int] = ()) -> bytes:
    data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)[1]
    return data.tobytes()


def _save_with_pillow(line: Line) -> bytes:
    buffer = BytesIO()
    Image.fromarray(line).save(buffer, "PNG")
    return buffer.getvalue()


# Name -> function of one item; the first of each is ours.
WRITERS: dict[str, Callable[[Frame], bytes]] = {
    "encode_png": encode_png,
    "OpenCV, default": _opencv_png,
    "OpenCV, level 1": partial(_opencv_png, options=[cv2.IMWRITE_PNG_COMPRESSION, 1]),
}
READERS: dict[str, Callable[[bytes], object]] = {
    "decode_line": decode_line,
    "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE),
    "Pillow": lambda data: np.asarray(Image.open(BytesIO(data))),
}
COMPOSERS: dict[str, Callable[[CompositingInputs], Frame]] = {
    "compose": lambda parts: compose(*parts),
    "to the letter": lambda parts: compose_literal(*parts),
}
FINISHERS: dict[str, Callable[[CompositingInputs], bytes]] = {
    "compose + encode_png": lambda parts: encode_png(compose(*parts)),
    "to the letter + OpenCV": lambda parts: _opencv_png(compose_literal(*parts)),
}


def _compare(
    case: str, items: Sequence[T], methods: Mapping[str, Callable[[T], object]], repeats: int
) -> list[Figure]:
    """Time each function on all items."""

    def run(function: Callable[[T], object]) -> list[object]:
        return [function(item) for item in items]

    return compare(case, {name: partial(run, method) for name, method in methods.items()}, repeats)
