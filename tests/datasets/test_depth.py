import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lineart.datasets.depth import network_size, normalize, open_depth
from lineart.models.pretrained import IMAGENET_MEAN, IMAGENET_STD
from lineart.runtime.device import pick_device


def mean_onnx(*, side_px: int | None = None, inner_px: int | None = None) -> bytes:
    """Make the ONNX file of a stand-in for a network: what is light is near.

    With `side_px` it says that it takes pictures of that size alone; with `inner_px` it fails on
    others as it runs.
    """
    sides = (side_px or "h", side_px or "w")
    ones = np.ones((inner_px or 1, inner_px or 1), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["color"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["mean", "ones"], ["depth"]),
        ],
        "stand-in",
        [helper.make_tensor_value_info("color", TensorProto.FLOAT, (1, 3, *sides))],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(ones, "ones")],
    )
    opsets = [helper.make_opsetid("", 13)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return data


def save_mean(folder: Path) -> str:
    """Write the file of `mean_onnx`; give its path."""
    path = folder / "mean.onnx"
    path.write_bytes(mean_onnx())
    return str(path)


def ramp(height: int = 40, width: int = 60) -> np.ndarray:
    """Draw a picture that is black on the left and white on the right."""
    levels = np.linspace(0, 255, width).astype(np.uint8)
    return np.broadcast_to(levels[None, :, None], (height, width, 3)).copy()


@pytest.mark.parametrize("size", [(40, 60), (31, 57), (90, 40), (401, 385)])
def test_an_onnx_file_gives_depth(tmp_path: Path, size: tuple[int, int]) -> None:
    """Upright, wide, small and odd pictures get a depth of their size, in 0..1, near = 1."""
    depth = open_depth(save_mean(tmp_path))(cv2.resize(ramp(), size[::-1]))
    assert (depth.shape, depth.min(), depth.max()) == (size, 0, 1)
    expected = np.linspace(0, 1, size[1])
    np.testing.assert_allclose(depth, np.broadcast_to(expected, size), atol=0.03)


def test_the_network_sees_normalised_rgb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red, green and blue reach the network in this order, with ImageNet's mean and deviation."""
    seen = []

    class Session:
        def __init__(self, *_: object) -> None:
            pass

        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name="photo")]

        def run(self, _: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            seen.append(feed["photo"])
            return [feed["photo"][:, :1]]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    open_depth(save_mean(tmp_path))(np.full((384, 416, 3), (255, 128, 0), np.uint8))
    assert seen[0].shape == (1, 3, 384, 416)
    expected = (np.array((1, 128 / 255, 0)) - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(seen[0][0, :, 5, 7], expected, atol=1e-5)


@pytest.fixture(scope="module")
def dpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny depth network of transformers, with random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("dpt")
    config = transformers.DPTConfig(
        hidden_size=8,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[4, 4, 4, 4],
        fusion_hidden_size=4,
        is_hybrid=False,
    )
    transformers.DPTForDepthEstimation(config).save_pretrained(folder)
    transformers.DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_a_model_of_transformers_gives_depth(dpt: Path) -> None:
    """It is what the library's own pipeline gives, scaled to 0..1."""
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    depth = open_depth(f"transformers:{dpt}")(photo)
    pipeline = transformers.pipeline("depth-estimation", model=str(dpt), device=pick_device())
    expected = pipeline(Image.fromarray(photo))["predicted_depth"].cpu().numpy()
    np.testing.assert_allclose(depth, normalize(expected, (40, 60)), atol=1e-5)
    assert (depth.min(), depth.max()) == (0, 1)


def test_weights_of_transformers_are_safetensors_alone(dpt: Path, tmp_path: Path) -> None:
    """Pickled weights are refused, and a repository's own code does not run."""
    folder = tmp_path / "pickled"
    shutil.copytree(dpt, folder)
    weights = folder / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ValueError, match=r"cannot load .*safetensors"):
        open_depth(f"transformers:{folder}")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.Config", "AutoModelForDepthEstimation": "own.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ValueError, match="cannot load"):
        open_depth(f"transformers:{folder}")
    assert not (tmp_path / "ran").exists()


def test_without_transformers_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing the error says what to install."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match="run pip install transformers"):
        open_depth("transformers:Intel/dpt-large")


def test_what_transformers_cannot_load_is_refused(tmp_path: Path) -> None:
    """What the library raises becomes one line with the name."""
    with pytest.raises(ValueError, match=f"cannot load '{tmp_path}' for depth") as error:
        open_depth(f"transformers:{tmp_path}")
    assert "\n" not in str(error.value)


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
    # Where everything is equally near the depth is 0, not a division by nothing.
    assert (normalize(np.full((1, 1, 4, 5), 3.0, np.float32), (8, 10)) == 0).all()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (np.array([[0, np.nan], [1, 2]]), "not finite"),
        (np.zeros((1, 3, 8, 9)), r"gives one map, but this one gave \(1, 3, 8, 9\)"),
    ],
)
def test_answers_that_are_no_depth_are_refused(answer: np.ndarray, why: str) -> None:
    """An answer that is not finite is no label, and three maps are no depth."""
    with pytest.raises(ValueError, match=why):
        normalize(answer, (2, 2))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"side_px": 32}, r"fails on 576x384: .*dynamic axes"),
        ({"inner_px": 32}, r"fails on 576x384: "),
    ],
)
def test_an_onnx_file_that_fails_says_so(tmp_path: Path, options: dict[str, int], why: str) -> None:
    """A network made for another size, or that fails as it runs, is one line with the size."""
    (tmp_path / "x.onnx").write_bytes(mean_onnx(**options))
    with pytest.raises(ValueError, match=why) as error:
        open_depth(str(tmp_path / "x.onnx"))(ramp())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spec", ["midas", "x.pt", "hub:a/b:c", "transformers:", ""])
def test_other_names_are_refused(spec: str) -> None:
    """What has neither form is answered with both, and with what else there is to do."""
    with pytest.raises(ValueError, match=r"no depth network; give FILE\.onnx.*torch\.onnx\.export"):
        open_depth(spec)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    """A file that is not there, and one that is something else, are errors of one line."""
    path = tmp_path / "x.onnx"
    with pytest.raises(FileNotFoundError, match=r"there is no depth network .*x\.onnx"):
        open_depth(str(path))
    path.write_bytes(b"something else" * 20)
    with pytest.raises(ValueError, match="cannot read") as error:
        open_depth(str(path))
    assert "\n" not in str(error.value)
