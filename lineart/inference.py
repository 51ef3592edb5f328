"""Inference of a trained pair on pictures of any size: padding, networks, cropping."""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.image import resize
from lineart.models import Pair
from lineart.models.layers import ColorBatch, LineBatch, fold_batch_norm
from lineart.runtime.device import Precision, dtype_of, pick_precision

PAPER = 255
MIN_PX = 16
"""Least side of a translating network's input; it reflects edges of maps of a quarter of it."""

Lines = UInt8[np.ndarray, "B H W"]
"""Line drawings of one size: 0 = ink, 255 = paper."""

Hints = UInt8[np.ndarray, "B HintH HintW 4"]
"""Hints of these drawings at the draft's size: `ceil(H / draft_scale)` x `ceil(W / ...)`."""

Colors = UInt8[np.ndarray, "B H W 3"]
"""Colours of the drawings, sRGB."""

Paints = UInt8[np.ndarray, "B H W 4"]
"""Paint of drawings of one size, see `imaging.paint.borders`."""

Borders = UInt8[np.ndarray, "B H W"]
"""Probability of borders at each pixel, 0..255."""

Photos = UInt8[np.ndarray, "B H W 3"]
"""Photographs of one size, sRGB."""


class PairColorizer:
    """Colours line drawings with a trained pair.

    The colours of a drawing are bit-identical whichever drawings are passed with it, because the
    networks always run on batches of `batch_size`. One exception is known: `two_stage` in bfloat16
    on an H100, in batches of 16.

    Args:
        pair: Trained pair; its generators are copied.
        device: Device on which the networks run.
        batch_size: Batch size of the networks; the last batch is filled with blank drawings. 1 is
            best on the CPU.
        precision: Number format of the networks. None: bfloat16 if the device multiplies it in
            hardware, which takes less than half the time without visible changes, else float32.
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
        draft = pair.generators.get("draft")
        self.draft = None if draft is None else prepare(draft, self.device, self.dtype)
        self.color = prepare(pair.generators["color"], self.device, self.dtype)

    def __call__(self, lines: Lines, hints: Hints) -> Colors:
        """Colour drawings of one size, with hints of `imaging.hints.pixels.pool_hints`.

        Raises:
            ValueError: Number or size of the hints does not match the drawings.
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
        """Continue drawings at the bottom and right, and add blank drawings at the end."""
        count, height, width = lines.shape
        more = -count % self.batch_size
        below, right = -height % self.multiple, -width % self.multiple
        # Lines that end at the edge go on, so that they divide the padding, too.
        lines = np.pad(lines, ((0, 0), (0, below), (0, right)), mode="edge")
        lines = np.pad(lines, ((0, more), (0, 0), (0, 0)), constant_values=PAPER)
        below = lines.shape[1] // self.draft_scale - hints.shape[1]
        right = lines.shape[2] // self.draft_scale - hints.shape[2]
        return lines, np.pad(hints, ((0, more), (0, below), (0, right), (0, 0)))

    @torch.inference_mode()
    def color_batch(self, lines: Lines, hints: Hints) -> Colors:
        """Colour one full batch of padded drawings."""
        line = line_to_tensor(torch.from_numpy(lines).to(self.device))
        if self.draft is None:
            pixels = (torch.from_numpy(part).to(self.device) for part in (hints, lines))
            hint = self.encode_hint(*pixels)
            return tensor_to_colors(self.color(line.to(self.dtype), hint.to(self.dtype)))
        size = hints.shape[1:3]
        small_lines = np.stack([resize(drawing, size) for drawing in lines])
        small = line_to_tensor(torch.from_numpy(small_lines).to(self.device))
        hint = self.encode_hint(torch.from_numpy(hints), torch.from_numpy(small_lines))
        draft = self.draft(small.to(self.dtype), hint.to(self.device, self.dtype))
        color = self.color(line.to(self.dtype), enlarge(draft, self.draft_scale))
        return tensor_to_colors(color)


class BorderFinder:
    """Finds where colours meet on bare paper, with a trained network.

    The result for a drawing is bit-identical whichever drawings are passed with it, because the
    network always runs on batches of `batch_size`.

    Args:
        pair: Trained network, which is copied.
        device: Device on which it runs.
        batch_size: Its batch size; the last batch is filled with black drawings. 1 is best on the
            CPU.
        precision: Its number format; None as for `PairColorizer`.
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
        self.dtype = dtype_of(pick_precision(self.device, precision))
        self.batch_size, self.multiple = batch_size, pair.multiple
        self.network = prepare(pair.border_network, self.device, self.dtype)

    def __call__(self, lines: Lines, paints: Paints) -> Borders:
        """Return the probability of a border at each pixel of drawings of one size, 0..255."""
        count, height, width = lines.shape
        edges = ((0, 0), (0, -height % self.multiple), (0, -width % self.multiple))
        more = ((0, -count % self.batch_size), (0, 0), (0, 0))
        lines = np.pad(np.pad(lines, edges, mode="edge"), more)
        paints = np.pad(np.pad(paints, (*edges, (0, 0)), mode="edge"), (*more, (0, 0)))
        starts = range(0, len(lines), self.batch_size)
        found = [
            self.find_batch(lines[n:][: self.batch_size], paints[n:][: self.batch_size])
            for n in starts
        ]
        return np.ascontiguousarray(np.concatenate(found)[:count, :height, :width])

    @torch.inference_mode()
    def find_batch(self, lines: Lines, paints: Paints) -> Borders:
        """Return the probabilities of one full batch of padded drawings."""
        line, paint = (torch.from_numpy(part).to(self.device) for part in (lines, paints))
        logits: Tensor = self.network(
            line_to_tensor(line).to(self.dtype), color_to_tensor(paint).to(self.dtype)
        )
        borders: Borders = (logits.float().sigmoid() * 255).round().byte()[:, 0].cpu().numpy()
        return borders


class TranslatorOutput(NamedTuple):
    """Pictures and heat maps of a translating pair."""

    pictures: UInt8[np.ndarray, "B H W *C"]
    """Line drawings (no last axis; 0 = ink, 255 = paper) or sRGB pictures."""
    heats: UInt8[np.ndarray, "B HeatH HeatW"] | None
    """Heat maps of attention, each scaled from its range to 0..255; None without attention."""


class Translator:
    """Translates photographs to line drawings or to pictures of another style with a trained pair.

    The result for a photograph is bit-identical whichever photographs are passed with it, because
    the network always runs on batches of `batch_size`.

    Args:
        pair: Trained pair; its target generator is copied.
        device: Device on which the network runs.
        batch_size: Batch size of the network; the last batch is filled with black photographs. 1 is
            best on the CPU.
        precision: Number format of the network; None as for `PairColorizer`.
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
            ValueError: The network has another fixed input size.
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
        """Translate one full batch; padding at the bottom and right is not cropped."""
        photo = color_to_tensor(torch.from_numpy(photos).to(self.device))
        height, width = photo.shape[2:]
        # Replicate edges: reflection would need pictures larger than the padding.
        below, right = (max(-side % self.multiple, MIN_PX - side) for side in (height, width))
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
    """Return a copy for inference: BatchNorm folded, channels last, on the device."""
    copy = deepcopy(generator).eval().requires_grad_(False)
    fold_batch_norm(copy)
    copy.to(device, dtype)
    channels_last: nn.Module = copy.to(memory_format=torch.channels_last)
    return channels_last


def heat_to_pixels(
    heat: Float[Tensor, "B 1 HeatH HeatW"],
) -> UInt8[np.ndarray, "B HeatH HeatW"]:
    """Scale each heat map from its range to 0..255; a constant one becomes 0."""
    pixels: UInt8[np.ndarray, "B HeatH HeatW"]
    pixels = (scale_heat(heat) * 255).round().byte()[:, 0].cpu().numpy()
    return pixels


def scale_heat(heat: Float[Tensor, "B 1 HeatH HeatW"]) -> Float[Tensor, "B 1 HeatH HeatW"]:
    """Scale each heat map from its range to 0..1; a constant one becomes 0."""
    least = heat.amin(dim=(2, 3), keepdim=True)
    spread = (heat.amax(dim=(2, 3), keepdim=True) - least).clamp(min=1e-6)
    return (heat - least) / spread


def line_to_tensor(lines: UInt8[Tensor, "B H W"]) -> LineBatch:
    """Map 0 = ink, 255 = paper to -1 = ink, 1 = paper."""
    return lines[:, None].float() / 127.5 - 1


def color_to_tensor(colors: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B C H W"]:
    """Map sRGB, perhaps with alpha, from 0..255 to -1..1."""
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
    """Enlarge a draft to network size by bilinear interpolation."""
    return F.interpolate(draft, scale_factor=scale, mode="bilinear", align_corners=False)
