"""Table of picture formats: which are read, by what they are recognized, and what they are.

Suffixes decide what is listed, the first bytes how it is decoded.
"""

import re
from typing import NamedTuple


class Format(NamedTuple):
    """Picture format."""

    name: str
    suffixes: tuple[str, ...]
    """Suffixes of its files, in lower case."""
    signature: bytes | None
    """Regular expression for the first bytes of its files; None where they say nothing."""
    is_read: bool
    remark: str = ""
    """What is read of it, or what is left out."""
    is_document: bool = False
    """Whether its files hold layers, from which pictures of the same name are exported."""


_FTYP = rb".{4}ftyp"
_ZIP = rb"PK\x03\x04"

FORMATS = (
    Format("PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n", True, "frames of animations"),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), rb"\xff\xd8\xff", True, "CMYK, too"),
    Format(
        "TIFF",
        (".tif", ".tiff"),
        rb"II[*+]\0|MM\0[*+]",
        True,
        "pages; grey, RGB, CMYK, Lab and palettes of up to 16 bits",
    ),
    Format("WebP", (".webp",), rb"RIFF.{4}WEBP", True, "frames of animations"),
    Format("BMP", (".bmp", ".dib"), rb"BM", True),
    Format("TGA", (".tga", ".icb", ".vda", ".vst"), None, True),
    Format("GIF", (".gif",), rb"GIF8[79]a", True, "frames of animations"),
    Format(
        "AVIF",
        (".avif", ".avifs"),
        _FTYP + rb"(?:avi[fs]|(?:mif1|msf1|miaf).{4}(?:.{4}){0,9}?avi[fs])",
        True,
        "of sequences the first picture, with a warning",
    ),
    Format(
        "JPEG 2000",
        (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        True,
    ),
    Format("SGI", (".sgi", ".rgb", ".rgba", ".bw"), rb"\x01\xda[\x00\x01][\x01\x02]", True),
    Format("PCX", (".pcx",), rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08]", True),
    Format("PNM", (".pnm", ".pbm", ".pgm", ".ppm"), rb"P[456]\s", True, "binary files"),
    Format("DPX", (".dpx",), rb"SDPX|XPDS", True, "RGB and grey, values as stored"),
    Format("OpenEXR", (".exr",), rb"v/1\x01", True, "R, G, B, A or Y of the first part"),
    Format(
        "Photoshop",
        (".psd", ".psb"),
        rb"8BPS",
        True,
        "the merged picture; 8 and 16 bits",
        is_document=True,
    ),
    Format(
        "Krita",
        (".kra",),
        _ZIP + rb".{26}mimetypeapplication/x-kr",
        True,
        "the merged picture; of animations one frame, with a warning",
        is_document=True,
    ),
    Format("OpenRaster", (".ora",), _ZIP, True, "the merged picture", is_document=True),
    Format(
        "Clip Studio Paint",
        (".clip",),
        rb"CSFCHUNK",
        True,
        "raster and paper layers, else a preview of full size",
        is_document=True,
    ),
    Format("Clip Studio Paint (older)", (".csp",), None, False, is_document=True),
    Format("GIMP", (".xcf",), rb"gimp xcf", False, is_document=True),
    Format("PaintTool SAI", (".sai", ".sai2"), None, False, is_document=True),
    Format("MediBang Paint", (".mdp",), rb"mdipack", False, is_document=True),
    Format("Procreate", (".procreate",), None, False, is_document=True),
    Format("Affinity", (".afphoto", ".afdesign"), None, False, is_document=True),
    Format("Illustrator", (".ai",), None, False, is_document=True),
    Format("EPS", (".eps",), rb"%!PS", False, is_document=True),
    Format(
        "SVG", (".svg", ".svgz"), rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!.*)?<svg", False, is_document=True
    ),
    Format("Toonz raster level", (".tlv",), rb"TLV1", False, is_document=True),
    Format("Toonz raster (older)", (".tzp", ".tzu"), None, False, is_document=True),
    Format("Toonz vector level", (".pli",), None, False, is_document=True),
    Format("Cineon", (".cin",), rb"\x80\x2a\x5f\xd7", False),
    Format("IFF", (".iff", ".ilbm", ".lbm"), rb"FORM.{4}(?:ILBM|PBM |ACBM)", False),
    Format("HEIC", (".heic", ".heif"), _FTYP + rb"(?:he[iv][cxms]|mif1|msf1)", False),
    Format("JPEG XL", (".jxl",), rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", False),
    Format("JPEG XR", (".jxr", ".wdp"), rb"II\xbc", False),
    Format("Radiance HDR", (".hdr",), rb"#\?RADIANCE", False),
    Format("PICT", (".pict", ".pct"), None, False),
    Format(
        "camera RAW",
        (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef"),
        None,
        False,
    ),
)

IMAGE_SUFFIXES = {suffix for form in FORMATS if form.is_read for suffix in form.suffixes}
"""Suffixes of formats that are read."""
UNREAD_SUFFIXES = {suffix for form in FORMATS if not form.is_read for suffix in form.suffixes}
"""Suffixes of formats that cannot be read."""
FORMAT_NAMES = {suffix: form.name for form in FORMATS for suffix in form.suffixes}
"""Suffixes -> names of their formats."""
DOCUMENT_SUFFIXES = {suffix for form in FORMATS if form.is_document for suffix in form.suffixes}
"""Suffixes of documents with layers; they give way to a picture of the same name."""
WAY_OUT = "save it as PNG, TIFF or TGA"

_SIGNATURES = tuple(
    (re.compile(form.signature, re.DOTALL), form) for form in FORMATS if form.signature is not None
)


def find_format(data: bytes) -> Format | None:
    """Return the format that a file's first bytes are of, whatever its name is; None if of none."""
    start = data[:512]
    return next((form for pattern, form in _SIGNATURES if pattern.match(start)), None)
