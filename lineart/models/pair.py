"""What a model pair is: two generators and what a caller must know about them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from lineart.models.layers import HintBatch, HintPixels, LinePixels


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two generators that colour a line drawing in two steps.

    `generators["draft"](line, hint)` colours a small drawing; `generators["color"](line, draft)`
    takes the drawing at full network size and the draft enlarged to it.
    """

    model: str
    """Name in `MODELS`."""
    arguments: dict[str, int]
    """What the builder was called with; the same arguments build the same networks."""
    generators: dict[str, nn.Module]
    encode_hint: Callable[[HintPixels, LinePixels], HintBatch]
    """Hints, and the drawing at the same size -> hints as the draft generator sees them."""
    draft_scale: int
    """Side of the drawing over side of the draft."""
    multiple: int
    """Height and width at network size must be multiples of this."""
