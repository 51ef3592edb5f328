"""Answers to requests; the networks of the last ones stay open."""

import logging
from collections.abc import Callable, Mapping
from itertools import count, takewhile
from threading import Lock
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_cel, encode_png
from lineart.codec.errors import noting_warnings
from lineart.codec.reading.palettes import read_palette
from lineart.film.execution.stages import open_task_network
from lineart.film.tasks import Files, FilmTask, PrepareInputs, RunNetwork
from lineart.film.tasks.keys import open_keys_task
from lineart.film.tasks.layers import LAYERS, LINES
from lineart.film.tasks.roles import KEY, KEY_LINE, SHEET
from lineart.film.tasks.translate import open_translate_task
from lineart.image import Hint, is_gray
from lineart.imaging.hints.pixels import stack_hints
from lineart.imaging.paint.palette import Palette
from lineart.service.protocol import Message, Part
from lineart.service.requests import ColorRequest, OpenRequest, TranslateRequest, read_request
from lineart.service.sentences import describe_error, without_flags
from lineart.storage import read_file
from lineart.weights import fingerprint, open_weights, read_config, read_weights

KEPT_NETWORKS = 2
"""Networks that stay open: one that colours, one that translates."""
WARM_SIZE = (540, 960)
"""Height and width of the blank picture that a network is tried on when it is opened ahead."""

log = logging.getLogger(__name__)

Report = Callable[[str], None]
"""Gets a sentence on what is being done."""


class Answerer:
    """Answers requests one at a time, from any thread, with the pixels of `lineart colorize`."""

    def __init__(self) -> None:
        self._networks: dict[tuple[str, str], RunNetwork] = {}
        self._last: tuple[FilmTask, PrepareInputs] | None = None
        self._lock = Lock()

    def answer(self, message: Message, report: Report) -> Message:
        """Return the answer to a request; an error is an answer, too.

        Its field `status` is `done`, or `error` with a `sentence`. Pictures of `done`, RGBA: for
        `color` the colours below the lines, `color`, and the lines alone, `lines`, if asked for;
        for `translate` the `picture`. Fields: `warnings`, sentences; `doubts`, regions whose
        colour may be wrong; `is_opaque`, whether the drawing has no transparency.
        """
        if self._lock.locked():
            report("waiting for another picture")
        with self._lock:
            try:
                return self._answer(message, report)
            except (ValueError, OSError) as error:
                return _refuse(describe_error(error))
            except Exception as error:
                log.exception("a request failed")
                return _refuse(f"lineart failed: {type(error).__name__}: {error}")

    def _answer(self, message: Message, report: Report) -> Message:
        asked = read_request(message.fields)
        names = [name for name in message.parts if not name.endswith("_mask")]
        parts = {name: _clean(name, message.parts) for name in names}
        if isinstance(asked, ColorRequest):
            return self._color(asked, parts, report)
        if isinstance(asked, TranslateRequest):
            return self._translate(asked.weights, _picture(parts, "photo"), report)
        return self._open(asked, report)

    def _open(self, asked: OpenRequest, report: Report) -> Message:
        files = read_weights(open_weights(asked.weights))
        blank = np.full((*WARM_SIZE, 4), 255, np.uint8)
        if "draft_scale" in read_config(files):
            return self._color(
                ColorRequest(command="color", weights=asked.weights), {"line": blank}, report
            )
        return self._translate(asked.weights, blank, report)

    def _color(self, asked: ColorRequest, parts: Mapping[str, Hint], report: Report) -> Message:
        line = _picture(parts, "line")
        weights = read_weights(open_weights(asked.weights))
        with noting_warnings() as of_palette:
            palette = None if asked.palette is None else _open_palette(asked.palette)
        task = open_keys_task(
            weights,
            unknown="soft",
            network_size_px=asked.network_size,
            finish=asked.finish,
            gap=asked.gap,
            palette=palette,
            extras=(LAYERS, LINES) if asked.lines else (LAYERS,),
        )
        is_opaque = bool(line[:, :, 3].min() == 255)
        drawing = line
        if is_opaque:
            # A file of one channel is quicker.
            drawing = line[:, :, 0] if is_gray(line) else line[:, :, :3]
        files = {"line": (encode_png(np.ascontiguousarray(drawing)),), **_color_files(asked, parts)}
        fields, (_, *made) = self._make(task, weights, files, report)
        fields["is_opaque"] = is_opaque
        fields["warnings"] += [f"the palette {asked.palette}: {one}" for one in of_palette]
        return Message(fields, dict(zip(("color", "lines"), map(Part, made), strict=False)))

    def _translate(self, address: str, photo: Hint, report: Report) -> Message:
        weights = read_weights(open_weights(address))
        task = open_translate_task(weights)
        files = {"photo": (encode_png(photo),)}
        fields, (picture,) = self._make(task, weights, files, report)
        return Message(fields, {"picture": Part(picture)})

    def _make(
        self, task: FilmTask, weights: Mapping[str, bytes], files: Files, report: Report
    ) -> tuple[dict[str, Any], list[Hint]]:
        """Run a task; return the fields of an answer, and its files as RGBA pictures."""
        network = self._open_network(task, weights, report)
        report("colouring" if task.role == "line" else "translating")
        with noting_warnings() as noted:
            inputs = self._open_prepare(task)(task.decode(files[task.role][0]), files)
            answers = network(*(one[np.newaxis] for one in inputs.inputs)) if inputs.inputs else []
            made = task.compose([answer[0] for answer in answers], inputs.kept)
        warnings = map(without_flags, (*noted, *inputs.warnings, *made.warnings))
        fields = {
            "status": "done",
            "warnings": list(dict.fromkeys(warnings)),
            "doubts": [doubt._asdict() for doubt in made.doubts],
        }
        return fields, [decode_cel(file) for file in made.files]

    def _open_network(
        self, task: FilmTask, weights: Mapping[str, bytes], report: Report
    ) -> RunNetwork:
        # Each finish has its own sizes of the network's inputs.
        name = fingerprint(weights), str(task.settings.get("finish"))
        if name not in self._networks:
            report("opening the network")
            while len(self._networks) >= KEPT_NETWORKS:
                del self._networks[next(iter(self._networks))]
            self._networks[name], _ = open_task_network(task, weights, gpu_batch=1, precision=None)
        # What is put in again is the newest.
        self._networks[name] = self._networks.pop(name)
        return self._networks[name]

    def _open_prepare(self, task: FilmTask) -> PrepareInputs:
        """Return the function of the task, which keeps the last keys."""
        if self._last is None or self._last[0] != task:
            self._last = task, task.open_prepare()
        return self._last[1]


def _refuse(sentence: str) -> Message:
    return Message({"status": "error", "sentence": sentence}, {})


def _picture(parts: Mapping[str, Hint], name: str) -> Hint:
    if name not in parts:
        raise ValueError(f"the request has no picture {name!r}")
    return parts[name]


def _clean(name: str, parts: Mapping[str, Part]) -> Hint:
    """Return a picture on its canvas as RGBA, transparent where its mask is.

    Around a drawing on paper that is smaller than its canvas, there is paper.
    """
    part = parts[name]
    pixels = _to_rgba(part.pixels)
    if f"{name}_mask" in parts:
        pixels = _mask(name, pixels, parts[f"{name}_mask"].pixels)
    is_paper = name == "line" and pixels[:, :, 3].min() == 255
    return part._replace(pixels=pixels).on_canvas(255 if is_paper else 0)


def _to_rgba(pixels: UInt8[np.ndarray, "H W C"]) -> Hint:
    if pixels.shape[2] == 4:
        return pixels
    code = cv2.COLOR_GRAY2RGBA if pixels.shape[2] == 1 else cv2.COLOR_RGB2RGBA
    converted: Hint = cv2.cvtColor(pixels, code)
    return converted


def _mask(name: str, pixels: Hint, mask: UInt8[np.ndarray, "maskH maskW maskC"]) -> Hint:
    if mask.shape != (*pixels.shape[:2], 1):
        raise ValueError(f"the mask of {name!r} has another size than the picture, or is not grey")
    alpha = cv2.multiply(pixels[:, :, 3], mask[:, :, 0], scale=1 / 255)
    masked: Hint = np.dstack((pixels[:, :, :3], alpha))
    return masked


def _color_files(asked: ColorRequest, parts: Mapping[str, Hint]) -> Files:
    """Return the files of hints and key by their roles."""
    hints = _stack_hints(parts)
    files = {} if hints is None else {"hint": (encode_png(hints),)}
    key = _file(parts.get("key"), asked.key_file)
    line = _file(parts.get("key_line"), asked.key_line_file)
    if key is None:
        if line is not None:
            raise ValueError("the request has the line drawing of a key, and no key")
        return files
    return files | ({SHEET: (key,)} if line is None else {KEY: (key,), KEY_LINE: (line,)})


def _stack_hints(parts: Mapping[str, Hint]) -> Hint | None:
    """Return `hint` with `hint2`, `hint3`, ... on it; None without hints."""
    if "hint" not in parts:
        return None
    names = takewhile(parts.__contains__, map("hint{}".format, count(2)))
    hints = [parts["hint"], *map(parts.__getitem__, names)]
    if len({hint.shape for hint in hints}) > 1:
        raise ValueError("the hints have canvases of several sizes")
    return stack_hints(hints)


def _file(picture: UInt8[np.ndarray, "H W 4"] | None, path: str | None) -> bytes | None:
    if picture is not None:
        return encode_png(picture)
    return None if path is None else read_file(path)


def _open_palette(path: str) -> Palette:
    try:
        return Palette.of(read_palette(read_file(path)))
    except ValueError as error:
        raise ValueError(f"the palette {path}: {error}") from error
