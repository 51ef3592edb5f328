"""Keys of a shot, prepared together: the colours of one complete those of another."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame, Line
from lineart.imaging.lines.ink import darken_lines
from lineart.keys.align import align
from lineart.keys.key import Key, NoColorError, PreparedKey, prepare_key

AnyKey = Key | PreparedKey | tuple[Line | Frame, UInt8[np.ndarray, "H W C"]]
"""A key, as it is, prepared, or as a pair of its drawing and its colours; see `Key` for these."""


class ShotKeys(NamedTuple):
    """All keys of a shot, prepared together; see `prepare_keys`."""

    keys: tuple[PreparedKey, ...]
    """Keys, in the order in which they count: in a film hints, whatever their time, then pictures,
    then sheets; of each the nearest in time to the drawing that they colour first."""

    @property
    def is_partial(self) -> bool:
        """Whether no sheet, and no picture of all of a drawing, is among them."""
        return all(one.is_partial and one.key.same_shot for one in self.keys)

    def without_paper(self) -> "ShotKeys":
        """Return the same with paper that nobody has coloured unknown."""
        return ShotKeys(tuple(one.without_paper() for one in self.keys))


def prepare_keys(keys: Sequence[AnyKey] | ShotKeys) -> ShotKeys:
    """Prepare the keys of a shot together.

    Hints on a drawing with open lines stay in the parts that a finished picture of another drawing
    shows. And a dab that corrects one colour of a drawing does not say that all around it is white:
    only the keys that leave least open say that the paper at the border is.

    Args:
        keys: Keys, prepared alone or not yet; or together, and so returned as they are.

    Raises:
        ValueError: There is no key, or `prepare_key` refuses one.
    """
    if isinstance(keys, ShotKeys):
        return keys
    if not keys:
        raise ValueError("no key; carry needs at least one coloured drawing")
    alone = [one if isinstance(one, PreparedKey) else prepare_key(Key(*one)) for one in keys]
    return ShotKeys(tuple(_settle_paper([*_divide_hints(alone)])))


def find_finished_keys(keys: Sequence[PreparedKey]) -> list[PreparedKey]:
    """Return the keys of the shot that are finished pictures."""
    return [one for one in keys if one.key.same_shot and not one.is_hints]


def _divide_hints(keys: Sequence[PreparedKey]) -> Iterator[PreparedKey]:
    """Yield the keys; hints in regions that finished pictures of the shot show to be several."""
    pictures = find_finished_keys(keys)
    for one in keys:
        if not pictures or not one.is_hints or not one.key.same_shot:
            yield one
            continue
        aligned = align(darken_lines(one.key.drawing), pictures, one.key.gap)
        try:
            yield prepare_key(one.key, aligned.labels)
        except NoColorError:
            # Hints on cuts alone.
            yield one


def _settle_paper(keys: Sequence[PreparedKey]) -> Iterator[PreparedKey]:
    """Yield the keys, of which only those that leave least open have white paper at the border."""
    least = min((one.paper_share for one in keys if one.key.same_shot), default=1.0)
    for one in keys:
        yield one.without_paper() if one.paper_share > least else one
