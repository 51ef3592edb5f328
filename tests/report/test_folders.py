"""Pages made from what a job has left in its folder."""

import io
import json
import re
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.film.pictures.frames import Source
from lineart.jobs import train
from lineart.jobs.command import BROKE_OFF
from lineart.manifest import append_part, make_row, make_table
from lineart.report import training_pictures
from lineart.report.film_folder import address_from, write_film
from lineart.report.training import write_training
from lineart.report.training_pictures import EXAMPLES, read_refusals
from lineart.storage import Storage
from tests.conftest import DrawLine


@pytest.fixture
def film(tmp_path: Path, draw_line: DrawLine) -> Storage:
    """A film of twelve frames whose run was killed; the second has failed."""
    output, lines = Storage.at(str(tmp_path / "out")), Storage.at(str(tmp_path / "in lines"))
    rows = []
    for number in range(12, 0, -1):
        name, line = f"s/f{number}.png", encode_png(draw_line(number))
        lines.write(name, line)
        is_whole = number != 2
        if is_whole:
            output.write(f"frames/{name}", line)
        status = "done" if is_whole else "failed"
        row = {"frame": name, "shot": "s", "status": status, "message": "why"}
        rows.append(make_row(row | ({"output": f"frames/{name}"} if is_whole else {})))
    append_part(output, make_table(rows))
    run = {"pictures": lines.uri, "configuration": {"lines": "nachtzug"}, "summary": None}
    output.write("run.json", json.dumps(run).encode())
    return output


def test_a_film_is_shown_from_its_folder(film: Storage) -> None:
    """Frames stand in film order, all with line and colour; a failure links to its picture."""
    assert write_film(film, film)["frames"] == 12
    page = film.read("report.html").decode()
    shown = re.findall(r'<figure id="picture-\d+" data-frame="s/(f\d+).png"', page)
    assert shown == [f"f{n}" for n in (1, 3, *range(4, 13)) if f"f{n}" in shown]
    reel = re.search('class="reel">({.*?})</script>', page)
    assert reel is not None
    assert json.loads(reel[1]) == {
        "frames": "dfdddddddddd",
        "shown": [0, -1, *range(1, 11)],
    }
    assert page.count('<script type="application/json" id="picture-') + len(shown) == 11
    assert '<a href="../in%20lines/s/f2.png">' in page
    assert 'alt="s/f1.png, line drawing"' in page


def test_a_run_that_did_not_end_and_files_that_are_gone(film: Storage) -> None:
    """The page says so, and of how many frames nothing is known."""

    def verdict(**more: object) -> str:
        run = json.loads(film.read("run.json")) | more
        film.write("run.json", json.dumps(run).encode())
        write_film(film, film)
        (found,) = re.findall(
            r'<p class="verdict">(.*?)</p>', film.read("report.html").decode(), re.S
        )
        return " ".join(re.sub(r"<.*?>", "", found).split())

    assert verdict().startswith("1 of 12 frames failed, listed below.")
    assert verdict(state="ended", frames=12).startswith("1 of 12 frames failed, listed below.")
    assert verdict(state="running", frames=20).startswith(
        "The last run is running, or was killed; 8 of 20 frames have no result. 1 of 12 frames fai"
    )
    assert verdict(state="broke off: <disk full>").startswith(
        "The last run broke off: &lt;disk full&gt;; 8 of 20 frames have no result. 1 of 12"
    )
    film.delete("frames/s/f7.png")
    assert verdict(state="ended").startswith(
        "The file of 1 frame is gone; the same command makes it anew. 1 of 12 frames failed"
    )
    film.delete("frames/s/f8.png")
    assert write_film(film, film)["missing_frames"] == 2


def test_doubts_are_cut_out_of_their_frames(film: Storage) -> None:
    """The crop of a doubtful region is made from the stored frame, also without its drawing."""
    pixels = np.full((72, 128, 3), 250, np.uint8)
    pixels[30:60, 40:80] = 0, 160, 40
    film.write("frames/s/f3.png", encode_png(pixels))
    box = {"left": 40, "top": 30, "right": 80, "bottom": 60, "confidence": 0.1}
    box |= {"area": 1200, "color": "#00a028", "why": "no hint"}
    doubts = [box | {"region": 1}, box | {"region": 2, "left": 500, "right": 600}]
    values = {"frame": "s/f3.png", "shot": "s", "status": "done", "output": "frames/s/f3.png"}
    lost = make_row(values | {"shot": "t", "output": "frames/gone.png", "doubts": doubts})
    lost["frame"] = "s/f4.png"
    append_part(film, make_table([make_row(values | {"doubts": doubts}), lost]))
    write_film(film, film)
    page = film.read("report.html").decode()
    assert page.count("px at 40, 30") == 2
    crops = re.findall(r'<li>\s*<img src="data:image/webp;base64,(.*?)"', page)
    assert len(crops) == 1
    crop = cv2.imdecode(np.frombuffer(b64decode(crops[0]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert crop is not None
    is_cut = re.findall(r"<li>\s*(<img)?", page.partition('class="regions"')[2])
    assert is_cut[:4] == ["<img", "", "", ""]
    middle = crop[tuple(side // 2 for side in crop.shape[:2])]
    np.testing.assert_allclose(middle.astype(int), (0, 160, 40), atol=12)


def test_pictures_that_moved_are_found(film: Storage, tmp_path: Path) -> None:
    """Without its drawings a page shows only frames; with their new folder it shows both."""
    (tmp_path / "in lines").rename(tmp_path / "elsewhere")
    alone, both = (Storage.at(str(tmp_path / name)) for name in ("alone", "both"))
    write_film(film, alone)
    assert 'class="source"' not in alone.read("report.html").decode().partition('id="shots"')[2]
    write_film(film, both, Storage.at(str(tmp_path / "elsewhere")))
    assert 'class="source"' in both.read("report.html").decode().partition('id="shots"')[2]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("{", " is not valid JSON"),
        ("[]", " is not the JSON object that a job writes"),
        ('{"words": {"noun": "x"}}', ": `words` may only have source, made, pair"),
        ('{"words": ["x"]}', ": `words` may only have source, made, pair"),
        ('{"words": {"source": 3}}', ": a value of `words` is not text"),
    ],
)
def test_a_run_that_was_tampered_with(film: Storage, run: str, message: str) -> None:
    """An invalid `run.json` is an error that names it."""
    film.write("run.json", run.encode())
    with pytest.raises(ValueError, match=rf"run\.json{message}"):
        write_film(film, film)


def test_an_older_run(film: Storage) -> None:
    """Missing or meaningless parts of `run.json` are left out of the page."""
    film.write("run.json", b'{"summary": "x", "words": {"source": "photograph"}}')
    write_film(film, film)
    assert 'alt="s/f1.png, coloured"' in film.read("report.html").decode()


@pytest.mark.parametrize("name", ["javascript:alert(1)", 'a"><script>', "ü #?%.png", "\udcff.png"])
def test_addresses_are_relative(tmp_path: Path, name: str) -> None:
    """The address of a file with any name is a relative path that leads to it."""
    page_at, pictures = Storage.at(str(tmp_path / "out")), Storage.at(str(tmp_path))
    link = address_from(page_at, pictures, Source(name, name))
    assert re.fullmatch(r"\.\./[\w.%()-]+", link)
    assert unquote(link, errors="surrogateescape") == f"../{name}"
    here = address_from(pictures, pictures, Source(name, name))
    assert here.startswith("./")


def test_addresses_on_s3_are_complete(tmp_path: Path) -> None:
    """A picture on S3, or one on this machine seen from a page on S3, has no link."""
    place, bucket = Storage.at(str(tmp_path)), Storage.at("s3://bucket/lines")
    source = Source("s/1.png", "s/1.png")
    assert address_from(place, bucket, source) == "s3://bucket/lines/s/1.png"
    assert address_from(bucket, place, source) == f"{tmp_path}/s/1.png"


@pytest.fixture
def shards(tmp_path: Path) -> Storage:
    """Write the output of a filter that refused ten grey pictures and one that is deleted."""
    images, data = Storage.at(str(tmp_path / "images")), Storage.at(str(tmp_path / "shards"))
    rows = [{"name": "gone.png", "reason": "small", "message": "<b>12 pixels"}]
    for number in range(10):
        name = f"g{number}.png"
        images.write(name, encode_png(np.full((20, 30), 20 * number, np.uint8)))
        rows.append({"name": name, "reason": "monochrome", "message": "no colour"})
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    data.write("refused.parquet", sink.getvalue())
    data.write("summary.json", json.dumps({"flags": {"images": images.uri}}).encode())
    return data


def test_refusals_are_counted_with_examples(shards: Storage) -> None:
    """The most frequent reason comes first, with a few pictures; a deleted one is named."""
    many, one = read_refusals(shards)
    assert (many.reason, many.count, len(many.examples)) == ("monochrome", 10, EXAMPLES)
    pictures = [example.picture for example in many.examples]
    greys = [
        cv2.imdecode(np.frombuffer(p or b"", np.uint8), cv2.IMREAD_GRAYSCALE) for p in pictures
    ]
    expected = [20 * int(example.name[1]) for example in many.examples]
    assert [int(grey.mean().round()) for grey in greys] == pytest.approx(expected, abs=3)
    assert (one.reason, one.examples) == ("small", [("gone.png", "<b>12 pixels", None)])
    assert read_refusals(shards.child("nothing")) == []


def test_refused_pictures_that_opencv_refuses(
    shards: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that OpenCV cannot decode is listed without a thumbnail."""

    def refuse(*_: object, **__: object) -> None:
        raise cv2.error("(-215:Assertion failed)")

    monkeypatch.setattr(training_pictures, "decode_color", refuse)
    many, _ = read_refusals(shards)
    assert [example.picture for example in many.examples] == [None] * EXAMPLES


def test_data_that_was_tampered_with(shards: Storage) -> None:
    """Shards with an invalid summary.json are an error."""
    shards.write("summary.json", b"[]")
    with pytest.raises(ValueError, match=r"summary\.json is not the JSON object that a job writes"):
        read_refusals(shards)


def test_a_training_of_no_run(tmp_path: Path) -> None:
    """A `run.json` that is a list is an error."""
    place = Storage.at(str(tmp_path))
    place.write("run.json", b"[]")
    with pytest.raises(ValueError, match=r"run\.json is not the JSON object that a job writes"):
        write_training(place, place)


def test_a_film_is_no_training(tmp_path: Path) -> None:
    """A film has a run.json, too; its page is not overwritten by that of a training."""
    place = Storage.at(str(tmp_path))
    place.write("run.json", json.dumps({"configuration": {}, "summary": {}}).encode())
    place.write("report.html", b"page of the film")
    with pytest.raises(ValueError, match=r"no run of lineart train.*names no recipe"):
        write_training(place, place)
    assert place.read("report.html") == b"page of the film"


def test_a_page_does_not_hide_how_a_training_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If sheets and page cannot be made, the training's own error is printed all the same."""

    def diverge(*_: object) -> None:
        raise FloatingPointError("the loss is nan")

    def break_off(*_: object) -> None:
        raise TypeError("no picture")

    output = Storage.at(str(tmp_path))
    job = SimpleNamespace(output=output, data=output, describe_features=dict)
    monkeypatch.setattr(train, "open_job", lambda *_: job)
    monkeypatch.setattr(train, "run", diverge)
    monkeypatch.setattr(train, "write_run", lambda *_: {"seconds": 1.0})
    monkeypatch.setattr("lineart.report.training.show_training", break_off)
    monkeypatch.setattr("lineart.training.preview.write_sheets", break_off)
    flags = train.Train(recipe="small", data="shards", output=str(tmp_path))
    assert train.main(flags) == BROKE_OFF
    assert capsys.readouterr().err.splitlines() == [
        "train: sheets could not be made: no picture",
        "train: the page could not be made: no picture",
        "train: the loss is nan; there is no checkpoint yet; train with a lower learning rate in "
        "the recipe",
    ]


def test_a_training_is_shown_from_its_folder(shards: Storage, tmp_path: Path) -> None:
    """The page has curves and refused pictures; the shards may have moved."""
    run, other = Storage.at(str(tmp_path / "run")), Storage.at(str(tmp_path / "other"))
    summary = {"flags": {"recipe": "small", "data": shards.uri}, "images": 500}
    run.write("run.json", json.dumps(summary).encode())
    run.write("scalars.csv", b"stage,images,name,value\ndraft,100,loss/l1,0.5\n")
    write_training(run, run)
    page = run.read("report.html").decode()
    assert "Loss terms" in page
    assert "10 pictures, 6 shown" in page
    assert "&lt;b&gt;12 pixels" in page
    (tmp_path / "shards").rename(tmp_path / "moved")
    write_training(run, other)
    assert "Refused" not in other.read("report.html").decode()
    write_training(run, other, Storage.at(str(tmp_path / "moved")))
    assert "Refused" in other.read("report.html").decode()
