"""Training tasks, one for each kind of pair: its data, batches and validation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from lineart.datasets.samples import (
    Pictures,
    Sample,
    Samples,
    SampleSettings,
    Unpaired,
    UnpairedSample,
    UnpairedSamples,
    UnpairedSettings,
)
from lineart.datasets.shards import Shards
from lineart.image import resize
from lineart.imaging.hints.pixels import lay_on_gray
from lineart.inference import color_to_tensor, line_to_tensor
from lineart.losses import l1
from lineart.models import BorderSearch, Colorization, Matching, Pair, Translation
from lineart.models.layers import ColorBatch, HintBatch, HintPixels, LineBatch, LinePixels
from lineart.storage import Storage
from lineart.training.borders import BorderTraining
from lineart.training.dataloader import Arrays, Collator, to_device
from lineart.training.matching import MatchingTraining
from lineart.training.recipes import Recipe

Cell = UInt8[np.ndarray, "_ _ 3"]
"""RGB picture of any size."""


@runtime_checkable
class TrainingTask(Protocol):
    """Parts of a training that depend on the task of a pair."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Any:
        """Open the pictures of one side, "train" or "validation", of a `prepare_data` output.

        Raises:
            FileNotFoundError: there is no prepared set.
            ValueError: the set is empty or broken, or lacks maps that a loss of the recipe needs.
        """
        ...

    def collator(
        self, pictures: Any, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """Build the collator of stage `number` of the recipe."""
        ...

    def to_batch(self, arrays: Arrays, device: torch.device) -> Any:
        """Convert a collator's arrays, which the caller keeps, to a batch on a device.

        See `dataloader.to_device`.
        """
        ...

    def show(self, sample: Any, made: Mapping[str, Cell]) -> dict[str, Cell]:
        """Return a sample and its results as named pictures, in the order of the grid's columns."""
        ...

    def distance(self, made: Mapping[str, Tensor], batch: Any) -> Float[Tensor, ""]:
        """Compute the validation score: a mean absolute difference of colours in -1..1."""
        ...


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
    """Sampling position of each pixel of a damaged draft: x and y, -1..1; see
    `imaging.samples.artifacts`."""
    spray: Float[Tensor, "B 4 HintH HintW"]
    """Spray over the draft: colour -1..1 and opacity 0..1."""
    has_true_draft: Bool[Tensor, " B"]
    """Samples whose draft is the shrunk truth, not the draft generator's output."""


def stack_drawings(
    samples: Sequence[Sample],
    *,
    encode_hint: Callable[[HintPixels, LinePixels], HintBatch],
    small: bool,
) -> Arrays:
    """Stack samples to a batch.

    Args:
        samples: Samples of one size.
        encode_hint: `Colorization.encode_hint` of the trained pair.
        small: For the draft generator: lines and colours at the draft's size, no artifacts.
    """
    size = samples[0].hint.shape[:2]
    hints = np.stack([sample.hint for sample in samples])
    small_lines = np.stack([resize(sample.line, size) for sample in samples])
    with torch.inference_mode():
        encoded = encode_hint(torch.from_numpy(hints), torch.from_numpy(small_lines))
    colors = [resize(s.color, size) if small else s.color for s in samples]
    arrays = {
        "line": small_lines if small else np.stack([s.line for s in samples]),
        "hint": encoded.numpy(),
        "hint_mask": hints[:, np.newaxis, :, :, 3] > 0,
        "color": np.stack(colors),
    }
    return arrays if small else arrays | second_stage(samples, small_lines)


def second_stage(
    samples: Sequence[Sample], small_lines: UInt8[np.ndarray, "B HintH HintW"]
) -> Arrays:
    """Build the additional arrays of the color generator's stage."""
    faults = [sample.artifacts for sample in samples]
    return {
        "small_line": small_lines,
        "source": np.stack([fault.source for fault in faults if fault]),
        "spray": np.stack([fault.spray for fault in faults if fault]),
        "has_true_draft": np.array([sample.has_true_draft for sample in samples]),
    }


@dataclass(frozen=True)
class ColorizationTraining:
    """`TrainingTask` of colorizing pairs."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Shards:
        """See `TrainingTask`."""
        del recipe
        return Shards(data.child(side), decoded_bytes=None)

    def collator(
        self, pictures: Pictures, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """See `TrainingTask`."""
        stage, task = recipe.stages[number], pair.colorization
        # Imported here, because objectives import this module.
        from lineart.training.objectives import find_objective

        second_stage = getattr(find_objective(stage.objective), "second_stage", False)
        settings = SampleSettings(
            crop=stage.crop,
            draft_scale=task.draft_scale,
            second_stage=second_stage,
            true_drafts=recipe.true_drafts if second_stage else 0.0,
            balance=recipe.balance,
        )
        samples = Samples(pictures, settings, recipe.seed_of(number, is_training))
        stack = partial(stack_drawings, encode_hint=task.encode_hint, small=not second_stage)
        return Collator(samples, stack)

    def to_batch(self, arrays: Arrays, device: torch.device) -> ColorizationBatch:
        """See `TrainingTask`."""
        given = to_device(arrays, device)
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
            has_true_draft=given.get(
                "has_true_draft", torch.zeros(B, dtype=torch.bool, device=device)
            ),
        )

    def show(self, sample: Sample, made: Mapping[str, Cell]) -> dict[str, Cell]:
        """Return line drawing, hints, results and true colours."""
        line = cv2.cvtColor(sample.line, cv2.COLOR_GRAY2RGB)
        hints = lay_on_gray(sample.hint)
        return {"line": line, "hints": hints, **made, "truth": sample.color}

    def distance(self, made: Mapping[str, Tensor], batch: ColorizationBatch) -> Float[Tensor, ""]:
        """Compute the L1 distance of the last result to the true colours."""
        return l1(list(made.values())[-1], batch.color)


MAPS = {
    "segmentation": ("segmentation", "prepare_data takes maps that lie beside the photographs"),
    "geometry": ("depth", "prepare_data drawing --depth-model makes some"),
}
"""Loss term -> kind of map that it needs, and how to get it, for the error message."""


@dataclass(frozen=True)
class UnpairedBatch:
    """Batch of unpaired samples as network inputs."""

    source: ColorBatch
    target: Float[Tensor, "B C H W"]
    """Drawings (1 channel, -1 = ink, 1 = paper) or sRGB pictures in -1..1."""
    segmentation: Int64[Tensor, "B H W"]
    """Class of each pixel of `source`; 255 where unknown."""
    depth: Float[Tensor, "B 1 H W"]
    """Depth of `source`, 0..1, near = 1; NaN where unknown."""


def stack_unpaired(samples: Sequence[UnpairedSample], *, channels: int) -> Arrays:
    """Stack samples to a batch, whose target pictures are grey for one channel."""
    targets = [
        cv2.cvtColor(s.target, cv2.COLOR_RGB2GRAY) if channels == 1 else s.target for s in samples
    ]
    return {
        "source": np.stack([sample.source for sample in samples]),
        "target": np.stack(targets),
        "segmentation": np.stack([sample.segmentation for sample in samples]),
        "depth": np.stack([sample.depth for sample in samples]).astype(np.float16),
    }


@dataclass(frozen=True)
class TranslationTraining:
    """`TrainingTask` of translating pairs."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Unpaired:
        """Open the photographs and the target pictures; see `TrainingTask`."""
        source, target = (
            Shards(data.child(f"{part}/{side}"), decoded_bytes=None)
            for part in ("source", "target")
        )
        terms = {term for stage in recipe.stages for term in stage.losses}
        for term, (name, way_out) in MAPS.items():
            if side == "train" and term in terms and name not in source.maps:
                raise ValueError(
                    f"the {term} loss needs photographs with {name}, and {source.storage.uri} "
                    f"holds none; {way_out}, or leave the loss out with --disable-loss {term}"
                )
        return Unpaired(source, target)

    def collator(
        self, pictures: Unpaired, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """See `TrainingTask`."""
        stage = recipe.stages[number]
        settings = UnpairedSettings(
            crop=stage.crop,
            classes=recipe.classes if "segmentation" in stage.losses else 0,
            is_random=is_training,
            balance=recipe.balance,
        )
        samples = UnpairedSamples(pictures, settings, recipe.seed_of(number, is_training))
        return Collator(samples, partial(stack_unpaired, channels=pair.translation.channels))

    def to_batch(self, arrays: Arrays, device: torch.device) -> UnpairedBatch:
        """See `TrainingTask`."""
        given = to_device(arrays, device)
        source, target = color_to_tensor(given["source"]), given["target"]
        target = line_to_tensor(target) if target.ndim == 3 else color_to_tensor(target)
        return UnpairedBatch(
            source=source.contiguous(memory_format=torch.channels_last),
            target=target.contiguous(memory_format=torch.channels_last),
            segmentation=given["segmentation"].long(),
            depth=given["depth"][:, None].float(),
        )

    def show(self, sample: UnpairedSample, made: Mapping[str, Cell]) -> dict[str, Cell]:
        """Return the photograph and the results."""
        return {"photograph": sample.source, **made}

    def distance(self, made: Mapping[str, Tensor], batch: UnpairedBatch) -> Float[Tensor, ""]:
        """Compute the L1 distance of photographs to their reconstructions from the results.

        It replaces a distance of the results, for which there is no truth; the objective returns
        the reconstructions as `back`.
        """
        return l1(made["back"], batch.source)


TASKS: Final[dict[type[Colorization | Translation | BorderSearch | Matching], TrainingTask]] = {
    Colorization: ColorizationTraining(),
    Translation: TranslationTraining(),
    BorderSearch: BorderTraining(),
    Matching: MatchingTraining(),
}
"""Type of a pair's task -> how it is trained."""
