"""TGA files, which have no signature, and an alpha that is not reliable."""

import io

from PIL import Image, TgaImagePlugin

from lineart.codec.colors.alpha import drop_empty_alpha, unassociate
from lineart.codec.limits import check_size

_KINDS = {0: (2, 3, 10, 11), 1: (1, 9)}
"""Whether there is a palette -> kinds of pixels."""
_DEPTHS = (1, 8, 15, 16, 24, 32)
_FOOTER_BYTES = 26
_ATTRIBUTES_AT = 494
"""Place of the kind of alpha in the extension area of version 2."""
_UNDEFINED, _PREMULTIPLIED = (1, 2), 4


def is_tga(data: bytes) -> bool:
    """Return whether a file has a header that a TGA may have."""
    if len(data) < 18 or data[2] not in _KINDS.get(data[1], ()):
        return False
    return data[16] in _DEPTHS


def read_tga(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a TGA.

    Its alpha counts, as in OpenToonz, whatever the number of attribute bits in the header says,
    which OpenToonz leaves 0. It does not count if it is 0 everywhere, undefined by the extension
    area, or a single bit.

    Raises:
        ValueError: the picture has more than `max_pixels`.
        Exception: as Pillow raises for damaged files.
    """
    # Pillow looks for a footer in the last bytes, however few there are.
    image = TgaImagePlugin.TgaImageFile(io.BytesIO(data.ljust(_FOOTER_BYTES, b"\0")))
    check_size(image.size, max_pixels)
    image.load()
    if data[16] in (15, 16) and image.mode == "RGBA":
        return image.convert("RGB")
    if data[1] and data[7] in (15, 16):
        return image.convert("RGB")
    kind = _kind_of_alpha(data)
    if kind == _PREMULTIPLIED and image.mode == "RGBA":
        return unassociate(image)
    if kind in _UNDEFINED and image.mode == "RGBA":
        return image.convert("RGB")
    return drop_empty_alpha(image)


def _kind_of_alpha(data: bytes) -> int | None:
    """Return the kind of alpha that the extension area gives, if there is one."""
    footer = data[-_FOOTER_BYTES:]
    at = int.from_bytes(footer[:4], "little") + _ATTRIBUTES_AT
    has_extension = footer.endswith(b"TRUEVISION-XFILE.\0") and _ATTRIBUTES_AT < at < len(data)
    return data[at] if has_extension else None
