"""Image encoders of CLIP's kind, as open_clip builds and reads them.

Importing open_clip takes seconds, so it happens where a name is none of our own.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

Triple = tuple[float, float, float]

UNREADABLE: Final = (
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    AttributeError,
    StopIteration,
)
"""What open_clip's reader raises at broken files and at files of something else."""


class Resize(nn.Module):
    """Squeezes whole pictures to the size that an encoder was trained with, bicubic, antialiased.

    On squares this is open_clip's own preprocessing; it cuts the ends off what is not square.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, color: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 NewH NewW"]:
        """Give the pictures at the encoder's size, in float32."""
        return F.interpolate(color.float(), self.size, mode="bicubic", antialias=True)


class ImageEncoder(NamedTuple):
    """The image half of a model, and how its pictures were normalised."""

    layers: nn.Sequential
    """Normalised pictures of any size -> embeddings."""
    mean: Triple
    std: Triple
    """Of sRGB in 0..1."""


def models() -> list[str]:
    """List open_clip's models."""
    import open_clip

    return [str(name) for name in open_clip.list_models()]


def tags(name: str) -> list[str]:
    """List the weights of a model that open_clip can fetch, by their tags."""
    import open_clip

    return [str(tag) for tag in open_clip.list_pretrained_tags_by_model(name)]


def fetch(name: str, tag: str) -> Path:
    """Give the file of a tag's weights: from open_clip's cache, or over the network.

    Raises:
        OSError: It is not there and cannot be had.
        RuntimeError: What came is another file.
    """
    import open_clip

    return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag)))


def load_image_encoder(name: str, path: Path, tag: str | None) -> ImageEncoder:
    """Give the image half of a model with its weights, on the CPU, in float32.

    Args:
        name: One of `models`.
        path: A state dict of the whole model.
        tag: Where the file is a tag's: activation and normalisation are the tag's. Otherwise they
            are the model's and OpenAI's, so a file of OpenAI's own weights, which were trained
            with QuickGELU, belongs to "ViT-B-32-quickgelu".

    Raises:
        ValueError: The file is broken or holds another model.
    """
    import open_clip

    training = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    try:
        visual = open_clip.create_model(
            name,
            # Absolute: a relative name might be a tag.
            pretrained=str(path.absolute()),
            force_quick_gelu=bool(training.get("quick_gelu")),
        ).visual
    except UNREADABLE as error:
        raise ValueError(f"{path} does not hold the weights of {name}: {error}") from error
    return ImageEncoder(
        nn.Sequential(OrderedDict(resize=Resize(visual.image_size), visual=visual)),
        mean=training.get("mean", open_clip.OPENAI_DATASET_MEAN),
        std=training.get("std", open_clip.OPENAI_DATASET_STD),
    )
