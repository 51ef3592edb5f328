"""Model pair: generators, and the properties that callers need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import HintBatch, HintPixels, LinePixels

Task = TypeVar("Task")


@dataclass(frozen=True, kw_only=True)
class Colorization:
    """Task of a pair that colours a line drawing, in two steps or one.

    `generators["draft"](line, hint)` colours the shrunk drawing; `generators["color"](line, draft)`
    takes the drawing at full network size and the draft enlarged to it. Without a draft generator
    it takes the encoded hints in place of the draft.
    """

    does: ClassVar = "colours drawings"

    encode_hint: Callable[[HintPixels, LinePixels], HintBatch]
    """Hints and the drawing at the same size -> hints as input of the draft generator, or of the
    only one. `lineart.onnx` traces it with torch, unless it is one of `onnx.hints.GRAPHS`."""
    draft_scale: int
    """Side of the drawing divided by the side of the draft; 1 without a draft generator. At 1,
    training draws hints as artists give them, and the finish `soft` is the mean of two sizes."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """Task of a pair that translates pictures from a source domain to a target domain and back.

    `generators["target"]` translates source pictures, `generators["source"]` target pictures; both
    return `Translated`.
    """

    does: ClassVar = "translates pictures"

    channels: int
    """Channels of target pictures: 1 = line drawing (-1 = ink, 1 = paper), 3 = sRGB in -1..1."""
    size_px: int | None = None
    """Fixed side of the square input; None accepts any multiple of `Pair.multiple`."""


@dataclass(frozen=True, kw_only=True)
class BorderSearch:
    """Task of a network that finds where colours meet on bare paper.

    `generators["borders"](line, paint)` returns logits; paint is that of `imaging.paint.borders`.
    """

    does: ClassVar = "finds borders of colours"


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Task of a network that matches the regions of two drawings.

    `generators["matching"]` takes a `matching.RegionPair`, no pictures.
    """

    does: ClassVar = "matches the regions of drawings"

    temperature: float = 1.0
    """Divisor of the logits, by which the probabilities of colours are calibrated."""
    threshold: float = 1.0
    """Probability of a colour from which 98 % of the regions have it."""


class Small(NamedTuple):
    """Configuration that trains in seconds on a CPU, for tests and `lineart train --tiny`."""

    arguments: dict[str, int]
    """Arguments of the builder; arguments that are not listed keep their value."""
    crop_px: int = 64
    """Side of the training pictures."""


class Translated(NamedTuple):
    """Output of a translating generator."""

    picture: Float[Tensor, "B C H W"]
    """Translated picture, -1..1."""
    heat: Float[Tensor, "B 1 HeatH HeatW"] | None = None
    """Heat map of attention, larger = more, in no fixed range; None without attention."""
    logits: Float[Tensor, "B Logits"] | None = None
    """Logits of the auxiliary classifier: does the input come from the other domain?"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Generators that were trained together: one or two."""

    model: str
    """Name in `models.MODELS`."""
    arguments: dict[str, int]
    """Arguments of the builder; the same arguments build the same layers."""
    generators: dict[str, nn.Module]
    multiple: int
    """Height and width at network size must be multiples of this."""
    small: Small
    task: Colorization | Translation | BorderSearch | Matching
    """Task of the pair, which defines how its generators are called."""

    @property
    def colorization(self) -> Colorization:
        """Task of a colorizing pair; raises ValueError for another one."""
        return self._expect(Colorization, "colour drawings")

    @property
    def border_network(self) -> nn.Module:
        """Network that finds borders; raises ValueError for a pair of another task."""
        self._expect(BorderSearch, "find borders")
        return self.generators["borders"]

    @property
    def translation(self) -> Translation:
        """Task of a translating pair; raises ValueError for another one."""
        return self._expect(Translation, "translate pictures")

    def _expect(self, kind: type[Task], deed: str) -> Task:
        """Return the task; raise ValueError if it is of another kind."""
        if not isinstance(self.task, kind):
            raise ValueError(f"{self.model} {self.task.does}; it does not {deed}")
        return self.task
