"""Colour sheets, from their files to keys of no shot."""

from lineart.codec import decode_color, decode_line_art
from lineart.codec.reading.lossy import is_lossy
from lineart.imaging.compositing.matte import split_cel
from lineart.imaging.paint.lossy_colors import restore_flat_colors
from lineart.keys import Key
from lineart.keys.sheet import make_sheet


def read_sheet(colors: bytes, line: bytes | None) -> Key:
    """Decode a sheet; transparency is white.

    Args:
        colors: File of the finished drawing.
        line: File of its line drawing; None: its lines are found in the picture.

    Raises:
        ValueError: A file is no picture, or `make_sheet` refuses them.
    """
    drawing = None if line is None else split_cel(decode_line_art(line))[0]
    picture = decode_color(colors)
    return make_sheet(restore_flat_colors(picture) if is_lossy(colors) else picture, drawing)
