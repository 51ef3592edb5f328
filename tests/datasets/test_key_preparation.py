"""Which sequences training pairs of colour keys are made of."""

import numpy as np
import pytest

from lineart.datasets import key_preparation
from lineart.datasets.key_preparation import (
    SCENES,
    KeyPreparation,
    KeySources,
    draw_sequence,
    order_pairs,
)
from lineart.storage import Storage


def test_scenes_are_drawn_with_and_without_shades() -> None:
    """Each scene of each film is two sequences, of which both are held out, or none."""
    settings = KeyPreparation(pairs_per_drawing=1.0, drawn_films=5, licence=None)
    orders, refused = order_pairs(KeySources(Storage.at("none"), (), {}), settings)
    assert not refused
    assert len({one.name for one in orders}) == len(orders) == 2 * 5 * len(SCENES)
    assert sum(one.side == "validation" for one in orders) == 2 * len(SCENES)


def test_shades_have_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines are the same; colours are those of the shades, too."""
    monkeypatch.setattr(key_preparation, "DRAWINGS", 1)
    joined, shaded = draw_sequence("s02_window-0"), draw_sequence("s02_window-shades-0")
    assert np.array_equal(joined.lines, shaded.lines)
    assert len(np.unique(shaded.truth)) > len(np.unique(joined.truth))
