"""Sample film drawn by code (line drawings, colours, hints), for demo, tests and benchmarks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lineart.image import Frame, Hint, Line, Size
from lineart.sample_film.scenes import FRAMES_PER_SECOND, SHOTS, Scene, give_hints


@dataclass(frozen=True)
class SampleFrame:
    """Frame of the sample film.

    `number` counts from 1 in its shot. `hint` is set on the first frame for which it holds, and
    holds until the next one in the shot.
    """

    shot: str
    number: int
    line: Line
    color: Frame
    hint: Hint | None


def sample_film(
    *,
    size: Size = (1080, 1920),
    frames_per_shot: int = 24,
    hold: int | None = None,
    seed: int = 0,
) -> Iterator[SampleFrame]:
    """Yield the film: a girl walks past a village and sits with her cat; a dragon flies.

    A drawing depends only on seed, size, shot and time. Held frames share their arrays.

    Args:
        size: Height and width in pixels; the 16:9 stage covers the picture and is cropped to it.
        frames_per_shot: Number of frames of each of the three shots.
        hold: Number of frames for which a drawing is shown; None: 2, 3 and 1 in the three shots.
        seed: Determines colours, houses, clouds and the start time of the shots' motion.

    Raises:
        ValueError: A size, `frames_per_shot` or `hold` is not positive, or `seed` is negative.
    """
    if min(*size, frames_per_shot, 1 if hold is None else hold) < 1 or seed < 0:
        raise ValueError(
            f"sample_film needs positive numbers and a seed from 0, got {size=}, "
            f"{frames_per_shot=}, {hold=}, {seed=}"
        )
    return _frames(size, frames_per_shot, hold, seed)


def _frames(size: Size, frames_per_shot: int, hold: int | None, seed: int) -> Iterator[SampleFrame]:
    for shot in SHOTS:
        timing = shot.hold if hold is None else hold
        span = timing * shot.drawings_per_hint
        for first in range(0, frames_per_shot, span):
            numbers = range(first + 1, min(first + span, frames_per_shot) + 1)
            yield from _draw_group(shot, numbers, timing, size, seed)


def _draw_group(
    shot: Scene, numbers: range, timing: int, size: Size, seed: int
) -> Iterator[SampleFrame]:
    """Draw the frames that share a hint picture, which is set on the first."""
    starts = numbers[::timing]
    drawings = [shot.draw(size, (start - 1) / FRAMES_PER_SECOND, seed) for start in starts]
    rng = np.random.default_rng((seed, SHOTS.index(shot), numbers[0]))
    hint: Hint | None = give_hints(drawings, rng)
    for start, drawing in zip(starts, drawings, strict=True):
        color = drawing.painted()
        for number in range(start, min(start + timing, numbers[-1] + 1)):
            yield SampleFrame(shot.name, number, drawing.ink, color, hint)
            hint = None
