"""Methods to compare: networks opened from weights, baselines, and limits such as the truth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from lineart.device import has_gpu, pick_device
from lineart.evaluation.networks import load_clip, load_features, load_lpips
from lineart.evaluation.request import split_name
from lineart.evaluation.types import AnySize
from lineart.film.tasks import RunNetwork
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.translate import TranslateTask, open_translate_task
from lineart.image import Frame, Hint, Line
from lineart.imaging.baselines import BASELINES, Fill
from lineart.imaging.hints import pool_hints
from lineart.weights import fingerprint, open_weights, read_config, read_weights

WHITE_PAPER = "white paper"
PAINTED_TRUTH = "painted truth"
PHOTOGRAPH = "photograph"
"""Name of the untranslated photographs among the methods."""

LIMITS = {PAINTED_TRUTH, PHOTOGRAPH}
"""Methods that are references only: shown, but neither compared nor ranked."""

TAKEN = {*BASELINES, WHITE_PAPER, *LIMITS}
"""Reserved names, which weights cannot have."""

DEFAULT_PX = 512

Translate = Callable[[Frame], AnySize]
"""Translates a photograph to a picture or drawing with three channels."""


class TranslatorMethod(NamedTuple):
    """A network as a method, for colouring or for translation."""

    run: Any
    """A `Fill` or a `Translate`."""
    facts: dict[str, str]
    """Model name, and SHA-256 of its files."""


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
                f"weights cannot be called {name!r}, as another way is; give NAME={address}"
            )
        named[name if name not in named else f"{name} {len(named) + 1}"] = address
    if not named:
        raise ValueError("there must be at least one name or address in --weights")
    return named


@lru_cache(maxsize=2)
def open_colorizers(weights: tuple[str, ...]) -> dict[str, TranslatorMethod]:
    """Open networks as methods to colour, cached by the flag's value.

    Raises:
        ValueError: `weights` is empty, one translates photographs, or a file is broken.
        OSError: weights cannot be read.
    """
    ways = {}
    for way, files in read_all(weights):
        task = open_colorize_task(files, network_size_px=DEFAULT_PX)
        run = task.open_network(files, device=pick_device().type, batch_size=1)
        ways[way] = TranslatorMethod(network_fill(run, task.draft_scale), describe(files))
    return ways


@lru_cache(maxsize=2)
def open_translators(weights: tuple[str, ...], size_px: int) -> dict[str, TranslatorMethod]:
    """Open networks as methods to translate photographs, cached by the arguments.

    Args:
        weights: Value of the flag `--weights`.
        size_px: Short side of the network input in pixels; ignored for a fixed input size.

    Raises:
        ValueError: `weights` is empty, one colours drawings, or a file is broken.
        OSError: weights cannot be read.
    """
    ways = {}
    for way, files in read_all(weights):
        has_size = read_config(files).get("size_px") is not None
        task = open_translate_task(files, size_px=None if has_size else size_px)
        run = task.open_network(files, device=pick_device().type, batch_size=1)
        ways[way] = TranslatorMethod(network_translate(run, task), describe(files))
    return ways


def clear_networks() -> None:
    """Drop the cached networks of this process and free their GPU memory for the workers."""
    for load in (open_colorizers, open_translators, load_features, load_lpips, load_clip):
        load.cache_clear()
    if has_gpu():
        torch.cuda.empty_cache()


def read_all(weights: Sequence[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield method name and files of each of the weights, read one after another."""
    for way, address in name_weights(weights).items():
        yield way, read_weights(open_weights(address))


def describe(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return model name and SHA-256 of the files of weights."""
    return {"model": str(read_config(files).get("model")), "sha256": fingerprint(files)}


def network_fill(run: RunNetwork, draft_scale: int) -> Fill:
    """Return a network as a `Fill`; hints are pooled to its draft's size."""

    def fill(line: Line, hint: Hint) -> Frame:
        color: Frame = run(line[np.newaxis], pool_hints(hint, draft_scale)[np.newaxis])[0][0]
        return color

    return fill


def network_translate(run: RunNetwork, task: TranslateTask) -> Translate:
    """Return a network as a `Translate`: the output of `jobs.translate` before enlargement."""
    shrink = task.open_shrink()

    def translate(photo: Frame) -> AnySize:
        small = shrink(photo, {}).inputs[0]
        picture = run(small[np.newaxis])[0][0]
        return picture if picture.ndim == 3 else np.dstack([picture] * 3)

    return translate


def white_fill(line: Line, hint: Hint) -> Frame:  # noqa: ARG001 - signature of `Fill`
    """Return a white picture."""
    return np.full((*line.shape, 3), 255, np.uint8)


def methods_at(
    count: int, weights: tuple[str, ...], baselines: Sequence[str] = ()
) -> Mapping[str, Fill]:
    """Return networks and baselines; at 0 hints all baselines are white paper, listed once."""
    networks = {way: one.run for way, one in open_colorizers(weights).items()}
    if not count:
        return {**networks, WHITE_PAPER: white_fill}
    return {**networks, **{name: BASELINES[name] for name in baselines}}
