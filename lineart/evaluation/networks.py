"""Networks of the scores: Inception and other features, CLIP, LPIPS. Nothing is downloaded."""

import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision import models

from lineart.evaluation.types import INCEPTION
from lineart.image import Frame
from lineart.inference import color_to_tensor
from lineart.models.pretrained import FEATURES, load_classifier
from lineart.runtime.device import pick_device

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
"""First digits of the SHA-256 of the file that defines FID and KID."""

BACKBONES: Final[dict[Any, str]] = {
    "alex": models.AlexNet_Weights.IMAGENET1K_V1.url,
    "vgg": models.VGG16_Weights.IMAGENET1K_V1.url,
    "squeeze": models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url,
}
"""LPIPS backbone -> URL whose last part is the file name in torchvision's cache."""


@contextmanager
def holding(path: Path, what: str) -> Iterator[None]:
    """Turn any exception of the block, such as one of pickle or zip, into a one-line ValueError.

    Raises:
        ValueError: the block failed: the file at `path` does not hold `what`.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or repr(error)
        raise ValueError(f"{path} does not hold {what}: {reason}") from error


class PictureFeatures:
    """Feature network for distances between sets.

    Args:
        name: Name of the features in score names.
        network: Maps 8-bit pictures [B, 3, H, W] to features [B, D].
    """

    def __init__(self, name: str, network: nn.Module) -> None:
        self.name = name
        self.network = network.eval().to(pick_device())

    @torch.inference_mode()
    def __call__(self, picture: Frame) -> Float32[np.ndarray, " D"]:
        """Compute the features of one picture."""
        batch = torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous().to(pick_device())
        features: Float32[np.ndarray, " D"] = self.network(batch).float().cpu().numpy().reshape(-1)
        return features


class PooledFeatures(nn.Module):
    """Network of `lineart.models.pretrained` for 8-bit pictures; feature maps are averaged."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, pictures: UInt8[Tensor, "B 3 H W"]) -> Tensor:
        """Compute features [B, D]."""
        maps: Tensor = self.features(pictures.float() / 127.5 - 1)
        return maps.flatten(2).mean(2) if maps.ndim > 2 else maps


def load_features(choice: str, *, inception_sha256: str = INCEPTION_SHA256) -> PictureFeatures:
    """Load the feature network of `--fid-features`.

    Args:
        choice: inception[=FILE], NAME=FILE, or a TorchScript FILE.
        inception_sha256: As `sha256` of `load_inception`.

    Returns:
        The network, on the device of `pick_device`.

    Raises:
        FileNotFoundError: the file does not exist or is not in the cache, or NAME is unknown.
        ValueError: the file does not hold the named network.
    """
    name, _, file = choice.partition("=")
    if Path(choice).is_file():
        # With its suffix, the name cannot equal a built-in one such as "inception".
        script = Path(choice)
        return PictureFeatures(f"{script.stem}{script.suffix or '.ts'}", load_script(script))
    if name == INCEPTION:
        path = Path(file) if file else None
        return PictureFeatures(name, load_inception(path, sha256=inception_sha256))
    if name not in FEATURES:
        wrong = f"no features are called {name!r}" if file else "there is no such file"
        raise FileNotFoundError(
            f"--fid-features {choice}: {wrong}; give a TorchScript file, "
            f"{INCEPTION}=FILE, or NAME=FILE with one of {', '.join(FEATURES)}"
        )
    if not Path(file).is_file():
        raise FileNotFoundError(f"--fid-features {choice}: {file or 'nothing'} is no file")
    with holding(Path(file), f"the weights of {name}"):
        return PictureFeatures(name, PooledFeatures(load_classifier(name, Path(file))))


def load_inception(path: Path | None, *, sha256: str = INCEPTION_SHA256) -> nn.Module:
    """Load the Inception network of FID and KID.

    It has 2,048 features and resizes pictures as the original of 2015, without antialiasing.

    Args:
        path: File of the weights; None for the one in torch's cache.
        sha256: First digits of the file's SHA-256, in lower-case hexadecimal.

    Returns:
        The network.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file has another SHA-256 or cannot be loaded.
    """
    path = path or hub_file(INCEPTION_FILE)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there; fetch {INCEPTION_FILE} from torch-fidelity's release v0.2.0 on "
            f"GitHub and put it there, or name it with --fid-features {INCEPTION}=FILE"
        )
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise ValueError(
            f"{path} is not the file that FID is defined by: its SHA-256 begins with "
            f"{digest[:8]}, not {sha256}"
        )
    with holding(path, "FID's Inception"):
        metric = FrechetInceptionDistance(feature_extractor_weights_path=str(path), antialias=False)
    return metric.inception


def load_script(path: Path) -> nn.Module:
    """Load a user's TorchScript network.

    Raises:
        ValueError: the file is not TorchScript.
    """
    with warnings.catch_warnings(), holding(path, "TorchScript (weights alone need a name)"):
        # PyTorch deprecates TorchScript, but existing feature networks are TorchScript files.
        warnings.simplefilter("ignore", FutureWarning)
        network: nn.Module = torch.jit.load(str(path), "cpu")  # type: ignore[no-untyped-call]
    return network


class Lpips:
    """LPIPS, a learned perceptual distance of two pictures; 0 for equal pictures.

    Source:
        Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a
        Perceptual Metric", CVPR 2018, as torchmetrics computes it.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval().to(pick_device())

    @torch.inference_mode()
    def __call__(self, picture: Frame, truth: Frame) -> float:
        """Compute the distance of two pictures of the same size."""
        pair = torch.from_numpy(np.stack((picture, truth))).to(pick_device())
        colors = color_to_tensor(pair)
        return float(self.network(colors[:1], colors[1:]))


def load_lpips(choice: str) -> Lpips:
    """Load the network of `--lpips`: alex, vgg or squeeze, optionally =FILE with its weights.

    The weights of the linear heads come with torchmetrics.

    Raises:
        FileNotFoundError: the backbone's weights do not exist.
        ValueError: the name is unknown, or the file does not hold the backbone's weights.
    """
    name, _, file = choice.partition("=")
    if name not in BACKBONES:
        raise ValueError(f"--lpips {choice}: there are {', '.join(BACKBONES)}")
    path = Path(file) if file else hub_file(BACKBONES[name].rpartition("/")[2])
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there; put torchvision's weights of that name there, or name a file "
            f"with --lpips {name}=FILE"
        )
    kind: Any = name
    with holding(path, f"torchvision's {name}"), hub_with(path, BACKBONES[name]):
        metric = LearnedPerceptualImagePatchSimilarity(kind)
    return Lpips(metric.net)


@contextmanager
def hub_with(path: Path, url: str) -> Iterator[None]:
    """Let torch find the tensors of a file in its download cache, in place of fetching them.

    torchvision would unpickle any object of the file: it gets a copy of the tensors alone.
    """
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    usual = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoints" / url.rpartition("/")[2]
        file.parent.mkdir()
        torch.save(tensors, file)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(usual)


@dataclass(frozen=True)
class ClipClassifier:
    """CLIP as a classifier of pictures among fixed prompts."""

    encode: Any
    """Preprocessing: PIL picture -> tensor [3, H, W]."""
    model: Any
    """CLIP model of open_clip."""
    prompts: Float32[np.ndarray, "K D"]
    """Embeddings of the prompts, of unit length."""

    @torch.inference_mode()
    def __call__(self, picture: Frame) -> Float32[np.ndarray, " K"]:
        """Compute the probability of each prompt, by softmax."""
        batch = self.encode(Image.fromarray(picture))[None].to(pick_device())
        embedding = self.model.encode_image(batch, normalize=True).float().cpu()
        logits = self.model.logit_scale.exp().cpu() * embedding @ torch.from_numpy(self.prompts).T
        bias = getattr(self.model, "logit_bias", None)
        logits = logits if bias is None else logits + bias.cpu()
        probabilities: Float32[np.ndarray, " K"] = logits.softmax(dim=1)[0].numpy()
        return probabilities


def load_clip(choice: str, prompts: Sequence[str]) -> ClipClassifier:
    """Load the model of `--clip`, NAME=FILE or NAME=TAG, and embed the prompts.

    Raises:
        FileNotFoundError: the weights do not exist.
        ValueError: the name is unknown, its tokenizer is not included in open_clip, or the file
            does not hold its weights.
    """
    import open_clip

    name, _, weights = choice.partition("=")
    if name not in open_clip.list_models():
        raise ValueError(f"--clip {choice}: {name} is no model of open_clip")
    if "hf_tokenizer_name" in open_clip.get_model_config(name)["text_cfg"]:
        raise ValueError(
            f"--clip {choice}: this model's tokenizer would have to be fetched; give one with "
            "CLIP's own, such as ViT-B-32"
        )
    config = open_clip.get_pretrained_cfg(name, weights) or {}
    path = Path(weights) if Path(weights).is_file() else find_tag(name, weights, config)
    with holding(path, f"the weights of {name}"):
        model, _, encode = open_clip.create_model_and_transforms(
            name,
            pretrained=str(path.absolute()),
            force_quick_gelu=bool(config.get("quick_gelu")),
            image_mean=config.get("mean", open_clip.OPENAI_DATASET_MEAN),
            image_std=config.get("std", open_clip.OPENAI_DATASET_STD),
        )
    model = model.eval().to(pick_device())
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(name)(list(prompts)).to(pick_device())
        embeddings = model.encode_text(tokens, normalize=True).float().cpu().numpy()
    return ClipClassifier(encode, model, embeddings)


def find_tag(name: str, tag: str, config: dict[str, Any]) -> Path:
    """Return the file of a tag's weights, from Hugging Face's cache or `~/.cache/clip`.

    Raises:
        FileNotFoundError: neither cache holds it.
    """
    from huggingface_hub import try_to_load_from_cache

    repository = config.get("hf_hub", "").rpartition("/")[0]
    for file in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        found = try_to_load_from_cache(repository, file) if repository else None
        if isinstance(found, str):
            return Path(found)
    file = str(config.get("url", "none")).rpartition("/")[2]
    old = Path("~/.cache/clip").expanduser() / file
    if not old.is_file():
        raise FileNotFoundError(
            f"the weights {tag or '?'} of {name} are in no cache; fetch them with python -c "
            f"\"import open_clip; open_clip.create_model('{name}', '{tag}')\", or name a file "
            f"with --clip {name}=FILE"
        )
    return old


def hub_file(name: str) -> Path:
    """Return the path of a file in torch's download cache; it need not exist."""
    return Path(torch.hub.get_dir()) / "checkpoints" / name
