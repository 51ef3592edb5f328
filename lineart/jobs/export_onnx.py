"""Command that exports weights to ONNX, for other programs, lineart colorize and lineart translate.

lineart export_onnx --weights default --output onnx
lineart export_onnx --weights s3://studio/run/weights --output s3://studio/onnx --fp16
"""

import sys
from dataclasses import dataclass
from typing import Any

from lineart.jobs.command import DryRun, parse, run_command

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, kw_only=True)
class ExportOnnx:
    """Export the networks of a pair, and its whole inference, to ONNX.

    The inference, model.onnx, takes and gives images.
    """

    output: str
    """Folder or s3:// address for the files."""
    weights: str = "default"
    """Name of included weights, or address of a folder of weights."""
    fp16: bool = False
    """Use 16-bit floats for weights and arithmetic: half the size; inputs and outputs keep their
    types."""
    dry_run: DryRun = False


def main(flags: ExportOnnx) -> int:
    """Run the command and return its exit status."""
    stopped = "stopped; what is written is whole"
    return run_command("export_onnx", flags, export_onnx, if_stopped=stopped, is_timed=True)


def export_onnx(flags: ExportOnnx) -> dict[str, Any]:
    """Export and verify the files, write them, and return their sizes in bytes, by name."""
    from lineart.models import from_files
    from lineart.onnx.export import export_pair
    from lineart.onnx.metadata import common_facts
    from lineart.storage import Storage, for_flag
    from lineart.weights import fingerprint, open_weights, read_weights
    from lineart.weights.onnx_file import MODEL

    folder, output = open_weights(flags.weights), Storage.at(flags.output)
    with for_flag("--weights", advice=""):
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
    return {"bytes": {name: len(data) for name, data in exported.items()}}


if __name__ == "__main__":
    sys.exit(main(parse(ExportOnnx, "export_onnx")))
