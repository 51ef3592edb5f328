"""Names, formats and resolution of the files that frames are written to."""

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from pyarrow import parquet

from lineart.codec import decode_color, encode_png
from lineart.codec.writing.encode import Bits, FileFormat, FormatName
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.pictures.output_names import name_outputs, retas_name
from lineart.film.run import FilmSummary, run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.jobs.colorize import Colorize, color_film
from lineart.jobs.films import FilmFlags
from lineart.manifest import read_manifest
from lineart.report.film_folder import write_film
from lineart.storage import Storage
from tests.conftest import DrawLine

NAMES = ("A/a_1", "A/a_2", "A/a_3")


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> FilmConfig:
    """Give a film of three frames at 350 dpi, the second of which is held."""
    for name, seed in zip(NAMES, (1, 1, 2), strict=True):
        path = tmp_path / f"lines/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(draw_line(seed, 71, 127), dpi=(350.0, 350.0)))
    return FilmConfig(
        pictures=str(tmp_path / "lines"), output=str(tmp_path / "out"), weights=str(tiny_weights)
    )


def run(film: FilmConfig, name: FormatName = "png", bits: Bits = 8) -> FilmSummary:
    """Colour the film."""
    open_task = partial(open_colorize_task, network_size_px=64, form=FileFormat(name, bits))
    return run_film(prepare_run(film, open_task), LocalRunner(), lambda _: None)[0]


def written(film: FilmConfig) -> dict[str, bytes]:
    """Return the files of the frames, by path."""
    folder = Path(film.output, "frames")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("a_1", "a0001"), ("A0001", "A0001"), ("A.0003", "A0003"), ("B-12", "B0012")),
        *(("A0002B", "A0002B"), ("cut 5 C 7a", "cut 5 C0007a"), ("7", "0007")),
        *(("A12345", "A12345"), ("b_002a", "b0002a")),
        *(("セル_0010", "セル0010"), ("s_00000", "s0000"), ("scan#0003", "scan0003")),
    ],
)
def test_names_of_retas(name: str, expected: str) -> None:
    """The level stays as it is, and four digits follow at once, then the letter of a retake."""
    assert retas_name(f"cut/{name}.tga") == expected


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("background", "does not end in a number"),
        ("a_0001_v002", "its version v002"),
        ("A12x3y4zz", "does not end in a number"),
        ("a_-001", "negative"),
        ("-1", "negative"),
        ("cut12_0003", "'cut12', which ends in a digit"),
    ],
)
def test_names_that_retas_cannot_have(name: str, sentence: str) -> None:
    """A name without a number, or with one that would read as another, is refused."""
    with pytest.raises(ValueError, match=sentence):
        retas_name(f"cut/{name}.tga")


def test_frames_for_one_file_are_refused() -> None:
    """Two drawings that would get one name are both refused; others, and old refusals, stay."""
    names = ("s/A_1.png", "s/a0001.tif", "t/A_1.png", "s/A_2.png", f"s/{'b' * 250}1.png")
    frames = [FilmFrame(Source(name, name), "s", 1) for name in names]
    frames.append(FilmFrame(Source("x", "x"), "s", 9, refusal="broken"))
    named = name_outputs(frames, ".webp", "A0001")
    assert [frame.output for frame in named][:4] == [
        *("frames/s/A0001.webp", "frames/s/a0001.webp", "frames/t/A0001.webp"),
        "frames/s/A0002.webp",
    ]
    first, second, *kept, long, broken = (frame.refusal for frame in named)
    assert first is not None
    assert "frames/s/A0001.webp, too" in first
    assert second is not None
    assert kept == [None, None]
    assert long is not None
    assert "longer than 255 bytes" in long
    assert broken == "broken"
    assert [frame.name for frame in named] == [frame.name for frame in frames]


@pytest.mark.parametrize(
    ("name", "suffix"), [("png", "png"), ("tga", "tga"), ("tiff", "tif"), ("webp", "webp")]
)
def test_each_format_has_the_same_pixels(film: FilmConfig, name: FormatName, suffix: str) -> None:
    """All frames, held ones too, are written in the format; a second run finds them finished."""
    run(replace(film, output=f"{film.output}-png"))
    assert run(film, name).held == 1
    assert run(film, name).skipped == 3
    png = written(replace(film, output=f"{film.output}-png"))
    files = written(film)
    assert [*files] == [f"{one}.{suffix}" for one in NAMES]
    for one in NAMES:
        expected = decode_color(png[f"{one}.png"])
        picture = Image.open(io.BytesIO(files[f"{one}.{suffix}"]))
        assert_array_equal(np.asarray(picture), expected)
        if name in ("png", "tiff"):
            assert picture.info["dpi"] == pytest.approx((350, 350), abs=0.02)
        if name == "tga":
            assert files[f"{one}.tga"][16] == 24
    outputs = read_manifest(Storage.at(film.output))["output"].to_pylist()
    assert outputs == [f"frames/{one}.{suffix}" for one in NAMES]


def test_another_file_is_written_anew(film: FilmConfig) -> None:
    """Other formats, bits and names are other files: none is taken for one of them."""
    run(film)
    assert run(film, "png", 16).done == 2
    assert {cv2.imread(f"{film.output}/frames/{one}.png", -1).dtype for one in NAMES} == {
        np.dtype(np.uint16)
    }
    assert run(film, "png", 16).skipped == 3
    assert run(film, "tiff", 16).done == 2
    named = replace(film, names="A0001")
    assert run(named, "tiff", 16).done == 2
    assert run(named, "tiff", 16).skipped == 3
    rows = read_manifest(Storage.at(film.output))
    assert rows["frame"].to_pylist() == [f"{one}.png" for one in NAMES]
    assert rows["output"].to_pylist() == [f"frames/A/a000{n}.tif" for n in (1, 2, 3)]


def test_a_frame_without_its_number_is_a_row(film: FilmConfig) -> None:
    """With --names A0001 a drawing without a number fails by name; the others are made."""
    path = Path(film.pictures, "A/a_1.png")
    path.with_name("background.png").write_bytes(path.read_bytes())
    assert run(replace(film, names="A0001")).failed == 1
    rows = read_manifest(Storage.at(film.output)).to_pylist()
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert failed["frame"] == "A/background.png"
    assert "--names A0001" in failed["message"]


def test_what_reads_frames_reads_all_formats(film: FilmConfig, tmp_path: Path) -> None:
    """The command's page and Parquet files have the frames of any format and name."""
    flags = FilmFlags(output_format="tiff", names="A0001", parquet_frames=True)
    done = color_film(
        Colorize(
            lines=film.pictures,
            output=film.output,
            weights=film.weights,
            network_size=64,
            film=flags,
        )
    )
    assert (done["done"], done["held"], done["failed"]) == (2, 1, 0)
    page = tmp_path / "page"
    write_film(Storage.at(film.output), Storage.at(str(page)))
    for text in (Path(film.output, "report.html").read_text(), (page / "report.html").read_text()):
        # Two thumbnails, and two frames at full size, each beside its drawing.
        assert text.count("data:image/") == 8
    table = parquet.read_table(f"{film.output}/parquet/frames-000000.parquet")
    assert table["frame"].to_pylist() == [f"{one}.png" for one in NAMES]
    assert table["image"].to_pylist() == [*written(film).values()]
