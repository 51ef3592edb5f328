"""Which frames of a film are shown, and how they are read."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.codec.errors import PictureWarning, reading
from lineart.film.outcome.outputs import ThumbnailGallery, choose, read_previews, show_as_is, spread
from lineart.film.pictures.frames import Source
from lineart.manifest import make_row, make_table
from lineart.storage import Storage


def test_every_beginning_is_spread() -> None:
    """The first few of a spread list lie evenly over it, and nothing is lost."""
    order = spread(range(64))
    assert sorted(order) == [*range(64)]
    assert sorted(order[:4]) == [0, 16, 32, 48]


def test_every_shot_has_its_turn() -> None:
    """Shots get pictures in turn, retakes, warnings and doubts first; only done frames get any."""
    rows = [("a", "done", None)] * 9 + [("b", "done", None)] * 2 + [("b", "held", None)] * 5
    rows += [("c", "failed", None), ("d", "done", None), ("d", "done", "hint")]
    names = ("shot", "status", "retake")
    given = [dict(zip(names, row, strict=True)) | {"frame": str(n)} for n, row in enumerate(rows)]
    table = make_table([make_row(row) for row in given])
    assert choose(table, 3) == ["0", "9", "18"]
    assert choose(table, 2) == ["0", "18"]
    assert choose(table, 5) == ["0", "8", "9", "17", "18"]
    assert len(choose(table, 100)) == 13
    assert len(choose(table, 1)) == 1
    assert choose(make_table([]), 5) == []
    for mark in ({"warnings": ["look"]}, {"doubts": [{"region": 1, "confidence": 0.2}]}):
        marked = [make_row(row | (mark if row["frame"] == "5" else {})) for row in given]
        assert choose(make_table(marked), 3) == ["5", "9", "18"]


def test_pictures_are_read_with_what_was_made_of_them(tmp_path: Path) -> None:
    """Frames come in order; a source that is gone or of another shape is none."""
    place, pictures = Storage.at(str(tmp_path / "out")), Storage.at(str(tmp_path / "in"))
    color = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    for name in ("a", "gone", "tall", "broken"):
        place.write(f"frames/{name}.png", encode_png(color))
    pictures.write("a.tif", encode_png(color[..., 0]))
    pictures.write("tall.tif", encode_png(color[:, :2]))
    pictures.write("broken.tif", b"no picture")
    names = ["a.tif", "gone.tif", "tall.tif", "broken.tif", "unmade.tif"]
    sources = {name: Source(name, name) for name in names}
    outputs = {f"{name}.tif": f"frames/{name}.png" for name in ("a", "gone", "tall", "broken")}
    gallery = ThumbnailGallery(pictures, sources, place, show_as_is, outputs)
    first, *others = read_previews(gallery, names, lambda preview: preview)
    assert first.source is not None
    np.testing.assert_array_equal(first.source, color[..., 0])
    np.testing.assert_array_equal(first.result, color)
    assert [preview.frame for preview in others] == ["gone.tif", "tall.tif", "broken.tif"]
    assert [preview.source for preview in others] == [None] * 3


def test_previews_do_not_warn(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """What pictures warn of is in the manifest, and is not printed again."""
    place = Storage.at(str(tmp_path))
    place.write("a.png", encode_png(np.zeros((4, 6), np.uint8)))

    def show(data: bytes) -> np.ndarray:
        with reading("DPX"):
            warnings.warn("it is logarithmic", PictureWarning, stacklevel=1)
            return show_as_is(data)

    sources = {"a": Source("a.png", "a.png")}
    gallery = ThumbnailGallery(place, sources, place, show, {"a": "a.png"})
    (preview,) = read_previews(gallery, ["a"], lambda preview: preview)
    assert preview.source is not None
    assert not recwarn.list


def test_a_coloured_picture_keeps_its_colours() -> None:
    """What has colour is shown so; what has none is one channel."""
    color = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(show_as_is(encode_png(color)), color)
    assert show_as_is(encode_png(np.repeat(color[..., :1], 3, 2))).shape == (4, 5)
