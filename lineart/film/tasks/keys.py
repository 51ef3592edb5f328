"""Colouring task with keys: their colours follow the regions of the drawings of a shot."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from lineart.film.tasks import (
    ComposedFrame,
    DoubtfulError,
    Files,
    NetworkInputs,
    PrepareInputs,
)
from lineart.film.tasks.carrying import (
    KeyCache,
    KeyFiles,
    MatchCache,
    SmallColors,
    carry_colors,
    has_hints,
    has_keys,
)
from lineart.film.tasks.cels import ComposeInputs, find_paper_matte
from lineart.film.tasks.colorize import (
    ColorizeTask,
    clean_hints,
    open_colorize_task,
    warn_of_lost,
)
from lineart.film.tasks.composing import Coloring, Composer, open_drawing
from lineart.film.tasks.key_files import KEY_RULES, read_threshold
from lineart.film.tasks.roles import ADJACENT, HINT_KEY, LINED_SHEET
from lineart.film.tasks.sheets import read_sheet
from lineart.image import Frame, Line, Size
from lineart.imaging.compositing.matte import split_cel
from lineart.imaging.hints.pixels import HintPixels, join_hints, stack_hints
from lineart.imaging.lines.trace_lines import fill_trace_lines
from lineart.imaging.paint.carried import (
    KnownColors,
    Unknown,
    apply_hints,
    fill_unknown,
    sample_colors,
    sample_painted,
    soften_unknown,
    whiten_background,
)
from lineart.imaging.paint.doubts import find_certainty, find_doubts
from lineart.imaging.paint.region_colors import ColorSource
from lineart.keys import Key, PreparedKey, prepare_key
from lineart.runtime.sandbox_process import step


class CarriedInputs(NamedTuple):
    """What a frame with carried colours is composed from."""

    colors: SmallColors
    is_hinted: bool
    """Whether it has hints, at their pixels or carried, or the colours of keys alone."""
    others: ComposeInputs


@dataclass(frozen=True, kw_only=True)
class KeysTask(ColorizeTask):
    """Task that colours drawings by keys; implements `film.tasks.FilmTask`.

    A drawing without keys is coloured as by `ColorizeTask`, unless `unknown` says otherwise.
    """

    unknown: Unknown = "soft"
    """What colours regions have that neither keys nor hints give a colour."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides drawing, hints, keys and weights."""
        return super().settings | ({} if self.unknown == "soft" else {"unknown": self.unknown})

    def open_prepare(self) -> PrepareInputs:
        """Build the function that carries the keys' colours and computes network inputs.

        It keeps the last hints and prepared keys.
        """
        plain, read_hint = super().open_prepare(), self.open_hints()
        is_paint = self.finish == "paint"
        keys = KeyCache(partial(self._prepare_key, read_hint), opens_paper=is_paint)
        matches = MatchCache(lambda file: split_cel(self.decode(file))[0], self.gap)

        def prepare(picture: UInt8[np.ndarray, "H W *C"], files: Files) -> NetworkInputs:
            if self.unknown == "soft" and not has_keys(files):
                return plain(picture, files)
            drawing, alpha = split_cel(picture)
            size = drawing.shape[0], drawing.shape[1]
            started = time.perf_counter()
            prepared, near = keys.of(files), files.get(ADJACENT, ())
            found = matches.of([files["line"][0], *near], prepared) if prepared and near else ()
            step(self.prepare_stage)
            known = carry_colors(drawing, prepared, self.gap, found)
            seconds = {"keys": time.perf_counter() - started} if has_keys(files) else {}
            hints = [read_hint(data, size) for data in files.get("hint", ())]
            valid_hints = clean_hints(drawing, hints)
            joined = join_hints(valid_hints, size)
            known = apply_hints(known, joined)
            is_hinted = has_hints(files)
            if is_hinted and is_paint and self.unknown == "soft":
                known = whiten_background(known)
            others = ComposeInputs(joined, files["line"][0])
            kept = CarriedInputs(SmallColors.of(known), is_hinted, others)
            inputs = self._guess_inputs(drawing, valid_hints, known)
            warnings = self.warn_of(drawing, alpha) + warn_of_lost(hints, joined)
            return NetworkInputs(inputs, kept, warnings, seconds)

        return prepare

    def _prepare_key(
        self, read_hint: Callable[[bytes, Size], HintPixels], files: KeyFiles
    ) -> PreparedKey | None:
        """Decode and prepare a key or sheet; a hint that colours no region is None."""
        if files.drawing is None or files.role == LINED_SHEET:
            sheet = read_sheet(files.colors, files.drawing)
            return prepare_key(sheet._replace(gap=self.gap))
        drawing, _ = split_cel(self.decode(files.drawing))
        if files.role != HINT_KEY:
            return prepare_key(Key(drawing, KEY_RULES.read(files.colors), gap=self.gap))
        size = drawing.shape[0], drawing.shape[1]
        try:
            (hint,) = clean_hints(drawing, [read_hint(files.colors, size)])
            return prepare_key(Key(drawing, hint.picture(), gap=self.gap))
        except ValueError:
            return None

    def _guess_inputs(
        self, drawing: Line | Frame, valid_hints: Sequence[HintPixels], known: KnownColors
    ) -> list[np.ndarray]:
        """Return the inputs of the network, for which carried colours are hints, if needed."""
        is_guessed = self.unknown == "soft" and known.is_open.any()
        if not is_guessed and (self.finish != "soft" or ColorSource.SPLIT not in known.sources):
            return []
        line, pooled = self.color_inputs(self.darken(drawing), valid_hints)
        carried = sample_colors(known, (pooled.shape[0], pooled.shape[1]))
        return [line, stack_hints([carried, pooled])]

    def compose(
        self, answers: Sequence[np.ndarray], kept: ComposeInputs | CarriedInputs
    ) -> ComposedFrame:
        """Compose the colours with the full-size drawing."""
        if isinstance(kept, ComposeInputs):
            return super().compose(answers, kept)
        known, is_hinted, (hints, file) = kept.colors.open(), kept.is_hinted, kept.others
        opened = open_drawing(file)
        around = join_hints([sample_painted(known), hints], hints.size)
        matte = find_paper_matte(self.paper, opened.drawing, opened.alpha, around, self.gap)
        color = answers[0] if answers else None
        if color is not None and self.trace_lines:
            color = fill_trace_lines(color, opened.drawing)
        paint = known.paint()._replace(key_threshold=read_threshold())
        is_paint = self.finish == "paint"
        fill_unknown(paint, self.unknown, color, uses_neighbours=is_hinted and is_paint)
        certainty = find_certainty(paint)
        if is_paint:
            try:
                coloring, warnings, doubts = self.finish_paint(paint, matte)
            except DoubtfulError as error:
                error.certainty = certainty
                raise
        else:
            if color is None:
                below = paint.fill()
            else:
                below = soften_unknown(paint, color, is_hinted=is_hinted)
            coloring = Coloring(below, matte)
            warnings, doubts = (), find_doubts(paint)
        composer = Composer(self.lines_as, self.trace_lines, self.form, self.extras)
        return ComposedFrame(composer.compose(opened, coloring), warnings, doubts, certainty)


def open_keys_task(
    files: Mapping[str, bytes],
    *,
    unknown: Unknown,
    network_size_px: int,
    **choices: Any,
) -> KeysTask:
    """Build the task from weights and flags.

    Args:
        files: Files of the weights; empty if no frame needs a network.
        unknown: See `KeysTask`.
        network_size_px: Short side of the network input, in pixels.
        choices: Fields of `ColorizeTask` that are not the default ones.

    Raises:
        ValueError: as for `open_colorize_task`.
    """
    base = open_colorize_task(files, network_size_px=network_size_px, **choices)
    return KeysTask(**vars(base), unknown=unknown)
