from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from onnx import ModelProto, TensorProto, helper, numpy_helper

from lineart.onnx.inference import OnnxModel, open_session
from lineart.weights import read_config
from lineart.weights.onnx_file import COLORS, MODEL, read_contract
from tests.onnx_models import ANSWER, COLOR, FIRST_THREE, FLOAT, studio_model


def pictures(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Draw lines and hints."""
    random = np.random.default_rng(0)
    return (
        random.integers(0, 256, (count, 5, 7), dtype=np.uint8),
        random.integers(0, 256, (count, 5, 7, 4), dtype=np.uint8),
    )


def test_a_model_answers_every_picture() -> None:
    """A studio's own model is run on each picture, and answers stand in the pictures' order."""
    line, hint = pictures()
    answer = OnnxModel(studio_model().SerializeToString(), *COLORS)(line, hint)
    assert_array_equal(answer, hint[..., :3])


def test_pictures_do_not_depend_on_their_neighbours() -> None:
    """Even a model that looks across its batch gives a picture the same answer in any batch."""
    nodes = [
        helper.make_node("ReduceMax", ["hint"], ["most"], keepdims=1),
        *FIRST_THREE[:2],
        helper.make_node("Sub", ["most", "hint"], ["turned"]),
        helper.make_node("Slice", ["turned", "zero", "three", "three"], ["color"]),
    ]
    model = OnnxModel(studio_model(nodes).SerializeToString(), *COLORS)
    line, hint = pictures()
    hint[1] //= 2
    alone = [model(line[[index]], hint[[index]])[0] for index in range(3)]
    assert_array_equal(model(line, hint), alone)
    assert_array_equal(alone[1], hint[1].max() - hint[1, ..., :3])


def test_answers_of_another_size_are_refused() -> None:
    """What is not a picture of the drawing's size is an error that says so."""
    nodes = [
        helper.make_node("Constant", [], ["start"], value_ints=[0, 0]),
        helper.make_node("Constant", [], ["axes"], value_ints=[2, 3]),
        helper.make_node("Constant", [], ["end"], value_ints=[2, 3]),
        helper.make_node("Slice", ["hint", "start", "end", "axes"], ["color"]),
    ]
    model = OnnxModel(studio_model(nodes).SerializeToString(), *COLORS)
    with pytest.raises(ValueError, match=r"gives color as uint8\[1, 5, 2, 3\]"):
        model(*pictures(1))


def test_what_fails_while_it_runs_is_refused() -> None:
    """A model that breaks on a picture is an error of one kind, with ONNX Runtime's sentence."""
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[1, 2, 3, 3]),
        helper.make_node("Reshape", ["hint", "shape"], ["color"]),
    ]
    model = OnnxModel(studio_model(nodes).SerializeToString(), *COLORS)
    with pytest.raises(ValueError, match=r"ONNX Runtime cannot run the model: .*Reshape"):
        model(*pictures(1))


def test_a_session_has_one_thread() -> None:
    """The pipeline runs as many frames as there are cores, so a model takes one of them."""
    options = open_session(studio_model().SerializeToString()).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_unknown_operators_are_refused() -> None:
    """What ONNX Runtime cannot open is an error of one kind."""
    node = helper.make_node("Nonsense", ["hint"], ["color"])
    with pytest.raises(ValueError, match="ONNX Runtime cannot open the model"):
        open_session(studio_model([node]).SerializeToString())


def test_the_contract_of_models_that_colour() -> None:
    """Hints go in at the drawing's own size; a file may say what it is."""
    model = studio_model()
    assert read_contract(model.SerializeToString()) == {"model": "ONNX", "draft_scale": 1}
    helper.set_model_props(model, {"model": "ours"})
    files = {MODEL: model.SerializeToString()}
    assert read_config(files) == {"model": "ours", "draft_scale": 1}


@pytest.mark.parametrize(
    ("sides", "channels", "expected"),
    [
        (["H", "W"], [], {"channels": 1, "size_px": None}),
        ([64, 64], [3], {"channels": 3, "size_px": 64}),
    ],
)
def test_the_contract_of_models_that_translate(
    sides: list[str | int], channels: list[str | int], expected: dict[str, int | None]
) -> None:
    """A drawing has no channels; a size that is written down is the only one."""
    node = helper.make_node("Identity", ["photo"], ["picture"])
    model = studio_model([node], {"photo": ["B", *sides, 3]}, {"picture": ["B", *sides, *channels]})
    assert read_contract(model.SerializeToString()) == {"model": "ONNX"} | expected


def custom() -> ModelProto:
    """Give a model with somebody's own operator."""
    return studio_model([helper.make_node("Paint", ["hint"], ["color"], domain="studio.ops")])


def hidden_custom() -> ModelProto:
    """Give a model with somebody's own operator in a branch."""
    paint = helper.make_node("Paint", ["hint"], ["painted"], domain="studio.ops")
    branch = helper.make_graph(
        [paint], "branch", [], [helper.make_tensor_value_info("painted", 2, None)]
    )
    yes = helper.make_node("Constant", [], ["yes"], value_int=1)
    choice = helper.make_node("If", ["yes"], ["color"], then_branch=branch, else_branch=branch)
    return studio_model([yes, choice])


def external() -> ModelProto:
    """Give a model whose weights lie elsewhere."""
    model = studio_model()
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "far")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model.graph.initializer.append(tensor)
    return model


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda: studio_model(inputs={"line": ["B", "H", "W"]}),
            r"takes \['line'\] and gives \['color'\]; one that colours",
        ),
        (
            lambda: studio_model(outputs={"picture": ["B", "H", "W", 3]}),
            r"gives \['picture'\]; one that",
        ),
        (lambda: studio_model(kind=FLOAT), r"line of the model must be uint8\[B, H, W\]"),
        (
            lambda: studio_model(inputs=COLOR | {"hint": ["B", 4, "H", "W"]}),
            r"hint of the model must be uint8\[B, H, W, 4\]",
        ),
        (lambda: studio_model(outputs={"color": ["B", 8, 8, 3]}), "color .* size of its own"),
        (lambda: studio_model(inputs=COLOR | {"line": [4, "H", "W"]}), "takes only batches of 4"),
        (
            lambda: studio_model(
                inputs={"photo": ["B", 8, 9, 3]}, outputs={"picture": ANSWER["color"]}
            ),
            "one square",
        ),
        (custom, r"needs the operator studio\.ops\.Paint"),
        (hidden_custom, r"needs the operator studio\.ops\.Paint"),
        (external, "weights far of the model lie in another file"),
    ],
)
def test_models_that_break_the_contract_are_refused(
    build: Callable[[], ModelProto], words: str
) -> None:
    """Each way to break the contract is told in words, before anything runs."""
    with pytest.raises(ValueError, match=words):
        read_contract(build().SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"PK\x03\x04 a checkpoint", bytes(100)])
def test_files_that_are_not_onnx_are_refused(data: bytes) -> None:
    """Bytes of another kind are refused as such."""
    with pytest.raises(ValueError, match="the model is not ONNX"):
        read_contract(data)


def test_broken_files_are_refused_or_read() -> None:
    """A file with bytes changed or cut is read or refused with `ValueError`; nothing else."""
    data, random = studio_model().SerializeToString(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        broken = bytearray(data[: random.integers(1, len(data) + 1)])
        for place in random.integers(0, len(broken), 3):
            broken[place] = random.integers(256)
        try:
            read_contract(bytes(broken))
        except ValueError:
            refused += 1
    assert refused > 200
