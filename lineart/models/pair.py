"""What a model pair is: two generators, and what a caller must know about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import HintBatch, HintPixels, LinePixels


@dataclass(frozen=True, kw_only=True)
class Colorization:
    """A pair that colours a line drawing in two steps.

    `generators["draft"](line, hint)` colours a small drawing; `generators["color"](line, draft)`
    takes the drawing at full network size and the draft enlarged to it.
    """

    encode_hint: Callable[[HintPixels, LinePixels], HintBatch]
    """Hints, and the drawing at the same size -> hints as the draft generator sees them."""
    draft_scale: int
    """Side of the drawing over side of the draft."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A pair that turns pictures of a source domain into such of a target domain, and back.

    `generators["target"](photo)` gives the target's picture, `generators["source"]` the way back;
    both give `Translated`.
    """

    channels: int
    """Of the target's pictures: 1 is a line drawing (-1 = ink, 1 = paper), 3 is sRGB in -1..1."""
    size_px: int | None = None
    """The only side that the generators take; None: any that is a multiple of `Pair.multiple`."""


class Translated(NamedTuple):
    """What a translating generator gives."""

    picture: Float[Tensor, "B C H W"]
    """-1..1."""
    heat: Float[Tensor, "B 1 HeatH HeatW"] | None = None
    """Where the generator looks, where it has attention; larger is more, in no fixed range."""
    logits: Float[Tensor, "B Logits"] | None = None
    """Of its auxiliary classifier: does the input come from the other domain?"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two generators that were trained with each other."""

    model: str
    """Name in `MODELS`."""
    arguments: dict[str, int]
    """What the builder was called with; the same arguments build the same networks."""
    generators: dict[str, nn.Module]
    multiple: int
    """Height and width at network size must be multiples of this."""
    task: Colorization | Translation
    """What the pair does, and how it is called."""

    @property
    def colorization(self) -> Colorization:
        """Give the task of a pair that colours.

        Raises:
            ValueError: This pair does not.
        """
        if not isinstance(self.task, Colorization):
            raise ValueError(f"{self.model} translates pictures; to colour drawings it is no use")
        return self.task

    @property
    def translation(self) -> Translation:
        """Give the task of a pair that translates.

        Raises:
            ValueError: This pair does not.
        """
        if not isinstance(self.task, Translation):
            raise ValueError(f"{self.model} colours drawings; to translate pictures it is no use")
        return self.task
