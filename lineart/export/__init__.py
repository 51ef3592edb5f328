"""ONNX export of a trained pair: each network, and one model of the whole pipeline."""

import onnx

from lineart.export.metadata import Facts, colorizer_facts, network_facts, translator_facts
from lineart.export.networks import export_generator, plugs_of
from lineart.export.pictures import join_colorizer, join_translator
from lineart.export.verify import compare_colorizer, compare_network, compare_translator
from lineart.models import Colorization, Pair
from lineart.weights.onnx_file import MODEL

__all__ = ["export_generator", "export_pair"]


def export_pair(pair: Pair, facts: Facts, *, half: bool = False) -> dict[str, bytes]:
    """Export a pair: `NAME.onnx` for each network, and `model.onnx` for the whole pipeline.

    Args:
        pair: Pair in float32 and evaluation mode.
        facts: Metadata common to all files; inputs, outputs and accuracy of each are added.
        half: Weights and arithmetic in float16; inputs and outputs keep their types.

    Returns:
        File name -> content.

    Raises:
        ValueError: Outputs of ONNX Runtime and PyTorch differ by more than the bound.
    """
    files, networks = {}, {}
    for name, generator in pair.generators.items():
        plugs = plugs_of(pair, name)
        data = export_generator(generator, *plugs.draw_inputs(2, (2, 3)), plugs=plugs, half=half)
        difference = compare_network(data, generator, plugs, half=half)
        networks[name] = onnx.load_from_string(data)
        said = facts | network_facts(name, plugs, difference, half=half)
        files[f"{name}.onnx"] = _with_facts(networks[name], said)
    files[MODEL] = _whole(pair, networks, facts, half=half)
    return files


def _whole(pair: Pair, networks: dict[str, onnx.ModelProto], facts: Facts, *, half: bool) -> bytes:
    """Build the model of the whole pipeline, from uint8 pictures to uint8 pictures."""
    if isinstance(pair.task, Colorization):
        model = join_colorizer(pair, networks["draft"], networks["color"])
        compared = compare_colorizer(model.SerializeToString(), pair, half=half)
        return _with_facts(model, facts | colorizer_facts(compared, half=half))
    model = join_translator(pair, networks["target"])
    levels = compare_translator(model.SerializeToString(), pair, half=half)
    return _with_facts(model, facts | translator_facts(pair, levels, half=half))


def _with_facts(model: onnx.ModelProto, facts: Facts) -> bytes:
    onnx.helper.set_model_props(model, facts)
    return bytes(model.SerializeToString())
