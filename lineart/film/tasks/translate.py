"""Translation task: photographs, or faces cropped from them -> drawings or another style."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_color, encode_png
from lineart.codec.reading.resolution import read_dpi, scale_dpi
from lineart.codec.writing.encode import PNG, FileFormat
from lineart.codec.writing.png import Dpi
from lineart.film.tasks import (
    MIN_SIZE_PX,
    ComposedFrame,
    Files,
    NetworkInputs,
    PageWords,
    PrepareInputs,
    RunNetwork,
    check_network_size,
    network_size,
)
from lineart.film.tasks.upscaling import Upscaling
from lineart.image import Frame, Line, Size, resize, to_gray, to_rgb
from lineart.imaging.compositing.frequency import enlarge_drawing
from lineart.imaging.hints.pictures import DEFAULT_RULES
from lineart.imaging.samples.faces import FaceAligner, raise_contrast
from lineart.runtime.device import Precision
from lineart.weights import read_config
from lineart.weights.onnx_file import MODEL, TRANSLATES

PICTURE_VERSION = 2
"""Raise it when equal photographs and weights give other pixels: films are then made anew."""
DEFAULT_SIZE_PX, FACE_SIZE_PX, DRAWING_SIZE_PX = 512, 256, 768
"""Default short side of the network input in pixels: of whole photographs, of aligned faces (paper
004), and of photographs to be drawn, in which faces need it for eyes and mouths."""
LARGEST_ENLARGEMENT = 1.5
"""How many times larger than itself a photograph to be drawn may enter the network."""
MIN_SIDE_PX = 16
"""Minimum side of the network input: below it, the networks' reflection padding fails."""
MARGIN_PX = 16
"""Width of the border around a photograph to be drawn, reflected from within, that the network gets
and that is cut off its drawing: zero padding leaves bands and dots along the edges."""
DARKEST_INK, LIGHTEST_PAPER = 40, 246
"""Levels of a network's drawing that become 0 and 255: networks leave faint waves on the paper."""
ATTENTION = "attention"

Photos = UInt8[np.ndarray, "B H W 3"]
"""Photographs of one size at network size, sRGB."""

Shown = UInt8[np.ndarray, "ShownH ShownW 3"]
"""A photograph, or the face cropped from it."""


@dataclass(frozen=True, kw_only=True)
class TranslateTask:
    """Task that translates photographs; implements `film.tasks.FilmTask`."""

    size_px: int
    """Short side of the network input, in pixels."""
    is_square: bool
    """Whether the network takes only squares of this side; photographs are then distorted."""
    makes_drawings: bool
    """Whether the outputs are line drawings, not colour pictures."""
    has_attention: bool = False
    """Whether to write attention maps."""
    face_model: bytes | None = field(default=None, repr=False)
    """YuNet's ONNX file, to align and crop the face as paper 004 does; None uses the whole."""
    form: FileFormat = PNG
    """Format of the frames."""
    upscaling: Upscaling | None = None
    """How finished frames are enlarged; None: they are not."""

    role = "photo"
    hint_rules = DEFAULT_RULES
    decode = staticmethod(decode_color)

    @property
    def words(self) -> PageWords:
        """Words for the task on the HTML page."""
        made, result = ("drawn", "drawing") if self.makes_drawings else ("translated", "picture")
        return PageWords(source="photograph", made=made, pair=f"photograph and {result}")

    @property
    def prepare_stage(self) -> str:
        """Name of the stage recorded for failures in `shrink`."""
        return "shrink" if self.face_model is None else "align"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine a frame's pixels, besides photograph and weights."""
        face_model = self.face_model and hashlib.sha256(self.face_model).hexdigest()
        return {
            "size_px": self.size_px,
            "face_model": face_model,
            "attention": self.has_attention,
            "version": PICTURE_VERSION,
            **(self.upscaling.settings if self.upscaling else {}),
            **self.form.settings,
        }

    @property
    def extras(self) -> tuple[str, ...]:
        """Folders of the extra files that are written with each frame."""
        return (ATTENTION,) if self.has_attention else ()

    def open_prepare(self) -> PrepareInputs:
        """Build the function that computes the resized photograph or aligned face.

        It keeps height, width and resolution of the frame for `compose`. A face has no
        resolution: it was turned and scaled.
        """
        show = self._open_show()

        def prepare(picture: Frame, files: Files) -> NetworkInputs:
            photo = show(picture)
            has_dpi = self.face_model is None and "photo" in files
            dpi = read_dpi(files["photo"][0]) if has_dpi else None
            size = (self.size_px, self.size_px) if self.is_square else self.fit(photo.shape[:2])
            return NetworkInputs([resize(photo, size)], (photo.shape[:2], dpi))

        return prepare

    def fit(self, size: Size) -> Size:
        """Return the size of the network input, at most that of the photograph.

        Photographs to be drawn are enlarged up to `LARGEST_ENLARGEMENT` times. Other small ones
        are enlarged: short sides to 64 and any side to 16 pixels, because the networks need that
        room.
        """
        scale = LARGEST_ENLARGEMENT if self.makes_drawings else 1
        short_side_px = min(self.size_px, max(MIN_SIZE_PX, round(scale * min(size))))
        height, width = network_size(size, short_side_px)
        return max(MIN_SIDE_PX, height), max(MIN_SIDE_PX, width)

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,  # noqa: ARG002 - photographs differ in size, and one keeps a GPU busy
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the network: photographs -> pictures and, with attention, maps and photographs."""
        translate = open_translator(files, device, precision)

        def run(photos: Photos) -> list[np.ndarray]:
            if self.makes_drawings:
                margin = 0 if self.is_square else MARGIN_PX
                drawings, _ = translate(reflect_margin(photos, margin))
                return [clean_drawings(cut_margin(drawings, margin))]
            pictures, heats = translate(photos)
            if not self.has_attention:
                return [pictures]
            assert heats is not None
            return [pictures, heats, photos]

        return run

    def compose(
        self, answers: Sequence[np.ndarray], kept: tuple[Size, Dpi | None]
    ) -> ComposedFrame:
        """Return the picture at full size, with the attention over the network input if wanted."""
        picture, *attention = answers
        size, dpi = kept
        enlarge = enlarge_drawing if self.makes_drawings else resize
        frame = enlarge(picture, size)
        heat = [encode_png(show_heat(*attention))] if attention else []
        return ComposedFrame(TranslatedFrame(frame, self.form, dpi, heat))

    def show(self, picture: Frame) -> Shown:
        """Return the photograph, or the face cropped from it.

        Raises:
            ValueError: no face was found.
        """
        return self._open_show()(picture)

    def _open_show(self) -> Callable[[Frame], Shown]:
        if self.face_model is None:
            return lambda picture: picture
        aligner = FaceAligner(self.face_model)

        def crop(picture: Frame) -> Shown:
            face = aligner.align(raise_contrast(picture), size_px=self.size_px)
            if face is None:
                raise ValueError("no face was found; leave out --align-faces for such photographs")
            return face

        return crop


class TranslatedFrame(NamedTuple):
    """A translated photograph whose files are still to be written; implements `tasks.Drawn`."""

    picture: Line | Frame
    form: FileFormat
    dpi: Dpi | None
    """Resolution that is noted in the file."""
    heat: list[bytes]
    """File of the attention, if it is wanted."""

    @property
    def pictures(self) -> list[Frame]:
        """The picture."""
        return [to_rgb(self.picture)]

    def enlarge(self, pictures: Sequence[Frame]) -> "TranslatedFrame":
        """Return the frame with this picture, grey if it was; it is as large on paper as before."""
        (picture,) = pictures
        dpi = scale_dpi(self.dpi, picture.shape[0] / self.picture.shape[0])
        is_gray = self.picture.ndim == 2
        return self._replace(picture=to_gray(picture) if is_gray else picture, dpi=dpi)

    def write(self) -> list[bytes]:
        """Return the picture's file and that of the attention."""
        return [self.form.encode(self.picture, self.dpi), *self.heat]


def open_translate_task(
    files: Mapping[str, bytes],
    *,
    size_px: int | None = None,
    face_model: bytes | None = None,
    has_attention: bool = False,
    **choices: Any,
) -> TranslateTask:
    """Build the task from weights and flags.

    Args:
        files: Files of the weights.
        size_px: Short side of the network input in pixels; None: the only one that the network
            takes, else 256 for faces, 768 for photographs to be drawn and 512 for others.
        face_model: YuNet's ONNX file, or None.
        has_attention: Whether to write attention maps.
        choices: `form` and `upscaling` of `TranslateTask`, if they are not the default ones.

    Raises:
        ValueError: the size is out of bounds, the weights do not translate photographs, take only
            another size or have no attention, or the face model is invalid.
    """
    config = read_config(files)
    if "channels" not in config:
        raise ValueError(
            f"these weights ({config.get('model')}) colour line drawings; to translate "
            "photographs they are no use: run lineart colorize with them"
        )
    only_px = config.get("size_px")
    makes_drawings = config["channels"] == 1
    whole_px = DRAWING_SIZE_PX if makes_drawings else DEFAULT_SIZE_PX
    usual_px = whole_px if face_model is None else FACE_SIZE_PX
    size_px = size_px or only_px or usual_px
    check_network_size("--network-size", size_px)
    if only_px not in (None, size_px):
        raise ValueError(
            f"--network-size {size_px}, but these weights take {only_px} alone; leave the flag out"
        )
    if has_attention:
        _check_attention(files, only_px or MIN_SIZE_PX)
    if face_model is not None:
        FaceAligner(face_model)
    return TranslateTask(
        size_px=size_px,
        is_square=only_px is not None,
        makes_drawings=makes_drawings,
        has_attention=has_attention,
        face_model=face_model,
        **choices,
    )


def _check_attention(files: Mapping[str, bytes], size_px: int) -> None:
    """Raise if the network returns no attention map; found by running it on a blank photograph."""
    if MODEL in files:
        raise ValueError("a model of ONNX has no attention to show; leave out --attention")
    from lineart.inference import Translator
    from lineart.models import from_files

    blank = np.zeros((1, size_px, size_px, 3), np.uint8)
    if Translator(from_files(files))(blank).heats is None:
        raise ValueError("these weights have no attention to show; leave out --attention")


def open_translator(
    files: Mapping[str, bytes], device: str, precision: Precision | None
) -> Callable[[Photos], tuple[np.ndarray, np.ndarray | None]]:
    """Open a network: photographs -> pictures, and heat maps of attention if it has them."""
    if MODEL in files:
        from lineart.onnx.inference import OnnxModel

        model = OnnxModel(files[MODEL], *TRANSLATES)
        return lambda photos: (model(photos), None)
    from lineart.inference import Translator
    from lineart.models import from_files

    return Translator(from_files(files), device=device, precision=precision)


def reflect_margin(photos: Photos, margin: int) -> UInt8[np.ndarray, "B OuterH OuterW 3"]:
    """Add a border of `margin` pixels to photographs, reflected from within."""
    around = (margin, margin)
    return np.pad(photos, ((0, 0), around, around, (0, 0)), mode="reflect")


def cut_margin(
    drawings: UInt8[np.ndarray, "B H W"], margin: int
) -> UInt8[np.ndarray, "B InnerH InnerW"]:
    """Cut `margin` pixels off each edge."""
    height, width = drawings.shape[1:]
    return drawings[:, margin : height - margin, margin : width - margin]


def clean_drawings(drawings: UInt8[np.ndarray, "B H W"]) -> UInt8[np.ndarray, "B H W"]:
    """Stretch the levels, `DARKEST_INK` to 0 and `LIGHTEST_PAPER` to 255."""
    levels = (np.arange(256) - DARKEST_INK) * 255 / (LIGHTEST_PAPER - DARKEST_INK)
    cleaned: UInt8[np.ndarray, "B H W"] = levels.round().clip(0, 255).astype(np.uint8)[drawings]
    return cleaned


def show_heat(heat: UInt8[np.ndarray, "HeatH HeatW"], photo: Frame) -> Frame:
    """Blend a heat map, in colours from blue (0) to red (255), with its photograph."""
    colors = cv2.cvtColor(cv2.applyColorMap(heat, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    shown: Frame = cv2.addWeighted(resize(colors, photo.shape[:2]), 0.5, photo, 0.5, 0)
    return shown
