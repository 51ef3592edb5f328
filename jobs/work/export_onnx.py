"""Implementation of `jobs.export_onnx`: reads weights, exports and verifies them."""

import json
import sys
import time

from jobs.export_onnx import ALL_DONE, INTERRUPTED, WRONG_INPUT, ExportOnnx
from lineart.models import from_files
from lineart.onnx.export import export_pair
from lineart.onnx.metadata import common_facts
from lineart.storage import Storage
from lineart.weights import fingerprint, open_weights, read_weights
from lineart.weights.onnx_file import MODEL

CARD = "MODEL_CARD.md"


def work(flags: ExportOnnx) -> int:
    """Write the files, print their sizes, and return the exit status."""
    started = time.perf_counter()
    try:
        sizes = run(flags)
    except (ValueError, OSError) as error:
        print(f"export_onnx: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("export_onnx: stopped; what is written is whole", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps({"bytes": sizes, "seconds": round(time.perf_counter() - started, 1)}))
    return ALL_DONE


def run(flags: ExportOnnx) -> dict[str, int]:
    """Write the files and return their sizes in bytes, by name.

    Raises:
        ValueError: the weights are invalid or ONNX already, or outputs of ONNX Runtime differ too
            much from those of PyTorch.
        OSError: the weights cannot be read, or the files cannot be written.
    """
    folder, output = open_weights(flags.weights), Storage.at(flags.output)
    files = read_weights(folder)
    if MODEL in files:
        raise ValueError(f"{folder.uri} is ONNX already; give the folder of weights it was made of")
    pair = from_files(files)
    card = folder.read(CARD).decode(errors="replace") if folder.exists(CARD) else None
    facts = common_facts(pair, weights_sha256=fingerprint(files), card=card, half=flags.fp16)
    exported = export_pair(pair, facts, half=flags.fp16)
    for name, data in exported.items():
        output.write(name, data)
    output.sweep()
    return {name: len(data) for name, data in exported.items()}
