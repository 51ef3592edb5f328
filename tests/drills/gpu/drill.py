"""Everything that only a GPU shows, on one machine with one GPU, in minutes.

python -m tests.drills.gpu --data shards --out out --seconds 500

Parts, in the order in which they run: the machine (products of matrices, copies); correctness of
colours, training steps and translations against the CPU and against themselves; throughput of
networks and of training steps; a film at 1080p without Ray, and one GPU actor; training in several
processes; the film on Ray, if Ray is there; a compiled network. Then a recipe is trained in the
time that is left. A part that fails, or does not fit into its time, is a line in results.json; the
others go on. The exit status is 1 if one failed or if something differs that must not.

Without a GPU all parts but the compiled network run on the CPU; --small takes sizes for that.

A bare machine has Python, PyTorch, torchvision, torchmetrics, TensorBoard, OpenCV, pyarrow,
safetensors and jaxtyping, and perhaps no network. Carry to it:

- this checkout without its history;
- the wheels of isal, natsort, tyro, docstring_parser, typeguard and python-json-logger for its
  Python, and install them with `pip install --no-index --no-deps --target FOLDER`; put this folder
  and the checkout into PYTHONPATH;
- shards that `python -m jobs.prepare_data` made, of a short side of 512 px and JPEG to keep them
  small; without --data a few painted squares are learned from, which only shows that it runs;
- Ray, if there is room: its wheel, without jars and RLlib, in the same folder.

What comes back from --out is at most eight files below 15 MiB: results.json, and weights, scalars
and grids of the training, as a tar in parts (`cat run.tar.* | tar x`). If the drill is ended from
outside with SIGTERM, the weights of the last checkpoint are still left.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import torch

from lineart.runtime.device import pick_device
from lineart.storage import Storage
from lineart.training.recipes import RECIPES, Recipe, tiny
from tests.drills.gpu.film import film, film_on_ray
from tests.drills.gpu.networks import colors, translations
from tests.drills.gpu.parts import Cases, Part, Record, Setting, run_part
from tests.drills.gpu.processes import processes
from tests.drills.gpu.samples import CHUNK, SMALL_CHUNK, Factory
from tests.drills.gpu.speed import compiled, machine, networks
from tests.drills.gpu.steps import speed_of_steps, training_steps
from tests.drills.gpu.training import learn
from tests.painted import painted, write_shards

TRAINING = "training"
TRAINING_SHARE = 0.3
"""Of the drill's time: what training gets at least."""
THREADS = 2
"""Of PyTorch on the CPU, for what the GPU is compared with."""

PARTS = (
    Part("machine", machine, 15, is_timed=True),
    Part("colours", colors, 35),
    Part("training steps", training_steps, 75),
    Part("translations", translations, 30),
    Part("networks", networks, 60, is_timed=True),
    Part("speed of training steps", speed_of_steps, 60, is_timed=True),
    Part("film", film, 60, is_timed=True),
    Part("processes", processes, 60),
    Part("film on Ray", film_on_ray, 80, is_timed=True),
    Part("compiled", compiled, 45),
)
"""In the order of their worth; the budgets follow one run of the same measurements on an H100."""
NAMES = (*(part.name for part in PARTS), TRAINING)


def main() -> int:
    """Run the drill; return the exit status."""
    flags = read_flags()
    flags.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _exit)
    torch.set_num_threads(1 if flags.small else THREADS)
    cv2.setNumThreads(1)
    record = Record(flags.out / "results.json")
    with tempfile.TemporaryDirectory(prefix="gpu-drill", ignore_cleanup_errors=True) as folder:
        run(open_setting(flags, Path(folder)), flags.parts, record)
    summary = {"failed": record.failed, "wrong": record.wrong, "left_out": record.left_out}
    print(json.dumps(summary | {"seconds": record.seconds}))
    return 1 if record.failed or record.wrong else 0


def read_flags() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="shards to train on")
    parser.add_argument("--out", type=Path, required=True, help="folder for what comes back")
    parser.add_argument("--seconds", type=float, default=500.0, help="for everything")
    parser.add_argument("--recipe", choices=[*RECIPES], default="small", help="is trained")
    parser.add_argument("--width", type=int, help="of both generators, for recipes with two widths")
    parser.add_argument(
        "--parts",
        type=lambda text: text.split(","),
        default=[*NAMES],
        help=f"with commas between, of: {', '.join(NAMES)}",
    )
    parser.add_argument("--small", action="store_true", help="take sizes for a CPU")
    flags = parser.parse_args()
    if unknown := set(flags.parts) - set(NAMES):
        parser.error(f"--parts: there is no {', '.join(sorted(unknown))}")
    return flags


def open_setting(flags: argparse.Namespace, work: Path) -> Setting:
    """Return the drill that the flags describe."""
    ends_at = time.monotonic() + flags.seconds
    if flags.data:
        data = Storage.at(flags.data)
    else:
        data = write_shards(Storage.at(str(work / "painted")), [painted(0), painted(1)])
    return Setting(
        data=data,
        out=flags.out,
        work=work,
        device=pick_device(),
        recipe=choose_recipe(flags.recipe, flags.width, small=flags.small),
        ends_at=ends_at,
        small=flags.small,
    )


def choose_recipe(name: str, width: int | None, *, small: bool) -> Recipe:
    """Return the recipe to train, without losses that need frozen networks.

    Raises:
        ValueError: The recipe's generators have no two widths.
    """
    recipe = RECIPES[name]()
    recipe = recipe.without(recipe.features)
    if width:
        if "color_width" not in recipe.arguments:
            raise ValueError(f"--width is for recipes with two widths; {name} has not")
        recipe = replace(recipe, arguments={"width": width, "color_width": width})
    return tiny(recipe) if small else recipe


def run(setting: Setting, names: list[str], record: Record) -> None:
    """Run the chosen parts, then the training."""
    trains = TRAINING in names
    reserve_s = TRAINING_SHARE * (setting.ends_at - time.monotonic()) if trains else 0.0
    with open_factory(setting, starts=trains) as factory:
        for part in PARTS:
            if part.name in names:
                if setting.small:  # On a busy CPU anything may take minutes.
                    part = replace(part, budget_s=setting.ends_at - reserve_s - time.monotonic())
                with factory.paused() if part.is_timed else nullcontext():
                    run_part(part, setting, record, setting.ends_at - reserve_s)
        if trains:
            left_s = setting.ends_at - time.monotonic()
            part = Part(TRAINING, partial(training, factory), left_s)
            run_part(part, setting, record, setting.ends_at)


@contextmanager
def open_factory(setting: Setting, *, starts: bool) -> Iterator[Factory]:
    """Make samples while the block runs, or none."""
    factory = Factory(
        setting.recipe,
        setting.data,
        setting.work / "samples",
        SMALL_CHUNK if setting.small else CHUNK,
    )
    if starts:
        factory.start()
    try:
        yield factory
    finally:
        factory.stop()


def training(factory: Factory, setting: Setting) -> Cases:
    """Train the recipe."""
    yield setting.recipe.model, partial(learn, setting, factory)


def _exit(*_: object) -> None:
    """Exit by an exception, so that weights are copied and processes stopped."""
    sys.exit(1)
