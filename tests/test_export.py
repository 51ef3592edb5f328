from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto
from onnxscript import ir
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from torch import nn

from lineart.image import resize
from lineart.imaging.hints.pixels import pool_hints
from lineart.inference import PairColorizer, Translator
from lineart.models import (
    BorderSearch,
    Colorization,
    Pair,
    Translation,
    build_empty,
    hint_maps,
)
from lineart.models.layers import ColorBatch, HintBatch, HintPixels, LineBatch, LinePixels
from lineart.models.pair import Small
from lineart.onnx import verify
from lineart.onnx.export import export_pair, shrink
from lineart.onnx.graph import Value, start_graph, to_model
from lineart.onnx.hints import flood, flow, pool
from lineart.onnx.inference import open_session
from lineart.onnx.metadata import read_credits
from lineart.onnx.spec import spec_of, tensors_of
from lineart.weights.onnx_file import read_contract
from tests.models.test_models import PICTURES, build

FACTS = {"model": "tiny", "licence": "CC0"}
PAIRS = [n for n in PICTURES if not isinstance(build_empty(n, {}).task, BorderSearch)]
"""Models whose pictures other programs want."""


def trained(name: str) -> Pair:
    """Build a small pair, ready to run, that is no longer what it was drawn as."""
    pair, random = build(name), torch.Generator().manual_seed(2)
    for generator in pair.generators.values():
        generator.eval().requires_grad_(False)
        # Norms of a new network do nothing, and its last layer next to nothing.
        for tensor in generator.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * (torch.rand(tensor.shape, generator=random) - 0.5))
    return pair


@cache
def exported(name: str, *, half: bool = False) -> dict[str, bytes]:
    """Export a small pair, once for all tests: it takes seconds."""
    return export_pair(trained(name), FACTS, half=half)


def run_graph(add: Callable[..., Value], *arrays: np.ndarray) -> np.ndarray:
    """Run the graph that `add(op, *inputs)` makes on arrays."""
    builder, feed = start_graph(), {f"input_{n}": array for n, array in enumerate(arrays)}
    inputs = [
        builder.input(name, ir.DataType.from_numpy(array.dtype), [None] * array.ndim)
        for name, array in feed.items()
    ]
    result = add(builder.op, *inputs)
    builder.add_output(builder.op.Identity(result), "result")
    answer: np.ndarray = open_session(to_model(builder).SerializeToString()).run(None, feed)[0]
    return answer


def facts_of(data: bytes) -> dict[str, str]:
    """Read what a file says of itself."""
    return {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}


@pytest.mark.parametrize("name", PAIRS)
def test_networks_answer_as_in_pytorch(name: str) -> None:
    """Each network gives PyTorch's values, attention's included, in two sizes and batches."""
    pair = trained(name)
    for part, generator in pair.generators.items():
        spec, session = spec_of(pair, part), open_session(exported(name)[f"{part}.onnx"])
        for count, scale in ((1, (1, 2)), (2, (3, 1))):
            examples = spec.draw_inputs(count, scale, seed=9)
            truths = tensors_of(generator(*examples))
            feed = dict(zip(spec.inputs, [e.numpy() for e in examples], strict=True))
            answers = session.run([*spec.outputs], feed)
            assert len(answers) == len(truths)
            for answer, truth in zip(answers, truths, strict=True):
                assert_allclose(answer, truth.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["two_stage", "concat_unet"])
def test_the_whole_colours_as_the_colorizer(name: str) -> None:
    """From bytes to bytes, any size, many hints: no level of 255 is more than one off."""
    session = open_session(exported(name)["model.onnx"])
    colorizer = PairColorizer(trained(name), precision="float32")
    for count, size in ((2, (37, 70)), (1, (64, 64))):
        lines, hints = verify.draw_cases(count, size, 40)
        hints[..., 3] = np.minimum(hints[..., 3], np.arange(size[1]) % 5 * 60)
        (color,) = session.run(None, {"line": lines, "hint": hints})
        pooled = np.stack([pool_hints(hint, colorizer.draft_scale) for hint in hints])
        truth = colorizer(lines, pooled)
        assert color.dtype == np.uint8
        assert np.abs(color.astype(int) - truth).max() <= 1
        assert truth.std() > 1


@pytest.mark.parametrize("name", ["additive_unet", "hint_unet"])
def test_flooded_hints_colour_as_the_colorizer(name: str) -> None:
    """One hint, or none, is the same flood; two rooms with a hint each are all but the same."""
    session = open_session(exported(name)["model.onnx"])
    colorizer = PairColorizer(trained(name), precision="float32")
    line = np.full((3, 90, 130), 255, np.uint8)
    cv2.line(line[2], (60, 0), (75, 89), 0, 5)
    hint = np.zeros((*line.shape, 4), np.uint8)
    hint[1:, 40, 20] = 200, 40, 90, 255
    hint[2, 50, 110] = 20, 240, 60, 255
    (color,) = session.run(None, {"line": line, "hint": hint})
    pooled = np.stack([pool_hints(pixels, colorizer.draft_scale) for pixels in hint])
    truth = colorizer(line, pooled)
    difference = np.abs(color.astype(int) - truth).max(axis=3)
    assert difference[:2].max() <= 1
    assert (difference[2] <= 1).mean() > 0.9
    assert truth.std() > 1


class OneLayer(nn.Module):
    """Color generator of one convolution."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(inputs, 3, 3, padding=1)

    def forward(self, line: LineBatch, hint: HintBatch) -> ColorBatch:
        """Colour a drawing; both inputs have its size."""
        return torch.tanh(self.layer(torch.cat((line, hint), dim=1)))


def encode_with_drawing(hint: HintPixels, line: LinePixels) -> HintBatch:
    """Encode hints as colours, opacity and the drawing."""
    return torch.cat((hint, line[..., None]), dim=3).permute(0, 3, 1, 2) / 127.5 - 1


@pytest.mark.parametrize(
    ("encode", "channels"),
    [(hint_maps.point_hints, 3), (hint_maps.flood_hints, 3), (encode_with_drawing, 5)],
)
def test_a_pair_without_a_draft_has_hints_of_any_kind(
    encode: Callable[..., HintBatch], channels: int
) -> None:
    """Its color generator takes them at the drawing's size, as the task encodes them."""
    torch.manual_seed(0)
    pair = Pair(
        model="one_network",
        arguments={},
        generators={"color": OneLayer(1 + channels).eval()},
        multiple=1,
        small=Small({}),
        task=Colorization(encode_hint=encode, draft_scale=1),
    )
    files = export_pair(pair, FACTS)
    assert files.keys() == {"color.onnx", "model.onnx"}
    lines, hints = verify.draw_cases(2, (37, 70), 1)
    (color,) = open_session(files["model.onnx"]).run(None, {"line": lines, "hint": hints})
    truth = PairColorizer(pair, precision="float32")(lines, hints)
    assert np.abs(color.astype(int) - truth).max() <= 1
    assert truth.std() > 1


@pytest.mark.parametrize("name", ["line_drawing", "ugatit"])
def test_the_whole_translates_as_the_translator(name: str) -> None:
    """Photographs of any size, or of the only one, become PyTorch's pictures within one level."""
    pair = trained(name)
    translator, session = (
        Translator(pair, precision="float32"),
        open_session(exported(name)["model.onnx"]),
    )
    side = pair.translation.size_px
    for size in [(side, side)] if side else [(13, 41), (64, 30)]:
        photos = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
        (picture,) = session.run(None, {"photo": photos})
        truth = translator(photos).pictures
        assert picture.shape == truth.shape
        assert np.abs(picture.astype(int) - truth).max() <= 1


@pytest.mark.parametrize("name", ["line_drawing", "additive_unet"])
def test_half_precision(name: str) -> None:
    """Weights are 16-bit floats, what goes in and out is not, and pictures stay near."""
    for part, data in exported(name, half=True).items():
        graph = onnx.load_from_string(data).graph
        kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
        assert kinds == {TensorProto.UINT8 if part == "model.onnx" else TensorProto.FLOAT}
        large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) > 30]
        assert large
        assert {tensor.data_type for tensor in large} == {TensorProto.FLOAT16}
        assert len(data) < 0.75 * len(exported(name)[part])
        difference = float(facts_of(data)["largest_difference"])
        assert difference <= (verify.LEVELS if part == "model.onnx" else verify.BOUNDS)[True]


@pytest.mark.parametrize("name", PAIRS)
def test_files_keep_the_contract(name: str) -> None:
    """What is exported can be brought back: it colours, or translates at its size."""
    pair = trained(name)
    config = read_contract(exported(name)["model.onnx"])
    if isinstance(pair.task, Translation):
        assert config["channels"] == pair.task.channels
        assert config["size_px"] == pair.task.size_px
    else:
        assert config == {"model": "tiny", "draft_scale": 1}


@pytest.mark.parametrize("name", PAIRS)
def test_files_say_what_they_are(name: str) -> None:
    """Each file names its inputs and outputs, its exactness, and its facts; no place on a disk."""
    for data in exported(name).values():
        facts, graph = facts_of(data), onnx.load_from_string(data).graph
        assert facts.items() >= FACTS.items()
        assert {f"input {value.name}" for value in graph.input} <= facts.keys()
        assert {f"output {value.name}" for value in graph.output} <= facts.keys()
        assert float(facts["largest_difference"]) <= 1
        assert b"site-packages" not in data
        assert str(Path(__file__).parents[1]).encode() not in data


def test_files_say_at_which_sizes_they_were_checked() -> None:
    """What takes one size alone was checked at that one, all else at two."""
    for name in PAIRS:
        pair = trained(name)
        size_px = pair.task.size_px if isinstance(pair.task, Translation) else None
        sizes = f"{size_px} x {size_px} alone and two batch" if size_px else "two sizes and two"
        for data in exported(name).values():
            assert f"at {sizes}" in facts_of(data)["checked"]


def test_a_network_that_finds_borders_is_not_exported() -> None:
    """It serves flat paint alone; the error says what it does."""
    with pytest.raises(ValueError, match="border_unet finds borders of colours"):
        export_pair(trained("border_unet"), FACTS)


def test_what_stands_beside_a_picture_is_compared() -> None:
    """Another network's attention is not taken for this one's, though its pictures are equal."""
    pair = trained("ugatit")
    generator, spec = pair.generators["target"], spec_of(pair, "target")
    data = exported("ugatit")["target.onnx"]
    assert "heat and logits as a part of the largest" in facts_of(data)["checked"]

    class Altered(torch.nn.Module):
        def forward(self, photo: torch.Tensor) -> Any:
            made = generator(photo)
            return made._replace(heat=made.heat * 1.1)

    with pytest.raises(ValueError, match="differ by"):
        verify.compare_network(data, Altered(), spec, half=False)


def test_floods_that_differ_are_owned_up_to() -> None:
    """Where hints flood, the file says by how much pictures differ with 16 and 140 hints."""
    assert "dB with 140 hints" in facts_of(exported("additive_unet")["model.onnx"])["checked"]
    assert "dB" not in facts_of(exported("concat_unet")["model.onnx"])["checked"]


def test_files_that_answer_otherwise_are_refused() -> None:
    """A network is not taken for another one, a picture not for another one's."""
    pair = trained("concat_unet")
    data, spec = exported("concat_unet")["color.onnx"], spec_of(pair, "color")
    other = build("concat_unet").generators["color"].eval()
    with pytest.raises(ValueError, match=r"differ by .* nothing was written"):
        verify.compare_network(data, other, spec, half=False)
    other.out.weight.detach().fill_(float("nan"))
    with pytest.raises(ValueError, match="differ by nan"):
        verify.compare_network(data, other, spec, half=False)
    whole = exported("concat_unet")["model.onnx"]
    with pytest.raises(ValueError, match="levels of 255, where 1 are allowed"):
        verify.compare_colorizer(whole, build("concat_unet"), half=False)


@pytest.mark.parametrize("scale", [2, 4])
def test_pooled_hints_are_those_of_the_pipeline(scale: int) -> None:
    """Of the hints in a cell the same one stays: by opacity, then by place."""
    random = np.random.default_rng(scale)
    hint = random.integers(0, 256, (2, 24, 40, 4), dtype=np.uint8)
    hint[..., 3] = random.choice([0, 0, 0, 128, 255], (2, 24, 40))
    answer = run_graph(lambda op, hint: pool(op, hint, scale), hint)
    truth = np.stack([pool_hints(one, scale) for one in hint])
    is_hint = truth[..., 3] > 0
    assert_array_equal(answer[..., 3] > 0, is_hint)
    assert_array_equal(answer[is_hint, :3], truth[is_hint, :3])


@pytest.mark.parametrize("scale", [2, 4])
def test_drawings_shrink_as_in_the_pipeline(scale: int) -> None:
    """By area, rounded as OpenCV rounds, to the level."""
    line = np.random.default_rng(scale).integers(0, 256, (64, 96), dtype=np.uint8)
    planes = line[np.newaxis, np.newaxis].astype(np.float32)
    answer = run_graph(lambda op, line: shrink(op, line, scale), planes)
    assert_array_equal(answer[0, 0], resize(line, (64 // scale, 96 // scale)))


def draw_flood() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw grey levels, sources, and a colour of its own in each pixel."""
    random = np.random.default_rng(5)
    gray = np.full((22, 34), 255, np.uint8)
    for _ in range(5):
        start, end = (random.integers(0, 34, 2).tolist() for _ in range(2))
        cv2.line(gray, start, end, int(random.integers(0, 200)), 1, cv2.LINE_AA)
    is_source = random.random(gray.shape) < 0.02
    color = np.arange(3 * gray.size, dtype=np.float32).reshape(3, *gray.shape)
    return gray, is_source, color


def test_floods_take_the_cheapest_way() -> None:
    """Every pixel has the colour of a source from which no other way is cheaper (Dijkstra)."""
    gray, is_source, color = draw_flood()
    planes = gray[np.newaxis, np.newaxis].astype(np.float32)
    answer = run_graph(flood, color[np.newaxis], planes, is_source[np.newaxis, np.newaxis])[0]
    index, level = np.arange(gray.size).reshape(gray.shape), gray.astype(int)
    one = np.concatenate((index[1:].ravel(), index[:, 1:].ravel()))
    other = np.concatenate((index[:-1].ravel(), index[:, :-1].ravel()))
    cost = 1 + (level.ravel()[one] - level.ravel()[other]) ** 2
    ways = sparse.coo_matrix((cost, (one, other)), (gray.size, gray.size))
    sources = np.flatnonzero(is_source)
    costs = dijkstra(ways.tocsr(), directed=False, indices=sources)
    row = np.searchsorted(sources, answer[0].ravel().astype(int))
    assert_array_equal(sources[row], answer[0].ravel())
    assert_array_equal(costs[row, np.arange(gray.size)], costs.min(axis=0))
    assert_array_equal(answer[1:], answer[:1] + np.array([1, 2])[:, None, None] * gray.size)
    assert len(set(row)) > 5


def test_colours_flow_as_in_the_pipeline() -> None:
    """The flow between neighbours is `hint_maps.flow`."""
    gray, is_source, _ = draw_flood()
    color = np.random.default_rng(0).random((*gray.shape, 3), np.float32) * 255
    planes = gray[np.newaxis, np.newaxis].astype(np.float32)
    first = color.transpose(2, 0, 1)[np.newaxis]
    answer = run_graph(flow, first, planes, is_source[np.newaxis, np.newaxis])
    truth = hint_maps.flow(color, gray, is_source)
    assert_allclose(answer[0].transpose(1, 2, 0), truth, atol=1e-2)
    assert np.abs(truth - color).max() > 50


def test_credits_of_a_card() -> None:
    """Authors and licences are those of the tables, each once, in order; other tables say none."""
    card = """| share | author | licence |
|---|---|---|
| 1 % | Ann | CC0 |
| 2 % | Bob | CC BY |
| 3 % | Ann | CC0 |

| PSNR | hints |
|---|---|
| 20 | 16 |
"""
    assert read_credits(card) == {"authors": "Ann; Bob", "licence": "CC0; CC BY"}
    assert read_credits("no table") == {}
