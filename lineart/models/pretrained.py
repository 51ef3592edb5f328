"""Frozen networks that know photographs: their early feature maps, for the content loss.

Nothing is downloaded and nothing is drawn at random: without weights there is an error.
"""

import hashlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torchvision import models

from lineart.models.layers import ColorBatch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123 / 255, 117 / 255, 104 / 255)
CAFFE_STD = 1 / 255
"""Caffe's networks see 0..255."""

Triple = tuple[float, float, float]


class FeatureNetwork(nn.Module):
    """The first layers of a classifier behind its own normalisation, for pictures in -1..1.

    Args:
        layers: The first layers, named as in the classifier's `features`.
        mean: Subtracted from sRGB in 0..1.
        std: What the difference is divided by.
        is_bgr: The network wants blue first.
        gain: What the feature maps are multiplied by.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        layers: nn.Sequential,
        *,
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
        is_bgr: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.is_bgr = is_bgr
        self.gain = gain

    def normalize(self, color: ColorBatch) -> ColorBatch:
        """Bring sRGB in -1..1 to what the layers were trained with."""
        normal = ((color + 1) / 2 - self.mean) / self.std
        return normal.flip(1) if self.is_bgr else normal

    def forward(self, color: ColorBatch) -> Float[Tensor, "B C FeatureH FeatureW"]:
        """Give the feature maps."""
        features: Tensor = self.layers(self.normalize(color))
        return features * self.gain


def vgg16() -> FeatureNetwork:
    """Give VGG16 up to its fourth convolution and ReLU (conv2_2): 128 maps of half the side.

    Source:
        Paper 001, section 3.5; Simonyan and Zisserman, 2014.
    """
    with torch.device("meta"):
        layers = models.vgg16(init_weights=False).features[:9]
    return FeatureNetwork(layers)


def squeezenet1_0() -> FeatureNetwork:
    """Give SqueezeNet 1.0 up to its first fire module: 128 maps of a quarter of the side.

    For the authors' Caffe weights: blue first, 0..255, no division. torchvision's own weights of
    this network were trained with another normalisation and would see wrong colours here. The
    maps are divided by 255 times ImageNet's mean deviation: the layers are convolutions, ReLU and
    maxima, so that equals inputs in the units of `vgg16`'s with the biases scaled alike.

    Source:
        Iandola et al., "SqueezeNet", 2016. Our stand-in for VGG16 in 5 MB; in no paper of ours.
    """
    with torch.device("meta"):
        layers = models.squeezenet1_0().features[:4]
    gain = CAFFE_STD / (sum(IMAGENET_STD) / 3)
    return FeatureNetwork(layers, mean=CAFFE_MEAN, std=(CAFFE_STD,) * 3, is_bgr=True, gain=gain)


FEATURES: Final[dict[str, Callable[[], FeatureNetwork]]] = {
    "vgg16": vgg16,
    "squeezenet1_0": squeezenet1_0,
}
"""Name -> builder of the network; its layers take no memory until weights are loaded."""

CACHED: Final[dict[str, str]] = {"vgg16": models.VGG16_Weights.IMAGENET1K_V1.url}
"""Name -> address whose last part is the file's name in torchvision's cache."""


def load_features(name: str, weights: Path | None) -> FeatureNetwork:
    """Give a frozen feature network with its weights, on the CPU, in float32.

    Args:
        name: One of `FEATURES`.
        weights: A state dict of the torchvision classifier, `.safetensors` or what `torch.save`
            wrote; the classifier's later layers may be missing. None: torchvision's cache.

    Raises:
        ValueError: The name is unknown, or the file is broken or holds another network.
        FileNotFoundError: There are no weights.
    """
    path = find_weights(name, weights)
    network = FEATURES[name]()
    keys = {f"features.{key}": key for key in network.layers.state_dict()}
    stored = read_tensors(path, list(keys))
    try:
        network.layers.load_state_dict({keys[key]: t for key, t in stored.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold the weights of {name}: {error}") from error
    return network.eval().requires_grad_(False)


def describe_features(name: str, weights: Path | None) -> dict[str, str]:
    """Give what a run's record keeps of a feature network: its name and its file's SHA-256.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: There are no weights.
    """
    with find_weights(name, weights).open("rb") as file:
        return {"name": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def find_weights(name: str, weights: Path | None) -> Path:
    """Give the file that holds a feature network's weights: the one named, or the cached one.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: There is no such file.
    """
    if name not in FEATURES:
        raise ValueError(f"unknown features {name!r}; there are {', '.join(FEATURES)}")
    path = weights or cached_path(name)
    if path is None or not path.is_file():
        looked_for = f"{path} is no file" if path else "they have no place in torchvision's cache"
        raise FileNotFoundError(
            f"the content loss lacks the weights of {name}: {looked_for}; name one with"
            " --vgg-weights PATH, or leave the term out with --no-content"
        )
    return path


def cached_path(name: str) -> Path | None:
    """Give where torchvision keeps a network's weights, whether they are there or not."""
    if name not in CACHED:
        return None
    return Path(torch.hub.get_dir()) / "checkpoints" / CACHED[name].rpartition("/")[2]


def read_tensors(path: Path, keys: list[str]) -> dict[str, Tensor]:
    """Read some tensors of a state dict as float32.

    Raises:
        ValueError: The file is broken or lacks a tensor.
    """
    reader = read_safetensors if path.suffix == ".safetensors" else read_pth
    try:
        stored = reader(path, keys)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is not a file of tensors: {error}") from error
    missing = [key for key in keys if not isinstance(stored.get(key), Tensor)]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; wanted is torchvision's state dict")
    return {key: stored[key].float() for key in keys}


def read_safetensors(path: Path, keys: list[str]) -> Mapping[str, Tensor]:
    """Read those of the tensors that a safetensors file holds, and no others."""
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in set(keys) & set(file.keys())}


def read_pth(path: Path, keys: list[str]) -> Mapping[str, Tensor]:
    """Read what `torch.save` wrote, without running any code in it."""
    del keys  # The format is read as a whole.
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return stored if isinstance(stored, Mapping) else {}
