"""Recolouring task: drawings and their paint -> frames in other colours, without a network."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_line_art
from lineart.codec.reading.indexed import decode_indexed
from lineart.codec.reading.palettes import Colors
from lineart.codec.writing.encode import PNG, FileFormat
from lineart.film.tasks import ComposedFrame, Files, NetworkInputs, PageWords, PrepareInputs
from lineart.film.tasks.composing import (
    PICTURE_VERSIONS,
    TRACE_LINES_VERSION,
    Coloring,
    Composer,
    OpenedDrawing,
    open_drawing,
)
from lineart.film.tasks.layers import LinesAs
from lineart.image import Color, Frame, Line, Size, to_hex
from lineart.imaging.compositing.matte import Opacity, ink_opacity, split_cel
from lineart.imaging.lines.paper import whiten_paper
from lineart.imaging.paint.map import MAX_INDEXED, PaintMap

Swaps = tuple[tuple[Color, Color], ...]
"""Pairs of a colour and the one that takes its place, sorted."""


class PaintRules:
    """Rules by which paint is read; implements `film.tasks.SharedRules`."""

    role = "paint"

    def read(self, data: bytes) -> UInt8[np.ndarray, "H W 4"]:
        """Decode paint to its colours, and 1 outside of a cel, 2 inside, 3 if it is no cel.

        Raises:
            ValueError: `data` is no picture.
        """
        paint = PaintMap(*decode_indexed(data))
        kind = np.full(paint.numbers.shape, 3, np.uint8)
        if paint.is_inside is not None:
            kind = np.where(paint.is_inside, np.uint8(2), np.uint8(1))
        pixels: UInt8[np.ndarray, "H W 4"] = cv2.merge((*cv2.split(paint.fill()), kind))
        return pixels

    def check(self, hint_size: Size, size: Size) -> None:
        """Raise ValueError if paint of `hint_size` is not of a drawing of `size`."""
        if hint_size != size:
            raise ValueError(
                f"the paint is {hint_size[1]}x{hint_size[0]} and the drawing {size[1]}x{size[0]}; "
                "both must have one size"
            )

    def describe_scale(self, hint_size: Size, size: Size) -> None:  # noqa: ARG002 - as the protocol
        """Return no warning: paint is never scaled."""
        return


PAINT_RULES: Final = PaintRules()


@dataclass(frozen=True, kw_only=True)
class RecolorTask:
    """Task that changes colours of paint; implements `film.tasks.FilmTask`."""

    swaps: Swaps = ()
    lines_as: LinesAs = "drawn"
    """How lines are laid over the paint, as when it was made."""
    trace_lines: bool = False
    extras: tuple[str, ...] = ()
    """Folders of the extra files of each frame, see `write_layers`."""
    form: FileFormat = PNG
    """Format of the frames."""

    words = PageWords(source="line drawing", made="recoloured", pair="line and colour")
    role = "line"
    prepare_stage = "paint"
    decode = staticmethod(decode_line_art)
    hint_rules = PAINT_RULES
    upscaling = None

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides drawing and paint."""
        trace_lines = {"trace_lines": TRACE_LINES_VERSION} if self.trace_lines else {}
        return {
            "version": PICTURE_VERSIONS[self.lines_as],
            "swaps": {to_hex(old): to_hex(new) for old, new in self.swaps},
            **trace_lines,
            **self.form.settings,
        }

    def open_prepare(self) -> PrepareInputs:
        """Build the function that keeps drawing and paint for `compose`."""

        def prepare(_picture: np.ndarray, files: Files) -> NetworkInputs:
            return NetworkInputs([], (files["line"][0], files["paint"][0]))

        return prepare

    def open_network(self, files: Mapping[str, bytes], **settings: Any) -> NoReturn:
        """Raise: a task without weights has no network, and its frames no such stage."""
        raise AssertionError(f"no network is needed, {len(files)} files and {settings} are given")

    def compose(
        self,
        answers: Sequence[np.ndarray],  # noqa: ARG002 - there is no network
        kept: tuple[bytes, bytes],
    ) -> ComposedFrame:
        """Swap the colours and lay the lines over them."""
        drawing, painted = kept
        opened = open_drawing(drawing)
        paint = PaintMap(*decode_indexed(painted)).swap(dict(self.swaps)).settle()
        composer = Composer(self.lines_as, self.trace_lines, self.form, self.extras)
        coloring = Coloring(paint.fill(), _matte(opened, paint), paint)
        return ComposedFrame(composer.compose(opened, coloring), _warn_of_rims(paint))

    def show(self, picture: UInt8[np.ndarray, "H W *C"]) -> Line | Frame:
        """Return the drawing on white paper."""
        return split_cel(picture)[0]


def _warn_of_rims(paint: PaintMap) -> tuple[str, ...]:
    """Return a warning if the paint has mixtures of colours, which a swap does not change."""
    count = len(paint.palette)
    if count <= MAX_INDEXED:
        return ()
    many = f"its paint has {count} colours, as of a key with soft edges"
    return (f"{many}, whose mixtures stay as they were; give the key without soft edges",)


def _matte(opened: OpenedDrawing, paint: PaintMap) -> Opacity | None:
    """Return the opacity that the frame had when its paint was made; see `find_paper_matte`."""
    if paint.is_inside is None:
        return None
    cover = opened.alpha
    if cover is None or cover.min() == 255:
        cover = ink_opacity(whiten_paper(opened.drawing))
    matte: Opacity = np.where(paint.is_inside, np.uint8(255), cover)
    return matte


_SWAP = re.compile(r"#?([0-9a-fA-F]{6})=#?([0-9a-fA-F]{6})")


def parse_swaps(texts: Iterable[str]) -> list[tuple[Color, Color]]:
    """Return the pairs of colours in texts as `#aabbcc=#ddeeff`.

    Raises:
        ValueError: a text is no such pair.
    """
    pairs = []
    for text in texts:
        found = _SWAP.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"--swap {text!r} is no pair of colours; write '#aabbcc=#ddeeff'")
        old, new = (_color(bytes.fromhex(one)) for one in found.groups())
        pairs.append((old, new))
    return pairs


def pair_palettes(old: Colors, new: UInt8[np.ndarray, "M 3"]) -> list[tuple[Color, Color]]:
    """Return the pairs of the entries of two palettes, by their order.

    Raises:
        ValueError: they have different numbers of entries.
    """
    if len(old) != len(new):
        raise ValueError(
            f"--from has {len(old)} colours and --to {len(new)}; the first entry becomes the "
            "first, and so on, so both must have as many"
        )
    return [(_color(one), _color(other)) for one, other in zip(old, new, strict=True)]


def join_swaps(pairs: Iterable[tuple[Color, Color]]) -> Swaps:
    """Return pairs of colours as swaps.

    Raises:
        ValueError: one colour would become two.
    """
    swaps: dict[Color, Color] = {}
    for old, new in pairs:
        if swaps.setdefault(old, new) != new:
            raise ValueError(
                f"{to_hex(old)} would become both {to_hex(swaps[old])} and {to_hex(new)}; "
                "leave one out"
            )
    return tuple(sorted((old, new) for old, new in swaps.items() if old != new))


def _color(levels: Iterable[Any]) -> Color:
    red, green, blue = (int(level) for level in levels)
    return red, green, blue
