"""Reading of keys from their files, and what identifies the code and weights that carry them."""

import json
from typing import Final

from lineart.codec import decode_cel
from lineart.codec.formats.table import find_format
from lineart.codec.reading.lossy import is_lossy
from lineart.film.tasks.roles import KEY
from lineart.image import Hint, Size
from lineart.imaging.hints.pixels import FAINT_ALPHA
from lineart.imaging.lines.uncolored import is_uncolored
from lineart.imaging.paint.lossy_colors import restore_flat_colors
from lineart.weights import fingerprint, open_weights, read_weights

KEYS = "keys"
"""Name of the included weights of the matching network."""
VERSION = "keys 14"
"""Raise it when equal keys and weights give other pixels."""
MAX_ADJACENT = 4
"""Maximum number of drawings before, and after, that vote on the colours of one."""


class KeyRules:
    """Rules by which keys are read; implements `film.tasks.SharedRules`."""

    role = KEY

    def read(self, data: bytes) -> Hint:
        """Decode a key; what is nearly transparent is transparent black.

        One from a lossy file has the flat colours that it had before.

        Raises:
            ValueError: `data` is no picture.
        """
        key = decode_cel(data)
        if is_lossy(data):
            key[:, :, :3] = restore_flat_colors(key[:, :, :3])
        key[key[:, :, 3] < FAINT_ALPHA] = 0
        return key

    def warn_of(self, data: bytes, read: Hint) -> tuple[str, ...]:
        """Return warnings of a key that has no colours, or no exact ones."""
        warnings = []
        if is_uncolored(read):
            warnings.append(
                "it has no colours: it is black on white, as a line drawing, and makes regions "
                "white"
            )
        form = find_format(data)
        if form is not None and is_lossy(data):
            warnings.append(f"the colours of a {form.name} are not exact; save it as PNG")
        return tuple(warnings)

    def check(self, hint_size: Size, size: Size) -> None:
        """Raise ValueError if a key of `hint_size` is not of a drawing of `size`."""
        if hint_size != size:
            raise ValueError(
                f"the key is {hint_size[1]}x{hint_size[0]} and its drawing {size[1]}x{size[0]}; "
                "save both with one size"
            )

    def describe_scale(self, hint_size: Size, size: Size) -> None:  # noqa: ARG002 - as the protocol
        """Return no warning: keys are never scaled."""
        return


KEY_RULES: Final = KeyRules()


def read_threshold() -> float:
    """Return the confidence from which 98 % of carried colours are right, as the weights say."""
    config = json.loads(open_weights(KEYS).read("config.json"))
    return float(config["threshold"])


def read_version() -> str:
    """Return version of the code and hash of the weights that carry colours."""
    return f"{VERSION} {fingerprint(read_weights(open_weights(KEYS)))}"
