"""The networks, on one thread, as the pipeline runs them where there is no GPU."""

import numpy as np
import torch

from lineart.benchmark.timing import Figure, Run, compare
from lineart.image import Line, fit_short_side, resize
from lineart.imaging.hints import no_hints, pool_hints
from lineart.inference import Colorizer
from lineart.models import MODELS, Pair, from_files
from lineart.sample_film import sample_film
from lineart.weights import open_weights, read_weights

NETWORK_SIZE_PX = 512


def measure_network(repeats: int) -> list[Figure]:
    """Colour one 16:9 drawing: the included weights, and the papers' networks at full width."""
    torch.set_num_threads(1)
    frame = next(sample_film(size=(1080, 1920), frames_per_shot=1))
    line = resize(frame.line, fit_short_side((1080, 1920), NETWORK_SIZE_PX))
    pairs = {
        "default weights": from_files(read_weights(open_weights("default"))),
        "additive_unet": MODELS["additive_unet"](),
        "two_stage": MODELS["two_stage"](),
    }
    return [
        figure for name, pair in pairs.items() for figure in _measure(name, pair, line, repeats)
    ]


def _measure(name: str, pair: Pair, line: Line, repeats: int) -> list[Figure]:
    lines = line[np.newaxis]
    hints = pool_hints(no_hints((line.shape[0], line.shape[1])), pair.colorization.draft_scale)[
        np.newaxis
    ]

    def way(half: bool) -> Run:
        colorizer = Colorizer(pair, half=half)
        return lambda: list(colorizer(lines, hints))

    ways = {"bfloat16": way(True), "float32": way(False)}
    return compare(f"{name} {line.shape[1]}x{line.shape[0]}", ways, repeats)
