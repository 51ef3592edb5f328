"""Photographs to drawings and to another style, in this process.

What the film pipeline does for any task is proved in `test_run.py`; `tests/jobs/test_translate.py`
runs the command.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lineart.codec import decode_color
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.run import run_film
from lineart.film.tasks import translate
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.tasks.translate import TranslateTask, open_translate_task, show_heat
from lineart.imaging.compositing.frequency import enlarge_drawing
from lineart.imaging.samples.faces import raise_contrast
from lineart.manifest import ManifestRow, read_manifest
from lineart.storage import Storage
from lineart.weights import open_weights, read_weights
from tests.film.photographs import draw_photo, save, write_weights

DATA = Path(__file__).parents[4] / "shared" / "data"
YUNET = DATA / "weights" / "face" / "yunet_n_dynamic.onnx"
FACE = DATA / "photos" / "faces_interfaces" / "001.webp"

MakeFilm = Callable[..., FilmConfig]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give weights that draw, that make webtoons, and that do so for squares of 64 px alone."""
    folder = tmp_path_factory.mktemp("weights")
    made = {
        "drawing": write_weights(folder / "drawing", "line_drawing", width=2, blocks=1),
        "webtoon": write_weights(folder / "webtoon", "ugatit_light", width=4, blocks=1),
        "square": write_weights(folder / "square", "ugatit", width=4, blocks=1, size_px=64),
    }
    return {name: str(path) for name, path in made.items()}


@pytest.fixture
def make_film(tmp_path: Path, weights: dict[str, str]) -> MakeFilm:
    """Give a function that makes a film of photographs by name."""

    def make(which: str, photos: dict[str, np.ndarray]) -> FilmConfig:
        for name, photo in photos.items():
            save(tmp_path / "photos" / name, photo)
        return FilmConfig(
            pictures=str(tmp_path / "photos"), output=str(tmp_path / "out"), weights=weights[which]
        )

    return make


def opened(film: FilmConfig, **flags: Any) -> PreparedRun:
    """Open a film that is to be translated."""
    return prepare_run(film, partial(open_translate_task, **flags))


def run(film: FilmConfig, **flags: Any) -> FilmSummary:
    """Translate a film."""
    return run_film(opened(film, **flags), LocalRunner(), lambda _: None)[0]


def counts(summary: FilmSummary) -> tuple[int, int, int, int]:
    """Give done, held, failed and skipped."""
    return summary.done, summary.held, summary.failed, summary.skipped


def rows(film: FilmConfig) -> dict[str, ManifestRow]:
    """Read the manifest."""
    return {row["frame"]: row for row in read_manifest(Storage.at(film.output)).to_pylist()}


def hashes(film: FilmConfig) -> dict[str, str]:
    """Give the hash of every PNG of the output."""
    root = Path(film.output)
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.png")
    }


@pytest.mark.parametrize(
    ("own", "seen", "seen_to_draw"),
    [
        ((1000, 1500), (512, 768), (512, 768)),
        ((400, 500), (400, 500), (512, 640)),
        ((200, 300), (200, 300), (300, 450)),
        ((30, 60), (64, 128), (64, 128)),
        ((600, 6000), (410, 4096), (410, 4096)),
        ((4000, 1), (512, 16), (512, 16)),
    ],
)
def test_size_that_the_network_sees(
    own: tuple[int, int], seen: tuple[int, int], seen_to_draw: tuple[int, int]
) -> None:
    """Photographs are shrunk; to be drawn, they are enlarged by half; tiny ones get more room."""
    task = TranslateTask(size_px=512, is_square=False, makes_drawings=False)
    assert task.fit(own) == seen
    assert replace(task, makes_drawings=True).fit(own) == seen_to_draw


@pytest.mark.parametrize(
    ("which", "mode"), [("drawing", "L"), ("webtoon", "RGB"), ("square", "RGB")]
)
def test_frames_have_the_photographs_size(make_film: MakeFilm, which: str, mode: str) -> None:
    """Drawings are grey PNGs and pictures coloured ones, each at its photograph's own size."""
    sizes = {"s1/wide.png": (90, 150), "s1/tall.jpg": (131, 77), "pixel.png": (1, 1)}
    film = make_film(which, {name: draw_photo(1, *size) for name, size in sizes.items()})
    assert counts(run(film, size_px=64)) == (3, 0, 0, 0)
    for name, row in rows(film).items():
        with Image.open(f"{film.output}/{row['output']}") as frame:
            assert (frame.mode, (frame.height, frame.width)) == (mode, sizes[name])
        assert (row["height"], row["width"]) == sizes[name]


def test_drawings_are_enlarged_as_drawings() -> None:
    """A small drawing comes to its full size by `enlarge_drawing`, pixel for pixel."""
    small = np.full((16, 24), 255, np.uint8)
    cv2.line(small, (2, 3), (20, 12), 0, 1, cv2.LINE_AA)
    task = TranslateTask(size_px=64, is_square=False, makes_drawings=True)
    (png,) = task.compose([small], ((48, 72), None)).files
    assert_array_equal(decode_color(png)[..., 0], enlarge_drawing(small, (48, 72)))


@pytest.mark.parametrize(("ground", "disk"), [(20, 200), (230, 60)])
def test_paper_is_white_up_to_the_edges(ground: int, disk: int) -> None:
    """Of a disk on a plain ground the included weights draw black lines on paper without a mark."""
    photo = np.full((160, 200, 3), ground, np.uint8)
    near = cv2.circle(np.zeros(photo.shape[:2], np.uint8), (100, 80), 56, 1, -1)
    cv2.circle(photo, (100, 80), 40, (disk,) * 3, -1, cv2.LINE_AA)
    files = read_weights(open_weights("drawing"))
    network = open_translate_task(files).open_network(files, device="cpu", batch_size=1)
    drawing = network(photo[np.newaxis])[0][0]
    assert drawing.shape == photo.shape[:2]
    assert drawing[near > 0].min() == 0
    assert drawing[:6].min() == drawing[-6:].min() == 255
    assert drawing[:, :6].min() == drawing[:, -6:].min() == 255
    if ground > disk:
        assert drawing[near == 0].min() == 255


def test_photographs_come_out_upright(make_film: MakeFilm) -> None:
    """A camera's JPEG that lies on its side gives the same frame as the upright one."""
    film = make_film("drawing", {"a.png": draw_photo(3)})
    photo = Image.fromarray(draw_photo(5, 80, 120))
    photo.save(Path(film.pictures, "plain.jpg"), quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(Path(film.pictures, "turned.jpg"), quality=95, exif=exif)
    upright = np.rot90(decode_color(Path(film.pictures, "plain.jpg").read_bytes()), -1)
    save(Path(film.pictures, "upright.png"), upright)
    run(film, size_px=64)
    held = rows(film)["upright.png"]
    assert (held["height"], held["width"], held["held_by"]) == (120, 80, "turned.jpg")


def test_what_cameras_and_scanners_leave(make_film: MakeFilm) -> None:
    """CMYK, 16 bits, palettes, grey and transparency are photographs like any other."""
    film = make_film("webtoon", {"a.png": draw_photo(3)})
    folder, photo = Path(film.pictures), Image.fromarray(draw_photo(4))
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    photo.quantize(16).save(folder / "palette.png")
    photo.convert("L").save(folder / "grey.webp")
    photo.convert("RGBA").save(folder / "alpha.tif")
    cv2.imwrite(str(folder / "deep.tif"), draw_photo(4).astype(np.uint16) * 257)
    assert run(film, size_px=64).failed == 0
    assert {(row["height"], row["width"]) for row in rows(film).values()} == {(72, 96)}


def test_equal_photographs_are_translated_once(make_film: MakeFilm) -> None:
    """The same pixels in another file are held; the same luminance in other colours is not."""
    photo = np.full((64, 64, 3), (90, 0, 0), np.uint8)
    other = np.full((64, 64, 3), (0, 0, 236), np.uint8)
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).max() for picture in (photo, other)]
    assert gray[0] == gray[1]
    film = make_film("drawing", {"s/f1.png": photo, "s/f2.bmp": photo, "s/f3.png": other})
    assert counts(run(film)) == (2, 1, 0, 0)
    assert rows(film)["s/f2.bmp"]["held_by"] == "s/f1.png"
    assert hashes(film)["frames/s/f2.png"] == hashes(film)["frames/s/f1.png"]


def test_another_size_makes_all_anew(make_film: MakeFilm) -> None:
    """The size of the network's picture decides the pixels, so it is part of the settings."""
    film = make_film("drawing", {"a.png": draw_photo(3, 100, 130)})
    run(film, size_px=64)
    assert counts(run(film, size_px=96)) == (1, 0, 0, 0)
    assert '"size_px": 96' in rows(film)["a.png"]["settings"]


def test_attention_stands_beside_each_frame(make_film: MakeFilm) -> None:
    """Each frame, held ones too, gets its heat map; a lost one is made or copied again."""
    photo = draw_photo(1, 160, 128)
    film = make_film("webtoon", {"s/f1.png": photo, "s/f2.png": photo, "s/f3.png": draw_photo(2)})
    run(film, size_px=64)
    assert not Path(film.output, "attention").exists()
    assert counts(run(film, size_px=64, has_attention=True)) == (2, 1, 0, 0)
    before = hashes(film)
    heats = {name for name in before if name.startswith("attention/")}
    assert heats == {f"attention/s/f{n}.png" for n in (1, 2, 3)}
    assert cv2.imread(f"{film.output}/attention/s/f1.png").shape == (80, 64, 3)
    Path(film.output, "attention/s/f2.png").unlink()
    Path(film.output, "attention/s/f3.png").unlink()
    assert counts(run(film, size_px=64, has_attention=True)) == (1, 1, 0, 1)
    assert hashes(film) == before
    assert run(film, size_px=64, has_attention=True).skipped == 3


def test_heat_is_red_where_it_is_most() -> None:
    """The overlay is bluest at the least heat and reddest at the most, and half the photograph."""
    photo = np.full((8, 16, 3), 100, np.uint8)
    shown = show_heat(np.array([[0, 255]], np.uint8), photo)
    assert shown.shape == photo.shape
    (left_red, _, left_blue), (right_red, _, right_blue) = shown[4, 0], shown[4, -1]
    assert left_blue > left_red
    assert right_red > right_blue
    assert shown.min() >= 50


class Finder:
    """Stands in for `FaceAligner`: cuts a corner out; photographs without red have no face."""

    def __init__(self, model: bytes) -> None:
        assert model == b"model"

    def align(self, image: np.ndarray, *, size_px: int) -> np.ndarray | None:
        """Give a corner."""
        return image[:size_px, :size_px].copy() if image[..., 0].any() else None


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `Finder` in the place of YuNet."""
    monkeypatch.setattr(translate, "FaceAligner", Finder)


@pytest.mark.usefixtures("finder")
def test_faces_are_cut_out(make_film: MakeFilm) -> None:
    """With a face model the face alone is translated; a photograph without one fails by stage."""
    blue = np.full((300, 300, 3), (0, 0, 200), np.uint8)
    film = make_film("webtoon", {"face.png": draw_photo(1, 300, 400), "sea.png": blue})
    assert counts(run(film, face_model=b"model")) == (1, 0, 1, 0)
    assert cv2.imread(f"{film.output}/frames/face.png").shape == (256, 256, 3)
    row = rows(film)["sea.png"]
    assert (row["stage"], row["error"]) == ("align", "ValueError")
    assert "no face was found" in row["message"]
    settings = rows(film)["face.png"]["settings"]
    assert hashlib.sha256(b"model").hexdigest() in settings


@pytest.mark.usefixtures("finder")
def test_contrast_is_raised_for_faces_alone() -> None:
    """What the network sees is the photograph; with a face model, one of more contrast."""
    photo = draw_photo(1, 64, 64)
    task = TranslateTask(size_px=64, is_square=False, makes_drawings=False)
    assert_array_equal(task.open_prepare()(photo, {"photo": [b""]}).inputs[0], photo)
    faces = replace(task, face_model=b"model")
    assert_array_equal(faces.open_prepare()(photo, {}).inputs[0], raise_contrast(photo))


@pytest.mark.skipif(not (YUNET.exists() and FACE.exists()), reason="YuNet is not here")
def test_a_real_face(make_film: MakeFilm) -> None:
    """YuNet finds the face of a photograph, and none in a drawn gradient."""
    film = make_film("webtoon", {"gradient.png": draw_photo(1, 300, 400)})
    Path(film.pictures, "face.webp").write_bytes(FACE.read_bytes())
    assert counts(run(film, size_px=64, face_model=YUNET.read_bytes())) == (1, 0, 1, 0)
    assert rows(film)["gradient.png"]["stage"] == "align"


@pytest.mark.parametrize(
    ("which", "flags", "sentence"),
    [
        ("drawing", {"size_px": 63}, "--network-size 63 is not within 64 and 4096"),
        ("square", {"size_px": 128}, "--network-size 128, but these weights take 64 alone"),
        ("drawing", {"has_attention": True}, "no attention to show; leave out --attention"),
        ("drawing", {"face_model": b"no model"}, "are no YuNet face detector"),
        ("drawing", {"face_model": b""}, "are no YuNet face detector"),
    ],
)
def test_flags_that_do_not_fit(
    weights: dict[str, str], which: str, flags: dict[str, Any], sentence: str
) -> None:
    """Flags that do not fit the weights are refused with a sentence before anything starts."""
    with pytest.raises(ValueError, match=sentence):
        open_translate_task(read_weights(Storage.at(weights[which])), **flags)


def test_usual_sizes(weights: dict[str, str]) -> None:
    """Without a size it is 512, 768 for drawings, 256 for faces, or the weights' only one."""
    sizes = {
        which: open_translate_task(read_weights(Storage.at(folder))).size_px
        for which, folder in weights.items()
    }
    assert sizes == {"drawing": 768, "webtoon": 512, "square": 64}
    if YUNET.exists():
        files = read_weights(Storage.at(weights["webtoon"]))
        assert open_translate_task(files, face_model=YUNET.read_bytes()).size_px == 256


def test_each_command_has_its_weights(weights: dict[str, str], tiny_weights: Path) -> None:
    """Weights of the other kind are refused, and the sentence names the command that takes them."""
    with pytest.raises(ValueError, match=r"additive_unet.*lineart colorize"):
        open_translate_task(read_weights(Storage.at(str(tiny_weights))))
    with pytest.raises(ValueError, match=r"line_drawing.*lineart translate"):
        open_colorize_task(read_weights(Storage.at(weights["drawing"])), network_size_px=64)


@pytest.mark.parametrize("config", [b"{}", b"[]", b'{"draft_scale": 4, "channels": 1}', b"{"])
def test_weights_that_say_nothing(config: bytes) -> None:
    """A config.json that is none, or that says neither or both, is refused."""
    with pytest.raises(ValueError, match=r"config\.json of the weights"):
        open_translate_task({"config.json": config})


@pytest.mark.parametrize(("name", "model"), [("keys", "matching"), ("borders", "border_unet")])
def test_weights_of_another_task(name: str, model: str) -> None:
    """Included weights that neither colour nor translate are named, and those that do."""
    with pytest.raises(ValueError, match=f"model '{model}', which neither .*default or drawing"):
        open_translate_task(read_weights(open_weights(name)))
