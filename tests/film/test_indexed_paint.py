"""Paint beside frames as indexed PNG."""

import io
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lineart.codec import decode_cel, encode_png
from lineart.codec.reading.indexed import decode_indexed
from lineart.codec.writing.png import encode_indexed_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.layers import LAYERS, PAINT
from lineart.film.tasks.recolor import RecolorTask
from lineart.imaging.paint.map import PaintMap, number_colors
from lineart.jobs.colorize import Colorize, read_film
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.weights import read_weights


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> FilmConfig:
    """Give a film of a circle and a square on white paper, a held frame, and the first as a cel."""
    (tmp_path / "lines/s1").mkdir(parents=True)
    drawing = np.full((96, 144), 255, np.uint8)
    cv2.circle(drawing, (45, 48), 30, 0, 3, cv2.LINE_AA)
    cv2.rectangle(drawing, (90, 20), (130, 80), 0, 2)
    cel = np.zeros((*drawing.shape, 4), np.uint8)
    cel[:, :, 3] = 255 - drawing
    for name, picture in {"f1": drawing, "f2": drawing, "f3": cel}.items():
        Path(tmp_path, f"lines/s1/{name}.png").write_bytes(encode_png(picture, dpi=(350.0, 350.0)))
    hint = np.zeros((*drawing.shape, 4), np.uint8)
    hint[40:46, 40:46], hint[40:46, 100:106] = (200, 30, 40, 255), (40, 60, 150, 255)
    (tmp_path / "hints").mkdir()
    (tmp_path / "hints/s1.png").write_bytes(encode_png(hint))
    return FilmConfig(
        pictures=str(tmp_path / "lines"),
        output=str(tmp_path / "out"),
        weights=str(tiny_weights),
        hints=str(tmp_path / "hints"),
    )


def color(film: FilmConfig, **flags: object) -> FilmSummary:
    """Colour the film, with layers and paint."""
    chosen = {"finish": "paint", "extras": (LAYERS, PAINT), **flags}
    opened = prepare_run(film, partial(open_colorize_task, network_size_px=64, **chosen))
    return run_film(opened, LocalRunner(), lambda _: None)[0]


def read(path: Path) -> np.ndarray:
    """Read a PNG."""
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())))


def test_paint_is_an_indexed_picture(film: FilmConfig) -> None:
    """Its palette has the colours of the layer without lines, each once; held frames have it."""
    summary = color(film)
    assert (summary.done, summary.held, summary.warned) == (2, 1, 0)
    out = Path(film.output)
    paint = (out / "paint/s1/f1.png").read_bytes()
    image = Image.open(io.BytesIO(paint))
    assert image.mode == "P"
    assert image.info["dpi"] == pytest.approx((350, 350), abs=0.1)
    layer = read(out / "layers/s1/f1.png")
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), layer)
    colors = np.unique(layer.reshape(-1, 3), axis=0)
    assert image.getpalette() == colors.ravel().tolist()
    assert len(colors) == 3
    assert (out / "paint/s1/f2.png").read_bytes() == paint
    np.testing.assert_array_equal(PaintMap(*decode_indexed(paint)).fill(), layer)
    assert PaintMap(*decode_indexed(paint)).is_inside is None
    assert set(read_manifest(Storage.at(film.output))["extras"].to_pylist()) == {"layers paint"}


def test_the_outside_of_a_cel_is_transparent(film: FilmConfig) -> None:
    """Paint is opaque where the layer is, and has the same colours there; outside it has some."""
    color(film)
    out = Path(film.output)
    cel = (out / "paint/s1/f3.png").read_bytes()
    layer = read(out / "layers/s1/f3.png")
    shown = np.asarray(Image.open(io.BytesIO(cel)).convert("RGBA"))
    np.testing.assert_array_equal(shown[:, :, 3], layer[:, :, 3])
    opaque = layer[:, :, 3] == 255
    np.testing.assert_array_equal(shown[opaque], layer[opaque])
    paint = PaintMap(*decode_indexed(cel))
    np.testing.assert_array_equal(paint.is_inside, opaque)
    assert not opaque[0, 0]
    assert opaque[48, 45]


def test_paint_of_more_colors_than_an_index_holds_is_exact(film: FilmConfig) -> None:
    """It is a picture of RGB, and a warning says so."""
    drawing = np.full((200, 320), 255, np.uint8)
    drawing[::8], drawing[:, ::8] = 0, 0
    drawing[95:105, :] = 0
    for name in ("f1", "f2", "f3"):
        Path(film.pictures, f"s1/{name}.png").write_bytes(encode_png(drawing))
    hint = np.zeros((*drawing.shape, 4), np.uint8)
    cells = np.zeros((25, 40, 4), np.uint8)
    cells[..., 0], cells[..., 1], cells[..., 3] = np.arange(25)[:, None] * 9, np.arange(40) * 6, 255
    hint[4::8, 4::8] = cells
    Path(str(film.hints), "s1.png").write_bytes(encode_png(hint))
    assert color(film).warned == 3
    rows = read_manifest(Storage.at(film.output))
    (warning,) = rows["warnings"].to_pylist()[0]
    assert warning.startswith("its paint has ")
    assert warning.endswith("soft edges, so paint/ has no palette")
    layer = read(Path(film.output, "layers/s1/f1.png"))
    # RGB, not numbers of colours.
    np.testing.assert_array_equal(read(Path(film.output, "paint/s1/f1.png")), layer)
    paint = PaintMap(*decode_indexed(Path(film.output, "paint/s1/f1.png").read_bytes()))
    np.testing.assert_array_equal(paint.fill(), layer)
    assert len(paint.palette) == len(np.unique(layer.reshape(-1, 3), axis=0)) > 256
    # A swap of exact colours leaves mixtures, and says so.
    task = RecolorTask()
    painted = Path(film.output, "paint/s1/f1.png").read_bytes()
    inputs = task.open_prepare()(drawing, {"line": (encode_png(drawing),), "paint": (painted,)})
    (warning,) = task.compose([], inputs.kept).warnings
    assert warning.startswith(f"its paint has {len(paint.palette)} colours, as of a key with soft")


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("count", [1, 2, 256])
def test_indexed_pngs_are_read_as_written(count: int, channels: int) -> None:
    """Numbers and palette come back, in this decoder, in Pillow and in the one for pictures."""
    rng = np.random.default_rng(count)
    palette = rng.integers(0, 256, (count, channels), np.uint8)
    if channels == 4:
        palette[:, 3] = np.where(np.arange(count) == 1, 0, 255)
    index = rng.integers(0, count, (31, 45)).astype(np.uint8)
    data = encode_indexed_png(index, palette)
    for found, expected in zip(decode_indexed(data), (index, palette), strict=True):
        np.testing.assert_array_equal(found, expected)
    expected = palette[index]
    np.testing.assert_array_equal(decode_cel(data)[:, :, :channels], expected)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    np.testing.assert_array_equal(pixels[:, :, :channels], expected)
    # The same colours in a picture that is not indexed.
    numbers, colors = decode_indexed(encode_png(expected))
    np.testing.assert_array_equal(colors[numbers], expected)
    with pytest.raises(ValueError, match="give 1 to 256 colours"):
        encode_indexed_png(index + np.uint8(1), palette[:1])


def test_colors_are_numbered_once() -> None:
    """Equal colours share a number, unused ones have none; swaps happen all at once."""
    rng = np.random.default_rng(5)
    colors = np.array([[9, 9, 9], [1, 2, 3], [7, 7, 7], [1, 2, 3], [0, 0, 0]], np.uint8)
    index = rng.integers(1, 4, (20, 30)).astype(np.int32)
    paint = number_colors(index, colors)
    assert paint.palette.tolist() == [[1, 2, 3], [7, 7, 7]]
    np.testing.assert_array_equal(paint.fill(), colors[index])
    swapped = paint.swap({(1, 2, 3): (7, 7, 7), (7, 7, 7): (1, 2, 3), (0, 0, 0): (5, 5, 5)})
    assert swapped.palette.tolist() == [[7, 7, 7], [1, 2, 3]]
    matte = np.full(index.shape, 255, np.uint8)
    matte[:, :10] = 100
    cel = number_colors(index, colors, matte)
    np.testing.assert_array_equal(cel.fill(), colors[index])
    np.testing.assert_array_equal(cel.is_inside, matte == 255)


def test_indexed_paint_needs_flat_paint(film: FilmConfig) -> None:
    """The flag asks for the folder, with the other finish it is refused."""
    flags = Colorize(
        lines=film.pictures, output=film.output, weights=film.weights, indexed_paint=True
    )
    _, open_task = read_film(flags)
    with pytest.raises(ValueError, match="--indexed-paint is for flat paint; add --finish paint"):
        open_task(read_weights(Storage.at(film.weights)))
