"""What is kept of the drawings that a worker has matched with their keys."""

import pickle

import pytest
from numpy.testing import assert_array_equal

from lineart.film.tasks import carrying
from lineart.film.tasks.carrying import KeyCache, MatchCache, SmallColors, carry_colors
from lineart.film.tasks.roles import KEY, KEY_LINE
from lineart.image import Line
from lineart.imaging.regions import GAP
from lineart.keys import Key, PreparedKey, ShotKeys, prepare_key, prepare_keys
from tests.keys.figures import draw_figure

KEYS = prepare_keys([Key(*draw_figure(hat=True))])


def test_a_drawing_is_matched_once() -> None:
    """It is matched for the frame that it votes on, and is there for its own and the next one."""
    decoded = []

    def decode(file: bytes) -> Line:
        decoded.append(file)
        return draw_figure(hat=True, move=(int(file), 5)).line

    kept = MatchCache(decode, GAP)
    first = kept.of([b"12", b"6", b"18"], KEYS)
    second = kept.of([b"18", b"12", b"24"], KEYS)
    assert decoded == [b"12", b"6", b"18", b"24"]
    assert second[:2] == [first[2], first[0]]
    # Other keys, as those of another shot.
    kept.of([b"18"], prepare_keys([Key(*draw_figure(hat=True))]))
    assert decoded[4:] == [b"18"]


def test_a_drawing_that_cannot_be_matched_does_not_vote() -> None:
    """The frames beside it are made; its own fails with the reason."""

    def decode(file: bytes) -> Line:
        if file == b"broken":
            raise ValueError("it is no picture")
        return draw_figure(hat=True, move=(int(file), 5)).line

    kept = MatchCache(decode, GAP)
    assert len(kept.of([b"12", b"broken", b"18"], KEYS)) == 2
    with pytest.raises(ValueError, match="it is no picture"):
        kept.of([b"broken", b"12"], KEYS)


def test_keys_are_prepared_in_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes of them does not depend on the frame that a worker made before."""
    known = {b"a": prepare_key(Key(*draw_figure(hat=True))), b"b": prepare_key(Key(*draw_figure()))}
    orders: list[list[PreparedKey]] = []

    def note(keys: list[PreparedKey]) -> ShotKeys:
        orders.append(keys)
        return prepare_keys(keys)

    monkeypatch.setattr(carrying, "prepare_keys", note)
    found = [
        KeyCache(lambda file: known[file.colors]).of({KEY: given, KEY_LINE: [b"", b""]})
        for given in ([b"a", b"b"], [b"b", b"a"])
    ]
    assert [[one is known[b"a"] for one in order] for order in orders] in (
        [[True, False]] * 2,
        [[False, True]] * 2,
    )
    one, other = (keys.keys for keys in found if keys is not None)
    assert [key.key for key in one] == [key.key for key in reversed(other)]


def test_carried_colors_are_small_between_stages() -> None:
    """They come back as they were; a pixel takes much less than a byte."""
    known = carry_colors(draw_figure(hat=True).line, KEYS, GAP)
    moved = pickle.dumps(SmallColors.of(known))
    assert len(moved) < known.labels.size / 4
    for one, other in zip(pickle.loads(moved).open(), known, strict=True):
        assert_array_equal(one, other, strict=True)
