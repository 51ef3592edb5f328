"""Colour keys: the colours of one or more drawings of a shot, carried to its other drawings."""

from lineart.keys.carry import CarriedColors, carry
from lineart.keys.key import Key, PreparedKey, prepare_key

__all__ = ["CarriedColors", "Key", "PreparedKey", "carry", "prepare_key"]
