"""Cels: frames of line art on transparency, and their layers as other programs show them."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from psd_tools import PSDImage

from lineart.codec import encode_png
from lineart.codec.writing.encode import FileFormat, FormatName
from lineart.film.pictures.frames import OPENRASTER, PSD
from lineart.film.tasks.cels import ComposeInputs
from lineart.film.tasks.colorize import ColorizeTask
from lineart.film.tasks.layers import LAYERS, LINES, LinesAs
from lineart.imaging.compositing.matte import find_matte
from lineart.imaging.hints.pixels import HintPixels, find_hints, no_hints
from lineart.imaging.paint.carried import KnownColors, sample_painted
from lineart.imaging.paint.region_colors import ColorSource
from lineart.jobs.colorize import Colorize, color_film
from lineart.manifest import read_manifest
from lineart.storage import Storage

HEIGHT, WIDTH = 240, 320
PAINT = (230, 120, 60)
TASK = ColorizeTask(64, 2)
NO_HINT = find_hints(no_hints((HEIGHT, WIDTH)))
CENTER, RADIUS = (160, 120), 80


def draw_ink(center: tuple[int, int] = CENTER) -> np.ndarray:
    """Draw the opacity of a soft circle, 4 pixels wide, with an eye in it."""
    large = np.zeros((HEIGHT * 4, WIDTH * 4), np.uint8)
    x, y = (4 * one for one in center)
    cv2.circle(large, (x, y), 4 * RADIUS, 255, 16)
    cv2.circle(large, (x - 100, y - 60), 60, 255, 12)
    ink: np.ndarray = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return ink


def on_transparency(ink: np.ndarray, color: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """Return line art on transparency as PNG."""
    return encode_png(
        np.dstack((np.full((*ink.shape, 3), color, np.uint8), ink)), dpi=(350.0, 350.0)
    )


def color_cel(
    drawing: bytes, task: ColorizeTask = TASK, hints: HintPixels = NO_HINT
) -> list[bytes]:
    """Colour a drawing with paint that is the same everywhere."""
    paint = np.full((60, 80, 3), PAINT, np.uint8)
    return task.compose([paint], ComposeInputs(hints, drawing)).files


def read(data: bytes) -> np.ndarray:
    """Read a picture with Pillow."""
    return np.asarray(Image.open(io.BytesIO(data)))


def lay(cel: np.ndarray, paper: tuple[int, int, int]) -> np.ndarray:
    """Lay a cel on paper, in floats."""
    opacity = cel[..., 3:] / 255
    return cel[..., :3] * opacity + np.array(paper) * (1 - opacity)


def from_center(center: tuple[int, int] = CENTER) -> np.ndarray:
    """Return the distance of each pixel from the centre of the circle."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(columns - center[0], rows - center[1])


@pytest.mark.parametrize("line", [(0, 0, 0), (200, 30, 30)])
def test_colour_on_transparency(line: tuple[int, int, int]) -> None:
    """Outside is clear, inside is paint, and on any paper the rim is the line's own: no halo."""
    ink = draw_ink()
    (file,) = color_cel(on_transparency(ink, line))
    cel = read(file)
    assert cel.shape == (HEIGHT, WIDTH, 4)
    distance = from_center()
    outside, inside = distance > RADIUS + 4, distance < RADIUS - 4
    assert not cel[outside].any()
    assert (cel[inside][:, 3] == 255).all()
    assert (cel[inside & (ink == 0)] == (*PAINT, 255)).all()
    # Towards the outside, the line keeps its opacity, and the colour that it has on the paint.
    rim = (distance > RADIUS) & (ink > 0)
    assert_array_equal(cel[rim][:, 3], ink[rim])
    shown_line = np.array(line) - min(line) + np.array(PAINT) * min(line) / 255
    assert_allclose(cel[(ink == 255) & (distance > 70)][:, :3] - shown_line, 0, atol=1)
    assert_allclose(cel[rim & (ink > 64)][:, :3] - shown_line, 0, atol=3)
    share = ink[..., np.newaxis] / 255
    for paper in ((255, 0, 0), (0, 0, 0), (0, 255, 90)):
        shown = lay(cel, paper)
        over_paper, over_paint = (
            shown_line * share + np.array(below) * (1 - share) for below in (paper, PAINT)
        )
        assert_allclose(shown[rim], over_paper[rim], atol=1 if line == (0, 0, 0) else 2)
        assert_allclose(shown[inside], over_paint[inside], atol=1)


@pytest.mark.parametrize(
    ("name", "bits_at"), [("png", None), ("tga", 16), ("tiff", None), ("webp", None)]
)
def test_every_format_has_the_alpha(name: FormatName, bits_at: int | None) -> None:
    """All formats hold the same cel; a TGA has 32 bits per pixel."""
    drawing = on_transparency(draw_ink())
    expected = read(color_cel(drawing)[0])
    (file,) = color_cel(drawing, replace(TASK, form=FileFormat(name)))
    assert_array_equal(read(file), expected)
    if bits_at is not None:
        assert file[bits_at] == 32


def test_bits_of_a_tga_are_those_of_its_drawing() -> None:
    """24 for drawings without alpha, grey ones too; 32 with an alpha channel, opaque ones too."""
    task, white = replace(TASK, form=FileFormat("tga")), 255 - draw_ink()
    opaque = np.dstack((white, white, white, np.full_like(white, 255)))
    files = [color_cel(encode_png(one), task)[0] for one in (white, opaque[..., :3], opaque)]
    assert [file[16] for file in files] == [24, 24, 32]
    assert_array_equal(read(files[2])[..., :3], read(files[0]))
    assert (read(files[2])[..., 3] == 255).all()


def test_paper() -> None:
    """White paper stays, unless asked; line art on transparency gets paper only if asked."""
    ink = draw_ink()
    white, clear = encode_png(255 - ink), on_transparency(ink)
    on_white = read(color_cel(white)[0])
    assert on_white.shape == (HEIGHT, WIDTH, 3)
    asked = replace(TASK, paper="white")
    assert_array_equal(read(color_cel(clear, asked)[0]), on_white)
    transparent = replace(TASK, paper="transparent")
    assert_array_equal(read(color_cel(white, transparent)[0]), read(color_cel(clear)[0]))
    assert [task.settings.get("paper") for task in (TASK, asked, transparent)] == [
        *(None, "white", "transparent"),
    ]


def test_small_gaps_do_not_let_the_outside_in() -> None:
    """A gap of three pixels in the outline leaves the character opaque."""
    ink = draw_ink()
    ink[119:122, 230:250] = 0
    cel = read(color_cel(on_transparency(ink))[0])
    distance = from_center()
    assert (cel[distance < RADIUS - 4][:, 3] == 255).all()
    assert not cel[distance > RADIUS + 4].any()


def test_a_wedge_that_a_closed_gap_cuts_off_is_outside() -> None:
    """Between a hand and a body; the body, which is not small, stays in."""
    line = np.full((540, 540), 255, np.uint8)
    cv2.rectangle(line, (150, 150), (350, 450), 0, 3)
    cv2.line(line, (350, 200), (387, 303), 0, 3)
    cv2.circle(line, (387, 303), 20, 0, 3)
    cv2.circle(line, (387, 303), 18, 255, -1)
    # The outline of the body is open.
    line[148:153, 250:253] = 255
    matte = find_matte(cv2.bitwise_not(line), find_hints(no_hints((540, 540))), 30.0)
    between = np.s_[190:345, 353:366]
    assert (matte[between][line[between] == 255] == 0).all()
    assert (matte[160:440, 160:340] == 255).all()


def test_filled_line_art_is_opaque_where_it_is_filled() -> None:
    """White that the line art has inside is painted, whatever gaps its lines have."""
    ink = draw_ink()
    ink[100:140, 220:260] = 0
    filled = np.maximum(ink, np.where(from_center() < RADIUS, 255, 0)).astype(np.uint8)
    shade = np.where(ink > 0, 255 - ink, 255).astype(np.uint8)
    cel = read(color_cel(encode_png(np.dstack((shade, shade, shade, filled))))[0])
    assert (cel[from_center() < RADIUS - 4][:, 3] == 255).all()
    assert tuple(cel[120, 235]) == (*PAINT, 255)
    assert not cel[from_center() > RADIUS + 4].any()


def test_a_hint_says_what_is_inside() -> None:
    """A region that leaves the picture is outside, unless a hint in it says that it is painted."""
    center = (160, 230)
    drawing, distance = on_transparency(draw_ink(center)), from_center(center)
    body = (distance < RADIUS - 5) & (np.hypot(*np.mgrid[-215.0:25, -135.0:185]) > 20)
    assert not read(color_cel(drawing)[0])[body][:, 3].any()
    hint = no_hints((HEIGHT, WIDTH))
    # It runs a little over the line at the top.
    hint[146:220, 152:168] = (*PAINT, 255)
    cel = read(color_cel(drawing, hints=find_hints(hint))[0])
    assert (cel[body] == (*PAINT, 255)).all()
    assert not cel[distance > RADIUS + 4].any()


# Layers.


def flatten(file: bytes) -> np.ndarray:
    """Let psd-tools composite the layers of a PSD file."""
    picture = PSDImage.open(io.BytesIO(file)).composite(force=True, ignore_preview=True)
    return np.asarray(picture)


def round_layers(file: bytes) -> np.ndarray:
    """Composite opaque layers as programs that round do."""
    colors, lines = (layer.numpy() * 255.0 for layer in PSDImage.open(io.BytesIO(file)))
    share = lines[..., 3:] / 255
    return np.rint(lines[..., :3] * share + colors[..., :3] * (1 - share)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["grey", "colour", "pencil"])
@pytest.mark.parametrize("lines_as", ["drawn", "paper"])
def test_a_psd_is_the_frame(kind: str, lines_as: LinesAs) -> None:
    """Layers of a PSD give the frame to the bit, whether a program rounds or cuts off."""
    ink = draw_ink()
    drawing = 255 - (ink // 3 if kind == "pencil" else ink)
    if kind == "colour":
        drawing = np.dstack((drawing, np.roll(drawing, 3, 1), np.full_like(drawing, 255)))
    paint = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    task = replace(TASK, extras=(PSD, LINES, LAYERS), lines_as=lines_as)
    kept = ComposeInputs(NO_HINT, encode_png(drawing, dpi=(300.0, 300.0)))
    frame_file, psd, lines, layers = task.compose([paint], kept).files
    frame = read(frame_file)
    assert_array_equal(flatten(psd)[..., :3], frame)
    assert (flatten(psd)[..., 3] == 255).all()
    assert_array_equal(round_layers(psd), frame)
    # The merged picture is the frame, and the tags are there.
    assert_array_equal(read(psd), frame)
    document = PSDImage.open(io.BytesIO(psd))
    assert [(layer.name, str(layer.blend_mode)) for layer in document] == [
        *(("colour", "BlendMode.NORMAL"), ("lines", "BlendMode.NORMAL")),
    ]
    assert Image.open(io.BytesIO(psd)).info["icc_profile"]
    # The lines alone lie over the colours as in the frame, within a level.
    over = lay(read(lines), (0, 0, 0)) + read(layers) * (1 - read(lines)[..., 3:] / 255)
    assert_allclose(over, frame, atol=1.01)


def test_a_cel_has_transparent_layers() -> None:
    """Layers of a cel are transparent, too, and give the cel in PSD and OpenRaster."""
    task = replace(TASK, extras=(LAYERS, LINES, OPENRASTER, PSD))
    ink = draw_ink()
    files = color_cel(on_transparency(ink), task)
    cel, colors, lines = (read(file) for file in files[:3])
    assert_array_equal(lines[..., 3], ink)
    assert set(np.unique(colors[..., 3])) == {0, 255}
    assert not colors[colors[..., 3] == 0].any()
    share = lines[..., 3:] / 255
    opacity = share + (1 - share) * colors[..., 3:] / 255
    assert_allclose(255 * opacity[..., 0], cel[..., 3], atol=0.01)
    shown = flatten(files[4])
    assert_allclose(shown[..., 3], cel[..., 3], atol=1)
    assert_allclose(lay(shown, (255, 255, 255)), lay(cel, (255, 255, 255)), atol=1)
    assert_array_equal(shown[cel[..., 3] == 255], cel[cel[..., 3] == 255])
    with zipfile.ZipFile(io.BytesIO(files[3])) as archive:
        stack = ElementTree.fromstring(archive.read("stack.xml"))
        assert_array_equal(read(archive.read("mergedimage.png")), cel)
        parts = [read(archive.read(str(layer.get("src")))) for layer in stack.iter("layer")]
    assert (stack.get("xres"), stack.get("yres")) == ("350", "350")
    assert [part.shape[2] for part in parts] == [4, 4]
    over = lay(parts[0], (0, 0, 0)) + lay(parts[1], (255, 255, 255)) * (1 - parts[0][..., 3:] / 255)
    assert_allclose(over, lay(cel, (255, 255, 255)), atol=1)


def test_a_film_of_cels(tmp_path: Path, tiny_weights: Path) -> None:
    """Drawings that are equal on white but not in their alpha are not copied from one another."""
    ink = draw_ink()
    lines = tmp_path / "lines"
    lines.mkdir()
    white = np.dstack((255 - ink,) * 3)
    (lines / "a1.png").write_bytes(on_transparency(ink))
    (lines / "a2.png").write_bytes(encode_png(white))
    (lines / "a3.png").write_bytes(on_transparency(ink))
    flags = Colorize(
        lines=str(lines),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
        network_size=64,
        psd=True,
    )
    done = color_film(flags)
    assert (done["done"], done["held"], done["failed"]) == (2, 1, 0)
    shapes = [read((tmp_path / f"out/frames/a{n}.png").read_bytes()).shape[2] for n in (1, 2, 3)]
    assert shapes == [4, 3, 4]
    assert sorted(path.name for path in (tmp_path / "out/psd").iterdir()) == [
        *("a1.psd", "a2.psd", "a3.psd"),
    ]
    again = color_film(replace(flags, paper="white"))
    assert again["done"] == 2
    assert read((tmp_path / "out/frames/a1.png").read_bytes()).shape[2] == 3
    assert color_film(replace(flags, paper="white"))["skipped"] == 3
    rows = read_manifest(Storage.at(flags.output))
    assert rows["status"].to_pylist().count("failed") == 0


def test_nearly_white_paper_of_a_key_is_not_painted() -> None:
    """The paper of a JPEG leaves the frame of a cel transparent there; other colours do not."""
    labels = np.ones((16, 16), np.int32)
    labels[:, 8:] = 2
    sources = np.array([ColorSource.BLANK, ColorSource.KEY, ColorSource.KEY], np.uint8)
    colors = np.array([[255] * 3, [250, 253, 255], [240, 245, 240]], np.uint8)
    known = KnownColors(labels, colors, sources, np.ones(3, np.float32), np.zeros((3, 4), np.uint8))
    assert {*sample_painted(known).columns.tolist()} == {8}
