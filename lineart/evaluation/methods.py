"""Ways to colour a drawing or to translate a photograph: networks by their weights, and others."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from lineart.device import has_gpu, pick_device
from lineart.evaluation.networks import load_clip, load_features, load_lpips
from lineart.evaluation.request import Request, split, split_name
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
"""The way that draws nothing: what is said of the photographs themselves."""

LIMITS = {PAINTED_TRUTH, PHOTOGRAPH}
"""Ways that say what is possible, and take no part in the contest."""

TAKEN = {*BASELINES, WHITE_PAPER, *LIMITS}
"""Names that weights cannot have."""

DEFAULT_PX = 512

Translate = Callable[[Frame], AnySize]
"""Gives a picture or drawing, in three channels, of a photograph."""


class TranslatorMethod(NamedTuple):
    """A network as a way."""

    run: Any
    """A `Fill`, or a `Translate`."""
    facts: dict[str, str]
    """Which one it is: model, and SHA-256 of its files."""


def name_weights(weights: str) -> dict[str, str]:
    """Give each address a name: NAME=ADDRESS, else its folder, `run` for `run/weights`.

    Raises:
        ValueError: there are none, or a name is that of another way.
    """
    named: dict[str, str] = {}
    for part in split(weights):
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
        raise ValueError("there must be at least one name in weights")
    return named


@lru_cache(maxsize=2)
def open_colorizers(weights: str) -> dict[str, TranslatorMethod]:
    """Give networks as ways to colour.

    Raises:
        ValueError: there are none, one translates photographs, or a file is broken.
        OSError: weights are not there.
    """
    ways = {}
    for way, files in read_all(weights):
        task = open_colorize_task(files, network_size_px=DEFAULT_PX)
        run = task.open_network(files, device=pick_device().type, batch_size=1)
        ways[way] = TranslatorMethod(network_fill(run, task.draft_scale), describe(files))
    return ways


@lru_cache(maxsize=2)
def open_translators(weights: str, size_px: int) -> dict[str, TranslatorMethod]:
    """Give networks as ways to translate photographs.

    Args:
        weights: As the user names them.
        size_px: Short side at which they see photographs, unless they take one size alone.

    Raises:
        ValueError: there are none, one colours drawings, or a file is broken.
        OSError: weights are not there.
    """
    ways = {}
    for way, files in read_all(weights):
        has_size = read_config(files).get("size_px") is not None
        task = open_translate_task(files, size_px=None if has_size else size_px)
        run = task.open_network(files, device=pick_device().type, batch_size=1)
        ways[way] = TranslatorMethod(network_translate(run, task), describe(files))
    return ways


def clear_networks() -> None:
    """Let go of all networks that this process has opened: others will judge."""
    for load in (open_colorizers, open_translators, load_features, load_lpips, load_clip):
        load.cache_clear()
    if has_gpu():
        torch.cuda.empty_cache()


def read_all(weights: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Read the files of all weights of a flag, one after the other, by the names of their ways."""
    for way, address in name_weights(weights).items():
        yield way, read_weights(open_weights(address))


def describe(files: Mapping[str, bytes]) -> dict[str, str]:
    """Say which network these are the files of."""
    return {"model": str(read_config(files).get("model")), "sha256": fingerprint(files)}


def network_fill(run: RunNetwork, draft_scale: int) -> Fill:
    """Give a network as a way to colour."""

    def fill(line: Line, hint: Hint) -> Frame:
        color: Frame = run(line[np.newaxis], pool_hints(hint, draft_scale)[np.newaxis])[0][0]
        return color

    return fill


def network_translate(run: RunNetwork, task: TranslateTask) -> Translate:
    """Give a network as a way to translate: what `jobs.translate` gives before it is enlarged."""

    def translate(photo: Frame) -> AnySize:
        small = task.shrink(b"", photo, None).inputs[0]
        picture = run(small[np.newaxis])[0][0]
        return picture if picture.ndim == 3 else np.dstack([picture] * 3)

    return translate


def white_fill(line: Line, hint: Hint) -> Frame:  # noqa: ARG001 - one of many ways
    """Leave the paper white."""
    return np.full((*line.shape, 3), 255, np.uint8)


def methods_at(count: int, request: Request) -> Mapping[str, Fill]:
    """Give the ways to compare: without hints all baselines are white paper."""
    networks = {way: one.run for way, one in open_colorizers(request.weights).items()}
    baselines = {name: BASELINES[name] for name in split(request.baselines)}
    return {**networks, **(baselines if count else {WHITE_PAPER: white_fill})}
