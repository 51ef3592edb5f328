"""Write trained weights as ONNX, for other programs and for jobs.colorize and jobs.translate.

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
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.export_onnx import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(ExportOnnx)))
