"""Depth pseudo-labels: relative depth of photographs, estimated by a user-supplied network."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import nn

from lineart.device import pick_device
from lineart.image import Depth, Frame, Size, fit_short_side, resize
from lineart.models.pretrained import IMAGENET_MEAN, IMAGENET_STD

SIDE_PX, MULTIPLE = 384, 32
"""Short side of the network input, and the divisor of both its sides, as for MiDaS."""

FORMS = "FILE.pt (TorchScript), FILE.onnx, hub:REPO:MODEL or transformers:NAME"

Nearness = Float32[np.ndarray, "NetH NetW"]
"""Network output: inverse depth of unknown scale; larger is nearer."""

Run = Callable[[Float32[np.ndarray, "1 3 H W"]], np.ndarray]
"""Runs a network on one picture, normalized with ImageNet's mean and standard deviation."""


@runtime_checkable
class DepthModel(Protocol):
    """Estimates relative depth; the farthest pixel of each picture is 0 and its nearest 1."""

    def __call__(self, image: Frame) -> Depth:
        """Return the depth at the picture's size; all 0 if every pixel is equally near."""
        ...


def open_depth(spec: str) -> DepthModel:
    """Load a depth network, on the GPU if there is one; ONNX files run on the CPU.

    The network must output relative inverse depth, as MiDaS and Depth Anything do: larger is
    nearer.

    Args:
        spec: `FILE.pt`, a TorchScript module from B x 3 x H x W to B x H x W or B x 1 x H x W;
            `FILE.onnx`, the same for OpenCV; `hub:REPO:MODEL`, loaded by `torch.hub`, from a local
            folder if REPO is one; `transformers:NAME`, loaded by the "depth-estimation" pipeline
            of transformers.

    Raises:
        ValueError: `spec` has none of these forms, or the network cannot be loaded.
        FileNotFoundError: The file does not exist.
    """
    kind, _, name = spec.partition(":")
    if kind == "transformers" and name:
        return _PipelineDepth(_load_pipeline(name))
    if kind == "hub" and ":" in name:
        return _NetworkDepth(_load_hub(*name.rsplit(":", 1)))
    loaders = {".pt": _load_torchscript, ".onnx": _load_onnx}
    path = Path(spec)
    if path.suffix not in loaders:
        raise ValueError(f"{spec!r} is no depth network; give {FORMS}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no depth network {path}; give {FORMS}")
    return _NetworkDepth(loaders[path.suffix](path))


def network_size(size: Size) -> Size:
    """Return the network input size for a picture: short side 384, both sides multiples of 32."""
    height, width = (
        max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE) for side in fit_short_side(size, SIDE_PX)
    )
    return height, width


def normalize(nearness: Nearness, size: Size) -> Float32[np.ndarray, "H W"]:
    """Resize a network output to `size` and scale it to 0..1; all 0 if it is constant.

    Raises:
        ValueError: The output is not finite.
    """
    if not np.isfinite(nearness).all():
        raise ValueError("the depth network's answer is not finite for this picture")
    height, width = size
    large = cv2.resize(nearness, (width, height), interpolation=cv2.INTER_LINEAR)
    large = large - large.min()
    highest = large.max()
    depth: Float32[np.ndarray, "H W"]
    depth = large / highest if highest > 0 else np.zeros_like(large)
    return depth


class _NetworkDepth:
    """Depth network with the preprocessing of MiDaS."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, image: Frame) -> Depth:
        """Return the depth; see `DepthModel`."""
        size: Size = image.shape[:2]
        seen = resize(image, network_size(size)).astype(np.float32) / 255
        normal = ((seen - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32)
        planes = np.ascontiguousarray(normal.transpose(2, 0, 1)[np.newaxis])
        nearness = _one_map(self.run(planes))
        # OpenCV silently crops the input of a network with a fixed input size; the output's size is
        # then usually no whole fraction of the input's.
        (high, low), (wide, narrow) = zip(planes.shape[2:], nearness.shape, strict=True)
        if high % low or high * narrow != wide * low:
            raise ValueError(
                f"the depth network saw {wide}x{high} and answered {narrow}x{low}: it is made for "
                "one size; export it with dynamic axes for height and width"
            )
        return normalize(nearness, size)


class _PipelineDepth:
    """Depth pipeline of transformers, which does its own preprocessing."""

    def __init__(self, pipeline: Callable[[Image.Image], Mapping[str, Any]]) -> None:
        self.pipeline = pipeline

    def __call__(self, image: Frame) -> Depth:
        """Return the depth; see `DepthModel`."""
        answer = self.pipeline(Image.fromarray(image))["predicted_depth"]
        return normalize(_one_map(torch.as_tensor(answer).float().cpu().numpy()), image.shape[:2])


def _one_map(answer: np.ndarray) -> Nearness:
    """Remove axes of length 1; raise ValueError if more than two axes remain."""
    plane = answer.squeeze().astype(np.float32)
    if plane.ndim != 2:
        raise ValueError(f"a depth network gives one map, but this one gave {answer.shape}")
    return plane


def _torch_run(network: nn.Module) -> Run:
    """Return a function that runs a PyTorch network on arrays."""
    device = pick_device()
    network = network.eval().to(device)

    @torch.inference_mode()
    def run(planes: Float32[np.ndarray, "1 3 H W"]) -> np.ndarray:
        answer: np.ndarray = network(torch.from_numpy(planes).to(device)).float().cpu().numpy()
        return answer

    return run


def _load_torchscript(path: Path) -> Run:
    with warnings.catch_warnings():
        # PyTorch has deprecated TorchScript, but published depth networks are TorchScript files.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            # torch does not annotate this function.
            network: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(
                f"{path} is no TorchScript module ({_one_line(error)}); weights alone are not "
                "enough, save the network with torch.jit.trace(...).save(...)"
            ) from error
    return _torch_run(network)


def _load_onnx(path: Path) -> Run:
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise ValueError(f"OpenCV cannot read {path} as ONNX: {_one_line(error.err)}") from error

    def run(planes: Float32[np.ndarray, "1 3 H W"]) -> np.ndarray:
        network.setInput(planes)
        try:
            return np.asarray(network.forward())
        except cv2.error as error:
            height, width = planes.shape[2:]
            raise ValueError(
                f"{path} fails on {width}x{height}: {_one_line(error.err)}; perhaps it is made "
                "for one size: export it with dynamic axes for height and width"
            ) from error

    return run


def _load_hub(repository: str, name: str) -> Run:
    """Load a network with `torch.hub`, which executes code of the given repository."""
    source = "local" if Path(repository).is_dir() else "github"
    try:
        # torch does not annotate this function.
        network = torch.hub.load(  # type: ignore[no-untyped-call]
            repository, name, source=source, trust_repo=True
        )
    except Exception as error:
        # The repository's code may raise any exception.
        raise ValueError(
            f"torch.hub cannot load {name!r} from {repository!r} "
            f"({type(error).__name__}: {_one_line(error)}); without a network connection give "
            "a local folder of the repository, or a TorchScript or ONNX file"
        ) from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"{name!r} of {repository!r} is no network but {type(network).__name__}")
    return _torch_run(network)


def _load_pipeline(name: str) -> Callable[[Image.Image], Mapping[str, Any]]:
    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise ValueError(
            f"transformers:{name} needs the package transformers, which is not installed; "
            "run pip install transformers, or give a TorchScript or ONNX file"
        ) from error
    try:
        pipeline: Callable[[Image.Image], Mapping[str, Any]]
        pipeline = transformers.pipeline("depth-estimation", model=name, device=pick_device())
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise ValueError(
            f"transformers cannot load {name!r} for depth ({_one_line(error)}); give the name "
            "of a depth model, or a folder that holds one"
        ) from error
    return pipeline


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
