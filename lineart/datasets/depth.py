"""Depth pseudo-labels: relative depth of photographs, estimated by a user-supplied network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import onnxruntime
import torch
from jaxtyping import Float32

from lineart.image import Depth, Frame, Size, fit_short_side, resize
from lineart.models.pretrained import IMAGENET_MEAN, IMAGENET_STD
from lineart.runtime.device import pick_device

SIDE_PX, MULTIPLE = 384, 32
"""Short side of the input of ONNX networks, and the divisor of both its sides, as for MiDaS."""

FORMS = "FILE.onnx or transformers:NAME, a folder or a name on Hugging Face"

DepthModel: TypeAlias = Callable[[Frame], Depth]
"""Gives depth at the picture's size: the farthest pixel is 0 and the nearest 1, or all are 0."""


def open_depth(spec: str) -> DepthModel:
    """Load a depth network.

    The network must output relative inverse depth, as MiDaS and Depth Anything do: larger is
    nearer. No code of a repository runs, and weights are read from safetensors alone.

    Args:
        spec: `FILE.onnx`, a network from B x 3 x H x W, normalized as for ImageNet, to B x H x W or
            B x 1 x H x W, which runs on the CPU; or `transformers:NAME`, a depth model of
            transformers, which runs on the GPU if there is one.

    Raises:
        ValueError: `spec` has neither form, or the network cannot be loaded.
        FileNotFoundError: The file does not exist.
    """
    kind, _, name = spec.partition(":")
    if kind == "transformers" and name:
        return _open_transformers(name)
    path = Path(spec)
    if path.suffix != ".onnx":
        raise ValueError(
            f"{spec!r} is no depth network; give {FORMS}; torch.onnx.export writes other networks "
            "as ONNX"
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no depth network {path}; give {FORMS}")
    return _open_onnx(path)


def network_size(size: Size) -> Size:
    """Return the network input size for a picture: short side 384, both sides multiples of 32."""
    height, width = (
        max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE) for side in fit_short_side(size, SIDE_PX)
    )
    return height, width


def normalize(nearness: np.ndarray, size: Size) -> Float32[np.ndarray, "H W"]:
    """Resize a network output to `size` and scale it to 0..1; all 0 if it is constant.

    Raises:
        ValueError: The output is not finite, or is not one map.
    """
    plane = nearness.squeeze().astype(np.float32)
    if plane.ndim != 2:
        raise ValueError(f"a depth network gives one map, but this one gave {nearness.shape}")
    if not np.isfinite(plane).all():
        raise ValueError("the depth network's answer is not finite for this picture")
    large = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)
    large = large - large.min()
    highest = large.max()
    depth: Float32[np.ndarray, "H W"]
    depth = large / highest if highest > 0 else np.zeros_like(large)
    return depth


def _open_onnx(path: Path) -> DepthModel:
    options = onnxruntime.SessionOptions()
    # Each process prepares pictures of its own on one core.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    # ONNX Runtime's exceptions have no common base class.
    except Exception as error:
        raise ValueError(f"ONNX Runtime cannot read {path}: {_one_line(error)}") from error
    name = session.get_inputs()[0].name

    def estimate(image: Frame) -> Depth:
        height, width = network_size(image.shape[:2])
        seen = resize(image, (height, width)).astype(np.float32) / 255
        normal = ((seen - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32)
        try:
            answer = session.run(None, {name: normal.transpose(2, 0, 1)[np.newaxis]})[0]
        except Exception as error:
            raise ValueError(
                f"{path} fails on {width}x{height}: {_one_line(error)}; perhaps it is made for one "
                "size: export it with dynamic axes for height and width"
            ) from error
        return normalize(answer, image.shape[:2])

    return estimate


def _open_transformers(name: str) -> DepthModel:
    try:
        import transformers
    except ImportError as error:
        raise ValueError(
            f"transformers:{name} needs the package transformers, which is not installed; "
            "run pip install transformers, or give an ONNX file"
        ) from error
    device = pick_device()
    options: dict[str, Any] = {"trust_remote_code": False}
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name, **options)
        network = transformers.AutoModelForDepthEstimation.from_pretrained(
            name, use_safetensors=True, **options
        )
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise ValueError(
            f"transformers cannot load {name!r} for depth ({_one_line(error)}); give the name "
            "of a depth model, or a folder that holds one, with weights as safetensors"
        ) from error
    network = network.eval().to(device)

    @torch.inference_mode()
    def estimate(image: Frame) -> Depth:
        answer = network(**processor(images=image, return_tensors="pt").to(device))
        size: Size = image.shape[:2]
        (found,) = processor.post_process_depth_estimation(answer, [size])
        return normalize(found["predicted_depth"].float().cpu().numpy(), size)

    return estimate


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
