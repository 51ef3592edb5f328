"""Colouring task: line drawings, with or without hints -> coloured frames of the same size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_hint, decode_line, encode_png
from lineart.codec.openraster import MULTIPLY, Layer, encode_openraster
from lineart.film.frames import OPENRASTER
from lineart.film.tasks import (
    Files,
    Labels,
    NetworkInputs,
    RunNetwork,
    Shrink,
    check_size,
    network_size,
)
from lineart.image import Frame, Hint, Line, Size, resize
from lineart.imaging.frequency import DEFAULT_SIGMA, compose, line_layer, low_band
from lineart.imaging.hints import no_hints, pool_hints, resize_hints
from lineart.runtime.device import Precision
from lineart.weights import read_config
from lineart.weights.onnx_file import COLORS, MODEL

PICTURE_VERSION = 2
"""Raise it when equal drawings, hints and weights give other pixels: films are then made anew."""
LAYERS = "layers"
"""Folder of the colours without lines."""


@dataclass(frozen=True)
class ColorizeTask:
    """Task that colours line drawings; implements `film.tasks.FilmTask`."""

    network_size_px: int
    """Short side of the network input, in pixels."""
    draft_scale: int
    """Factor between the network input and the smaller draft, whose size the hint grid has."""
    extras: tuple[str, ...] = ()
    """Folders of the extra files of each frame: `LAYERS`, `OPENRASTER`."""

    words = Labels(source="line drawing", made="coloured", pair="line and colour")
    role = "line"
    shrink_stage = "hint"
    decode = staticmethod(decode_line)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides drawing, hint and weights."""
        return {"network_size_px": self.network_size_px, "version": PICTURE_VERSION}

    def open_shrink(self) -> Shrink:
        """Build the function that computes the resized drawing and the pooled hint.

        It keeps the last hints, and the drawing's file for `compose`.
        """

        @lru_cache(maxsize=4)
        def read_hint(data: bytes | None, size: Size) -> Hint:
            return self.shrink_hint(None if data is None else decode_hint(data), size)

        def shrink(picture: Line, files: Files) -> NetworkInputs:
            size = network_size(picture.shape, self.network_size_px)
            hint = read_hint(next(iter(files.get("hint", ())), None), size)
            return NetworkInputs([resize(picture, size), hint], files["line"][0])

        return shrink

    def shrink_hint(self, hint: Hint | None, size: Size) -> UInt8[np.ndarray, "DraftH DraftW 4"]:
        """Return hints, or none, at the size of the draft for a drawing resized to `size`."""
        hint = no_hints(size) if hint is None else resize_hints(hint, size)
        return pool_hints(hint, self.draft_scale)

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the networks: resized line drawings, pooled hints -> colours of that size."""
        if MODEL in files:
            from lineart.onnx.inference import OnnxModel

            model = OnnxModel(files[MODEL], *COLORS)
            return lambda lines, hints: [model(lines, hints)]
        from lineart.inference import Colorizer
        from lineart.models import from_files

        colorizer = Colorizer(
            from_files(files), device=device, batch_size=batch_size, precision=precision
        )
        return lambda lines, hints: [colorizer(lines, hints)]

    def compose(self, answers: Sequence[np.ndarray], kept: bytes) -> list[bytes]:
        """Compose the enlarged colours with the full-size drawing; return frame and extra files."""
        (color,), line = answers, decode_line(kept)
        frame = compose(color, line)
        png = encode_png(frame)
        return [png, *self._take_apart(color, line, frame, png)]

    def _take_apart(self, color: np.ndarray, line: Line, frame: Frame, png: bytes) -> list[bytes]:
        """Return the extra files of a frame, in the order of `extras`."""
        if not self.extras:
            return []
        below = low_band(color, (line.shape[0], line.shape[1]), sigma=DEFAULT_SIGMA)
        files = {LAYERS: encode_png(below)}
        if OPENRASTER in self.extras:
            lines = Layer("lines", encode_png(line_layer(frame, below, line)), MULTIPLY)
            layers = [lines, Layer("colour", files[LAYERS])]
            files[OPENRASTER] = encode_openraster(layers, frame, png)
        return [files[name] for name in self.extras]

    def show(self, picture: Line) -> Line:
        """Return the drawing unchanged."""
        return picture


def open_colorize_task(
    files: Mapping[str, bytes], *, network_size_px: int, extras: tuple[str, ...] = ()
) -> ColorizeTask:
    """Build the task from weights and flags.

    Args:
        files: Files of the weights.
        network_size_px: Short side of the network input, in pixels.
        extras: Folders of the extra files, as in `ColorizeTask`.

    Raises:
        ValueError: the size is out of bounds, or the weights do not colour drawings.
    """
    check_size("--network-size", network_size_px)
    config = read_config(files)
    if "draft_scale" not in config:
        raise ValueError(
            f"these weights ({config.get('model')}) turn photographs into drawings or pictures; "
            "to colour drawings they are no use: run python -m jobs.translate with them"
        )
    return ColorizeTask(network_size_px, config["draft_scale"], extras)
