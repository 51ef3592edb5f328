"""Image encoders of CLIP models, built and loaded by open_clip.

open_clip takes seconds to import, so only the functions that need it import it.
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
"""Errors that open_clip raises for broken files and for files that hold another model."""


class Resize(nn.Module):
    """Resizes pictures to the encoder's input size, bicubic and antialiased, without cropping.

    For squares this equals open_clip's preprocessing, which crops other pictures.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, color: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 NewH NewW"]:
        """Return the pictures at the encoder's input size, in float32."""
        return F.interpolate(color.float(), self.size, mode="bicubic", antialias=True)


class ImageEncoder(NamedTuple):
    """Image encoder of a CLIP model, and the normalization of its input."""

    layers: nn.Sequential
    """Normalised pictures of any size -> embeddings."""
    mean: Triple
    std: Triple
    """Mean and standard deviation are of sRGB in 0..1."""


def models() -> list[str]:
    """Return the names of open_clip's models."""
    import open_clip

    return [str(name) for name in open_clip.list_models()]


def tags(name: str) -> list[str]:
    """Return the tags of the weights that open_clip can download for a model."""
    import open_clip

    return [str(tag) for tag in open_clip.list_pretrained_tags_by_model(name)]


def fetch(name: str, tag: str) -> Path:
    """Return the file of a tag's weights, from open_clip's cache or downloaded.

    Raises:
        OSError: The file is not cached and cannot be downloaded.
        RuntimeError: The downloaded file has the wrong checksum.
    """
    import open_clip

    return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag)))


def load_image_encoder(name: str, path: Path, tag: str | None) -> ImageEncoder:
    """Load the image encoder of a model, on the CPU, in float32.

    Args:
        name: Model name, one of `models`.
        path: State dict of the whole model.
        tag: Tag of the file, which defines activation and normalization. None takes the model's
            activation and OpenAI's normalization; a file of OpenAI's weights, which were trained
            with QuickGELU, then needs the name "ViT-B-32-quickgelu".

    Raises:
        ValueError: The file is broken or holds another model.
    """
    import open_clip

    training = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    try:
        visual = open_clip.create_model(
            name,
            # Absolute, because open_clip could take a relative path for a tag.
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
