"""Alpha of formats that do not say reliably what their fourth channel is."""

from PIL import Image


def drop_empty_alpha(image: Image.Image) -> Image.Image:
    """Return a picture as opaque if its alpha is 0 everywhere and its colours are not.

    A writer without alpha leaves zeros there; where all colours are 0, too, the cel is empty.
    """
    if (image.mode == "P" and image.has_transparency_data) or image.mode == "PA":
        image = image.convert("RGBA")
    if image.mode not in ("RGBA", "LA") or image.getchannel("A").getextrema() != (0, 0):
        return image
    bands = image.getextrema()[:-1]
    if any(band != (0, 0) for band in bands):
        image.putalpha(255)
    return image


def unassociate(image: Image.Image) -> Image.Image:
    """Return a premultiplied picture of mode RGBA or LA with straight alpha."""
    premultiplied = Image.frombytes(image.mode.replace("A", "a"), image.size, image.tobytes())
    return premultiplied.convert(image.mode)
