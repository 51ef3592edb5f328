"""The matching network in NumPy; `lineart.models.matching` is the same in torch, for training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors.numpy import load
from scipy.special import softmax

from lineart.keys.messages import (
    CandidateColors,
    candidate_colors,
    claim_colors,
    claim_regions,
    color_similarities,
    deviations,
    neighbour_matches,
    sum_by_color,
)
from lineart.keys.pairs import FEATURES, PairFeatures

INCLUDED = Path(__file__).parent.parent / "weights" / "keys"
"""Folder of the included weights."""
CONFIG, TENSORS = "config.json", "matching.safetensors"
"""Files of a folder of weights."""
CARRIED, OVERLAP = 0, 2
"""Features: share of the region that the flow carries into the candidate; the same of the union."""
MIN_WEIGHT = 1e-30
"""Weight of a colour that no candidate has, beside 1 for the likeliest candidate."""
OWN = slice(22, 26)
"""Features of the region alone, equal for all of its candidates."""

Logits = Float32[np.ndarray, "T M"]
"""Logits of the candidates, then of none of them."""
Options = Float32[np.ndarray, "T M"]
"""Probabilities of the candidates, then of none of them."""


@dataclass(frozen=True)
class Network:
    """Weights of a matching network."""

    tensors: Mapping[str, Float32[np.ndarray, "..."]]
    rounds: int
    """Number of rounds of messages between neighbours."""
    temperature: float = 1.0
    """Divisor of the logits, so that probabilities are calibrated."""


def read_network(files: Mapping[str, bytes]) -> Network:
    """Read a matching network from the files of its folder, by name.

    Raises:
        ValueError: The files are not those of a matching network of this version.
    """
    if TENSORS not in files:
        raise ValueError(
            f"no weights of a matching network: {_describe(files)}; give the included keys, or a "
            f"folder with {CONFIG} and {TENSORS}, as the recipe keys writes it"
        )
    try:
        config = json.loads(files[CONFIG])
        tensors = load(files[TENSORS])
        network = Network(
            {name: value.astype(np.float32) for name, value in tensors.items()},
            int(config["arguments"]["rounds"]),
            float(config.get("temperature", 1.0)),
        )
        width = network.tensors["pair.0.weight"].shape[1]
    except Exception as error:
        raise ValueError(
            f"no weights of a matching network: {error!r}; give a folder with {CONFIG} and "
            f"{TENSORS}, as the recipe keys writes it"
        ) from error
    if width > FEATURES:
        raise ValueError(
            f"weights of a matching network for {width} features, this version has {FEATURES}; "
            "train them again, or use the included ones"
        )
    return network


def _describe(files: Mapping[str, bytes]) -> str:
    """Return of which model the files are that have no matching network."""
    try:
        return f"they are of the model {json.loads(files[CONFIG])['model']!r}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"there is no {TENSORS}"


@cache
def included_network() -> Network:
    """Return the network of the included weights."""
    return read_network({name: (INCLUDED / name).read_bytes() for name in (CONFIG, TENSORS)})


def candidate_shares(pairs: PairFeatures, network: Network) -> Options:
    """Return the probability of each candidate of each region, then of none of them."""
    logits = compute_logits(pairs, network)[-1] / np.float32(network.temperature)
    shares: Options = softmax(logits, axis=1)
    return shares


def color_scores(
    pairs: PairFeatures, network: Network, colors: CandidateColors | None = None
) -> Float32[np.ndarray, "T K"]:
    """Return the logarithm of the weight of each colour of a key for each region of a drawing.

    The last column stands for "none": the key has no such region, or its colour is unknown. Weights
    of several keys can be added, as if all candidates were those of one key.

    Args:
        pairs: A drawing and a key.
        network: Matching network.
        colors: Colours of the candidates; None: their own.
    """
    logits = compute_logits(pairs, network)[-1] / np.float32(network.temperature)
    highest = logits.max(axis=1, keepdims=True)
    sums = _color_sums(colors or candidate_colors(pairs), np.exp(logits - highest))
    scores: Float32[np.ndarray, "T K"] = np.log(np.maximum(sums, MIN_WEIGHT)) + highest
    return scores


def compute_logits(pairs: PairFeatures, network: Network) -> list[Logits]:
    """Compute the logits before the first round and after each."""
    weights = _Weights(network.tensors)
    # New features are the last ones, so that older weights see what they were trained with.
    seen = pairs.features[..., : network.tensors["pair.0.weight"].shape[1]]
    code = weights.two_layers("pair", seen, is_code=True)
    own = _own_code(pairs, weights)
    base = np.concatenate(
        (weights.linear("pair_logit", code)[..., 0], weights.linear("none_logit", own)), axis=1
    )
    # The part of the messages' first layer that is the same in all rounds.
    fixed = weights.partial("message.0", code, 0)
    own_fixed = weights.partial("none_message.0", own, 0)
    logits = [base]
    for _ in range(network.rounds):
        messages, none_messages = _messages(pairs, logits[-1])
        hidden = _silu(fixed + weights.partial("message.0", messages, code.shape[-1], bias=True))
        change = weights.linear("message.2", hidden)[..., 0]
        hidden = _silu(
            own_fixed + weights.partial("none_message.0", none_messages, own.shape[-1], bias=True)
        )
        none_change = weights.linear("none_message.2", hidden)
        logits.append(base + np.concatenate((change, none_change), axis=1))
    return logits


@dataclass(frozen=True)
class _Weights:
    tensors: Mapping[str, Float32[np.ndarray, "..."]]

    def linear(self, name: str, values: np.ndarray) -> np.ndarray:
        result: np.ndarray = values @ self.tensors[f"{name}.weight"].T
        result += self.tensors[f"{name}.bias"]
        return result

    def two_layers(self, name: str, values: np.ndarray, *, is_code: bool) -> np.ndarray:
        result = self.linear(f"{name}.2", _silu(self.linear(f"{name}.0", values)))
        return _silu(result) if is_code else result

    def partial(
        self, name: str, values: np.ndarray, first: int, *, bias: bool = False
    ) -> np.ndarray:
        """Return the product with the columns of a layer from `first` on."""
        columns = slice(first, first + values.shape[-1])
        result: np.ndarray = values @ self.tensors[f"{name}.weight"][:, columns].T
        return result + self.tensors[f"{name}.bias"] if bias else result


def _own_code(pairs: PairFeatures, weights: _Weights) -> np.ndarray:
    best = pairs.features[..., [CARRIED, OVERLAP]].max(axis=1)
    own = np.concatenate((pairs.features[:, 0, OWN], best), axis=1)
    return weights.two_layers("none", own, is_code=True)


def _messages(pairs: PairFeatures, logits: Logits) -> tuple[np.ndarray, np.ndarray]:
    """Return what neighbours and areas tell about each candidate, and about none of them."""
    whole = softmax(logits, axis=1)
    shares, none = whole[:, :-1], whole[:, -1:]
    colors = candidate_colors(pairs)
    sums = _color_sums(colors, whole)
    rows = np.arange(len(shares))[:, np.newaxis]
    across, through = neighbour_matches(pairs, shares)
    around, beyond = color_similarities(pairs, sums)
    messages = (
        shares,
        2 * across,
        through,
        sums[rows, colors.number],
        pairs.neighbours.times(sums)[rows, colors.number],
        4 * deviations(pairs, shares),
        claim_regions(pairs, shares),
        claim_colors(pairs, sums)[colors.number],
        around,
        2 * beyond,
    )
    highest = logits[:, :-1].max(axis=1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(logits[:, :-1] - highest).sum(axis=1))
    none_messages = (
        none[:, 0],
        pairs.neighbours.times(none)[:, 0],
        np.float32(0.2) * highest[:, 0],
        np.float32(0.2) * total,
        sums[:, :-1].max(axis=1, initial=0),
    )
    return np.stack(messages, axis=-1), np.stack(none_messages, axis=-1)


def _color_sums(colors: CandidateColors, whole: Logits) -> Float32[np.ndarray, "T K"]:
    sums = sum_by_color(whole[:, :-1], colors)
    sums[:, -1] += whole[:, -1]
    return sums


def _silu(values: np.ndarray) -> np.ndarray:
    # exp overflows to infinity for values below -88, and the quotient is 0 as it should be.
    with np.errstate(over="ignore"):
        result: np.ndarray = values / (1 + np.exp(-values))
    return result
