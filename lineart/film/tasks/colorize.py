"""Line drawings, with hints or without -> coloured frames at the drawings' own size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lineart.codec import decode_hint, decode_line, encode_png
from lineart.codec.openraster import MULTIPLY, Layer, encode_openraster
from lineart.device import Precision
from lineart.film.frames import OPENRASTER
from lineart.film.tasks import Labels, NetworkInputs, RunNetwork, check_size, network_size
from lineart.image import Frame, Hint, Line, Size, resize
from lineart.imaging.frequency import DEFAULT_SIGMA, compose, low_band
from lineart.imaging.hints import no_hints, pool_hints, resize_hints
from lineart.imaging.layers import line_layer
from lineart.weights import read_config
from lineart.weights.onnx_file import COLORS, MODEL

PICTURE_VERSION = 2
"""Raise it when the same drawing, hint and weights give other pixels: films are then made anew."""
LAYERS = "layers"
"""Folder of the colours without lines."""


@dataclass(frozen=True)
class ColorizeTask:
    """Colour drawings: `film.tasks.FilmTask`."""

    network_size_px: int
    """Short side of the network's picture."""
    draft_scale: int
    """How much smaller the draft is, and so the grid of the hints that the network sees."""
    extras: tuple[str, ...] = ()
    """What is written beside each frame: `LAYERS`, `OPENRASTER`."""

    words = Labels(source="line drawing", made="coloured", pair="line and colour")
    shrink_stage = "hint"
    decode = staticmethod(decode_line)

    @property
    def settings(self) -> dict[str, Any]:
        """Give all that decides a frame's pixels beside drawing, hint and weights."""
        return {"network_size_px": self.network_size_px, "version": PICTURE_VERSION}

    def shrink(self, data: bytes, picture: Line, hint: bytes | None) -> NetworkInputs:
        """Make the small line and the pooled hint; the drawing's file is needed once more."""
        size = network_size(picture.shape, self.network_size_px)
        return NetworkInputs(
            [resize(picture, size), _pooled_hint(hint, size, self.draft_scale)], data
        )

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the pair: small lines, hints -> small colours."""
        if MODEL in files:
            from lineart.onnx_inference import OnnxModel

            model = OnnxModel(files[MODEL], *COLORS)
            return lambda lines, hints: [model(lines, hints)]
        from lineart.inference import Colorizer
        from lineart.models import from_files

        colorizer = Colorizer(
            from_files(files), device=device, batch_size=batch_size, precision=precision
        )
        return lambda lines, hints: [colorizer(lines, hints)]

    def compose(self, answers: Sequence[np.ndarray], kept: bytes) -> list[bytes]:
        """Lay the small colour below the drawing at its own size."""
        (color,), line = answers, decode_line(kept)
        frame = compose(color, line)
        png = encode_png(frame)
        return [png, *self._take_apart(color, line, frame, png)]

    def _take_apart(self, color: np.ndarray, line: Line, frame: Frame, png: bytes) -> list[bytes]:
        """Make what is written beside a frame."""
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
        """Show the drawing as it is."""
        return picture


def open_colorize_task(
    files: Mapping[str, bytes], *, network_size_px: int, extras: tuple[str, ...] = ()
) -> ColorizeTask:
    """Give the task that weights and flags describe.

    Args:
        files: Of the weights.
        network_size_px: Short side of the network's picture.
        extras: What is written beside each frame, as in `ColorizeTask`.

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
    return ColorizeTask(network_size_px, config["draft_scale"], extras)


@lru_cache(maxsize=4)
def _pooled_hint(data: bytes | None, size: Size, draft_scale: int) -> Hint:
    """Give a hint on the draft's grid; one hint holds for many frames, so the last few are kept."""
    hint = no_hints(size) if data is None else resize_hints(decode_hint(data), size)
    return pool_hints(hint, draft_scale)
