"""Hint pictures of artists: which of their pixels are hints, and where those lie on a drawing."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from lineart.codec import decode_cel
from lineart.codec.errors import PictureWarning
from lineart.codec.reading.layers import DocumentLayer, is_document, read_layers
from lineart.codec.reading.lossy import is_lossy
from lineart.image import Hint, Size
from lineart.imaging.hints.cleaning import WHITE_FROM, flatten_lossy
from lineart.imaging.hints.edges import find_painted, find_rims, restore_rims
from lineart.imaging.hints.layers import find_covered, flatten_hint_layers
from lineart.imaging.hints.paper import even_paper
from lineart.imaging.hints.pixels import FAINT_ALPHA, is_opaque, no_hints
from lineart.imaging.hints.scaling import even_overshoot

WHITE_SHARE = 0.9
"""A picture with hints on white paper is white and opaque in this share of its pixels."""
MOSTLY_PAINTED = 0.5
"""Share of a page from which what is painted may be uneven paper."""
ASPECT_TOLERANCE = 0.02
"""Largest relative difference of aspect ratios, beside half a pixel, of a hint and its drawing."""

HintCanvas = Literal["refuse", "stretch", "center"]
"""What is done with hints of another aspect ratio than the drawing's."""


class HintRules(NamedTuple):
    """Rules by which hint pictures are read."""

    on_paper: bool = False
    """Whether white is paper, not a hint, in pictures without transparency."""
    canvas: HintCanvas = "refuse"
    """`refuse`: they have the drawing's aspect ratio, and are scaled to its size. `stretch`: they
    are scaled whatever their aspect ratio. `center`: they are not scaled, and lie in the middle."""

    @property
    def role(self) -> str:
        """Role of hints among the inputs of a frame."""
        return "hint"

    @property
    def settings(self) -> dict[str, Any]:
        """Rules that are not the default ones, as settings of a task."""
        paper = {"hint_paper": True} if self.on_paper else {}
        return paper | ({} if self.canvas == "refuse" else {"hint_canvas": self.canvas})

    def read(self, data: bytes, size: Size | None = None) -> Hint:
        """Decode a hint picture, or the hints of a document; what is no hint is transparent black.

        Args:
            data: Content of the file.
            size: Height and width of the drawing, as for `clean`.

        Raises:
            ValueError: `data` is no picture, or as for `clean`.
        """
        layers = read_layers(data) if is_document(data) else []
        hint = flatten_hint_layers(layers) if layers else decode_cel(data)
        if layers and not self.on_paper and is_opaque(hint):
            _refuse_covered(layers)
        return self.clean(flatten_lossy(hint) if is_lossy(data) else hint, size)

    def clean(self, hint: Hint, size: Size | None = None) -> Hint:
        """Return a decoded hint picture in which all that is no hint is transparent black.

        Args:
            hint: Hint picture.
            size: Height and width of the drawing, if they are known. An editor has scaled hints of
                another size: the edges of their strokes become even.

        Raises:
            ValueError: it is opaque everywhere, or nearly everywhere and white, so that it is not
                known which pixels are hints.
        """
        is_hint = hint[:, :, 3] >= FAINT_ALPHA
        if not has_paper(hint):
            scale = self._scale(hint, size)
            hint = restore_rims(hint, is_scaled=scale is not None)
            if scale is not None:
                hint = even_overshoot(_keep(hint, is_hint), scale)
            return _keep(hint, is_hint & ~find_rims(hint))
        if not self.on_paper:
            has = "no transparency: it is opaque everywhere"
            if not is_hint.all():
                has = "an opaque white paper"
            raise ValueError(
                f"the hint picture has {has}, so it is not clear which pixels are hints; save it "
                "as RGBA, transparent where there is no hint, or give --hint-paper if its paper is "
                "white"
            )
        picture = even_paper(np.ascontiguousarray(hint[:, :, :3]))
        is_colored = picture.min(axis=2) < WHITE_FROM
        if is_colored.all():
            raise ValueError("the hint picture has no white paper, so all of it would be one hint")
        scale = self._scale(hint, size)
        if scale is not None:
            colored = np.dstack((picture, is_colored.view(np.uint8)))
            colored = even_overshoot(colored, scale, on_paper=True)
            picture = np.ascontiguousarray(colored[:, :, :3])
        is_painted = is_hint & find_painted(picture)
        _warn_of_share(is_painted)
        return _keep(np.dstack((picture, hint[:, :, 3])), is_painted)

    def _scale(self, hint: Hint, size: Size | None) -> float | None:
        """Return the size of a hint picture as a multiple of its drawing's if it is another one."""
        if size is None or hint.shape[:2] == size or self.canvas == "center":
            return None
        return float(max(hint.shape[:2]) / max(size))

    def check(self, hint_size: Size, size: Size) -> None:
        """Check that a hint picture fits a drawing of `size`.

        Raises:
            ValueError: its aspect ratio is another.
        """
        height, width = hint_size
        rounding = 0.5 / min(hint_size) + 0.5 / min(size)
        difference = abs(width * size[0] / (height * size[1]) - 1)
        if self.canvas == "refuse" and difference > ASPECT_TOLERANCE + rounding:
            raise ValueError(
                f"the hint picture is {width}x{height} and the drawing has another aspect ratio, "
                "so it is not clear where the hints belong; save both with the same canvas, or "
                "give --hint-canvas stretch or center"
            )

    def describe_scale(self, hint_size: Size, size: Size) -> str | None:
        """Return a sentence if a hint picture's canvas may not be the drawing's in another scale.

        One of a whole multiple or fraction of its size is, and so is one that may be stretched.
        """
        height, width = hint_size
        if (
            self.canvas != "refuse"
            or _is_multiple(hint_size, size)
            or _is_multiple(size, hint_size)
        ):
            return None
        return (
            f"the hint picture is {width}x{height} and the drawing {size[1]}x{size[0]}, so the "
            "hints were scaled; --hint-canvas center does not scale them"
        )

    def place(self, hint: Hint, size: Size) -> UInt8[np.ndarray, "NewH NewW 4"]:
        """Return hints to be scaled to a drawing of `size`; with `center`, they have its size.

        Raises:
            ValueError: as for `check`.
        """
        self.check((hint.shape[0], hint.shape[1]), size)
        return center_hints(hint, size) if self.canvas == "center" else hint


DEFAULT_RULES = HintRules()


def has_paper(hint: Hint) -> bool:
    """Return whether a hint picture is opaque everywhere, or nearly everywhere and white."""
    if is_opaque(hint):
        return True
    is_hint = hint[:, :, 3] >= FAINT_ALPHA
    if is_hint.mean() < WHITE_SHARE:
        return False
    is_white = (hint[:, :, :3].min(axis=2) >= WHITE_FROM) & is_hint
    return bool(is_white.mean() >= WHITE_SHARE)


def _warn_of_share(is_painted: Bool[np.ndarray, "H W"]) -> None:
    share = is_painted.mean()
    if share > MOSTLY_PAINTED:
        sentence = (
            f"{share:.0%} of the hint picture counts as painted; if it is paper, make it white"
        )
        warnings.warn(sentence, PictureWarning, stacklevel=2)


def _refuse_covered(layers: Sequence[DocumentLayer]) -> None:
    """Raise ValueError if an opaque layer lies above one that may have hints."""
    covered = find_covered(layers)
    if covered is not None:
        raise ValueError(
            "the topmost layer of the document is opaque, so it is not clear which layer has the "
            f'hints; if they are in {covered!r}, give it the name "hint", or give --hint-paper if '
            "they are on the white paper of the topmost one"
        )


def _is_multiple(large: Size, small: Size) -> bool:
    factor = max(1, round(large[0] / small[0]))
    return large == (small[0] * factor, small[1] * factor)


def _keep(hint: Hint, is_hint: Bool[np.ndarray, "H W"]) -> Hint:
    """Return hints where `is_hint`, and transparent black elsewhere."""
    # A pixel as one number is 20 times as fast as four channels.
    pixels = np.ascontiguousarray(hint).view(np.uint32)[:, :, 0]
    return np.where(is_hint, pixels, np.uint32(0)).view(np.uint8).reshape(hint.shape)


def center_hints(hint: Hint, size: Size) -> UInt8[np.ndarray, "NewH NewW 4"]:
    """Place hints in the middle of a canvas of `size` pixel by pixel; what is outside is cut off.

    Where the middle is between two pixels, the hints lie half a pixel up or to the left.
    """
    placed = no_hints(size)
    (rows, from_rows), (columns, from_columns) = (
        _overlap(have, want) for have, want in zip(hint.shape[:2], size, strict=True)
    )
    placed[rows, columns] = hint[from_rows, from_columns]
    return placed


def _overlap(have: int, want: int) -> tuple[slice, slice]:
    """Return where a centred length lies on another one, and which part of it that is."""
    start = (want - have) // 2
    length = min(have, want)
    return slice(max(0, start), max(0, start) + length), slice(
        max(0, -start), max(0, -start) + length
    )
