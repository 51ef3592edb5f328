"""Limits on the size of pictures, checked before anything is decoded."""

MAX_PIXELS = 200_000_000
"""Default maximum number of pixels of a decoded picture."""
MAX_SIDE = 2**20
"""Maximum side of a picture in pixels: even short rows cost memory."""
MAX_PROFILE_BYTES = 4 << 20
"""Maximum size of a colour profile; those of displays and presses have up to 3 MB."""
MAX_PAGES = 10_000
"""Maximum number of pages, or frames of an animation, of one file."""


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise ValueError if `size` (width, height) is empty, or above `MAX_SIDE` or `max_pixels`."""
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"{width}x{height} pixels are no picture")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width}x{height} pixels are too long; {MAX_SIDE} are the most")
    if width * height > max_pixels:
        raise ValueError(
            f"{width}x{height} are {width * height} pixels and the limit is {max_pixels}; "
            "shrink the picture"
        )
