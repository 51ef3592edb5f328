"""Command that exports weights to ONNX, for other programs, jobs.colorize and jobs.translate.

python -m jobs.export_onnx --weights default --output onnx
python -m jobs.export_onnx --weights s3://studio/run/weights --output s3://studio/onnx --fp16
"""

import json
import sys
from dataclasses import asdict, dataclass

import tyro

ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130


@dataclass(frozen=True, kw_only=True)
class ExportOnnx:
    """Export each network of a pair, and model.onnx with the whole inference, images to images."""

    output: str
    """Folder or s3:// address for the files."""
    weights: str = "default"
    """Name of included weights, or address of a folder of weights."""
    fp16: bool = False
    """Use 16-bit floats for weights and arithmetic: half the size; inputs and outputs keep their
    types."""
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: ExportOnnx) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.export_onnx import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(ExportOnnx)))
