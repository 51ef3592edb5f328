"""Colour the frames of a film. Run the same command again to finish or to take up changes.

python -m jobs.colorize --lines episode/lines --hints episode/hints --output episode/color
python -m jobs.colorize --lines s3://studio/ep01/lines --output s3://studio/ep01/color
python -m jobs.colorize --lines episode/lines --output episode/color --layers --openraster
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated

import tyro

from jobs.films import ALL_DONE, Choice, Command, run
from lineart.film.colorization import LAYERS, open_coloring
from lineart.film.frames import OPENRASTER
from lineart.film.opening import Film, OpenTask


@dataclass(frozen=True, kw_only=True)
class Colorize:
    """Colour every line drawing of a film at its own size."""

    lines: str
    """Line drawings: image files (a folder is a shot), or Parquet with columns frame and image."""
    output: str
    """Where frames, manifest, run.json and report.html go."""
    hints: str | None = None
    """Colour hints, RGBA: <shot>.png, or <shot>/<frame>.png, which holds until the next one."""
    weights: str = "default"
    """Weights that come with the program, by name, or the address of a folder or of NAME.onnx."""
    network_size: int = 512
    """Short side of the picture that the network sees, in pixels."""
    layers: bool = False
    """Also write, below layers/, the colours without the lines, as PNG."""
    openraster: bool = False
    """Also write, below openraster/, lines and colours as layers, for Krita and GIMP."""
    choice: Annotated[Choice, tyro.conf.OmitArgPrefixes] = field(default_factory=Choice)


def main(flags: Colorize) -> int:
    """Run the job; give the exit status."""
    if flags.choice.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    command = Command(name="colorize", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Colorize) -> tuple[Film, OpenTask]:
    """Give the film and the task that the flags describe.

    Raises:
        ValueError: a flag cannot be read.
    """
    film = flags.choice.film(
        pictures=flags.lines, output=flags.output, weights=flags.weights, hints=flags.hints
    )
    wanted = {LAYERS: flags.layers, OPENRASTER: flags.openraster}
    extras = tuple(name for name, is_wanted in wanted.items() if is_wanted)
    return film, partial(open_coloring, network_size_px=flags.network_size, extras=extras)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Colorize)))
