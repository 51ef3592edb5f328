"""Flags of `lineart prepare_data keys`, and what it does: training pairs of colour keys."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lineart.datasets.key_preparation import KeyPreparation, KeySources, Provenance
    from lineart.runtime.executor import Executor
    from lineart.storage import Storage

MAX_PAIRS = 100
"""Largest --pairs-per-drawing."""


@dataclass(frozen=True, kw_only=True)
class KeysData:
    """Sequences of drawings with their colours, for the network that carries the colours of keys.

    --images holds sequences: folders of pictures with alpha of one character, or folders line/ and
    color/. Of the other flags, --output, --include, --exclude, --provenance and --licence count;
    what is for validation is decided by the names of the sequences.
    """

    name: ClassVar[str] = "keys"

    pairs_per_drawing: float = 1.6
    """Number of pairs of a sequence for each of its drawings."""
    drawn_films: int = 5
    """Number of seeds of the sample film whose scenes are added; those from 4 are for
    validation."""

    def settings(self, licence: str | None) -> KeyPreparation:
        """Return the settings of the preparation.

        Raises:
            ValueError: a number is out of range.
        """
        from lineart.datasets.key_preparation import KeyPreparation

        if not 0 < self.pairs_per_drawing <= MAX_PAIRS or self.drawn_films < 0:
            raise ValueError(
                f"--pairs-per-drawing is above 0 and at most {MAX_PAIRS}, --drawn-films is 0 or "
                f"more; got {self.pairs_per_drawing} and {self.drawn_films}"
            )
        return KeyPreparation(
            pairs_per_drawing=self.pairs_per_drawing, drawn_films=self.drawn_films, licence=licence
        )


def find_sources(
    images: Storage, include: Collection[str], exclude: Collection[str], provenance: Provenance
) -> KeySources:
    """Return the sequences of a folder whose names the patterns take."""
    from lineart.datasets.items import check_pattern
    from lineart.datasets.key_preparation import KeySources
    from lineart.datasets.sequences import find_sequences

    for pattern in (*include, *exclude):
        check_pattern(pattern)
    places = [
        place
        for place in find_sequences(images)
        if not any(re.search(pattern, place.name) for pattern in exclude)
        and (not include or any(re.search(pattern, place.name) for pattern in include))
    ]
    return KeySources(images, places, provenance)


def make_pairs(
    sources: KeySources,
    output: Storage,
    settings: KeyPreparation,
    tell: Callable[[str, int, int], None],
    executor: Executor,
) -> dict[str, Any]:
    """Write the pairs of sequences; return the summary."""
    from lineart.datasets.key_preparation import prepare_pairs

    return asdict(prepare_pairs(sources, output, settings, executor, tell=tell))
