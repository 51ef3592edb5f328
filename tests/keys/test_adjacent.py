"""Adjacent drawings, which vote on the colours of a drawing."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lineart.keys import Key, Matched, carry, match, prepare_key, prepare_keys
from lineart.keys.adjacent import join_adjacent
from lineart.keys.network import included_network
from tests.keys.figures import PAINT, draw_figure
from tests.keys.test_carry import share_right

KEY = prepare_key(Key(*draw_figure(hat=True)))


def match_figure(move: tuple[int, int] = (0, 0), size: tuple[int, int] = (360, 480)) -> Matched:
    """Match a figure with the key."""
    matched = match(draw_figure(hat=True, move=move, size=size).line, prepare_keys([KEY]))
    assert matched is not None
    return matched


@pytest.fixture
def matched() -> Matched:
    """Match a figure that has moved."""
    return match_figure(move=(30, 5))


def confuse(matched: Matched) -> tuple[Matched, int, int]:
    """Let a coat be as probably hair; give also the row of the coat and its colour's number."""
    number = {tuple(color): place for place, color in enumerate(matched.palette.tolist())}
    coat, hair = number[PAINT["coat"]], number[PAINT["hair"]]
    row = int(matched.shares[:, coat].argmax())
    shares = matched.shares.copy()
    shares[row] = 0
    shares[row, [coat, hair]] = 0.45, 0.55
    return replace(matched, shares=shares), row, coat


def test_they_outvote_a_doubtful_match(matched: Matched) -> None:
    """What a region is in the drawings before and after decides where the keys leave a doubt."""
    network = included_network()
    confused, row, coat = confuse(matched)
    adjacent = [match_figure(move=(x, 5)) for x in (24, 36)]
    shares = join_adjacent(confused, adjacent, network)
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert shares[row].argmax() == coat
    assert shares[row, coat] > 0.8
    others = np.arange(len(shares)) != row
    assert_array_equal(shares[others].argmax(axis=1), matched.shares[others].argmax(axis=1))


def test_without_votes_the_keys_decide(matched: Matched) -> None:
    """No adjacent drawing, or one of another size, changes nothing."""
    small = match_figure(size=(360, 440))
    for adjacent in ([], [small]):
        shares = join_adjacent(matched, adjacent, included_network())
        assert_array_equal(shares, matched.shares)


def test_the_drawing_of_a_key_is_matched_with_no_other() -> None:
    """Its own key says more; what that key leaves open has the colours of the others."""
    own, target = (draw_figure(hat=True, move=(x, 5)) for x in (24, 30))
    open_colors = np.dstack((own.paint, np.full(own.line.shape, 255, np.uint8)))
    open_colors[(own.paint == PAINT["coat"]).all(axis=2)] = 0
    keys = [KEY, prepare_key(Key(own.line, open_colors))]
    assert match(own.line, prepare_keys(keys)) is None
    assert share_right(carry(own.line, keys), own) == 1
    alone, voted = (carry(target.line, keys, adjacent=one) for one in ([], [own.line]))
    assert_array_equal(voted.confidence, alone.confidence)


def test_a_dab_takes_no_vote_away() -> None:
    """The drawing of a key of parts votes as it would without that key."""
    own, target = (draw_figure(hat=True, move=(x, 5)) for x in (24, 30))
    dab = np.zeros((*own.line.shape, 4), np.uint8)
    rows, columns = np.nonzero((own.paint == PAINT["coat"]).all(axis=2) & (own.line > 200))
    middle = len(rows) // 2
    dab[rows[middle], columns[middle]] = (*PAINT["coat"], 255)
    keys = [KEY, prepare_key(Key(own.line, dab))]
    assert match(own.line, prepare_keys(keys[1:])) is None
    matched = match(own.line, prepare_keys(keys))
    assert matched is not None
    by_key = match_figure(move=(24, 5))
    found, expected = (one.palette[one.shares.argmax(axis=1)] for one in (matched, by_key))
    assert_array_equal(found, expected)
    alone, voted = (carry(target.line, keys, adjacent=one) for one in ([], [own.line]))
    assert (voted.confidence != alone.confidence).any()


def test_drawings_and_their_matches_vote_alike(matched: Matched) -> None:
    """`carry` matches drawings that are not matched yet; the key's own drawing equals the key."""
    target, near = (draw_figure(hat=True, move=(x, 5)) for x in (30, 36))
    by_drawing = carry(target.line, [KEY], adjacent=[near.line])
    by_match = carry(target.line, [KEY], adjacent=[match_figure(move=(36, 5))], matched=matched)
    assert_array_equal(by_drawing.index, by_match.index)
    assert_array_equal(by_drawing.confidence, by_match.confidence)
    assert share_right(by_drawing, target) == 1
    assert (by_drawing.confidence != carry(target.line, [KEY]).confidence).any()
    own = draw_figure(hat=True)
    assert match(own.line, prepare_keys([KEY])) is None
    assert share_right(carry(own.line, [KEY], adjacent=[near.line]), own) == 1
    of_own = carry(target.line, [KEY], adjacent=[own.line])
    assert_array_equal(of_own.confidence, carry(target.line, [KEY]).confidence)
