"""Colouring task: line drawings, with or without hints -> coloured frames of the same size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_line_art
from lineart.codec.writing.encode import PNG, FileFormat
from lineart.film.tasks import (
    EMPTY,
    ComposedFrame,
    DoubtfulError,
    Files,
    NetworkInputs,
    PageWords,
    PrepareInputs,
    RunNetwork,
    check_network_size,
    network_size,
)
from lineart.film.tasks.cels import ComposeInputs, Paper, find_paper_matte
from lineart.film.tasks.composing import (
    PICTURE_VERSIONS,
    TRACE_LINES_VERSION,
    Coloring,
    Composer,
    open_drawing,
)
from lineart.film.tasks.layers import PAINT, LinesAs
from lineart.film.tasks.upscaling import Upscaling
from lineart.image import Frame, Hint, Line, Size, darkest_channel, resize, to_gray
from lineart.imaging.compositing.frequency import lost_ink
from lineart.imaging.compositing.matte import Opacity, split_cel
from lineart.imaging.hints.cleaning import drop_ink_hints, drop_mixtures, even_textures
from lineart.imaging.hints.pictures import DEFAULT_RULES, HintRules
from lineart.imaging.hints.pixels import (
    HintPixels,
    find_hints,
    join_hints,
    no_hints,
    pooled_size,
    stack_hints,
)
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.lines.paper import MIN_PAPER, MIN_TONED, find_tone, whiten_paper
from lineart.imaging.lines.trace_lines import darken_trace_lines, fill_trace_lines
from lineart.imaging.paint.borders import BORDER_SIDE_PX, border_inputs
from lineart.imaging.paint.doubts import Doubt, find_doubts, find_least_sure
from lineart.imaging.paint.finish import Finish, paint_drawing, soften
from lineart.imaging.paint.map import MAX_INDEXED, number_colors
from lineart.imaging.paint.palette import Palette, PaletteMatch, keep_to_palette
from lineart.imaging.paint.region_colors import Guess, Paint
from lineart.imaging.regions import GAP, INK_LEVEL, MAX_GAP
from lineart.runtime.device import Precision
from lineart.weights import fingerprint, open_weights, read_config, read_weights
from lineart.weights.onnx_file import COLORS, MODEL

BORDERS = "borders"
"""Name of the included weights that find borders on bare paper."""
MAX_LOST_INK = 0.1
"""Share of the ink that may be lost without a warning."""
LIGHTEST_INK = 240
"""Level of lines that are not seen on white paper."""
HALF_SIZE_SHARE = 1 / 3
"""Share of the colours at half of the network size in those of the finish `soft`."""
HALF_SIZE_STEP_PX = 64
"""Sides at half of the network size are rounded to multiples of it, to which networks pad them."""
MAX_SHADE = 0.5
"""Share of a drawing that may be neither ink nor paper without a warning."""
MAX_INK = 0.9
"""Share of ink in a drawing from which its paper may be black."""


ColorDrawings = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Line drawings and pooled hints of one size -> colours of the drawings."""


@dataclass(frozen=True)
class ColorizeTask:
    """Task that colours line drawings; implements `film.tasks.FilmTask`."""

    network_size_px: int
    """Short side of the network input, in pixels."""
    draft_scale: int
    """Factor between the network input and the smaller draft, whose size the hint grid has."""
    extras: tuple[str, ...] = ()
    """Folders of the extra files of each frame, see `write_layers`."""
    lines_as: LinesAs = "drawn"
    trace_lines: bool = False
    """Whether thin red, green and blue lines only part colours, see `imaging.lines.trace_lines`."""
    gap: float = GAP
    """Largest gap in lines that is closed, in pixels of a drawing with 1080 lines."""
    finish: Finish = "soft"
    fail_below: float = 0.0
    """Least confidence of a region's colour, 0..1; a frame with a lower one fails."""
    palette: Palette | None = None
    """The only colours of the paint; None: any."""
    form: FileFormat = PNG
    """Format of the frames."""
    paper: Paper = "auto"
    """Which frames are transparent around their characters."""
    hint_rules: HintRules = DEFAULT_RULES
    upscaling: Upscaling | None = None
    """How finished frames are enlarged; None: they are not."""

    words = PageWords(source="line drawing", made="coloured", pair="line and colour")
    role = "line"
    prepare_stage = "hint"
    decode = staticmethod(decode_line_art)

    @property
    def color_size_px(self) -> int:
        """Short side of the input of the network that colours: half for flat paint.

        Paint takes one colour for each region from the network. As many regions are right at half
        the size, on 18 held-out pairs and 18 frames, and a frame takes 0.6 of the time on a core of
        an AMD EPYC (Zen 4, bfloat16).
        """
        return self.network_size_px // 2 if self.finish == "paint" else self.network_size_px

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides drawing, hints and weights."""
        settings = {
            "network_size_px": self.color_size_px,
            "version": PICTURE_VERSIONS[self.lines_as],
        }
        is_soft = self.finish == "soft"
        finish = {} if is_soft else {"finish": self.finish, "borders": borders_digest()}
        fail_below = {"fail_below": self.fail_below} if self.fail_below else {}
        palette = {"palette": self.palette.digest} if self.palette else {}
        trace_lines = {"trace_lines": TRACE_LINES_VERSION} if self.trace_lines else {}
        paper = {} if self.paper == "auto" else {"paper": self.paper}
        upscaling = self.upscaling.settings if self.upscaling else {}
        gap = {} if self.gap == GAP else {"gap": self.gap}
        chosen = gap | finish | fail_below | palette | trace_lines | paper | upscaling
        return settings | chosen | self.form.settings | self.hint_rules.settings

    def open_prepare(self) -> PrepareInputs:
        """Build the function that computes the resized drawing and the pooled hints.

        It keeps the last hints, and a `ComposeInputs` for `compose`.
        """
        read_hint = self.open_hints()

        def prepare(picture: UInt8[np.ndarray, "H W *C"], files: Files) -> NetworkInputs:
            drawing, alpha = split_cel(picture)
            size = drawing.shape[0], drawing.shape[1]
            hints = [read_hint(data, size) for data in files.get("hint", ())]
            inputs, valid_hints = self.network_inputs(drawing, hints)
            kept = ComposeInputs(valid_hints, files["line"][0])
            warnings = self.warn_of(drawing, alpha) + warn_of_lost(hints, valid_hints)
            return NetworkInputs(inputs, kept, warnings)

        return prepare

    def open_hints(self) -> Callable[[bytes, Size], HintPixels]:
        """Build the function that reads hints for a drawing of a size; it keeps the last ones.

        Smaller ones keep their size; `clean_hints` needs it.
        """

        @lru_cache(maxsize=8)
        def read_hint(data: bytes, size: Size) -> HintPixels:
            return self._place_hint(self.hint_rules.read(data, size), size)

        return read_hint

    def network_inputs(
        self, drawing: Line | Frame, hints: Sequence[HintPixels]
    ) -> tuple[list[np.ndarray], HintPixels]:
        """Return the networks' inputs, and the hints that count.

        Inputs are the resized drawing and pooled hints and, for paint that needs them, those of
        `imaging.paint.borders`.

        Args:
            drawing: Drawing at full size.
            hints: Hint pictures of its size or smaller, bottom to top.
        """
        size = drawing.shape[0], drawing.shape[1]
        line, valid_hints = self.darken(drawing), clean_hints(drawing, hints)
        inputs, joined = self.color_inputs(line, valid_hints), join_hints(valid_hints, size)
        if self.finish == "paint":
            inputs += border_inputs(line, joined, network_size(size, BORDER_SIDE_PX))
        return inputs, joined

    def darken(self, drawing: Line | Frame) -> Line:
        """Return a drawing as networks see it: grey, with dark lines."""
        line = darken_trace_lines(drawing) if self.trace_lines else to_gray(drawing)
        return darken_lines(drawing, line)

    def color_inputs(self, line: Line, valid_hints: Sequence[HintPixels]) -> list[np.ndarray]:
        """Return the resized drawing and the pooled hints, inputs of the network that colours.

        Args:
            line: What `darken` returns.
            valid_hints: What `clean_hints` returns.
        """
        small = network_size((line.shape[0], line.shape[1]), self.color_size_px)
        # Stacked at the draft's size, so that the upper hint counts in each of its pixels.
        pooled = [one.resize(small).pool(self.draft_scale).picture() for one in valid_hints]
        nothing = no_hints(pooled_size(small, self.draft_scale))
        return [resize(line, small), stack_hints([nothing, *pooled])]

    def warn_of(self, drawing: Line | Frame, alpha: Opacity | None) -> tuple[str, ...]:
        """Return warnings of a drawing that is empty, hardly seen, toned, or all but its lines."""
        warnings = []
        lost = lost_ink(to_gray(drawing)) if self.lines_as == "paper" else 0.0
        if lost > MAX_LOST_INK:
            warnings.append(
                f"{lost:.0%} of the ink is lighter than mid-grey and does not show; "
                "--lines-as drawn shows it"
            )
        white = whiten_paper(drawing)
        tone = find_tone(drawing) if white is drawing else None
        if tone is not None:
            of = " ".join(map(str, tone))
            warnings.append(f"most of it has the tone {of}, which dims colours; make paper white")
            return tuple(warnings)
        gray = to_gray(white)
        shade = cv2.countNonZero(cv2.inRange(gray, MIN_TONED, MIN_PAPER - 1)) / gray.size
        if shade > MAX_SHADE:
            warnings.append(f"{shade:.0%} of it is darker than paper and dims colours")
        darkest = darkest_channel(white)
        if darkest.min() >= LIGHTEST_INK:
            is_drawn = alpha is not None and alpha.max() > 127 > alpha.min()
            light = "its lines are as light as paper and do not show; make them dark"
            warnings.append(light if is_drawn else EMPTY)
        dark = np.count_nonzero(darkest < INK_LEVEL)
        if dark == darkest.size:
            warnings.append("it is black all over, so it has no areas")
        elif dark >= MAX_INK * darkest.size:
            warnings.append(
                f"{dark / darkest.size:.0%} of it is ink; invert it if its lines are white"
            )
        return tuple(warnings)

    def place_hints(self, hints: Sequence[Hint], size: Size) -> list[HintPixels]:
        """Return hints for a drawing, at its size or smaller.

        Args:
            hints: Hint pictures, bottom to top, of any sizes.
            size: Height and width of the drawing.

        Raises:
            ValueError: a hint picture has another aspect ratio, or no transparency.
        """
        return [self._place_hint(self.hint_rules.clean(one, size), size) for one in hints]

    def _place_hint(self, hint: Hint, size: Size) -> HintPixels:
        placed = find_hints(self.hint_rules.place(hint, size))
        is_smaller = placed.size[0] < size[0] and placed.size[1] < size[1]
        return placed if is_smaller else placed.resize(size)

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the networks: resized line drawings, pooled hints -> colours of that size.

        With the inputs of `imaging.paint.borders` after them, borders, too. For the finish `soft`,
        a network without a draft gives the mean of its colours at two sizes.
        """
        colorize = self._open_colorizer(files, device, batch_size, precision)
        if self.finish == "soft" and self.draft_scale == 1:
            colorize = partial(color_at_two_sizes, colorize)

        @cache
        def open_borders() -> Callable[..., np.ndarray]:
            from lineart.inference import BorderFinder
            from lineart.models import from_files

            pair = from_files(read_weights(open_weights(BORDERS)))
            return BorderFinder(pair, device=device, batch_size=batch_size, precision=precision)

        def run(
            lines: np.ndarray, hints: np.ndarray, *of_borders: np.ndarray
        ) -> Sequence[np.ndarray]:
            colors = colorize(lines, hints)
            return [colors, open_borders()(*of_borders)] if of_borders else [colors]

        return run

    def _open_colorizer(
        self,
        files: Mapping[str, bytes],
        device: str,
        batch_size: int,
        precision: Precision | None,
    ) -> ColorDrawings:
        if MODEL in files:
            from lineart.onnx.inference import OnnxModel

            return OnnxModel(files[MODEL], *COLORS)
        from lineart.inference import PairColorizer
        from lineart.models import from_files

        pair = from_files(files)
        return PairColorizer(pair, device=device, batch_size=batch_size, precision=precision)

    def compose(self, answers: Sequence[np.ndarray], kept: ComposeInputs) -> ComposedFrame:
        """Compose the enlarged colours with the full-size drawing."""
        guess, (hints, file) = Guess(*answers), kept
        opened = open_drawing(file)
        matte = find_paper_matte(self.paper, opened.drawing, opened.alpha, hints, self.gap)
        if self.trace_lines:
            guess = guess._replace(colors=fill_trace_lines(guess.colors, opened.drawing))
        coloring, warnings, doubts = self._finish(opened.drawing, hints, guess, matte)
        composer = Composer(self.lines_as, self.trace_lines, self.form, self.extras)
        return ComposedFrame(composer.compose(opened, coloring), warnings, doubts)

    def _finish(
        self, drawing: Line | Frame, hints: HintPixels, guess: Guess, matte: Opacity | None
    ) -> tuple[Coloring, tuple[str, ...], tuple[Doubt, ...]]:
        """Return the colours below the lines, warnings and doubts; raises as `finish_paint`."""
        if self.finish == "soft":
            return Coloring(soften(drawing, hints, guess.colors, self.gap), matte), (), ()
        return self.finish_paint(paint_drawing(drawing, hints, guess, self.gap), matte)

    def finish_paint(
        self, paint: Paint, matte: Opacity | None
    ) -> tuple[Coloring, tuple[str, ...], tuple[Doubt, ...]]:
        """Return the colours below the lines, warnings and doubts of flat paint.

        Raises:
            DoubtfulError: a region's colour has a confidence below `fail_below`.
        """
        paint, warnings = PaletteMatch(paint, ())
        if self.palette is not None:
            paint, warnings = keep_to_palette(paint, self.palette)
        doubts = self._find_doubts(paint)
        if PAINT not in self.extras:
            return Coloring(paint.fill(), matte), warnings, doubts
        numbered = number_colors(paint.spread, paint.colors, matte)
        if len(numbered.palette) > MAX_INDEXED:
            count = len(numbered.palette)
            many = f"its paint has {count} colours, as of a key with soft edges"
            warnings = (*warnings, f"{many}, so paint/ has no palette")
        return Coloring(paint.fill(), matte, numbered), warnings, doubts

    def _find_doubts(self, paint: Paint) -> tuple[Doubt, ...]:
        least = find_least_sure(paint) if self.fail_below else None
        if least is not None and least.confidence < self.fail_below:
            raise DoubtfulError(
                f"region {least.region} at {least.left}, {least.top} ({least.color}, {least.area} "
                f"pixels) has a confidence of {least.confidence:g}, below --fail-below "
                f"{self.fail_below:g}: {least.why}; set a hint in it"
            )
        return find_doubts(paint)

    def show(self, picture: UInt8[np.ndarray, "H W *C"]) -> Line | Frame:
        """Return the drawing on white paper."""
        return split_cel(picture)[0]


def color_at_two_sizes(
    colorize: ColorDrawings, lines: UInt8[np.ndarray, "B H W"], hints: UInt8[np.ndarray, "B H W 4"]
) -> UInt8[np.ndarray, "B H W 3"]:
    """Return the weighted mean of a network's colours at the given size and at half of it.

    Where no line parts two hints, how far each spreads depends on the size; the mean is nearer to
    true colours than either (`weights/default/MODEL_CARD.md`).
    """
    height, width = lines.shape[1:]
    step = HALF_SIZE_STEP_PX
    half = max(step, step * round(height / (2 * step))), max(step, step * round(width / (2 * step)))
    small_hints = [find_hints(one).resize(half).picture() for one in hints]
    small = colorize(np.stack([resize(one, half) for one in lines]), np.stack(small_hints))
    enlarged = [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in small]
    pairs = zip(colorize(lines, hints), enlarged, strict=True)
    return np.stack(
        [cv2.addWeighted(a, 1 - HALF_SIZE_SHARE, b, HALF_SIZE_SHARE, 0.0) for a, b in pairs]
    )


@cache
def borders_digest() -> str:
    """Return a hash of the included weights that find borders."""
    return fingerprint(read_weights(open_weights(BORDERS)))[:8]


def clean_hints(drawing: Line | Frame, hints: Sequence[HintPixels]) -> list[HintPixels]:
    """Return hints of even dabs without mixtures and those that belong to a drawing's ink.

    They are at the drawing's size. Smaller ones are compared with the drawing at their own size: at
    its size, lines that they include would have gaps.
    """
    if not hints:
        return []
    paper = to_gray(whiten_paper(drawing))
    size = paper.shape[0], paper.shape[1]
    own = (drop_ink_hints(one, resize(paper, one.size)) for one in hints)
    return [drop_mixtures(even_textures(one)).resize(size) for one in own]


def warn_of_lost(hints: Sequence[HintPixels], left: HintPixels) -> tuple[str, ...]:
    """Return a warning if nothing is left of a drawing's hints after `clean_hints`."""
    if left.rows.size or not any(one.rows.size for one in hints):
        return ()
    return ("nothing of its hints is left: they are its own lines; paint dabs in another layer",)


def open_colorize_task(
    files: Mapping[str, bytes], *, network_size_px: int, **choices: Any
) -> ColorizeTask:
    """Build the task from weights and flags.

    Args:
        files: Files of the weights; empty for a task whose network is never opened.
        network_size_px: Short side of the network input, in pixels; flat paint takes half of it.
        choices: Fields of `ColorizeTask` that are not the default ones.

    Raises:
        ValueError: the size is out of bounds, the weights do not colour drawings, or flags
            conflict.
    """
    check_network_size("--network-size", network_size_px)
    gap = choices.get("gap", GAP)
    if not 0 <= gap <= MAX_GAP:
        raise ValueError(
            f"--gap {gap:g} is no gap of lines; give 0 to {MAX_GAP:g} pixels of a drawing with "
            "1080 lines"
        )
    fail_below = choices.get("fail_below", 0)
    if not 0 <= fail_below <= 1:
        raise ValueError(f"--fail-below {fail_below:g} is no confidence; give 0 to 1")
    if fail_below and choices.get("finish") != "paint":
        raise ValueError("--fail-below is for flat paint; add --finish paint")
    if choices.get("palette") and choices.get("finish") != "paint":
        raise ValueError("--palette is for flat paint; add --finish paint")
    if PAINT in choices.get("extras", ()) and choices.get("finish") != "paint":
        raise ValueError("--indexed-paint is for flat paint; add --finish paint")
    if choices.get("upscaling") and choices.get("finish") == "paint":
        raise ValueError(
            "--upscale and --denoise change colours, and --finish paint keeps each of them exact; "
            "leave one of the two out"
        )
    config = read_config(files) if files else {"draft_scale": 1}
    if "draft_scale" not in config:
        raise ValueError(
            f"these weights ({config.get('model')}) turn photographs into drawings or pictures; "
            "to colour drawings they are no use: run lineart translate with them"
        )
    return ColorizeTask(network_size_px, config["draft_scale"], **choices)
