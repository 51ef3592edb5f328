"""Write trained weights as ONNX, for other programs and for jobs.colorize and jobs.translate.

python -m jobs.export_onnx --weights default --output onnx
python -m jobs.export_onnx --weights s3://studio/run/weights --output s3://studio/onnx --fp16
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

import tyro

from lineart.export import export_pair
from lineart.export.facts import common_facts
from lineart.models import from_files
from lineart.storage import Storage
from lineart.weights import fingerprint, open_weights, read_weights
from lineart.weights.onnx_file import MODEL

ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130
CARD = "MODEL_CARD.md"


@dataclass(frozen=True, kw_only=True)
class ExportOnnx:
    """Write each network of a pair, and model.onnx: all that a picture goes through."""

    output: str
    """Where the files go."""
    weights: str = "default"
    """Weights that come with the program, by name, or the address of a folder of weights."""
    fp16: bool = False
    """Weights and arithmetic in 16-bit floats: half the size; inputs and outputs stay."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: ExportOnnx) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
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
    """Write the files; give their sizes.

    Raises:
        ValueError: the weights are none, or ONNX Runtime's answers are too far from theirs.
        OSError: the weights cannot be read, or the files not written.
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


if __name__ == "__main__":
    sys.exit(main(tyro.cli(ExportOnnx)))
