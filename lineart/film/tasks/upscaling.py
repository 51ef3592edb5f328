"""Enlarging of finished frames, as a stage after composing."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lineart.film.tasks import RunNetwork
from lineart.image import resize
from lineart.runtime.device import Precision
from lineart.weights.waifu2x import Denoise, read_waifu2x

Factor = Literal[1, 2]


@dataclass(frozen=True)
class Upscaling:
    """How finished frames are enlarged; see `upscaling.Upscaler`."""

    factor: Factor
    """Size of the result in sizes of the frame; 1 reduces what the network has doubled."""
    denoise: Denoise | None
    """Strength with which noise is removed; None: it is not."""
    sha256: str
    """Hash of the network's file."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels."""
        return {"upscale": self.factor, "denoise": self.denoise, "waifu2x": self.sha256}

    def open(self, *, device: str, precision: Precision) -> RunNetwork:
        """Build the function that enlarges batches of pictures, B x H x W x 3.

        Raises:
            ValueError: the network's file is not the one of `sha256`, or cannot be read.
        """
        from lineart.upscaling import Upscaler

        data = read_waifu2x(self.denoise)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError(
                "the networks of waifu2x on this machine are others than where the run was started"
            )
        upscaler = Upscaler(data, device=device, precision=precision)

        def enlarge(picture: np.ndarray) -> np.ndarray:
            doubled = upscaler(picture)
            return doubled if self.factor == 2 else resize(doubled, picture.shape[:2])

        return lambda *batches: [np.stack([*map(enlarge, batch)]) for batch in batches]


def choose_upscaling(factor: Factor, denoise: Denoise | None) -> Upscaling | None:
    """Return what flags ask for, None if nothing.

    Raises:
        ValueError: the networks are not installed.
    """
    if factor == 1 and denoise is None:
        return None
    return Upscaling(factor, denoise, hashlib.sha256(read_waifu2x(denoise)).hexdigest())
