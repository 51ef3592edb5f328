import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lineart.datasets.depth import DepthModel, network_size, normalize, open_depth
from lineart.models.pretrained import IMAGENET_MEAN, IMAGENET_STD

HUBCONF = """
import torch

class Red(torch.nn.Module):
    def forward(self, color):
        return color[:, 0]

def red(**options):
    return Red()

def table():
    return {"no": "network"}

def broken():
    raise KeyError("some weights")
"""


class Mean(nn.Module):
    """A stand-in for a network: what is light is near."""

    def forward(self, color: Tensor) -> Tensor:
        """Give the mean of the channels, with an axis of length 1."""
        return color.mean(1, keepdim=True)


class Zoo(nn.Module):
    """No network for depth."""

    def forward(self, color: Tensor) -> Tensor:
        """Give all three channels."""
        return color


def save_torchscript(network: nn.Module, path: Path) -> str:
    """Save a network as TorchScript; give the path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(network).save(path)
    return str(path)


def field(number: int, value: int | bytes | str) -> bytes:
    """Encode a field of a protocol buffer: a number below 128, or less than 16 KiB of bytes."""
    is_number = isinstance(value, int)
    key = number << 3 | (0 if is_number else 2)
    tag = bytes((key,)) if key < 128 else bytes((key & 127 | 128, key >> 7))
    if is_number:
        return tag + bytes((value,))
    data = value.encode() if isinstance(value, str) else value
    return tag + bytes((len(data) & 127 | 128, len(data) >> 7)) + data


def describe_tensor(name: str, *axes: int | str) -> bytes:
    """Encode name, float32 and the axes, numbers or names, of an ONNX graph's end."""
    dims = b"".join(
        field(1, field(1, axis) if isinstance(axis, int) else field(2, axis)) for axis in axes
    )
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def mean_onnx(*, side_px: int | None = None, axis: int = 1) -> bytes:
    """Write by hand the ONNX file of a graph: the mean over an axis, the channels.

    With `side_px` it is multiplied by ones of that size, and runs on nothing else.
    """
    axes = field(1, "axes") + field(8, axis) + field(20, 7)
    keep = field(1, "keepdims") + field(3, 1) + field(20, 2)
    mean = field(1, "color") + field(2, "mean") + field(4, "ReduceMean")
    graph = field(1, mean + field(5, axes) + field(5, keep)) + field(2, "stand-in")
    if side_px is not None:
        dims = field(1, side_px) * 2
        ones = (
            dims + field(2, 1) + field(8, "ones") + field(9, np.ones(side_px**2, "<f4").tobytes())
        )
        times = field(1, "mean") + field(1, "ones") + field(2, "depth") + field(4, "Mul")
        graph += field(1, times) + field(5, ones)
    sides = (side_px or "h", side_px or "w")
    graph += field(11, describe_tensor("color", 1, 3, *sides))
    graph += field(12, describe_tensor("mean" if side_px is None else "depth", 1, 1, *sides))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def ramp(height: int = 40, width: int = 60) -> np.ndarray:
    """Draw a picture that is black on the left and white on the right."""
    levels = np.linspace(0, 255, width).astype(np.uint8)
    return np.broadcast_to(levels[None, :, None], (height, width, 3)).copy()


def check_ramp(model: DepthModel) -> None:
    """Make sure that a stand-in answers with the picture's lightness."""
    depth = model(ramp())
    assert depth.shape == (40, 60)
    assert depth.min() == 0
    assert depth.max() == 1
    np.testing.assert_allclose(depth, np.broadcast_to(np.linspace(0, 1, 60), (40, 60)), atol=0.02)


def test_a_torchscript_file_gives_depth(tmp_path: Path) -> None:
    """A TorchScript module answers at the picture's size, in 0..1, near = 1."""
    check_ramp(open_depth(save_torchscript(Mean(), tmp_path / "mean.pt")))


def test_an_onnx_file_gives_depth(tmp_path: Path) -> None:
    """An ONNX file of any input size answers alike."""
    (tmp_path / "mean.onnx").write_bytes(mean_onnx())
    check_ramp(open_depth(str(tmp_path / "mean.onnx")))


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Write a repository for torch.hub."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "hubconf.py").write_text(HUBCONF)
    return folder


def test_a_local_hub_repository_gives_depth(hub: Path) -> None:
    """A folder with a hubconf.py is loaded without a network connection; a map needs no channel."""
    check_ramp(open_depth(f"hub:{hub}:red"))


def test_transformers_pipeline_gives_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline sees the picture in RGB; its map is normalised like all others."""
    asked: list[tuple[Any, ...]] = []

    def pipeline(task: str, *, model: str, device: torch.device) -> Any:
        asked.append((task, model, device.type))
        return lambda picture: {"predicted_depth": torch.from_numpy(np.array(picture))[..., 0] / 9}

    standin = ModuleType("transformers")
    standin.pipeline = pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", standin)
    check_ramp(open_depth("transformers:some/depth"))
    assert asked[0][:2] == ("depth-estimation", "some/depth")


class Red(nn.Module):
    """A stand-in for a network that writes down what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, color: Tensor) -> Tensor:
        """Give red as it was before the normalisation, in the picture's corner alone."""
        depth = torch.zeros_like(color[:, 0])
        depth[:, 0, 0] = color[0, 0, 0, 0]
        depth[:, 0, -1] = color[0, 1, 0, 0]
        depth[:, -1, 0] = color[0, 2, 0, 0]
        depth[:, -1, -1] = 3.0
        depth[:, 50, 50] = -3.0
        return depth


def test_the_network_sees_normalised_rgb(tmp_path: Path) -> None:
    """Red, green and blue reach the network in this order, with ImageNet's mean and deviation."""
    image = np.full((384, 416, 3), (255, 128, 0), np.uint8)
    depth = open_depth(save_torchscript(Red(), tmp_path / "red.pt"))(image)
    corners = np.array((depth[0, 0], depth[0, -1], depth[-1, 0])) * 6 - 3
    seen = (np.array((1, 128 / 255, 0)) - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(corners, seen, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "seen"),
    [((1080, 1920), (384, 672)), ((600, 400), (576, 384)), ((50, 50), (384, 384))],
)
def test_the_network_sees_384_pixels(size: tuple[int, int], seen: tuple[int, int]) -> None:
    """The short side becomes 384, the long one the nearest multiple of 32."""
    assert network_size(size) == seen


def test_depth_has_no_scale() -> None:
    """The farthest is 0 and the nearest 1, whatever unit and offset a network has."""
    plane = np.random.default_rng(0).normal(0, 1, (8, 9)).astype(np.float32)
    depth = normalize(plane, (8, 9))
    assert (depth.min(), depth.max()) == (0, 1)
    assert depth.argmax() == plane.argmax()
    np.testing.assert_allclose(normalize(plane * 7 - 90, (8, 9)), depth, atol=1e-5)


def test_flat_depth_is_nothing() -> None:
    """Where everything is equally near the depth is 0, not a division by nothing."""
    assert (normalize(np.full((4, 5), 3.0, np.float32), (8, 10)) == 0).all()


def test_numbers_that_are_none_are_refused() -> None:
    """An answer that is not finite is an error, not a label."""
    plane = np.array([[0, np.nan], [1, 2]], np.float32)
    with pytest.raises(ValueError, match="not finite"):
        normalize(plane, (2, 2))


def test_a_network_for_something_else_is_refused(tmp_path: Path) -> None:
    """Three maps are no depth."""
    model = open_depth(save_torchscript(Zoo(), tmp_path / "zoo.pt"))
    with pytest.raises(ValueError, match=r"gives one map, but this one gave \(1, 3, 384, 576\)"):
        model(ramp())


def test_an_onnx_file_of_one_size_says_so(tmp_path: Path) -> None:
    """A network that is welded to another size is an error, where OpenCV would clip in silence."""
    (tmp_path / "fixed.onnx").write_bytes(mean_onnx(side_px=32))
    model = open_depth(str(tmp_path / "fixed.onnx"))
    with pytest.raises(ValueError, match=r"saw 576x384 and answered 32x32.*dynamic axes"):
        model(ramp())


def test_an_onnx_file_that_fails_says_so(tmp_path: Path) -> None:
    """What OpenCV raises while it runs is one sentence with the size."""
    (tmp_path / "x.onnx").write_bytes(mean_onnx(axis=5))
    with pytest.raises(ValueError, match=r"fails on 576x384: .*axis"):
        open_depth(str(tmp_path / "x.onnx"))(ramp())


@pytest.mark.parametrize("spec", ["midas", "x.pth", "hub:intel-isl/MiDaS", "transformers:", ""])
def test_other_names_are_refused(spec: str) -> None:
    """What has none of the four forms is answered with the four forms."""
    with pytest.raises(ValueError, match=r"no depth network; give FILE\.pt.*hub:REPO:MODEL"):
        open_depth(spec)


@pytest.mark.parametrize("suffix", ["pt", "onnx"])
def test_missing_files_are_named(tmp_path: Path, suffix: str) -> None:
    """A file that is not there is named."""
    with pytest.raises(FileNotFoundError, match=f"there is no depth network .*x.{suffix}"):
        open_depth(str(tmp_path / f"x.{suffix}"))


@pytest.mark.parametrize(("suffix", "why"), [("pt", "no TorchScript"), ("onnx", "cannot read")])
def test_broken_files_are_refused(tmp_path: Path, suffix: str, why: str) -> None:
    """A file of something else is an error of one line."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"something else" * 20)
    with pytest.raises(ValueError, match=why) as raised:
        open_depth(str(path))
    assert "\n" not in str(raised.value)


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    """A state dict under the suffix .pt is told from a network."""
    torch.save(nn.Conv2d(3, 1, 1).state_dict(), tmp_path / "x.pt")
    with pytest.raises(ValueError, match="weights alone are not enough"):
        open_depth(str(tmp_path / "x.pt"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("blue", "cannot load 'blue'"),
        ("broken", "KeyError.*some weights"),
        ("table", "is no network but dict"),
    ],
)
def test_what_a_hub_repository_lacks_is_said(hub: Path, name: str, why: str) -> None:
    """A missing entry, an entry that fails and one that is no network are one sentence each."""
    with pytest.raises(ValueError, match=why):
        open_depth(f"hub:{hub}:{name}")


def test_without_transformers_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing the error says what to install."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match="run pip install transformers"):
        open_depth("transformers:Intel/dpt-large")


def test_a_name_that_transformers_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its pipeline raises becomes one sentence with the name."""

    def pipeline(*_: object, **__: object) -> None:
        raise OSError("no such model\nand a page")

    standin = ModuleType("transformers")
    standin.pipeline = pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", standin)
    with pytest.raises(
        ValueError, match=r"cannot load 'nobody/nothing'.*\(no such model and a page\)"
    ):
        open_depth("transformers:nobody/nothing")


def test_pictures_of_all_sizes_get_depth_of_theirs(tmp_path: Path) -> None:
    """Upright, wide, small and odd pictures get a depth of their own size."""
    model = open_depth(save_torchscript(Mean(), tmp_path / "mean.pt"))
    for size in ((31, 57), (90, 40), (401, 385)):
        picture = cv2.resize(ramp(), size[::-1])
        assert model(picture).shape == size
