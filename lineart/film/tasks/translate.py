"""Photographs -> line drawings or pictures of another style, at the photographs' own size."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_color, encode_png
from lineart.device import Precision
from lineart.film.tasks import (
    LEAST_SIZE_PX,
    Labels,
    NetworkInputs,
    RunNetwork,
    check_size,
    network_size,
)
from lineart.image import Frame, Size, resize
from lineart.imaging.enlargement import enlarge_drawing
from lineart.imaging.faces import FaceAligner, raise_contrast
from lineart.weights import read_config
from lineart.weights.onnx_file import MODEL, TRANSLATES

PICTURE_VERSION = 1
"""Raise it when the same photograph and weights give other pixels: films are then made anew."""
DEFAULT_SIZE_PX, FACE_SIZE_PX = 512, 256
"""Short side of the network's picture, and side of an aligned face as in paper 004."""
LEAST_SIDE_PX = 16
"""Below it the networks' reflected borders do not fit."""
ATTENTION = "attention"

Shown = UInt8[np.ndarray, "ShownH ShownW 3"]
"""A photograph, or the face that was cut out of it."""


@dataclass(frozen=True, kw_only=True)
class TranslateTask:
    """Turn photographs into drawings or pictures: `film.tasks.FilmTask`."""

    size_px: int
    """Short side of the network's picture."""
    is_square: bool
    """Whether the network takes squares of that side alone; photographs are then squeezed."""
    makes_drawings: bool
    """Whether the answers are line drawings, not coloured pictures."""
    has_attention: bool = False
    """Whether to write where the network looks."""
    face_model: bytes | None = field(default=None, repr=False)
    """YuNet's ONNX file, to cut out and align the face as paper 004 does; without it, nothing."""

    decode = staticmethod(decode_color)

    @property
    def words(self) -> Labels:
        """Say what a page calls things."""
        made, result = ("drawn", "drawing") if self.makes_drawings else ("translated", "picture")
        return Labels(source="photograph", made=made, pair=f"photograph and {result}")

    @property
    def shrink_stage(self) -> str:
        """Name what `shrink` does, for the failures in it."""
        return "shrink" if self.face_model is None else "align"

    @property
    def settings(self) -> dict[str, Any]:
        """Give all that decides a frame's pixels beside photograph and weights."""
        face_model = self.face_model and hashlib.sha256(self.face_model).hexdigest()
        return {
            "size_px": self.size_px,
            "face_model": face_model,
            "attention": self.has_attention,
            "version": PICTURE_VERSION,
        }

    @property
    def extras(self) -> tuple[str, ...]:
        """Name the folders of the files that are written beside each frame."""
        return (ATTENTION,) if self.has_attention else ()

    def shrink(self, data: bytes, picture: Frame, hint: bytes | None) -> NetworkInputs:
        """Make the small photograph, or the aligned face; keep the size of the frame."""
        # Photographs have no hints, and their files are not needed again.
        del data, hint
        photo = self.show(picture)
        size = (self.size_px, self.size_px) if self.is_square else self.fit(photo.shape[:2])
        return NetworkInputs([resize(photo, size)], json.dumps(photo.shape[:2]).encode())

    def fit(self, size: Size) -> Size:
        """Give the size at which the network sees a photograph: never above the photograph's own.

        One below 64 pixels is enlarged to them, since the networks need some room.
        """
        short_side_px = min(self.size_px, max(LEAST_SIZE_PX, min(size)))
        height, width = network_size(size, short_side_px)
        return max(LEAST_SIDE_PX, height), max(LEAST_SIDE_PX, width)

    def open_network(
        self,
        files: Mapping[str, bytes],
        *,
        device: str,
        batch_size: int,  # noqa: ARG002 - photographs differ in size, and one keeps a GPU busy
        precision: Precision | None = None,
    ) -> RunNetwork:
        """Build the pair: small photographs -> answers, and with attention heat and photographs."""
        if MODEL in files:
            from lineart.onnx_inference import OnnxModel

            model = OnnxModel(files[MODEL], *TRANSLATES)
            return lambda photos: [model(photos)]
        from lineart.inference import Translator
        from lineart.models import from_files

        translator = Translator(from_files(files), device=device, precision=precision)

        def translate(photos: UInt8[np.ndarray, "B H W 3"]) -> list[np.ndarray]:
            pictures, heats = translator(photos)
            if not self.has_attention:
                return [pictures]
            assert heats is not None
            return [pictures, heats, photos]

        return translate

    def compose(self, answers: Sequence[np.ndarray], kept: bytes) -> list[bytes]:
        """Bring the answer to its full size, and lay the attention over the small photograph."""
        picture, *attention = answers
        height, width = json.loads(kept)
        bring = enlarge_drawing if self.makes_drawings else resize
        pngs = [encode_png(bring(picture, (height, width)))]
        return [*pngs, encode_png(show_heat(*attention))] if attention else pngs

    def show(self, picture: Frame) -> Shown:
        """Show the photograph, or the face that is cut out of it.

        Raises:
            ValueError: there is no face.
        """
        if self.face_model is None:
            return picture
        face = _open_aligner(self.face_model).align(raise_contrast(picture), size_px=self.size_px)
        if face is None:
            raise ValueError("no face was found; leave out --align-faces for such photographs")
        return face


def open_translate_task(
    files: Mapping[str, bytes],
    *,
    size_px: int | None = None,
    face_model: bytes | None = None,
    has_attention: bool = False,
) -> TranslateTask:
    """Give the task that weights and flags describe.

    Args:
        files: Of the weights.
        size_px: Short side of the network's picture, None for the usual: the only one that the
            network takes, else 256 for faces and 512 for all else.
        face_model: YuNet's ONNX file, or None.
        has_attention: Whether to write where the network looks.

    Raises:
        ValueError: the size is out of bounds, the weights do something else, take another size, or
            have no attention, or the face model is none.
    """
    config = read_config(files)
    if "channels" not in config:
        raise ValueError(
            f"these weights ({config.get('model')}) colour line drawings; to translate "
            "photographs they are no use: run python -m jobs.colorize with them"
        )
    only_px = config.get("size_px")
    usual_px = DEFAULT_SIZE_PX if face_model is None else FACE_SIZE_PX
    size_px = size_px or only_px or usual_px
    check_size("--size", size_px)
    if only_px not in (None, size_px):
        raise ValueError(
            f"--size {size_px}, but these weights take {only_px} alone; leave the flag out"
        )
    if has_attention:
        _check_attention(files, only_px or LEAST_SIZE_PX)
    if face_model is not None:
        _open_aligner(face_model)
    return TranslateTask(
        size_px=size_px,
        is_square=only_px is not None,
        makes_drawings=config["channels"] == 1,
        has_attention=has_attention,
        face_model=face_model,
    )


def _check_attention(files: Mapping[str, bytes], size_px: int) -> None:
    """Try a blank photograph: only the network itself knows whether it says where it looks."""
    if MODEL in files:
        raise ValueError("a model of ONNX has no attention to show; leave out --attention")
    from lineart.inference import Translator
    from lineart.models import from_files

    blank = np.zeros((1, size_px, size_px, 3), np.uint8)
    if Translator(from_files(files))(blank).heats is None:
        raise ValueError("these weights have no attention to show; leave out --attention")


@lru_cache(maxsize=1)
def _open_aligner(model: bytes) -> FaceAligner:
    return FaceAligner(model)


def show_heat(heat: UInt8[np.ndarray, "HeatH HeatW"], photo: Frame) -> Frame:
    """Lay a heat map over its photograph: blue is least, red is most."""
    colors = cv2.cvtColor(cv2.applyColorMap(heat, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    shown: Frame = cv2.addWeighted(resize(colors, photo.shape[:2]), 0.5, photo, 0.5, 0)
    return shown
