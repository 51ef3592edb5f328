"""Training task of colorizing pairs: batches of samples, validation distance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from lineart.datasets.samples import Pictures, Sample, Samples, SampleSettings
from lineart.datasets.shards import Shards
from lineart.image import Frame, Hint, resize
from lineart.inference import color_to_tensor, line_to_tensor
from lineart.losses.reconstruction import l1
from lineart.models import Pair
from lineart.models.layers import ColorBatch, HintBatch, HintPixels, LineBatch, LinePixels
from lineart.storage import Storage
from lineart.training.dataloader import Arrays
from lineart.training.recipe import Recipe


@dataclass(frozen=True)
class ColorizationBatch:
    """Batch of samples as network inputs; for the draft generator, all at the draft's size."""

    line: LineBatch
    small_line: Float[Tensor, "B 1 HintH HintW"]
    hint: Float[Tensor, "B C HintH HintW"]
    hint_mask: Bool[Tensor, "B 1 HintH HintW"]
    """Pixels with a given hint; `hint` may spread hints to other pixels."""
    color: ColorBatch
    source: Float[Tensor, "B HintH HintW 2"]
    """Sampling position of each pixel of a damaged draft: x and y, -1..1 (`imaging.artifacts`)."""
    spray: Float[Tensor, "B 4 HintH HintW"]
    """Spray over the draft: colour -1..1 and opacity 0..1."""
    has_true_draft: Bool[Tensor, " B"]
    """Samples whose draft is the shrunk truth, not the draft generator's output."""


@dataclass(frozen=True)
class ColorizationCollator:
    """Makes batches of samples given by number, in any process.

    Args:
        samples: Samples, indexed by number.
        encode_hint: `Colorization.encode_hint` of the trained pair.
        small: For the draft generator: lines and colours at the draft's size, no artifacts.
    """

    samples: Samples
    encode_hint: Callable[[HintPixels, LinePixels], HintBatch]
    small: bool

    def __call__(self, numbers: Sequence[int]) -> Arrays:
        """Make the samples of these numbers and stack them to a batch."""
        return self.stack([self.samples[int(number)] for number in numbers])

    def stack(self, samples: Sequence[Sample]) -> Arrays:
        """Stack samples to a batch."""
        size = samples[0].hint.shape[:2]
        hints = np.stack([sample.hint for sample in samples])
        small_lines = np.stack([resize(sample.line, size) for sample in samples])
        colors = [resize(s.color, size) if self.small else s.color for s in samples]
        arrays = {
            "line": small_lines if self.small else np.stack([s.line for s in samples]),
            "hint": self.encode_hint(hints, small_lines).numpy(),
            "hint_mask": hints[:, np.newaxis, :, :, 3] > 0,
            "color": np.stack(colors),
        }
        return arrays if self.small else arrays | second_stage(samples, small_lines)


def second_stage(samples: Sequence[Sample], small_lines: LinePixels) -> Arrays:
    """Build the additional arrays of the color generator's stage."""
    faults = [sample.artifacts for sample in samples]
    return {
        "small_line": small_lines,
        "source": np.stack([fault.source for fault in faults if fault]),
        "spray": np.stack([fault.spray for fault in faults if fault]),
        "has_true_draft": np.array([sample.has_true_draft for sample in samples]),
    }


def to_batch(arrays: Arrays, device: torch.device) -> ColorizationBatch:
    """Convert a collator's arrays to a batch of tensors on a device."""
    given = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    line = line_to_tensor(given["line"])
    B, _, height, width = given["hint"].shape
    # Batches of the draft generator lack the arrays of `second_stage`.
    spray = given.get("spray", torch.zeros((B, height, width, 4), device=device))
    spray = spray.permute(0, 3, 1, 2).float()
    return ColorizationBatch(
        line=line.contiguous(memory_format=torch.channels_last),
        small_line=line_to_tensor(given["small_line"]) if "small_line" in given else line,
        hint=given["hint"].contiguous(memory_format=torch.channels_last),
        hint_mask=given["hint_mask"],
        color=color_to_tensor(given["color"]),
        source=given.get("source", torch.zeros((B, height, width, 2), device=device)),
        spray=torch.cat((spray[:, :3] / 127.5 - 1, spray[:, 3:] / 255), dim=1),
        has_true_draft=given.get("has_true_draft", torch.zeros(B, dtype=torch.bool, device=device)),
    )


@dataclass(frozen=True)
class ColorizationTraining:
    """`TrainingTask` of colorizing pairs."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Shards:
        """Open the pictures of one side.

        Raises:
            FileNotFoundError: there is no prepared set.
            ValueError: the set is empty or broken.
        """
        del recipe
        return Shards(data.child(side))

    def maker(
        self, pictures: Pictures, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> ColorizationCollator:
        """Build the collator of stage `number` of the recipe."""
        stage, task = recipe.stages[number], pair.colorization
        second_stage = stage.objective == "color"
        settings = SampleSettings(
            crop=stage.crop,
            draft_scale=task.draft_scale,
            second_stage=second_stage,
            true_drafts=recipe.true_drafts if second_stage else 0.0,
            balance=recipe.balance,
        )
        samples = Samples(pictures, settings, recipe.seed_of(number, is_training))
        return ColorizationCollator(samples, task.encode_hint, small=not second_stage)

    def to_batch(self, arrays: Arrays, device: torch.device) -> ColorizationBatch:
        """Convert a collator's arrays to a batch of tensors on a device."""
        return to_batch(arrays, device)

    def show(
        self, sample: Sample, made: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
    ) -> dict[str, UInt8[np.ndarray, "_ _ 3"]]:
        """Return line drawing, hints, results and true colours."""
        line = cv2.cvtColor(sample.line, cv2.COLOR_GRAY2RGB)
        return {"line": line, "hints": show_hints(sample.hint), **made, "truth": sample.color}

    def distance(self, made: Mapping[str, Tensor], batch: ColorizationBatch) -> Float[Tensor, ""]:
        """Compute the L1 distance of the last result to the true colours."""
        return l1(list(made.values())[-1], batch.color)


def show_hints(hint: Hint) -> Frame:
    """Draw hints on a light grey background."""
    return np.where(hint[..., 3:] > 0, hint[..., :3], np.uint8(238))
