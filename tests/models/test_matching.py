"""The matching network, on random graphs of regions."""

from dataclasses import replace

import pytest
import torch

from lineart.models import Matching, build_empty, from_files, to_files
from lineart.models.matching import (
    FEATURES,
    MatchingNetwork,
    RegionPair,
    color_probabilities,
    matching,
)


def random_pair(
    seed: int, regions: int = 7, key_regions: int = 6, candidates: int = 4
) -> RegionPair:
    """Make regions with random features; colour 3 of 0 to 2 stands for an unknown one."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=random)

    def rows(*shape: int) -> torch.Tensor:
        values = draw(*shape)
        return values / values.sum(1, keepdim=True)

    chosen = [torch.randperm(key_regions, generator=random)[:candidates] for _ in range(regions)]
    return RegionPair(
        features=draw(regions, candidates, FEATURES),
        candidates=torch.stack(chosen),
        displacement=draw(regions, candidates, 2) - 0.5,
        area=100 * draw(regions),
        key_area=100 * draw(key_regions),
        neighbours=rows(regions, regions),
        openings=rows(regions, regions),
        key_neighbours=rows(key_regions, key_regions),
        colors=torch.tensor([0, 1, 2, 3, 0, 1])[:key_regions],
        num_colors=3,
    )


def network() -> MatchingNetwork:
    """Build a small network."""
    torch.manual_seed(0)
    return MatchingNetwork(8, 2)


def test_order_of_the_regions_does_not_matter() -> None:
    """Target regions in another order have the same logits, in that order; each round says more."""
    pair, order = random_pair(1), torch.randperm(7, generator=torch.Generator().manual_seed(2))
    moved = pair._replace(
        features=pair.features[order],
        candidates=pair.candidates[order],
        displacement=pair.displacement[order],
        area=pair.area[order],
        neighbours=pair.neighbours[order][:, order],
        openings=pair.openings[order][:, order],
    )
    logits, others = network()(pair), network()(moved)
    assert [tuple(one.shape) for one in logits] == [(7, 5)] * 3
    for one, other in zip(logits, others, strict=True):
        torch.testing.assert_close(other, one[order], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(logits[0], logits[1])


def test_probabilities_of_colours_are_those_of_their_candidates() -> None:
    """They sum to 1; candidates of unknown colour count as "none of them"."""
    pair = random_pair(3)
    logits = network()(pair)[-1]
    shares, colors = logits.softmax(1), color_probabilities(pair, logits)
    torch.testing.assert_close(colors.sum(1), torch.ones(7))
    known = pair.colors[pair.candidates]
    for color in range(3):
        wanted = (shares[:, :-1] * (known == color)).sum(1)
        torch.testing.assert_close(colors[:, color], wanted)
    wanted = (shares[:, :-1] * (known == 3)).sum(1) + shares[:, -1]
    torch.testing.assert_close(colors[:, 3], wanted)


def test_every_parameter_learns() -> None:
    """No layer is left out, and no gradient is undefined, even where nothing moves."""
    built = network()
    pair = random_pair(4)._replace(displacement=torch.zeros(7, 4, 2))
    sum(one.square().sum() for one in built(pair)).backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_calibration_is_in_the_files() -> None:
    """Temperature and threshold are stored and read; out of range, the files are refused."""
    pair = replace(matching(8, 1), task=Matching(temperature=1.25, threshold=0.7))
    files = to_files(pair)
    assert from_files(files).task == pair.task
    assert build_empty("matching", {}).task == Matching()
    broken = files["config.json"].replace(b"1.25", b"-1.25")
    with pytest.raises(ValueError, match="temperature"):
        from_files(files | {"config.json": broken})
