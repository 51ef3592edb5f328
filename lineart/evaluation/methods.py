"""Methods to compare: networks opened from weights, and baselines; trials of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, get_args

import cv2
import numpy as np

from lineart.datasets.samples import NamedPicture
from lineart.evaluation.baselines import BASELINES, Fill
from lineart.evaluation.request import split_name
from lineart.evaluation.session import Session
from lineart.evaluation.types import LIMITS, AnySize
from lineart.film.tasks import RunNetwork
from lineart.film.tasks.colorize import ColorizeTask, open_colorize_task
from lineart.film.tasks.translate import TranslateTask, open_translate_task
from lineart.image import Frame, Hint, Line, fit_short_side, resize
from lineart.imaging.hints.cleaning import drop_ink_hints
from lineart.imaging.hints.pixels import HintPixels, find_hints, sample_hints
from lineart.imaging.lines.extraction import dilate_abs_sub, xdog
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.paint.finish import Finish
from lineart.imaging.paint.region_colors import Guess
from lineart.imaging.samples.cels import remove_lines
from lineart.runtime.device import pick_device
from lineart.storage import for_flag
from lineart.weights import fingerprint, open_weights, read_config, read_weights

WHITE_FILL = "white paper"
TAKEN = {*BASELINES, WHITE_FILL, *LIMITS}
"""Reserved names, which weights cannot have."""

DEFAULT_PX = 512

XDOG_SIGMA = 0.4
DILATION_PX = 4
LINE_GAIN = 3.0
"""Factor that darkens the pale lines of a dilation; training draws it from 1 to 5."""

Translate = Callable[[Frame], AnySize]
"""Translates a photograph to a picture or drawing with three channels."""


ColorFrame = Callable[[Line, HintPixels, Finish, int], tuple[Guess, HintPixels]]
"""Colours a drawing and hints at full size for a finish, as `lineart colorize` with a
`--network-size` does.

It returns what the networks say, and the hints that count."""


class NetworkMethod(NamedTuple):
    """A network as a method, for colouring or for translation."""

    run: Any
    """A `Fill` or a `Translate`."""
    facts: dict[str, str]
    """Model name, and SHA-256 of its files."""
    run_frame: ColorFrame | None = None
    """Colours a drawing as a film does; None for translation."""


def name_weights(weights: Sequence[str]) -> dict[str, str]:
    """Map method names to addresses: NAME of NAME=ADDRESS, else the folder of the address.

    The folder `run/weights` has the name `run`. A repeated name gets a number.

    Raises:
        ValueError: `weights` is empty, or a name is in `TAKEN`.
    """
    named: dict[str, str] = {}
    for part in weights:
        name, address = split_name(part)
        if not name:
            *above, name = [folder for folder in open_weights(part).root.split("/") if folder]
            name = above[-1] if name == "weights" and above else name
        if name in TAKEN:
            raise ValueError(
                f"weights cannot be called {name!r}, as another method is; give NAME={address}"
            )
        named[name if name not in named else f"{name} {len(named) + 1}"] = address
    if not named:
        raise ValueError("there must be at least one name or address in --weights")
    return named


def open_colorizers(weights: tuple[str, ...]) -> dict[str, NetworkMethod]:
    """Open the networks of `--weights` as methods to colour.

    Raises:
        ValueError: `weights` is empty, one translates photographs, a file is broken, or a name is
            that of other weights with a finish.
        OSError: weights cannot be read.
    """
    named = name_weights(weights)
    if taken := [name for method in named for name in name_finishes(method) if name in named]:
        raise ValueError(
            f"weights cannot be called {taken[0]!r}, as another method is; give NAME=ADDRESS"
        )
    methods = {}
    for method, files in read_all(weights):
        task = open_colorize_task(files, network_size_px=DEFAULT_PX)
        tasks = {finish: replace(task, finish=finish) for finish in get_args(Finish)}
        runs = {
            finish: one.open_network(files, device=pick_device().type, batch_size=1)
            for finish, one in tasks.items()
        }
        # That of flat paint gives the network's colours as they are.
        fill = network_fill(runs["paint"], task.draft_scale)
        methods[method] = NetworkMethod(fill, describe(files), partial(color_frame, tasks, runs))
    return methods


def name_finishes(method: str) -> tuple[str, str]:
    """Return the names of a network's methods with the finishes `soft` and `paint`."""
    return f"{method} soft", f"{method} paint"


def open_translators(weights: tuple[str, ...], size_px: int) -> dict[str, NetworkMethod]:
    """Open networks as methods to translate photographs.

    Args:
        weights: Value of the flag `--weights`.
        size_px: Short side of the network input in pixels; ignored for a fixed input size.

    Raises:
        ValueError: `weights` is empty, one colours drawings, or a file is broken.
        OSError: weights cannot be read.
    """
    methods = {}
    for method, files in read_all(weights):
        has_size = read_config(files).get("size_px") is not None
        task = open_translate_task(files, size_px=None if has_size else size_px)
        run = task.open_network(files, device=pick_device().type, batch_size=1)
        methods[method] = NetworkMethod(network_translate(run, task), describe(files))
    return methods


def read_all(weights: Sequence[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield method name and files of each of the weights, read one after another."""
    for method, address in name_weights(weights).items():
        with for_flag("--weights", advice=""):
            files = read_weights(open_weights(address))
        yield method, files


def describe(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return model name and SHA-256 of the files of weights."""
    return {"model": str(read_config(files).get("model")), "sha256": fingerprint(files)}


def network_fill(run: RunNetwork, draft_scale: int) -> Fill:
    """Return a network as a `Fill`; hints are cleaned and pooled as for a film."""

    def fill(line: Line, hint: Hint) -> Frame:
        pooled = drop_ink_hints(find_hints(hint), line).pool(draft_scale).picture()
        color: Frame = run(darken_lines(line)[np.newaxis], pooled[np.newaxis])[0][0]
        return color

    return fill


def color_frame(
    tasks: Mapping[Finish, ColorizeTask],
    runs: Mapping[Finish, RunNetwork],
    line: Line,
    hints: HintPixels,
    finish: Finish,
    size_px: int,
) -> tuple[Guess, HintPixels]:
    """Colour a drawing as a film does; see `ColorFrame`."""
    task = replace(tasks[finish], network_size_px=size_px)
    inputs, valid_hints = task.network_inputs(line, [hints])
    answers = runs[finish](*(one[np.newaxis] for one in inputs))
    return Guess(*(one[0] for one in answers)), valid_hints


def network_translate(run: RunNetwork, task: TranslateTask) -> Translate:
    """Return a network as a `Translate`: the output of `lineart translate` before enlargement."""
    prepare = task.open_prepare()

    def translate(photo: Frame) -> AnySize:
        small = prepare(photo, {}).inputs[0]
        picture = run(small[np.newaxis])[0][0]
        return picture if picture.ndim == 3 else np.dstack([picture] * 3)

    return translate


def white_fill(line: Line, hint: Hint) -> Frame:  # noqa: ARG001 - signature of `Fill`
    """Return a white picture."""
    return np.full((*line.shape, 3), 255, np.uint8)


def methods_at(
    count: int, session: Session, weights: tuple[str, ...], baselines: Sequence[str] = ()
) -> Mapping[str, Fill]:
    """Return networks and baselines; at 0 hints all baselines are white paper, listed once."""
    networks = {method: one.run for method, one in session.open(open_colorizers, weights).items()}
    if not count:
        return {**networks, WHITE_FILL: white_fill}
    return {**networks, **{name: BASELINES[name] for name in baselines}}


# Trials: one line drawing with hints, coloured by every method.


@dataclass(frozen=True)
class Case:
    """A picture prepared for all methods."""

    name: str
    source: str
    number: int
    """Index of the picture; determines line extractor and hints."""
    original: NamedPicture
    """The picture at its own size."""
    color: Frame
    """Colours at the network's size, as are `line` and `painted`."""
    line: Line

    @cached_property
    def painted(self) -> Frame:
        """Painted truth: `color` with the lines painted over."""
        return remove_lines(self.color, self.line)


@dataclass(frozen=True)
class Trial:
    """A case with hints, coloured by every method."""

    case: Case
    hint: Hint
    colors: Mapping[str, Frame]
    """Method -> colours below the lines."""


def extract_xdog(color: Frame, number: int) -> Line:  # noqa: ARG001 - as `extract`
    """Extract lines by XDoG."""
    return xdog(color, sigma=XDOG_SIGMA)


def extract_mixed(color: Frame, number: int) -> Line:
    """Extract lines: darkened dilation lines for even numbers, XDoG for odd ones."""
    if number % 2:
        return extract_xdog(color, number)
    line: Line = 255 - cv2.multiply(255 - dilate_abs_sub(color, DILATION_PX), LINE_GAIN)
    return line


def make_case(
    picture: NamedPicture,
    number: int,
    *,
    source: str = "",
    network_size_px: int | None = None,
    extract: Callable[[Frame, int], Line] = extract_mixed,
) -> Case:
    """Build the case of a picture: resize it and take, or extract, its lines.

    Args:
        picture: Picture at its own size.
        number: Index of the picture in its place, from 0.
        source: Source of the picture.
        network_size_px: Short side of the network input in pixels; None for the picture's own.
        extract: Extracts lines from colours, where the picture has none; gets `number`, too.
    """
    size = picture.color.shape[0], picture.color.shape[1]
    size = size if network_size_px is None else fit_short_side(size, network_size_px)
    color = resize(picture.color, size)
    line = extract(color, number) if picture.line is None else resize(picture.line, size)
    return Case(picture.name, source, number, picture, color, line)


def run_trial(case: Case, count: int, methods: Mapping[str, Fill], seed: int) -> Trial:
    """Sample `count` hints and colour the line drawing by every method.

    The positions of hints depend on (seed, number of the picture, count).
    """
    hint = sample_hints(case.color, count, np.random.default_rng((seed, case.number, count)))
    return Trial(case, hint, {name: fill(case.line, hint) for name, fill in methods.items()})
