import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.torch import save
from scipy.special import softmax

from lineart.keys.flow import find_flow
from lineart.keys.key import Key, prepare_key
from lineart.keys.messages import whole_colors
from lineart.keys.network import color_scores, compute_logits, read_network
from lineart.keys.pairs import PairFeatures, compare
from lineart.models.matching import MatchingNetwork, RegionPair, color_probabilities
from tests.keys.figures import draw_figure, make_dense


def make_pairs(*, motion: bool = True) -> PairFeatures:
    """Compare a figure with a key in which one colour is unknown."""
    key = prepare_key(Key(*draw_figure(hat=True)))
    target = prepare_key(Key(*draw_figure(move=(20, 5), bend=5))).drawing
    flow = find_flow(target.ink, key.drawing.ink)[0] if motion else None
    colors = np.where(key.index == 2, -1, key.index)
    return compare(target, key.drawing, colors, flow)


def to_torch(pairs: PairFeatures) -> RegionPair:
    """Give the same to the torch module."""
    count = int(pairs.colors.max()) + 1
    colors = np.where(pairs.colors < 0, count, pairs.colors)
    return RegionPair(
        features=torch.from_numpy(pairs.features),
        candidates=torch.from_numpy(pairs.candidates.astype(np.int64)),
        displacement=torch.from_numpy(pairs.displacement),
        area=torch.from_numpy(pairs.area),
        key_area=torch.from_numpy(pairs.key_area),
        neighbours=torch.from_numpy(make_dense(pairs.neighbours)),
        openings=torch.from_numpy(make_dense(pairs.openings)),
        key_neighbours=torch.from_numpy(make_dense(pairs.key_neighbours)),
        colors=torch.from_numpy(colors.astype(np.int64)),
        num_colors=count,
    )


@pytest.mark.parametrize("motion", [True, False])
def test_equals_torch(motion: bool) -> None:
    """NumPy computes what the torch module computes, with and without motion."""
    torch.manual_seed(3)
    module = MatchingNetwork(width=12, rounds=3)
    config = {"arguments": {"width": 12, "rounds": 3}, "temperature": 1.7}
    network = read_network(
        {
            "config.json": json.dumps(config).encode(),
            "matching.safetensors": save(dict(module.state_dict())),
        }
    )
    pairs = make_pairs(motion=motion)
    with torch.no_grad():
        expected = module(to_torch(pairs))
        shares = color_probabilities(to_torch(pairs), expected[-1] / 1.7)
    for one, other in zip(compute_logits(pairs, network), expected, strict=True):
        assert_allclose(one, other.numpy(), atol=1e-5)
    assert_allclose(softmax(color_scores(pairs, network), axis=1), shares.numpy(), atol=1e-5)


@pytest.mark.parametrize(("is_part", "number"), [(False, 2), (True, 4)])
def test_what_is_too_small_to_cut_has_the_largest_colour(*, is_part: bool, number: int) -> None:
    """A region as large as all parts has the colour of the largest; one like a part has its own.

    So has one that was cut off as a part, however large it is.
    """
    pairs = make_pairs()._replace(
        candidates=np.array([[0, 1, 2], [0, 1, 2]], np.int32),
        area=np.array([110, 45], np.float32),
        key_area=np.array([40, 60, 95], np.float32),
        colors=np.array([4, 2, -1], np.int32),
    )
    colors = whole_colors(pairs, np.array([1, 1, 2], np.int32), np.array([is_part, False]))
    assert colors.total == 6
    assert colors.number.tolist() == [[number, 2, 5], [4, 2, 5]]


@pytest.mark.parametrize(
    "files",
    [{}, {"config.json": b"{}", "matching.safetensors": b"x"}],
)
def test_broken_weights_are_refused(files: dict[str, bytes]) -> None:
    """Files that are no matching network are refused with what is needed."""
    with pytest.raises(ValueError, match=r"give .*a folder with config"):
        read_network(files)
