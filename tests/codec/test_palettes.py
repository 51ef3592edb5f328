"""Palettes as programs write them, made by hand."""

import io
import struct
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from lineart.codec import PictureWarning, encode_png
from lineart.codec.reading.palettes import MAX_COLORS, read_palette
from tests.icc import SRGB, rgb_profile

RED, SKIN, DEEP = (255, 0, 0), (250, 214, 190), (18, 52, 86)


def aco(version: int, *entries: tuple[int, ...]) -> bytes:
    """Return an ACO section; entries are the colour space and four numbers."""
    parts = [struct.pack(">2H", version, len(entries))]
    for entry in entries:
        name = "Ink é".encode("utf-16-be") + b"\0\0"
        parts.append(struct.pack(">5H", *entry))
        if version == 2:
            parts.append(struct.pack(">I", len(name) // 2) + name)
    return b"".join(parts)


def kpl(xml: str) -> bytes:
    """Return a Krita palette."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("mimetype", "application/x-krita-palette")
        archive.writestr("colorset.xml", xml)
        archive.writestr("profiles.xml", "<Profiles/>")
    return sink.getvalue()


def entry(row: int, column: int, swatch: str) -> str:
    """Return an entry of a Krita palette."""
    place = f'<Position row="{row}" column="{column}"/>'
    return f'<ColorSetEntry name="c{row}{column}" spot="false">{swatch}{place}</ColorSetEntry>'


def rgb16(color: tuple[int, int, int]) -> tuple[int, ...]:
    """Return an ACO entry of an RGB colour."""
    return (0, *(level * 257 for level in color), 0)


def test_swatches_are_the_opaque_colors_in_reading_order() -> None:
    """Each opaque colour of a picture counts once; soft edges on transparency do not."""
    picture = np.zeros((8, 9, 4), np.uint8)
    picture[:, :3] = (*DEEP, 255)
    picture[2:4, 4:6] = (*RED, 255)
    picture[1, 4:6] = (*RED, 100)
    picture[5:, 6:] = (*SKIN, 255)
    assert read_palette(encode_png(picture)).tolist() == [[*DEEP], [*RED], [*SKIN]]
    assert read_palette(encode_png(picture[:, :3, :3])).tolist() == [[*DEEP]]


def test_pictures_that_change_colors_are_a_warning() -> None:
    """JPEG and WebP change colours, unless the WebP is lossless; a profile changes nothing."""
    picture = np.full((16, 16, 3), SKIN, np.uint8)
    for form, options, name in (
        ("JPEG", {}, "JPEG"),
        ("JPEG2000", {}, "JPEG 2000"),
        ("WEBP", {"quality": 90}, "WebP"),
        ("WEBP", {"quality": 90, "icc_profile": rgb_profile(SRGB, None)}, "WebP"),
    ):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, form, **options)
        with pytest.warns(PictureWarning, match=f"colours of a {name} are not exact"):
            read_palette(file.getvalue())
    _, encoded = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert read_palette(encoded.tobytes()).tolist() == [[*SKIN]]


def test_gimp_palettes() -> None:
    """Entries come in order, also those of one colour; header, comments and line ends are none."""
    text = (
        "GIMP Palette\r\nName: 12 Cut\r\nColumns: 4\r\n#\r\n255   0   0\tRed\r\n\r\n 18 52 86\r\n"
    )
    text += "250 214 190 #skin\r\n255 0 0 3rd red"
    colors = [[*RED], [*DEEP], [*SKIN], [*RED]]
    assert read_palette(text.encode()).tolist() == colors
    assert read_palette(b"\xef\xbb\xbf" + text.encode("latin-1")).tolist() == colors


def test_adobe_palettes() -> None:
    """Versions 1 and 2 are read, alone or one after the other, with RGB, HSB, CMYK and grey."""
    entries = [
        rgb16(DEEP),
        (1, 65535 // 3, 65535, 65535, 0),
        (2, 65535, 0, 0, 65535),
        (2, 65535, 65535, 65535, 32767),
        (8, 10000, 0, 0, 0),
        (8, 2000, 0, 0, 0),
    ]
    colors = [[*DEEP], [0, 255, 0], [255, 0, 0], [127] * 3, [255] * 3, [51] * 3]
    for data in (aco(1, *entries), aco(2, *entries), aco(1, *entries) + aco(2, *entries)):
        assert read_palette(data).tolist() == colors


def test_krita_palettes() -> None:
    """Entries come group by group, each row by row; sRGB, grey and CMYK are read."""
    space = "sRGB-elle-V2-srgbtrc.icc"
    default = entry(1, 0, f'<RGB space="{space}" r="1" g="0" b="0"/>')
    default += entry(0, 1, '<sRGB r="0.98039" g="0.83922" b="0.7451"/>')
    group = entry(0, 0, '<Gray space="gray" g="0.2"/>')
    group += entry(0, 1, '<CMYK space="press" c="0" m="1" y="1" k="0"/>')
    xml = f'<ColorSet name="x" version="1.0">{default}<Group name="g">{group}</Group></ColorSet>'
    colors = [[*SKIN], [*RED], [51] * 3, [*RED]]
    assert read_palette(kpl(xml)).tolist() == colors


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "unknown palette format"),
        (b"ASEF\0\1\0\0", "begins with b'ASEF"),
        (b"GIMP Palette\n#\n", "GPL palette: it has no colour"),
        (b"GIMP Palette\n1 2 256\n", "line 2 is no colour of three levels of 0..255: '1 2 256'"),
        (b"GIMP Palette\nred\n", "line 2 is no colour"),
        (b"GIMP Palette\n" + b"1 2 3\n" * (MAX_COLORS + 1), "4097 colours and 4096 are the most"),
        (aco(1, rgb16(RED))[:-4], "ACO palette: the file is cut off"),
        (aco(2, rgb16(RED), rgb16(RED))[:-20], "ACO palette: the file is cut off"),
        (aco(1, (7, 5000, 0, 0, 0)), "colour 1 is in Adobe's colour space 7"),
        (kpl("<ColorSet>"), "KPL palette"),
        (kpl(f"<ColorSet>{entry(0, 0, '<XYZ/>')}</ColorSet>"), "'c00' is in the colour space XYZ"),
        (
            kpl(f'<C>{entry(0, 0, """<RGB space="sRGB-elle-V2-g10.icc" r="1"/>""")}</C>'),
            "has the profile 'sRGB-elle-V2-g10.icc'; convert it to sRGB",
        ),
        (kpl("<C>" + entry(0, 0, '<sRGB r="0"/>') + "</C>"), "KPL palette"),
        (kpl("<C/>")[:-30], "KPL palette"),
        (encode_png(np.zeros((4, 4, 4), np.uint8)), "PNG palette: it has no colour"),
    ],
)
def test_what_is_no_palette_says_why(data: bytes, sentence: str) -> None:
    """Each is a ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"palette|colour") as caught:
        read_palette(data)
    assert sentence in str(caught.value)


def test_a_photograph_is_no_palette() -> None:
    """A picture of too many colours is refused, one of exactly the most is not."""
    steps = np.arange(MAX_COLORS + 1, dtype=np.uint32)
    picture = np.zeros((1, MAX_COLORS + 1, 3), np.uint8)
    picture[0, :, 0], picture[0, :, 1] = steps & 255, steps >> 8
    assert len(read_palette(encode_png(picture[:, 1:]))) == MAX_COLORS
    with pytest.raises(ValueError, match="4097 colours and 4096 are the most; swatches"):
        read_palette(encode_png(picture))
