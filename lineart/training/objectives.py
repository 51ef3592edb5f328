"""What each generator of a pair minimises."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.datasets.samples import Sample
from lineart.image import resize
from lineart.inference import color_to_tensor, enlarge, line_to_tensor
from lineart.losses.reconstruction import l1, l2
from lineart.models import Pair
from lineart.models.layers import ColorBatch, LineBatch
from lineart.training.recipes import Recipe, Stage

Terms = dict[str, Float[Tensor, ""]]
"""Loss terms, named and weighted, ready to sum and to log."""


@dataclass(frozen=True)
class Batch:
    """Samples side by side, as networks see them."""

    line: LineBatch
    small_line: Float[Tensor, "B 1 HintH HintW"]
    hint: Float[Tensor, "B C HintH HintW"]
    color: ColorBatch


def stack(samples: Sequence[Sample], pair: Pair) -> Batch:
    """Give samples as one batch."""
    small = np.stack([resize(sample.line, sample.hint.shape[:2]) for sample in samples])
    hint = pair.encode_hint(np.stack([sample.hint for sample in samples]), small)
    return Batch(
        line_to_tensor(torch.from_numpy(np.stack([sample.line for sample in samples]))),
        line_to_tensor(torch.from_numpy(small)),
        hint,
        color_to_tensor(torch.from_numpy(np.stack([sample.color for sample in samples]))),
    )


def shrink(sample: Sample) -> Sample:
    """Bring line and colours to the draft's size."""
    size = sample.hint.shape[:2]
    return Sample(resize(sample.line, size), sample.hint, resize(sample.color, size))


def distance(fake: ColorBatch, real: ColorBatch, l2_weight: float) -> Terms:
    """Give L1 and, where it has a weight, L2."""
    terms = {"l1": l1(fake, real)}
    return terms | {"l2": l2_weight * l2(fake, real)} if l2_weight else terms


class DraftObjective:
    """The draft generator gives the small colours."""

    def __init__(self, pair: Pair, generator: nn.Module, recipe: Recipe, stage: Stage) -> None:
        del recipe
        self.pair = pair
        self.generator = generator
        self.l2_weight = stage.l2_weight

    def stack(self, samples: Sequence[Sample]) -> Batch:
        """Give samples as one small batch."""
        return stack([shrink(sample) for sample in samples], self.pair)

    def __call__(self, batch: Batch, seed: int) -> Terms:
        """Give the loss of one batch."""
        del seed
        fake = self.generator(batch.line, batch.hint)
        return distance(fake, batch.color, self.l2_weight)


class ColorObjective:
    """The color generator gives the colours from a draft, which the finished draft generator made.

    In a share of the batches the draft is the truth itself, shrunk and damaged: colours bleed and
    drift there, and the lines tell where they belong.
    """

    def __init__(self, pair: Pair, generator: nn.Module, recipe: Recipe, stage: Stage) -> None:
        self.pair = pair
        self.scale = pair.draft_scale
        self.draft = pair.generators["draft"].eval().requires_grad_(False)
        self.generator = generator
        self.l2_weight = stage.l2_weight
        self.truth_share = recipe.truth_share

    def stack(self, samples: Sequence[Sample]) -> Batch:
        """Give samples as one batch."""
        return stack(samples, self.pair)

    def __call__(self, batch: Batch, seed: int) -> Terms:
        """Give the loss of one batch; `seed` decides the damage."""
        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            if float(torch.rand((), generator=rng)) < self.truth_share:
                draft = damage(F.avg_pool2d(batch.color, self.scale), rng)
            else:
                draft = self.draft(batch.small_line, batch.hint).float()
        fake = self.generator(batch.line, enlarge(draft, self.scale))
        return distance(fake, batch.color, self.l2_weight)


def damage(color: ColorBatch, rng: torch.Generator) -> ColorBatch:
    """Let colours bleed over 0 to 2 pixels and drift in large soft patches."""
    B, _, H, W = color.shape
    sigma = 2 * float(torch.rand((), generator=rng))
    kernel = torch.from_numpy(cv2.getGaussianKernel(9, max(sigma, 0.05)).ravel()).to(color)
    color = F.pad(color, (4, 4, 4, 4), mode="replicate")
    color = F.conv2d(color, kernel.view(1, 1, 1, 9).repeat(3, 1, 1, 1), groups=3)
    color = F.conv2d(color, kernel.view(1, 1, 9, 1).repeat(3, 1, 1, 1), groups=3)
    patches = torch.randn((B, 3, 5, 5), generator=rng).to(color) * 0.06
    drift = F.interpolate(patches, size=(H, W), mode="bilinear", align_corners=False)
    return (color + drift).clamp(-1, 1)


OBJECTIVES: Final[dict[str, Callable[..., DraftObjective | ColorObjective]]] = {
    "draft": DraftObjective,
    "color": ColorObjective,
}
"""Generator -> what it minimises."""
