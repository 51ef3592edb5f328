"""A trained pair on pictures of any size: pad, run, crop."""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.device import Precision, dtype_of, pick_precision
from lineart.image import resize
from lineart.models import Pair
from lineart.models.layers import ColorBatch, LineBatch, fold_batch_norm

PAPER = 255
LEAST_PX = 16
"""Smallest side that translating networks see: they mirror edges of maps of a quarter of it."""

Lines = UInt8[np.ndarray, "B H W"]
"""Line drawings of one size: 0 = ink, 255 = paper."""

Hints = UInt8[np.ndarray, "B HintH HintW 4"]
"""Hints of the same drawings at the draft's size: `ceil(H / draft_scale)` x `ceil(W / ...)`."""

Colors = UInt8[np.ndarray, "B H W 3"]
"""The coloured drawings, sRGB."""

Photos = UInt8[np.ndarray, "B H W 3"]
"""Photographs of one size, sRGB."""


class Colorizer:
    """Colour drawings with a trained pair.

    A drawing's colours do not depend on the drawings that come with it, to the bit: the networks
    always see batches of `batch_size`, which on the CPU is best 1.

    Args:
        pair: Trained generators; they are copied.
        device: Where to run.
        batch_size: Drawings a network sees at once; a smaller rest is filled with blank ones.
        precision: Number format of the networks. None: bfloat16 where the device multiplies it,
            which takes less than half the time and moves no colour visibly, else float32.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        device: str = "cpu",
        batch_size: int = 1,
        precision: Precision | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.precision = pick_precision(self.device, precision)
        self.dtype = dtype_of(self.precision)
        self.batch_size = batch_size
        self.draft_scale = pair.colorization.draft_scale
        self.multiple = pair.multiple
        self.encode_hint = pair.colorization.encode_hint
        self.draft = prepare(pair.generators["draft"], self.device, self.dtype)
        self.color = prepare(pair.generators["color"], self.device, self.dtype)

    def __call__(self, lines: Lines, hints: Hints) -> Colors:
        """Colour drawings of one size; hints come from `imaging.hints.pool_hints`.

        Raises:
            ValueError: The hints' count or size does not belong to the drawings.
        """
        count, height, width = lines.shape
        expected = (count, -(-height // self.draft_scale), -(-width // self.draft_scale))
        if hints.shape[:3] != expected:
            raise ValueError(
                f"lines of {lines.shape} need hints of {(*expected, 4)}, got {hints.shape}; "
                f"call pool_hints(hint, {self.draft_scale}) first"
            )
        lines, hints = self.pad(lines, hints)
        colors = [
            self.color_batch(
                lines[start : start + self.batch_size], hints[start:][: self.batch_size]
            )
            for start in range(0, count, self.batch_size)
        ]
        if not colors:
            return np.empty((0, height, width, 3), np.uint8)
        return np.ascontiguousarray(np.concatenate(colors)[:count, :height, :width])

    def pad(
        self, lines: Lines, hints: Hints
    ) -> tuple[UInt8[np.ndarray, "N PH PW"], UInt8[np.ndarray, "N PHintH PHintW 4"]]:
        """Add paper without hints on the right and below, and blank drawings after the last."""
        count, height, width = lines.shape
        more = -count % self.batch_size
        below, right = -height % self.multiple, -width % self.multiple
        lines = np.pad(lines, ((0, more), (0, below), (0, right)), constant_values=PAPER)
        below = lines.shape[1] // self.draft_scale - hints.shape[1]
        right = lines.shape[2] // self.draft_scale - hints.shape[2]
        return lines, np.pad(hints, ((0, more), (0, below), (0, right), (0, 0)))

    @torch.inference_mode()
    def color_batch(self, lines: Lines, hints: Hints) -> Colors:
        """Colour one full batch of padded drawings."""
        line = line_to_tensor(torch.from_numpy(lines).to(self.device))
        size = hints.shape[1:3]
        small_lines = np.stack([resize(drawing, size) for drawing in lines])
        small = line_to_tensor(torch.from_numpy(small_lines).to(self.device))
        hint = self.encode_hint(hints, small_lines).to(self.device)
        draft = self.draft(small.to(self.dtype), hint.to(self.dtype))
        color = self.color(line.to(self.dtype), enlarge(draft, self.draft_scale))
        return tensor_to_colors(color)


class TranslatorOutput(NamedTuple):
    """What a translating pair makes of photographs."""

    pictures: UInt8[np.ndarray, "B H W *C"]
    """Line drawings (no last axis; 0 = ink, 255 = paper) or sRGB pictures."""
    heats: UInt8[np.ndarray, "B HeatH HeatW"] | None
    """Where the network looks, each picture's least 0 and its most 255; None without attention."""


class Translator:
    """Turn photographs into drawings, or into pictures of another style, with a trained pair.

    A photograph's picture does not depend on the photographs that come with it, to the bit: the
    network always sees batches of `batch_size`, which on the CPU is best 1.

    Args:
        pair: Trained generators; the one that is used is copied.
        device: Where to run.
        batch_size: Photographs the network sees at once; a smaller rest is filled with black ones.
        precision: Number format of the network; None as for `Colorizer`.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        device: str = "cpu",
        batch_size: int = 1,
        precision: Precision | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.precision = pick_precision(self.device, precision)
        self.dtype = dtype_of(self.precision)
        self.batch_size = batch_size
        self.channels = pair.translation.channels
        self.size_px = pair.translation.size_px
        self.multiple = pair.multiple
        self.generator = prepare(pair.generators["target"], self.device, self.dtype)

    def __call__(self, photos: Photos) -> TranslatorOutput:
        """Translate photographs of one size.

        Raises:
            ValueError: The network is welded to another size.
        """
        count, height, width = photos.shape[:3]
        if self.size_px and (height, width) != (self.size_px, self.size_px):
            raise ValueError(
                f"photographs of {width}x{height}, but this network takes "
                f"{self.size_px}x{self.size_px} alone; resize them first"
            )
        padded = np.pad(photos, ((0, -count % self.batch_size), (0, 0), (0, 0), (0, 0)))
        starts = range(0, len(padded), self.batch_size)
        answers = [self.translate_batch(padded[start:][: self.batch_size]) for start in starts]
        pictures = [answer.pictures[:, :height, :width] for answer in answers]
        heats = [answer.heats for answer in answers if answer.heats is not None]
        return TranslatorOutput(
            np.ascontiguousarray(np.concatenate(pictures)[:count]),
            np.concatenate(heats)[:count] if heats else None,
        )

    @torch.inference_mode()
    def translate_batch(self, photos: Photos) -> TranslatorOutput:
        """Translate one full batch; what was added below and on the right is not cut off."""
        photo = color_to_tensor(torch.from_numpy(photos).to(self.device))
        height, width = photo.shape[2:]
        # Edges go on as they are: mirrored ones would want pictures larger than the padding.
        below, right = (max(-side % self.multiple, LEAST_PX - side) for side in (height, width))
        padding = (0, right, 0, below)
        photo = F.pad(photo, padding, mode="replicate").to(self.dtype)
        translated = self.generator(photo)
        pictures = tensor_to_colors(translated.picture)
        heat = translated.heat
        return TranslatorOutput(
            pictures[..., 0] if self.channels == 1 else pictures,
            None if heat is None else heat_to_pixels(heat.float()),
        )


def prepare(generator: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Give a copy that is quick to run."""
    copy = deepcopy(generator).eval().requires_grad_(False)
    fold_batch_norm(copy)
    copy.to(device, dtype)
    channels_last: nn.Module = copy.to(memory_format=torch.channels_last)
    return channels_last


def heat_to_pixels(
    heat: Float[Tensor, "B 1 HeatH HeatW"],
) -> UInt8[np.ndarray, "B HeatH HeatW"]:
    """Spread each picture's heat over 0..255; one that is the same everywhere becomes 0."""
    least = heat.amin(dim=(2, 3), keepdim=True)
    spread = (heat.amax(dim=(2, 3), keepdim=True) - least).clamp(min=1e-6)
    pixels: UInt8[np.ndarray, "B HeatH HeatW"]
    pixels = ((heat - least) / spread * 255).round().byte()[:, 0].cpu().numpy()
    return pixels


def line_to_tensor(lines: UInt8[Tensor, "B H W"]) -> LineBatch:
    """Map 0 = ink, 255 = paper to -1 = ink, 1 = paper."""
    return lines[:, None].float() / 127.5 - 1


def color_to_tensor(colors: UInt8[Tensor, "B H W 3"]) -> ColorBatch:
    """Map sRGB 0..255 to -1..1."""
    return colors.permute(0, 3, 1, 2).float() / 127.5 - 1


def tensor_to_colors(
    colors: Float[Tensor, "B C H W"],
) -> UInt8[np.ndarray, "B H W C"]:
    """Map -1..1 to 0..255, channels last."""
    pixels = (colors.float() + 1) * 127.5
    array: UInt8[np.ndarray, "B H W C"] = (
        pixels.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    )
    return array


def enlarge(draft: ColorBatch, scale: int) -> Float[Tensor, "B 3 LargeH LargeW"]:
    """Enlarge a draft to network size."""
    return F.interpolate(draft, scale_factor=scale, mode="bilinear", align_corners=False)
