"""Frozen pretrained networks for feature losses, and the search for their weights.

Missing weights are an error; networks never keep random weights. Nothing is downloaded unless the
user names one of open_clip's tags.
"""

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torchvision import models

from lineart.models import clip
from lineart.models.clip import Triple
from lineart.models.layers import ColorBatch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123 / 255, 117 / 255, 104 / 255)
CAFFE_STD = 1 / 255
"""Caffe's networks take 0..255, so the difference in 0..1 is multiplied by 255."""

COUNTER = "num_batches_tracked"
"""BatchNorm's counter of batches: unused in a frozen network and missing in old files."""


class FeatureNetwork(nn.Module):
    """Layers of a classifier or encoder with their normalization, for pictures in -1..1.

    Args:
        layers: Layers, named as in the classifier's state dict.
        mean: Mean, subtracted from sRGB in 0..1.
        std: Divisor of the difference.
        is_bgr: The layers take blue first.
        gain: Factor of the output features.
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
        """Normalize sRGB in -1..1 as for the training of the layers."""
        normal = ((color + 1) / 2 - self.mean) / self.std
        return normal.flip(1) if self.is_bgr else normal

    def forward(self, color: ColorBatch) -> Float[Tensor, "B C *Map"]:
        """Return feature maps, or one embedding per picture."""
        features: Tensor = self.layers(self.normalize(color))
        return features * self.gain


def vgg16() -> FeatureNetwork:
    """Build VGG16 up to its fourth convolution and ReLU (conv2_2): 128 maps of half the side.

    Source:
        Paper 001, section 3.5; Simonyan and Zisserman, 2014.
    """
    with torch.device("meta"):
        layers = models.vgg16(init_weights=False).features[:9]
    return FeatureNetwork(nn.Sequential(OrderedDict(features=layers)))


def squeezenet1_0() -> FeatureNetwork:
    """Build SqueezeNet 1.0 up to its first fire module: 128 maps of a quarter of the side.

    It needs the authors' Caffe weights: blue first, 0..255, no division. torchvision's own weights
    were trained with another normalization and do not fit. The maps are divided by 255 times the
    mean of ImageNet's standard deviations; as the layers are convolutions, ReLU and max pooling,
    this equals inputs in the units of `vgg16` with biases scaled alike.

    Source:
        Iandola et al., "SqueezeNet", 2016. A substitute for VGG16 in 5 MB, in none of the papers.
    """
    with torch.device("meta"):
        layers = models.squeezenet1_0().features[:4]
    return caffe(
        nn.Sequential(OrderedDict(features=layers)), gain=CAFFE_STD / (sum(IMAGENET_STD) / 3)
    )


def squeezenet1_0_embedding() -> FeatureNetwork:
    """Build SqueezeNet 1.0 with average-pooled last feature maps: an embedding of 512 numbers.

    It needs the Caffe weights, as `squeezenet1_0`. Embeddings are divided by 12, their root mean
    square for 24 photographs of 256 px, so that they are of order 1.

    Source:
        As `squeezenet1_0`; a substitute where CLIP's weights are not available.
    """
    with torch.device("meta"):
        layers = models.squeezenet1_0().features
    pooled = OrderedDict(features=layers, pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())
    return caffe(nn.Sequential(pooled), gain=1 / 12)


def caffe(layers: nn.Sequential, gain: float) -> FeatureNetwork:
    """Build a feature network with Caffe's input: blue first, 0..255."""
    return FeatureNetwork(layers, mean=CAFFE_MEAN, std=(CAFFE_STD,) * 3, is_bgr=True, gain=gain)


def inception_v3() -> FeatureNetwork:
    """Build InceptionV3 up to its block Mixed_6b: 768 maps, 14 x 14 for a picture of 256 px.

    Pictures are not resized and need at least 75 px a side; the network was trained with 299. Its
    weights are Google's, for inputs in -1..1 (torchvision converts ImageNet's normalization to
    that, `transform_input`), so pictures are not changed. Chan et al.'s code feeds 0..1.

    Source:
        Paper 000, eq. (2), I; Szegedy et al., "Rethinking the Inception architecture", 2016.
    """
    with torch.device("meta"):
        network = models.inception_v3(init_weights=False, aux_logits=False)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in network.named_children():
        layers[name] = child
        if name == "Mixed_6b":
            break
    return FeatureNetwork(nn.Sequential(layers), mean=(0.5,) * 3, std=(0.5,) * 3)


FEATURES: Final[dict[str, Callable[[], FeatureNetwork]]] = {
    "vgg16": vgg16,
    "squeezenet1_0": squeezenet1_0,
    "squeezenet1_0_embedding": squeezenet1_0_embedding,
    "inception_v3": inception_v3,
}
"""Name -> builder of the network, whose layers are on the meta device until weights are loaded.

Any other name is a model of open_clip, such as "ViT-B-32".
"""

CACHED: Final[dict[str, str]] = {
    "vgg16": models.VGG16_Weights.IMAGENET1K_V1.url,
    "inception_v3": models.Inception_V3_Weights.IMAGENET1K_V1.url,
}
"""Name -> URL whose last part is the file name in torchvision's cache."""


def load_features(role: str, name: str, weights: Path | str | None) -> FeatureNetwork:
    """Load a frozen feature network, on the CPU, in float32.

    Args:
        role: Loss that needs the network, for error messages.
        name: One of `FEATURES`, or a model of open_clip, which returns image embeddings.
        weights: State dict of the classifier with torchvision's names, or of open_clip's model, as
            `.safetensors` or written by `torch.save`; the classifier's later layers may be
            missing. Or a tag of open_clip, such as "openai". None: torchvision's cache.

    Raises:
        ValueError: The name is unknown, or the file is broken or holds another network.
        FileNotFoundError: The weights do not exist or cannot be downloaded.
    """
    path = find_weights(role, name, weights)
    if name in FEATURES:
        network = load_classifier(name, path)
    else:
        layers, mean, std = clip.load_image_encoder(name, path, find_tag(name, weights))
        network = FeatureNetwork(layers, mean=mean, std=std)
    return network.eval().requires_grad_(False)


def load_classifier(name: str, path: Path) -> FeatureNetwork:
    """Load one of `FEATURES`; raise ValueError as `load_features`."""
    network = FEATURES[name]()
    keys = network.layers.state_dict().keys()
    counters = {key: torch.tensor(0) for key in keys if key.endswith(COUNTER)}
    stored = read_tensors(path, [key for key in keys if key not in counters])
    try:
        network.layers.load_state_dict(stored | counters, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold the weights of {name}: {error}") from error
    return network


def describe_features(role: str, name: str, weights: Path | str | None) -> dict[str, str]:
    """Return name and weights file's SHA-256 of a feature network, for the record of a run.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: The weights do not exist or cannot be downloaded.
    """
    with find_weights(role, name, weights).open("rb") as file:
        return {"name": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def find_weights(role: str, name: str, weights: Path | str | None) -> Path:
    """Return the file of a network's weights: the given one, the tag's, or the cached one.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: The file does not exist or cannot be downloaded.
    """
    if name not in FEATURES and name not in clip.models():
        raise ValueError(
            f"unknown features {name!r}; there are {', '.join(FEATURES)}, and open_clip's models,"
            " such as ViT-B-32"
        )
    tag, path = find_tag(name, weights), Path(weights) if weights else None
    if tag:
        try:
            return clip.fetch(name, tag)
        except (OSError, RuntimeError) as error:
            reason = f"{tag} cannot be fetched ({error})"
            raise FileNotFoundError(missing_weights(role, name, reason)) from error
    if path is None and name in CACHED:
        path = Path(torch.hub.get_dir()) / "checkpoints" / CACHED[name].rpartition("/")[2]
    if path is not None and path.is_file():
        return path
    reason = f"{path} is no file" if path else "they have no place in torchvision's cache"
    if path and name not in FEATURES and clip.tags(name):
        reason += f", and no tag; there are {', '.join(clip.tags(name))}"
    raise FileNotFoundError(missing_weights(role, name, reason))


def find_tag(name: str, weights: Path | str | None) -> str | None:
    """Return `weights` if it is one of open_clip's tags and no file, else None."""
    if weights is None or name in FEATURES or Path(weights).is_file():
        return None
    return str(weights) if str(weights) in clip.tags(name) else None


def missing_weights(role: str, name: str, reason: str) -> str:
    """Return the error message for missing weights, with the flags that help."""
    return (
        f"the {role} loss lacks the weights of {name}: {reason}; name a file with"
        f" --feature-weights {role} PATH, or leave the term out with --disable-loss {role}"
    )


def read_tensors(path: Path, keys: Sequence[str]) -> dict[str, Tensor]:
    """Read the tensors `keys` of a state dict, as float32, without executing code in the file.

    Raises:
        ValueError: The file is broken or lacks a tensor.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                stored = {key: file.get_tensor(key) for key in {*keys} & {*file.keys()}}
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is not a file of tensors: {error}") from error
    found = stored if isinstance(stored, Mapping) else {}
    missing = [key for key in keys if not isinstance(found.get(key), Tensor)]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; wanted is torchvision's state dict")
    return {key: found[key].float() for key in keys}
