"""Inputs and outputs of the networks that are exported."""

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from lineart.inference import MIN_PX
from lineart.models import Colorization, Pair

TRANSLATED: Final = ("heat", "logits")
"""Optional outputs beside a translated picture; fields of `models.Translated`."""


class IOSpec(NamedTuple):
    """Inputs and outputs of a network; pictures are float32[B, C, H, W] in -1..1."""

    inputs: dict[str, int]
    """Name -> number of channels."""
    outputs: tuple[str, ...]
    multiple: int
    """Height and width must be multiples of this."""
    size_px: int | None
    """Fixed height and width; None accepts any multiple."""

    def draw_inputs(self, count: int, scale: tuple[int, int], seed: int = 0) -> list[Tensor]:
        """Draw random inputs of `count` pictures, `scale` times the least height and width."""
        least = max(self.multiple, MIN_PX)
        height, width = (self.size_px or least * factor for factor in scale)
        random = torch.Generator().manual_seed(seed)
        return [
            torch.rand(count, channels, height, width, generator=random) * 2 - 1
            for channels in self.inputs.values()
        ]


def spec_of(pair: Pair, name: str) -> IOSpec:
    """Return the inputs and outputs of the generator `name` of a pair."""
    task = pair.task
    if isinstance(task, Colorization):
        if name == "color" and "draft" in pair.generators:
            return IOSpec({"line": 1, "draft": 3}, ("color",), pair.multiple, None)
        blank = torch.zeros(1, 1, 1, 4, dtype=torch.uint8)
        channels = task.encode_hint(blank, blank[..., 0]).shape[1]
        inputs = {"line": 1, "hint": channels}
        return IOSpec(inputs, (name,), pair.multiple // task.draft_scale, None)
    translation = pair.translation
    source, target = ("photo", 3), ("picture", translation.channels)
    given, made = (source, target) if name == "target" else (target, source)
    spec = IOSpec(dict([given]), (made[0],), pair.multiple, translation.size_px)
    with torch.inference_mode():
        translated = pair.generators[name](*spec.draw_inputs(1, (1, 1)))
    beside = [part for part in TRANSLATED if getattr(translated, part) is not None]
    return spec._replace(outputs=(made[0], *beside))


def tensors_of(outputs: Any) -> list[Tensor]:
    """Return all tensors in a generator's output, without None."""
    parts = [outputs] if isinstance(outputs, Tensor) else outputs
    return [part for part in parts if part is not None]
