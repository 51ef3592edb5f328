"""Comparison of exported models in ONNX Runtime with the pair in PyTorch, in float32."""

from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from onnxruntime import InferenceSession
from torch import Tensor, nn

from lineart.imaging.hints.pixels import pool_hints, sample_hints
from lineart.inference import PairColorizer, Translator
from lineart.metrics import psnr
from lineart.models import Pair
from lineart.onnx.hints import GRAPHS
from lineart.onnx.inference import Pictures, open_session
from lineart.onnx.spec import IOSpec, tensors_of

BOUNDS: Final = {False: 1e-3, True: 0.05}
"""Half precision -> largest allowed difference of a network's outputs in -1..1."""
LEVELS: Final = {False: 1, True: 6}
"""Half precision -> largest allowed difference of a picture, in levels of 0..255."""
WAYS_OUT: Final = {
    False: "their numbers grow too large, as those of networks that were hardly trained do",
    True: "leave out --fp16",
}
SIZES: Final = ((1, (70, 97)), (3, (64, 130)))
"""Batch size, and height and width, of the compared pictures."""
HINTS: Final = (16, 140)
"""Numbers of hints."""
FLOODED_SIZE: Final = (256, 384)


def compare_network(data: bytes, generator: nn.Module, spec: IOSpec, *, half: bool) -> float:
    """Return the largest difference for two batch sizes, and two picture sizes unless it is fixed.

    Heat maps and logits have no fixed range: their differences are divided by the largest value, if
    that is above 1.

    Raises:
        ValueError: The difference is above its bound.
    """
    session, differences = open_session(data), []
    for count, scale in ((1, (2, 1)), (3, (2, 3))):
        examples = spec.draw_inputs(count, scale, seed=count)
        with torch.inference_mode():
            truths = tensors_of(generator(*examples))
        feed = {name: example.numpy() for name, example in zip(spec.inputs, examples, strict=True)}
        answers = session.run([*spec.outputs], feed)
        for answer, truth in zip(answers, map(Tensor.numpy, truths), strict=True):
            most = 1.0 if answer is answers[0] else max(1.0, np.abs(truth).max())
            differences.append(np.abs(answer - truth).max() / most)
    # `np.max` returns NaN if any difference is NaN.
    most = float(np.max(differences))
    if not most <= BOUNDS[half]:
        raise ValueError(
            f"ONNX Runtime and PyTorch differ by {most:.2g} of values -1..1, where "
            f"{BOUNDS[half]:g} is allowed: {WAYS_OUT[half]}; nothing was written"
        )
    return most


class PictureError(NamedTuple):
    """Differences between pictures of ONNX Runtime and PyTorch."""

    levels: int
    """Largest difference in levels of 0..255."""
    flooded_db: dict[int, float]
    """Number of hints -> PSNR in dB; empty unless hints are flooded by a graph of `onnx.hints`."""


def compare_colorizer(data: bytes, pair: Pair, *, half: bool) -> PictureError:
    """Compare coloured drawings of two sizes.

    If the pair floods hints, the drawings have one hint each, for which both floods are equal.

    Raises:
        ValueError: The difference is above its bound.
    """
    session, colorizer = open_session(data), PairColorizer(pair, precision="float32")
    is_flooded = pair.colorization.encode_hint in GRAPHS
    levels, flooded_db = 0, {}
    for count, size in SIZES:
        lines, hints = draw_cases(count, size, 1 if is_flooded else HINTS[0])
        levels = max(levels, _most(*_color(session, colorizer, lines, hints)))
    _check_levels(levels, half)
    for number in HINTS if is_flooded else ():
        lines, hints = draw_cases(2, FLOODED_SIZE, number)
        flooded_db[number] = psnr(*_color(session, colorizer, lines, hints))
    return PictureError(levels, flooded_db)


def compare_translator(data: bytes, pair: Pair, *, half: bool) -> int:
    """Return the largest difference of translated noise pictures, in levels of 0..255.

    Raises:
        ValueError: The difference is above its bound.
    """
    session, translator, levels = open_session(data), Translator(pair, precision="float32"), 0
    for count, size in SIZES:
        side = pair.translation.size_px
        height, width = (side, side) if side else size
        random = np.random.default_rng(count)
        photos = random.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
        answer = session.run(None, {"photo": photos})[0]
        levels = max(levels, _most(answer, translator(photos).pictures))
    _check_levels(levels, half)
    return levels


def draw_cases(
    count: int, size: tuple[int, int], hints: int
) -> tuple[UInt8[np.ndarray, "B H W"], UInt8[np.ndarray, "B H W 4"]]:
    """Draw random line drawings of flat regions, and hints with the regions' colours."""
    random = np.random.default_rng(hints)
    lines, marks = np.full((count, *size), 255, np.uint8), []
    for line in lines:
        painted = np.full((*size, 3), 255, np.uint8)
        for _ in range(8):
            points = (random.random((4, 2)) * size[::-1]).astype(np.int32)
            shape = [cv2.convexHull(points)]
            cv2.fillPoly(painted, shape, random.integers(0, 256, 3).tolist())
            cv2.fillPoly(line, shape, 255)
            cv2.polylines(line, shape, True, 0, 3, cv2.LINE_AA)
        marks.append(sample_hints(painted, hints, random))
    return lines, np.stack(marks)


def _color(
    session: InferenceSession, colorizer: PairColorizer, lines: Pictures, hints: Pictures
) -> tuple[Pictures, Pictures]:
    """Return the colours of ONNX Runtime and of PyTorch."""
    answer = session.run(None, {"line": lines, "hint": hints})[0]
    pooled = np.stack([pool_hints(hint, colorizer.draft_scale) for hint in hints])
    return answer, colorizer(lines, pooled)


def _most(answer: Pictures, truth: Pictures) -> int:
    return int(np.abs(answer.astype(np.int16) - truth).max())


def _check_levels(levels: int, half: bool) -> None:
    if levels > LEVELS[half]:
        raise ValueError(
            f"ONNX Runtime's picture and PyTorch's differ by {levels} levels of 255, where "
            f"{LEVELS[half]} are allowed: {WAYS_OUT[half]}; nothing was written"
        )
