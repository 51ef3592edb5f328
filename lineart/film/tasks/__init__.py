"""Tasks, which compute the pixels: to colour, to recolour, to translate. Here: their interface."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from lineart.codec.writing.encode import FileFormat
from lineart.image import Frame, Size, fit_short_side
from lineart.imaging.paint.doubts import Certainty, Doubt
from lineart.runtime.device import Precision

MAX_ASPECT = 8
"""Aspect ratio above which pictures are scaled by their long side, which shrinks them further."""

MIN_SIZE_PX, MAX_SIZE_PX = 64, 4096
"""Bounds of the flags for the short side of the network input, in pixels."""

Files = Mapping[str, Sequence[bytes]]
"""Role of a frame's inputs -> their files: one of the picture; hints, bottom to top; keys."""

RunNetwork = Callable[..., Sequence[np.ndarray]]
"""Runs a network: batches of inputs of one size -> batches of outputs, all uint8."""


class NetworkInputs(NamedTuple):
    """Network inputs of one picture, and data kept for composing its frame."""

    inputs: list[np.ndarray]
    """Inputs of the network, uint8; empty if the frame needs no network."""
    kept: Any
    """Picklable data for `FilmTask.compose`, which gets it with the network outputs."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at, for the manifest."""
    seconds: Mapping[str, float] = {}
    """Name of a part of the work -> its time in seconds, recorded as that of a stage."""


@runtime_checkable
class Drawn(Protocol):
    """Pictures of a finished frame whose files are still to be written."""

    @property
    def pictures(self) -> Sequence[Frame]:
        """The frame and, of a cel, its opacity as grey: what upscaling enlarges."""

    def enlarge(self, pictures: Sequence[Frame]) -> "Drawn":
        """Return the frame with these pictures, of one size, in place of `pictures`."""

    def write(self) -> list[bytes]:
        """Return the frame's file, then one for each of `FilmTask.extras`."""


class ComposedFrame(NamedTuple):
    """A finished frame."""

    drawn: Drawn
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at, for the manifest."""
    doubts: tuple[Doubt, ...] = ()
    """Regions whose colour may be wrong, for the manifest."""
    certainty: Certainty | None = None
    """How sure carried colours are; None without."""

    @property
    def files(self) -> list[bytes]:
        """The frame's file, then one for each of `FilmTask.extras`."""
        return self.drawn.write()


PrepareInputs = Callable[[np.ndarray, Files], NetworkInputs]
"""Computes the network inputs from the decoded picture and all files of a frame."""


@runtime_checkable
class SharedRules(Protocol):
    """Rules by which the files are read that frames have besides their pictures, such as hints."""

    @property
    def role(self) -> str:
        """Role of these files among the inputs of a frame: `hint`, `key`, `paint`."""

    def read(self, data: bytes) -> np.ndarray:
        """Decode a file; H x W x 4, and 0 everywhere if it says nothing."""

    def check(self, hint_size: Size, size: Size) -> None:
        """Raise ValueError if a file of `hint_size` does not fit a picture of `size`."""

    def describe_scale(self, hint_size: Size, size: Size) -> str | None:
        """Return a warning on the sizes of a file and a picture, or None."""


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """Words for a task on the HTML page."""

    source: str
    """Input picture: `line drawing`."""
    made: str
    """What is done to it, as a participle: `coloured`."""
    pair: str
    """Input and frame side by side: `line and colour`."""


class DoubtfulError(ValueError):
    """A region's colour is less sure than it must be."""

    certainty: Certainty | None = None
    """How sure carried colours are; None without."""


@runtime_checkable
class Upscales(Protocol):
    """Enlarges finished frames, see `upscaling.Upscaling`."""

    def open(self, *, device: str, precision: Precision) -> RunNetwork:
        """Build the function that enlarges batches of pictures."""


@runtime_checkable
class FilmTask(Protocol):
    """Makes frames from pictures. Small, hashable, picklable; only `open_network` imports torch."""

    @property
    def words(self) -> PageWords:
        """Words for the task on the HTML page."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides picture, hints and weights."""

    @property
    def form(self) -> FileFormat:
        """Format of the frames."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Folders of the extra files that are written with each frame."""

    @property
    def upscaling(self) -> "Upscales | None":
        """How finished frames are enlarged; None: they are not."""

    @property
    def role(self) -> str:
        """Role of the pictures among the inputs of a frame: `line`, `photo`."""

    @property
    def prepare_stage(self) -> str:
        """Name of the stage recorded for failures of the function of `open_prepare`."""

    @property
    def decode(self) -> Callable[[bytes], np.ndarray]:
        """Function that decodes a picture; a plain function, because it is small when pickled."""

    @property
    def hint_rules(self) -> SharedRules:
        """Rules by which hints, or what the task has in their place, are read."""

    def open_prepare(self) -> PrepareInputs:
        """Build the function that computes network inputs; it keeps what frames share."""

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the network from the files of its weights."""

    def compose(self, answers: Sequence[np.ndarray], kept: Any) -> ComposedFrame:
        """Return a frame from the network outputs."""

    def show(self, picture: np.ndarray) -> np.ndarray:
        """Return the input image that the page shows beside its frame."""


EMPTY = "it is empty: no line is seen"
"""Warning of a drawing, which films have where nothing is seen; `--strict` does not object."""


def network_size(size: Size, short_side_px: int) -> Size:
    """Return height and width of the network input for a picture of `size`."""
    height, width = size
    longest = MAX_ASPECT * min(height, width)
    if max(height, width) <= longest:
        return fit_short_side((height, width), short_side_px)
    scale = MAX_ASPECT * short_side_px / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def check_network_size(flag: str, size_px: int) -> None:
    """Validate a flag for the short side of the network input.

    Raises:
        ValueError: it is not within `MIN_SIZE_PX` and `MAX_SIZE_PX`.
    """
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise ValueError(f"{flag} {size_px} is not within {MIN_SIZE_PX} and {MAX_SIZE_PX} pixels")
