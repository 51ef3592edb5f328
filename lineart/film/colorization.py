"""Line drawings, with hints or without -> coloured frames at the drawings' own size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lineart.codec import decode_hint, decode_line, encode_png
from lineart.film.task import Run, Shrunk, Words, check_size, network_size
from lineart.image import Hint, Line, Size, resize
from lineart.imaging.frequency import compose
from lineart.imaging.hints import no_hints, pool_hints, resize_hints
from lineart.weights import read_config

PICTURE_VERSION = 2
"""Raise it when the same drawing, hint and weights give other pixels: films are then made anew."""


@dataclass(frozen=True)
class Coloring:
    """Colour drawings: `film.task.Task`."""

    network_size_px: int
    """Short side of the network's picture."""
    draft_scale: int
    """How much smaller the draft is, and so the grid of the hints that the network sees."""

    words = Words(source="line drawing", made="coloured", pair="line and colour")
    extras = ()
    shrink_stage = "hint"
    decode = staticmethod(decode_line)
    # A network on a CPU takes ten times as long for a frame as reading and shrinking its drawing.
    networks_fed = 8

    @property
    def settings(self) -> dict[str, Any]:
        """Give all that decides a frame's pixels beside drawing, hint and weights."""
        return {"network_size_px": self.network_size_px, "version": PICTURE_VERSION}

    def shrink(self, data: bytes, picture: Line, hint: bytes | None) -> Shrunk:
        """Make the small line and the pooled hint; the drawing's file is needed once more."""
        size = network_size(picture.shape, self.network_size_px)
        return Shrunk([resize(picture, size), _pooled_hint(hint, size, self.draft_scale)], data)

    def open_network(self, files: Mapping[str, bytes], *, device: str, batch_size: int) -> Run:
        """Build the pair: small lines, hints -> small colours."""
        from lineart.inference import Colorizer
        from lineart.models import from_files

        colorizer = Colorizer(from_files(files), device=device, batch_size=batch_size)
        return lambda lines, hints: [colorizer(lines, hints)]

    def compose(self, answers: Sequence[np.ndarray], kept: bytes) -> list[bytes]:
        """Lay the small colour below the drawing at its own size."""
        (color,) = answers
        return [encode_png(compose(color, decode_line(kept)))]

    def show(self, picture: Line) -> Line:
        """Show the drawing as it is."""
        return picture


def open_coloring(files: Mapping[str, bytes], *, network_size_px: int) -> Coloring:
    """Give the task that weights and flags describe.

    Raises:
        ValueError: the size is out of bounds, or the weights do something else.
    """
    check_size("--network-size", network_size_px)
    config = read_config(files)
    if "draft_scale" not in config:
        raise ValueError(
            f"these weights ({config.get('model')}) turn photographs into drawings or pictures; "
            "to colour drawings they are no use: run python -m jobs.translate with them"
        )
    return Coloring(network_size_px, config["draft_scale"])


@lru_cache(maxsize=4)
def _pooled_hint(data: bytes | None, size: Size, draft_scale: int) -> Hint:
    """Give a hint on the draft's grid; one hint holds for many frames, so the last few are kept."""
    hint = no_hints(size) if data is None else resize_hints(decode_hint(data), size)
    return pool_hints(hint, draft_scale)
