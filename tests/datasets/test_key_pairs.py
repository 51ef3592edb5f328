"""Training pairs of colour keys: their truth, their random changes, their files."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from lineart.datasets.key_augmentation import FlatDrawing, Pair, augment, break_lines, melt
from lineart.datasets.key_pairs import from_bytes, make_pair, make_pairs, pick_drawings, to_bytes
from lineart.datasets.key_samples import (
    MOTION,
    KeySamples,
    hide_colors,
    omit_colors,
    without_motion,
)
from tests.key_pairs import PALETTE, draw_sequence, draw_truth, line_of, list_pairs


def drawing(place: int) -> FlatDrawing:
    """Draw a face."""
    truth = draw_truth(place)
    return FlatDrawing(line_of(truth), truth)


def test_truth_of_regions_is_that_of_their_pixels() -> None:
    """Each region's right colour is the one it is drawn in; what the key lacks is "none"."""
    whole, target = drawing(0), drawing(10)
    made = make_pair(Pair(whole, target), PALETTE, 1)
    assert made is not None
    assert sorted(map(tuple, made.truth)) == sorted(map(tuple, PALETTE))
    assert made.is_pure.all()
    for right, truth in zip(made.right, made.truth, strict=True):
        assert right[:-1].sum() == 1
        assert (made.palette[right[:-1].argmax()] == truth).all()
    # Without its mouth, the key has no yellow.
    made = make_pair(Pair(melt(whole, 4), target), PALETTE, 1)
    assert made is not None
    is_yellow = (made.truth == PALETTE[4]).all(axis=1)
    assert (made.right[:, -1] == is_yellow).all()
    assert is_yellow.sum() == 1


@pytest.mark.parametrize("is_cutout", [True, False])
def test_random_changes_keep_the_truth(is_cutout: bool) -> None:
    """Whatever is changed, regions have one true colour; the same seed gives the same pair."""
    pair, changed = Pair(drawing(0), drawing(12)), 0
    for seed in range(12):
        one, again = (
            augment(pair, np.random.default_rng(seed), is_cutout=is_cutout) for _ in range(2)
        )
        for first, second in zip(one, again, strict=True):
            assert np.array_equal(first.line, second.line)
            assert np.array_equal(first.truth, second.truth)
            assert first.line.shape == first.truth.shape
        changed += not np.array_equal(one.target.line, pair.target.line)
        made = make_pair(one, PALETTE, 1)
        if made is not None:
            assert made.is_pure.mean() > 0.7
    assert changed > 6


def test_broken_lines_have_gaps_and_no_new_ink() -> None:
    """Ink is erased in places, most of it stays; a drawing without lines has none after it."""
    line = drawing(0).line
    broken = break_lines(line, np.random.default_rng(1))
    assert (broken >= line).all()
    assert 0.5 < (broken == 0).sum() / (line == 0).sum() < 1
    empty = np.full_like(line, 255)
    assert np.array_equal(break_lines(empty, np.random.default_rng(1)), empty)


def test_pairs_are_drawings_of_the_sequence_both_ways() -> None:
    """Key and target differ, in both orders; a sequence of one drawing has no pairs."""
    rng = np.random.default_rng(0)
    picked = [pick_drawings(5, rng) for _ in range(200)]
    assert {second - first for first, second in picked} == {-4, -3, -2, -1, 1, 2, 3, 4}
    assert all(0 <= number < 5 for ends in picked for number in ends)
    single = draw_sequence(count=1)
    assert not list(make_pairs(single, 4, 0, is_training=True))


def test_pairs_of_another_version_are_refused() -> None:
    """Pairs with fewer features say so, and how to mend it."""
    pair = list_pairs().pairs[0]
    arrays = load(to_bytes(pair))
    arrays["seen.features"] = np.ascontiguousarray(arrays["seen.features"][..., :44])
    with pytest.raises(ValueError, match=r"a pair of 44 features, .*; write the pairs again"):
        from_bytes(save(arrays))


def test_stored_pairs_are_read_back() -> None:
    """Truth and graph are exact, features as exact as 16 bits are; pictures are there to show."""
    for pair in list_pairs().pairs:
        again = from_bytes(to_bytes(pair))
        for name in ("right", "is_pure", "palette", "truth", "distance"):
            assert np.array_equal(getattr(again, name), getattr(pair, name))
        for name in ("candidates", "area", "key_area", "colors"):
            assert np.array_equal(getattr(again.seen, name), getattr(pair.seen, name))
        for name in ("neighbours", "openings", "key_neighbours"):
            for one, other in zip(getattr(again.seen, name), getattr(pair.seen, name), strict=True):
                assert np.array_equal(one, other)
        np.testing.assert_allclose(again.seen.features, pair.seen.features, rtol=1e-3, atol=1e-3)
        assert pair.shown is not None
        assert again.shown is not None
        assert np.array_equal(again.shown.truth, pair.shown.truth)
        assert pair.shown.labels.max() == len(pair.truth)


def test_omitted_colours_are_none() -> None:
    """Regions whose colour is omitted match none; the others keep their colours."""
    pair = list_pairs().read(0)
    less = omit_colors(pair, np.random.default_rng(0))
    omitted = np.setdiff1d(pair.seen.colors, less.seen.colors)
    assert 1 <= len(omitted) <= 2
    is_lost = pair.right[:, omitted].any(axis=1)
    assert (less.right[:, -1] == is_lost).all()
    assert np.array_equal(less.right[~is_lost], pair.right[~is_lost])


def test_hidden_colours_are_no_candidates() -> None:
    """Regions of a hidden colour match none; the others keep the candidates of their colours."""
    pair = list_pairs().read(0)
    less = hide_colors(pair, np.random.default_rng(0))
    left = np.unique(less.seen.colors[less.seen.candidates])
    hidden = np.setdiff1d(pair.seen.colors, left)
    assert 1 <= len(hidden) <= 2
    assert less.seen.features.shape[:2] == less.seen.candidates.shape
    assert (less.right[:, -1] == pair.right[:, hidden].any(axis=1)).all()
    at = np.arange(len(less.right))[:, np.newaxis]
    found = less.right[at, less.seen.colors[less.seen.candidates]].any(axis=1)
    assert (found | less.right[:, -1]).all()
    for row, candidates in enumerate(less.seen.candidates):
        before = pair.seen.candidates[row].tolist()
        same = [before.index(one) for one in candidates]
        assert np.array_equal(less.seen.features[row], pair.seen.features[row, same])
        assert np.array_equal(less.seen.displacement[row], pair.seen.displacement[row, same])


def test_samples_are_repeatable_and_vary() -> None:
    """A sample depends on seed and number; some have colours omitted, some have no motion."""
    pairs = list_pairs()
    first, again = (KeySamples(pairs, 3, is_training=True) for _ in range(2))
    kinds = set()
    for number in range(60):
        one, other = first[number], again[number]
        assert np.array_equal(one.seen.colors, other.seen.colors)
        assert np.array_equal(one.seen.features, other.seen.features)
        still = not one.seen.features[..., MOTION].any() and not one.seen.displacement.any()
        kinds.add(((one.seen.colors < 0).any(), still))
    assert {(False, False), (True, False), (False, True)} <= kinds
    plain = KeySamples(pairs, 3, is_training=False)
    assert not any((plain[number].seen.colors < 0).any() for number in range(30))
    moved = pairs.read(0)
    assert without_motion(moved).seen.features[..., 11:20].any()
