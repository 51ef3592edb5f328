"""Matching network: which region of a coloured drawing a region of another drawing is.

A network of a few thousand parameters on the features of pairs of regions. It works on one target
drawing and one key at a time; their regions are a graph, not a picture. Films run it in NumPy, by
`keys.network`.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot, silu

from lineart.models.pair import Matching, Pair, Small

FEATURES = 48
"""Number of features of a region and a candidate, as `keys.pairs.PairFeatures` has them."""
CARRIED, OVERLAP = 0, 2
"""Features: share of the region that the flow carries into the candidate; the same of the union."""
OWN = slice(22, 26)
"""Features of the region alone, equal for all of its candidates."""
MESSAGES, OWN_FEATURES, NONE_MESSAGES = 10, 6, 5
"""Numbers of what a round tells about a candidate, of features of a region for "none of them", and
of what a round tells about that."""
NONE_WIDTH = 16

Logits = Float[Tensor, "N options"]
"""Logits of the M candidates of N target regions, then of "none of them"."""


class RegionPair(NamedTuple):
    """Regions of a target drawing, N, and their candidates, M each, among the K of a key."""

    features: Float[Tensor, "N M F"]
    candidates: Int64[Tensor, "N M"]
    """Index of each candidate in the key."""
    displacement: Float[Tensor, "N M 2"]
    """From the centre of a region to that of its candidate, by the drawing's diagonal."""
    area: Float[Tensor, " N"]
    """In pixels."""
    key_area: Float[Tensor, " K"]
    neighbours: Float[Tensor, "N N"]
    """Share of each region in the outlines of the others; rows sum to 1, or to 0."""
    openings: Float[Tensor, "N N"]
    """The same of the outlines without a line."""
    key_neighbours: Float[Tensor, "K K"]
    colors: Int64[Tensor, " K"]
    """Number of the colour of each region of the key; `num_colors` where it is unknown."""
    num_colors: int

    def to(self, device: torch.device) -> "RegionPair":
        """Return the pair on a device."""
        moved: dict[str, Any] = {
            name: part.to(device)
            for name, part in self._asdict().items()
            if isinstance(part, Tensor)
        }
        return self._replace(**moved)


class MatchingNetwork(nn.Module):
    """Logits of candidates from pair features, then from rounds of messages between neighbours.

    Args:
        width: Width of the hidden layers.
        rounds: Number of rounds; all have the same weights.
    """

    def __init__(self, width: int, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds
        self.pair = two_layers(FEATURES, width, width)
        self.pair_logit = nn.Linear(width, 1)
        self.message = two_layers(width + MESSAGES, width, 1)
        self.none = two_layers(OWN_FEATURES, NONE_WIDTH, NONE_WIDTH)
        self.none_logit = nn.Linear(NONE_WIDTH, 1)
        self.none_message = two_layers(NONE_WIDTH + NONE_MESSAGES, NONE_WIDTH, 1)

    def forward(self, pair: RegionPair) -> list[Logits]:
        """Compute the logits before the first round and after each."""
        # Features.
        features = pair.features
        code = silu(self.pair(features))
        best = features[..., [CARRIED, OVERLAP]].amax(1)
        own_code = silu(self.none(torch.cat((features[:, 0, OWN], best), -1)))
        base = torch.cat((self.pair_logit(code)[..., 0], self.none_logit(own_code)), -1)
        # Rounds.
        logits = [base]
        for _ in range(self.rounds):
            told, told_none = messages(pair, logits[-1])
            change = self.message(torch.cat((code, told), -1))[..., 0]
            none_change = self.none_message(torch.cat((own_code, told_none), -1))
            logits.append(base + torch.cat((change, none_change), -1))
        return logits


def two_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Build two linear layers with SiLU between them."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


def messages(
    pair: RegionPair, logits: Logits
) -> tuple[Float[Tensor, "N M messages"], Float[Tensor, "N none_messages"]]:
    """Return what neighbours and areas tell about each candidate, and about "none"."""
    shares = logits.softmax(1)
    given, none = shares[:, :-1], shares[:, -1:]
    full = given.new_zeros(len(given), len(pair.colors)).scatter(1, pair.candidates, given)
    colors = color_probabilities(pair, logits)
    color = pair.colors[pair.candidates]
    near = pair.neighbours @ full @ pair.key_neighbours.T
    around = pair.neighbours @ colors
    key_around = pair.key_neighbours @ one_hot(pair.colors, pair.num_colors + 1).to(colors)
    beyond, key_beyond = pair.neighbours @ around, pair.key_neighbours @ key_around
    told = [
        given,
        2 * near.gather(1, pair.candidates),
        (pair.openings @ full).gather(1, pair.candidates),
        colors.gather(1, color),
        around.gather(1, color),
        4 * deviations(pair, given),
        claims(pair.area @ full, pair.key_area)[pair.candidates],
        claims(pair.area @ colors, color_areas(pair))[color],
        cosines(around, key_around).gather(1, pair.candidates),
        2 * cosines(beyond, key_beyond).gather(1, pair.candidates),
    ]
    told_none = [
        none[:, 0],
        (pair.neighbours @ none)[:, 0],
        0.2 * logits[:, :-1].amax(1),
        0.2 * logits[:, :-1].logsumexp(1),
        colors[:, :-1].amax(1),
    ]
    return torch.stack(told, -1), torch.stack(told_none, -1)


def cosines(
    one: Float[Tensor, "N colors"], other: Float[Tensor, "K colors"]
) -> Float[Tensor, "N K"]:
    """Return how alike the colours in each row of both are, 0 to 1; 0 for a row of zeros."""
    return normalize(one, dim=1, eps=1e-6) @ normalize(other, dim=1, eps=1e-6).T


def deviations(pair: RegionPair, given: Float[Tensor, "N M"]) -> Float[Tensor, "N M"]:
    """Return how far each candidate's displacement is from that of the neighbours, 0 to 0.5."""
    mean = (given[..., None] * pair.displacement).sum(1)
    weights = pair.neighbours * (given.amax(1) * pair.area.sqrt())
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
    apart = pair.displacement - (weights @ mean)[:, None]
    # The square root of 0 has no gradient.
    return (apart.square().sum(-1) + 1e-12).sqrt().clamp(max=0.5)


def claims(claimed: Float[Tensor, " n"], there: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the logarithm of the area claimed by the target over the key's, -2 to 2."""
    return ((claimed + 1) / (there + 1)).log().clamp(-2, 2)


def color_areas(pair: RegionPair) -> Float[Tensor, " colors"]:
    """Return the area of each colour in the key, in pixels; the last is that of no known one."""
    return pair.key_area.new_zeros(pair.num_colors + 1).index_add(0, pair.colors, pair.key_area)


def color_probabilities(pair: RegionPair, logits: Logits) -> Float[Tensor, "N colors"]:
    """Sum the probabilities of the candidates of each colour.

    The last column is "none": the key has no such region, or does not know its colour.
    """
    shares = logits.softmax(1)
    zeros = shares.new_zeros(len(shares), pair.num_colors + 1)
    return zeros.scatter_add(1, option_colors(pair), shares)


def option_colors(pair: RegionPair) -> Int64[Tensor, "N options"]:
    """Return the number of the colour of each candidate, and last that of no colour."""
    none = pair.candidates.new_full((len(pair.candidates), 1), pair.num_colors)
    return torch.cat((pair.colors[pair.candidates], none), 1)


def matching(width: int = 32, rounds: int = 3) -> Pair:
    """Build the pair of the matching network, which is its only generator."""
    return Pair(
        model="matching",
        arguments={"width": width, "rounds": rounds},
        generators={"matching": MatchingNetwork(width, rounds)},
        multiple=1,
        small=Small({"width": 8, "rounds": 2}),
        task=Matching(),
    )
