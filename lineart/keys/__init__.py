"""Colour keys: the colours of one or more drawings of a shot, carried to its other drawings.

The field calls it reference-based colorization, or colour propagation. `key` reads a coloured
drawing, `shot` prepares those of a shot, `carry` colours a drawing; `network` scores its regions.
"""

from lineart.keys.adjacent import Matched
from lineart.keys.carry import CarriedColors, carry, match
from lineart.keys.key import Key, PreparedKey, prepare_key
from lineart.keys.shot import ShotKeys, prepare_keys

__all__ = [
    "CarriedColors",
    "Key",
    "Matched",
    "PreparedKey",
    "ShotKeys",
    "carry",
    "match",
    "prepare_key",
    "prepare_keys",
]
