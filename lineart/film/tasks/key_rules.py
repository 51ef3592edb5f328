"""Rules by which keys are read: coloured drawings, or hints on them."""

from typing import Final

import numpy as np

from lineart.codec import decode_hint
from lineart.image import Hint, Size
from lineart.imaging.hints import FAINT_ALPHA

KEY, KEY_LINE, HINT_KEY = "key", "key_line", "hint_key"
"""Roles among the inputs of a frame: a key, the drawing of a key, and a hint that is carried."""


class KeyRules:
    """Rules by which keys are read; implements `film.tasks.SharedRules`."""

    role = KEY
    version = "keys 1"
    """Raise it when equal keys give other pixels."""

    def read(self, data: bytes) -> Hint:
        """Decode a key; what is nearly transparent is transparent black.

        Raises:
            ValueError: `data` is no picture.
        """
        key = decode_hint(data)
        key[key[:, :, 3] < FAINT_ALPHA] = 0
        return key

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


def is_full(key: Hint) -> bool:
    """Return whether a key is a picture, not hints: it is opaque everywhere."""
    return bool(np.min(key[:, :, 3]) == 255)
