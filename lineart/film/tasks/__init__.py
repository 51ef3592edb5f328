"""What a film's pictures are put through: colouring is one such task, translating another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from lineart.device import Precision
from lineart.image import Size, fit_short_side

MAX_ASPECT = 8
"""Longest side of a network's picture over its short side; longer pans are shrunk further."""

LEAST_SIZE_PX, LARGEST_SIZE_PX = 64, 4096
"""Bounds of the short side of a network's picture that may be asked for."""

RunNetwork = Callable[..., Sequence[np.ndarray]]
"""A network: stacks of inputs of one size -> stacks of answers, all uint8."""


class NetworkInputs(NamedTuple):
    """What is left of a picture when the network has its inputs."""

    inputs: list[np.ndarray]
    """What the network sees, uint8."""
    kept: bytes
    """What the task needs once more, to make the frame from the network's answers."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a page calls the parts of a task."""

    source: str
    """One picture: `line drawing`."""
    made: str
    """What becomes of it: it is `coloured`."""
    pair: str
    """The two side by side: `line and colour`."""


@runtime_checkable
class FilmTask(Protocol):
    """What is done to each picture of a film. Small, picklable, and it imports no torch itself."""

    @property
    def words(self) -> Labels:
        """Say what a page calls things."""

    @property
    def settings(self) -> dict[str, Any]:
        """Give all that decides a frame's pixels beside picture, hint and weights."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Name the folders of the files that are written beside each frame."""

    @property
    def shrink_stage(self) -> str:
        """Name what `shrink` does, for the failures in it."""

    @property
    def decode(self) -> Callable[[bytes], np.ndarray]:
        """Give the function that reads a picture: a plain one, which travels light."""

    def shrink(self, data: bytes, picture: np.ndarray, hint: bytes | None) -> NetworkInputs:
        """Make the network's inputs from a file, its pixels, and the file of its hint."""

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the network from the files of its weights."""

    def compose(self, answers: Sequence[np.ndarray], kept: bytes) -> list[bytes]:
        """Make a frame's PNG, and one for each of `extras`."""

    def show(self, picture: np.ndarray) -> np.ndarray:
        """Give what a page shows of a picture beside the frame made of it."""


def network_size(size: Size, short_side_px: int) -> Size:
    """Give the size at which the network sees a picture of `size`."""
    height, width = size
    longest = MAX_ASPECT * min(height, width)
    if max(height, width) <= longest:
        return fit_short_side((height, width), short_side_px)
    scale = MAX_ASPECT * short_side_px / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def check_size(flag: str, size_px: int) -> None:
    """Refuse a network size that makes no sense.

    Raises:
        ValueError: it is out of bounds.
    """
    if not LEAST_SIZE_PX <= size_px <= LARGEST_SIZE_PX:
        raise ValueError(
            f"{flag} {size_px} is not within {LEAST_SIZE_PX} and {LARGEST_SIZE_PX} pixels"
        )
