"""Paper 004's generators as in the widely used public PyTorch code, and its checkpoints.

That code (github.com/znxlwm/UGATIT-pytorch) differs from its TensorFlow original: AdaLIN has no
smoothing and starts with rho 0.9, variances are unbiased, and the attention has two linear layers
without bias. The layout is that of its published `networks.py`; it was not tested with a trained
checkpoint. An early version computed variances of variances; its checkpoints load, but were trained
with that other normalization.
"""

import pickle
import re
from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from lineart.models.families.ugatit import MULTIPLE, build_pair
from lineart.models.families.ugatit.blocks import Mixing
from lineart.models.layers import empty_tensors
from lineart.models.pair import Pair

PUBLIC: Final = Mixing(rho=0.9, smoothing=0.0, correction=1)

GENERATORS: Final = {"target": "genA2B", "source": "genB2A"}
"""Our generator name -> the checkpoint's; domain A is the source."""

CLASSIFIER: Final = "attention.classifier.weight"
POOLS: Final = ("gap_fc.weight", "gmp_fc.weight")
"""Classifiers of average and maximum pooling; they are the two rows of our `CLASSIFIER`."""

RENAMED: Final[list[tuple[str, str | Callable[[re.Match[str]], str]]]] = [
    (r"^style\.body\.", "FC."),
    (r"^style\.", ""),
    (r"^attention\.merge\.", "conv1x1."),
    (r"^encoder\.", "DownBlock."),
    (r"\.body\.", ".conv_block."),
    (r"^blocks\.(\d+)\.", lambda found: f"UpBlock1_{int(found[1]) + 1}."),
    (r"\.first\.1\.", ".conv1."),
    (r"\.second\.1\.", ".conv2."),
    (r"\.first_norm\.", ".norm1."),
    (r"\.second_norm\.", ".norm2."),
    (r"^decoder\.", "UpBlock2."),
]
"""Patterns in our tensor names and their replacements for the checkpoint's, in this order."""

State = Mapping[str, Tensor]


def ugatit_public(width: int = 64, blocks: int = 4, size_px: int = 256) -> Pair:
    """Build the full pair of the public code, for pictures of `size_px` x `size_px` only."""
    return build_pair("ugatit_public", PUBLIC, width=width, blocks=blocks, size_px=size_px)


def ugatit_public_light(width: int = 64, blocks: int = 4) -> Pair:
    """Build the light pair of the public code, for pictures of any size."""
    return build_pair("ugatit_public_light", PUBLIC, width=width, blocks=blocks)


def read_public_generators(path: Path) -> Pair:
    """Read both generators of the public code's checkpoint, in float32 and evaluation mode.

    Variant (full or light), width, blocks and size are derived from the tensors' shapes.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not such a checkpoint; the message names missing and unknown tensors.
    """
    states = read_states(path)
    with empty_tensors():
        pair = build_like(states["target"])
    for name, generator in pair.generators.items():
        load_state(generator, states[name], f"{GENERATORS[name]} of {path}")
    return pair


def read_states(path: Path) -> dict[str, State]:
    """Read the state dicts of both generators, without executing code in the file."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is not a file of tensors: {error}") from error
    found = list(stored) if isinstance(stored, Mapping) else type(stored).__name__
    for name in GENERATORS.values():
        if not isinstance(stored, Mapping) or not is_state(stored.get(name)):
            raise ValueError(
                f"{path} lacks the tensors of {name}, it holds {found}; wanted is a checkpoint"
                " of the public code: genA2B, genB2A and the discriminators"
            )
    return {ours: stored[theirs] for ours, theirs in GENERATORS.items()}


def is_state(value: Any) -> bool:
    """Return whether a value is a mapping of tensors."""
    return isinstance(value, Mapping) and all(isinstance(t, Tensor) for t in value.values())


def build_like(state: State) -> Pair:
    """Build the pair whose generators have the shapes of a state dict."""
    first, inner = "DownBlock.1.weight", "FC.0.weight"
    missing = [name for name in (first, inner) if name not in state or state[name].ndim < 2]
    if missing:
        raise ValueError(f"{GENERATORS['target']} lacks {', '.join(missing)}")
    width = state[first].shape[0]
    blocks = sum(re.fullmatch(r"UpBlock1_\d+\.norm1\.rho", name) is not None for name in state)
    inputs, channels = state[inner].shape[1], MULTIPLE * width
    if inputs == channels:
        return ugatit_public_light(width, blocks)
    return ugatit_public(width, blocks, MULTIPLE * isqrt(inputs // channels))


def load_state(generator: nn.Module, state: State, name: str) -> None:
    """Load a checkpoint's tensors into a generator.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape.
    """
    names = {ours: rename(ours) for ours in generator.state_dict()}
    known = {theirs for several in names.values() for theirs in several}
    if known != state.keys():
        missing, unknown = sorted(known - state.keys()), sorted(state.keys() - known)
        raise ValueError(f"{name} does not fit: missing {missing}, unknown {unknown}")
    tensors = {
        ours: torch.cat([state[theirs].float() for theirs in several])
        for ours, several in names.items()
    }
    try:
        generator.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{name} does not fit: {error}") from error
    generator.eval().requires_grad_(False)


def rename(name: str) -> tuple[str, ...]:
    """Return the checkpoint's tensor names that make up one of our tensors."""
    if name == CLASSIFIER:
        return POOLS
    for pattern, theirs in RENAMED:
        name = re.sub(pattern, theirs, name)
    return (name,)
