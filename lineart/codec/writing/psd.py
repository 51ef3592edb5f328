"""PSD files: pictures in layers, which Photoshop, Krita and Clip Studio Paint open."""

import io
import struct
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from psd_tools.compression import compress
from psd_tools.constants import BlendMode, ChannelID, Compression, Resource, Tag
from psd_tools.psd import PSD
from psd_tools.psd.header import FileHeader
from psd_tools.psd.image_data import ImageData
from psd_tools.psd.image_resources import ImageResource, ImageResources
from psd_tools.psd.layer_and_mask import (
    ChannelData,
    ChannelDataList,
    ChannelImageData,
    ChannelInfo,
    LayerAndMaskInformation,
    LayerInfo,
    LayerRecord,
    LayerRecords,
)
from psd_tools.psd.tagged_blocks import TaggedBlocks

from lineart.codec.writing.encode import srgb_profile
from lineart.codec.writing.png import Dpi
from lineart.image import Picture

MAX_SIDE_PX = 30_000
"""Largest side of a PSD file."""


class NewPsdLayer(NamedTuple):
    """Layer of the size of the picture."""

    name: str
    picture: Picture
    is_multiplied: bool = False
    """Whether it is multiplied with the layers below instead of covering them."""


def encode_psd(layers: Sequence[NewPsdLayer], merged: Picture, dpi: Dpi | None = None) -> bytes:
    """Encode layers and their merged picture as a PSD file of sRGB, 8 bits a channel.

    Args:
        layers: Layers of the size of `merged`, the topmost first.
        merged: Picture of all layers composited, RGB or RGBA.
        dpi: Resolution that is noted in the file.

    Raises:
        ValueError: a side is longer than `MAX_SIDE_PX`.

    Source:
        Adobe Photoshop File Formats Specification, 2019.
    """
    height, width, channels = merged.shape
    if max(height, width) > MAX_SIDE_PX:
        raise ValueError(f"{width}x{height} pixels are too long for PSD, {MAX_SIDE_PX} the most")
    records, planes = zip(*(_layer(layer) for layer in reversed(layers)), strict=True)
    # Negative if the fourth channel of the merged picture is its opacity.
    count = -len(layers) if channels == 4 else len(layers)
    header = FileHeader(channels=channels, height=height, width=width)
    flat = ImageData(compression=Compression.RLE)
    flat.set_data([plane.tobytes() for plane in cv2.split(_on_white(merged))], header)
    info = LayerInfo(count, LayerRecords(records), ChannelImageData(planes))
    document = PSD(
        header=header,
        image_resources=_resources(dpi),
        layer_and_mask_information=LayerAndMaskInformation(layer_info=info),
        image_data=flat,
    )
    sink = io.BytesIO()
    document.write(sink)
    return sink.getvalue()


def _layer(layer: NewPsdLayer) -> tuple[LayerRecord, ChannelDataList]:
    """Return the record of a layer, and its channels: opacity, red, green, blue."""
    *colors, opacity = cv2.split(_to_rgba(layer.picture))
    height, width = opacity.shape
    channels = [
        (ChannelID.TRANSPARENCY_MASK, opacity),
        *zip((ChannelID.CHANNEL_0, ChannelID.CHANNEL_1, ChannelID.CHANNEL_2), colors, strict=True),
    ]
    data = [
        ChannelData(Compression.RLE, compress(one.tobytes(), Compression.RLE, width, height, 8))
        for _, one in channels
    ]
    infos = [
        # Two bytes for the kind of compression.
        ChannelInfo(kind, 2 + len(one.data))
        for (kind, _), one in zip(channels, data, strict=True)
    ]
    blocks = TaggedBlocks()
    blocks.set_data(Tag.UNICODE_LAYER_NAME, layer.name)
    record = LayerRecord(
        bottom=height,
        right=width,
        channel_info=infos,
        blend_mode=BlendMode.MULTIPLY if layer.is_multiplied else BlendMode.NORMAL,
        name=layer.name,
        tagged_blocks=blocks,
    )
    # psd-tools declares its lists without the types of their items.
    return record, ChannelDataList(data)  # type: ignore[arg-type]


def _to_rgba(picture: Picture) -> UInt8[np.ndarray, "H W 4"]:
    if picture.ndim == 3 and picture.shape[2] == 4:
        return picture
    code = cv2.COLOR_GRAY2RGBA if picture.ndim == 2 else cv2.COLOR_RGB2RGBA
    rgba: UInt8[np.ndarray, "H W 4"] = cv2.cvtColor(picture, code)
    return rgba


def _on_white(merged: Picture) -> Picture:
    """Lay the colours of a transparent picture on white, as Photoshop stores it."""
    if merged.shape[2] == 3:
        return merged
    color, opacity = merged[:, :, :3], merged[:, :, 3:]
    dark = cv2.multiply(255 - color, np.repeat(opacity, 3, axis=2), scale=1 / 255)
    return np.dstack((255 - dark, opacity))


def _resources(dpi: Dpi | None) -> ImageResources:
    resources = {Resource.ICC_PROFILE: srgb_profile()}
    if dpi is not None:
        across, down = (round(one * 65536) for one in dpi)
        # Pixels per inch, shown in inches.
        resources[Resource.RESOLUTION_INFO] = struct.pack(">iHHiHH", across, 1, 1, down, 1, 1)
    items = [(key, ImageResource(key=key, data=data)) for key, data in resources.items()]
    return ImageResources(items)  # type: ignore[arg-type]
