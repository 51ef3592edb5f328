"""Python API for notebooks and front ends: read, colour, compose, write; exported by `lineart`."""

import os
import posixpath
from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_color, decode_drawing
from lineart.codec.writing.encode import FileFormat, FormatName
from lineart.film.execution.stages import open_task_network
from lineart.film.tasks import RunNetwork
from lineart.film.tasks.colorize import ColorizeTask, open_colorize_task
from lineart.image import Frame, Hint, Line, check_picture
from lineart.imaging.compositing.frequency import DEFAULT_SIGMA, compose_as_drawn
from lineart.imaging.hints.pictures import DEFAULT_RULES
from lineart.imaging.paint.finish import Finish, finish_colors
from lineart.imaging.paint.region_colors import Guess
from lineart.runtime.device import Precision
from lineart.storage import Storage, read_file
from lineart.weights import open_weights, read_weights

__all__ = ["Colorizer", "compose", "read", "write"]

Kind = Literal["line", "hint", "color"]
"""How a picture is read: as a `Line`, a `Hint` or a `Frame` (`lineart.image`)."""

_FORMATS: Final[dict[str, FormatName]] = {
    ".png": "png",
    ".tga": "tga",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
_DECODERS: Final[dict[str, Callable[[bytes], np.ndarray]]] = {
    "line": decode_drawing,
    "hint": DEFAULT_RULES.read,
    "color": decode_color,
}


def read(uri: str | os.PathLike[str], kind: Kind = "line") -> UInt8[np.ndarray, "H W *C"]:
    """Read a picture from a file or an s3:// address.

    Args:
        uri: Path or address of a picture of any supported format.
        kind: `line`: H x W, 0 = ink, or RGB if lines are in colour. `hint`: RGBA, alpha 0 = no
            hint. `color`: RGB.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no picture, or a hint picture without transparency, or `kind` is
            not one of these.
    """
    if kind not in _DECODERS:
        raise ValueError(f"{kind!r} is no kind of picture; give {', '.join(_DECODERS)}")
    picture: UInt8[np.ndarray, "H W *C"] = _DECODERS[kind](read_file(os.fspath(uri)))
    return picture


def write(uri: str | os.PathLike[str], picture: UInt8[np.ndarray, "H W *C"]) -> None:
    """Write a grey, RGB or RGBA picture to a file or an s3:// address, in the format of its suffix.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix is of none of the formats that are written, or the array is no
            picture.
    """
    folder, name = posixpath.split(os.fspath(uri))
    form = _FORMATS.get(posixpath.splitext(name)[1].lower())
    if form is None:
        raise ValueError(
            f"{uri} does not end in {', '.join(_FORMATS)}, the formats that are written"
        )
    Storage.at(folder or ".").write(name, FileFormat(form).encode(picture))


def compose(color: UInt8[np.ndarray, "ColorH ColorW 3"], line: Line | Frame) -> Frame:
    """Lay the lines of a drawing over colours; colours of another size are enlarged and blurred."""
    has_size = color.shape[:2] == line.shape[:2]
    return compose_as_drawn(color, line, sigma=0.0 if has_size else DEFAULT_SIGMA)


class Colorizer:
    """Colours line drawings of any size, one at a time, with the pixels of `lineart colorize`.

    Args:
        task: Finish, sizes of the network's inputs, and how hints are read.
        network: The task's network; `load` opens it.
    """

    def __init__(self, task: ColorizeTask, network: RunNetwork) -> None:
        self._task = task
        self._network = network

    @classmethod
    def load(
        cls,
        weights: str = "default",
        *,
        network_size_px: int = 512,
        precision: Precision | None = None,
        finish: Finish = "soft",
    ) -> "Colorizer":
        """Open weights on the GPU if there is one, else on the CPU.

        Args:
            weights: Name of included weights, or address of a folder of weights or of an ONNX file.
            network_size_px: Short side of the network's input, 64 to 4096 pixels; `paint` takes
                half of it.
            precision: Number format of the networks; None: bfloat16 if the device multiplies it in
                hardware, else float32. An ONNX file has its own.
            finish: `soft`: the network's colours, with exactly the hints' where all hints of a
                region agree. `paint`: one exact colour for each region.

        Raises:
            OSError: there are no such weights.
            ValueError: the weights do not colour drawings, the size is out of bounds, or `finish`
                is not one of the two.
        """
        if finish not in get_args(Finish):
            raise ValueError(f"{finish!r} is no finish; give {' or '.join(get_args(Finish))}")
        files = read_weights(open_weights(weights))
        task = open_colorize_task(files, network_size_px=network_size_px, finish=finish)
        network, _ = open_task_network(task, files, gpu_batch=1, precision=precision)
        return cls(task, network)

    def __call__(self, line: Line | Frame, hint: Hint | None = None) -> Frame:
        """Return the colours below the lines of a drawing, at its size, for `compose`.

        Args:
            line: Drawing.
            hint: Colour hints of any size with the aspect ratio of the drawing. None: no hints.

        Raises:
            ValueError: an array is no such picture, or the hints have another aspect ratio or are
                opaque everywhere.
        """
        check_picture(line, "the drawing", 1, 3)
        if hint is not None:
            check_picture(hint, "the hint picture", 4)
        size = line.shape[0], line.shape[1]
        hints = self._task.place_hints([] if hint is None else [hint], size)
        inputs, valid_hints = self._task.network_inputs(line, hints)
        answers = self._network(*(array[np.newaxis] for array in inputs))
        guess = Guess(*(answer[0] for answer in answers))
        return finish_colors(line, valid_hints, guess, self._task.finish)
