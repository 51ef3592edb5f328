"""Videos, decoded again: every frame at its time and in its colours, also after failures."""

import json
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.manifest import append_part, make_row, make_table, read_manifest, replace_manifest
from lineart.storage import Storage
from lineart.video import write_videos
from lineart.video.pictures import video_size

COLORS = [(200, 40, 40), (40, 160, 60), (50, 70, 210), (240, 220, 60), (250, 250, 250)]


class Drawn(NamedTuple):
    """A frame of a film that a test makes."""

    name: str
    color: int | None
    """Of `COLORS`; None: it failed."""
    size: tuple[int, int] = (48, 64)


def paint(color: int, size: tuple[int, int]) -> np.ndarray:
    """Paint a plain picture with a black line through its middle."""
    picture = np.full((*size, 3), COLORS[color], np.uint8)
    picture[size[0] // 2] = 0
    return picture


def make_film(folder: Path, frames: Sequence[Drawn]) -> Storage:
    """Write frames and their manifest as a run leaves them."""
    film, rows, numbers = Storage.at(str(folder / "film")), [], {}
    for frame in frames:
        shot = frame.name.rpartition("/")[0]
        numbers[shot] = numbers.get(shot, 0) + 1
        row = {"frame": frame.name, "shot": shot, "number": numbers[shot]}
        if frame.color is None:
            failure = {"status": "failed", "stage": "decode", "error": "ValueError"}
            rows.append(make_row({**row, **failure, "message": "the file is empty"}))
            continue
        output = f"frames/{frame.name}"
        film.write(output, encode_png(paint(frame.color, frame.size)))
        pixels = f"{frame.color} {frame.size}"
        rows.append(make_row({**row, "status": "done", "output": output, "pixels_sha256": pixels}))
    replace_manifest(film, make_table(rows))
    return film


def decode(path: Path) -> list[np.ndarray]:
    """Decode a video as a player would: BT.709, limited range."""
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709")
            for frame in container.decode(video=0)
        ]


def colors(pictures: Sequence[np.ndarray]) -> list[int | None]:
    """Return which of `COLORS` each picture shows above its middle; None: another one."""
    found: list[int | None] = []
    for picture in pictures:
        height, width = picture.shape[:2]
        patch = picture[height // 8 : height // 4, width * 7 // 16 : width * 9 // 16].reshape(-1, 3)
        distance = np.abs(np.median(patch, axis=0) - np.array(COLORS)).max(axis=1)
        found.append(int(distance.argmin()) if distance.min() <= 4 else None)
    return found


def test_every_frame_at_its_time(tmp_path: Path) -> None:
    """Shots and film show every row for one frame's time, in film order and in true colours."""
    film = make_film(
        tmp_path,
        [
            Drawn("s1/f1.png", 0),
            Drawn("s1/f2.png", 0),
            Drawn("s1/f3.png", 1),
            Drawn("s2/f1.png", 2),
            Drawn("s10/f1.png", 0),
            Drawn("s10/f2.png", 4),
        ],
    )
    target = tmp_path / "video"
    summary = write_videos(film, Storage.at(str(target)), fps=12.0)
    assert summary == {
        "frames": 6, "failed": 0, "shots": 3, "duration_s": 0.5, "output": str(target)
    }  # fmt: skip
    assert colors(decode(target / "film.mp4")) == [0, 0, 1, 2, 0, 4]
    assert colors(decode(target / "shots/0001_s1.mp4")) == [0, 0, 1]
    assert colors(decode(target / "shots/0002_s2.mp4")) == [2]
    assert colors(decode(target / "shots/0003_s10.mp4")) == [0, 4]
    index = json.loads((target / "video.json").read_text())
    assert [(shot["shot"], shot["first"], shot["frames"]) for shot in index["shots"]] == [
        ("s1", 0, 3), ("s2", 3, 1), ("s10", 4, 2)
    ]  # fmt: skip
    assert not (target / ".partial").exists()


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(24.0, Fraction(24)), (23.976, Fraction(24000, 1001)), (12.5, Fraction(25, 2))],
)
def test_times_are_exact(tmp_path: Path, fps: float, rate: Fraction) -> None:
    """A video of n frames lasts n / rate, and frame k stands at k / rate, from 0 on."""
    film = make_film(tmp_path, [Drawn(f"s{n // 4}/f{n}.png", n % 5) for n in range(11)])
    write_videos(film, Storage.at(str(tmp_path / "video")), fps=fps)
    with av.open(str(tmp_path / "video/film.mp4")) as container:
        (stream,) = container.streams.video
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == 11 / rate
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert times == [number / rate for number in range(11)]


def test_what_players_need(tmp_path: Path) -> None:
    """H.264 in yuv420p with BT.709 tags and limited range; the index stands before the pictures."""
    film = make_film(tmp_path, [Drawn("s1/f1.png", 0)])
    write_videos(film, Storage.at(str(tmp_path / "video")))
    for name in ("film.mp4", "shots/0001_s1.mp4"):
        with av.open(str(tmp_path / "video" / name)) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
            tags = context.colorspace, context.color_primaries, context.color_trc
            assert (*map(int, tags), int(context.color_range)) == (1, 1, 1, 1)
        boxes = read_boxes((tmp_path / "video" / name).read_bytes())
        assert boxes.index("moov") < boxes.index("mdat")


def read_boxes(data: bytes) -> list[str]:
    """Return the names of the outermost boxes of an MP4 file."""
    names, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        names.append(kind.decode())
        at += size
    return names


def test_failed_frames_are_cards(tmp_path: Path) -> None:
    """A frame that failed, and one whose file is lost or broken, is a grey card at its time."""
    names = [f"s1/f{n}.png" for n in range(5)]
    film = make_film(tmp_path, [Drawn(name, None if n == 1 else n) for n, name in enumerate(names)])
    (tmp_path / "film/frames/s1/f2.png").unlink()
    (tmp_path / "film/frames/s1/f3.png").write_bytes(b"broken")
    summary = write_videos(film, Storage.at(str(tmp_path / "video")))
    assert (summary["frames"], summary["failed"]) == (5, 3)
    pictures = decode(tmp_path / "video/film.mp4")
    assert colors(pictures) == [0, None, None, None, 4]
    for picture in pictures[1:4]:
        assert np.ptp(picture[:4].astype(int)) <= 6
        assert picture.max() > 200


def test_a_hold_is_read_where_it_can_be(tmp_path: Path) -> None:
    """A lost frame is shown by a held frame with equal pixels; two failures are two cards."""
    frames = [Drawn(f"s1/f{n}.png", color) for n, color in enumerate([0, 0, None, None])]
    film = make_film(tmp_path, frames)
    (tmp_path / "film/frames/s1/f0.png").unlink()
    assert write_videos(film, Storage.at(str(tmp_path / "video")))["failed"] == 2
    pictures = decode(tmp_path / "video/film.mp4")
    assert colors(pictures) == [0, 0, None, None]
    assert np.abs(pictures[2].astype(int) - pictures[3]).max() > 60


def test_a_drawing_with_other_keys_is_no_hold(tmp_path: Path) -> None:
    """Two frames of one drawing are shown as they are, if a carried hint ends on the second."""
    film = make_film(tmp_path, [Drawn("s1/f1.png", 0), Drawn("s1/f2.png", 1)])
    rows = read_manifest(film).to_pylist()
    for row, key in zip(rows, ("of the hint", None), strict=True):
        row |= {"pixels_sha256": "equal", "key_sha256": key}
    replace_manifest(film, make_table(rows))
    write_videos(film, Storage.at(str(tmp_path / "video")))
    assert colors(decode(tmp_path / "video/film.mp4")) == [0, 1]


def test_videos_of_shots_that_the_film_no_longer_has_are_deleted(tmp_path: Path) -> None:
    """A new shot moves the places of others; other files, and runs over some shots, delete none."""
    target = Storage.at(str(tmp_path / "video"))
    write_videos(make_film(tmp_path, [Drawn("s1/f1.png", 0), Drawn("s2/f1.png", 1)]), target)
    target.write("shots/cut.mp4", b"mine")
    film = make_film(tmp_path, [Drawn("s0/f1.png", 2), Drawn("s1/f1.png", 0)])
    write_videos(film, target, shots=["s1"])
    names = {entry.path for entry in target.entries("shots")}
    assert names == {f"shots/{one}.mp4" for one in ("0001_s1", "0002_s1", "0002_s2", "cut")}
    write_videos(film, target)
    names = {entry.path for entry in target.entries("shots")}
    assert names == {f"shots/{one}.mp4" for one in ("0001_s0", "0002_s1", "cut")}


def test_sizes(tmp_path: Path) -> None:
    """Odd sizes grow by one pixel; frames of another size are fitted, with bars."""
    film = make_film(
        tmp_path,
        [
            Drawn("s1/f1.png", 0, (45, 61)),
            Drawn("s1/f2.png", 1, (90, 30)),
            Drawn("s2/f1.png", 2, (48, 96)),
        ],
    )
    write_videos(film, Storage.at(str(tmp_path / "video")))
    first, tall = decode(tmp_path / "video/shots/0001_s1.mp4")
    assert first.shape == tall.shape == (46, 62, 3)
    assert colors([first, tall]) == [0, 1]
    # The edge is the picture's own, not a black bar; the tall one has bars at its sides.
    assert first[4, -1].min() > 25
    assert tall[4, :16].max() < 25
    (wide,) = decode(tmp_path / "video/shots/0002_s2.mp4")
    assert wide.shape == (48, 96, 3)
    film_pictures = decode(tmp_path / "video/film.mp4")
    assert {picture.shape for picture in film_pictures} == {(46, 62, 3)}
    assert film_pictures[2][:4].max() < 25


@pytest.mark.parametrize(
    ("size", "num_sides", "video"),
    [
        ((1080, 1920), 1, (1080, 1920)),
        ((1080, 1921), 2, (1080, 3844)),
        ((2160, 3840), 2, (1152, 4096)),
        ((1080, 20000), 1, (222, 4096)),
        ((1, 1), 1, (2, 2)),
    ],
)
def test_size_of_a_video(size: tuple[int, int], num_sides: int, video: tuple[int, int]) -> None:
    """Sides are even and at most 4096 px; larger ones are reduced at the same aspect ratio."""
    assert video_size(size, num_sides) == video


def test_side_by_side(tmp_path: Path) -> None:
    """The source picture that `run.json` names is on the left, or a card."""
    film = make_film(tmp_path, [Drawn("s1/f1.png", 0), Drawn("s1/f2.png", 1)])
    line = np.full((48, 64), 255, np.uint8)
    Storage.at(str(tmp_path / "lines")).write("s1/f1.png", encode_png(line))
    film.write(
        "run.json", json.dumps({"configuration": {"lines": str(tmp_path / "lines")}}).encode()
    )
    write_videos(film, Storage.at(str(tmp_path / "video")), side_by_side=True)
    first, second = decode(tmp_path / "video/film.mp4")
    assert first.shape == (48, 128, 3)
    assert first[:, :60].min() > 245
    assert colors([first[:, 64:], second[:, 64:]]) == [0, 1]
    assert colors([second[:, :64]]) == [None]


def test_some_shots(tmp_path: Path) -> None:
    """Chosen shots have files under their own numbers, without a film; unknown shots are errors."""
    film = make_film(tmp_path, [Drawn("a/1.png", 0), Drawn("b/1.png", 1)])
    target = Storage.at(str(tmp_path / "video"))
    assert write_videos(film, target, shots=["b"])["frames"] == 1
    assert [entry.path for entry in target.entries("shots")] == ["shots/0002_b.mp4"]
    assert not target.exists("film.mp4")
    with pytest.raises(ValueError, match="no shot is called c; the first are: a, b"):
        write_videos(film, target, shots=["c"])


def read_index(target: Path) -> list[tuple[str, int, int, int]]:
    """Read shot, first frame, frames and cards of each shot."""
    shots = json.loads((target / "video.json").read_text())["shots"]
    return [(shot["shot"], shot["first"], shot["frames"], shot["failed"]) for shot in shots]


def test_the_index_outlives_some_shots(tmp_path: Path) -> None:
    """A shot written again keeps its place; entries of others stay while their files exist."""
    frames = [Drawn("a/1.png", 0), Drawn("a/2.png", 1), Drawn("b/1.png", 2), Drawn("c/1.png", None)]
    film, target = make_film(tmp_path, frames), tmp_path / "video"
    videos = Storage.at(str(target))
    whole = [("a", 0, 2, 0), ("b", 2, 1, 0), ("c", 3, 1, 1)]
    write_videos(film, videos, shots=["b"])
    assert read_index(target) == [("b", 2, 1, 0)]
    write_videos(film, videos)
    assert read_index(target) == whole
    write_videos(film, videos, shots=["b"])
    assert read_index(target) == whole
    (target / "shots/0003_c.mp4").unlink()
    write_videos(film, videos, shots=["b"])
    assert read_index(target) == whole[:2]
    write_videos(film, videos, shots=["b"], fps=12.0)
    assert read_index(target) == [("b", 2, 1, 0)]


@pytest.mark.parametrize("index", [b"{", b"[]", b'{"frames_per_second": "24", "shots": [1]}'])
def test_a_broken_index_is_written_anew(tmp_path: Path, index: bytes) -> None:
    """An invalid index is replaced."""
    film, target = make_film(tmp_path, [Drawn("a/1.png", 0)]), Storage.at(str(tmp_path / "video"))
    target.write("video.json", index)
    write_videos(film, target, shots=["a"])
    assert read_index(tmp_path / "video") == [("a", 0, 1, 0)]


@pytest.mark.parametrize(
    "run", ["{", "[]", "{}", '{"configuration": 3}', '{"configuration": {}}', '{"pictures": 3}']
)
def test_a_run_that_says_nothing(tmp_path: Path, run: str) -> None:
    """A `run.json` that does not name the source pictures is an error."""
    film = make_film(tmp_path, [Drawn("a/1.png", 0)])
    film.write("run.json", run.encode())
    with pytest.raises(ValueError, match=r"run\.json does not name the source pictures"):
        write_videos(film, Storage.at(str(tmp_path / "video")), side_by_side=True)


def test_hostile_shot_names(tmp_path: Path) -> None:
    """A shot with any name has a file of its own in shots/."""
    names = ["../../evil", "a", "A", "a.mp4/b", "씬 " + "가" * 300, "x\\n<b>", "-rf", ""]
    film = make_film(tmp_path, [Drawn("good/1.png", 0)])
    rows = [
        make_row({"frame": f"{name}/1.png", "shot": name, "number": 1, "status": "failed"})
        for name in names
    ]
    append_part(film, make_table(rows))
    target = Storage.at(str(tmp_path / "video"))
    assert write_videos(film, target)["shots"] == len(names) + 1
    files = {entry.path for entry in target.entries()} - {"film.mp4", "video.json"}
    assert len({path.lower() for path in files}) == len(names) + 1
    assert all(path.startswith("shots/0") and path.count("/") == 1 for path in files)
    assert {path.name for path in tmp_path.iterdir()} == {"film", "video"}


def test_what_is_refused(tmp_path: Path) -> None:
    """A missing film, no readable frame, and rates out of range are errors."""
    target = Storage.at(str(tmp_path / "video"))
    with pytest.raises(ValueError, match="has no manifest"):
        write_videos(Storage.at(str(tmp_path)), target)
    film = make_film(tmp_path, [Drawn("s1/f1.png", None)])
    with pytest.raises(ValueError, match="has no readable frame"):
        write_videos(film, target)
    for fps in (0.0, 1000.0, float("nan")):
        with pytest.raises(ValueError, match="frames per second"):
            write_videos(film, target, fps=fps)


def test_to_a_bucket(tmp_path: Path, bucket: Path) -> None:
    """Videos on S3 are complete; a missing bucket is an error before anything is encoded."""
    film = make_film(tmp_path, [Drawn("s1/f1.png", 0), Drawn("s1/f2.png", 3)])
    write_videos(film, Storage.at(f"s3://{bucket.name}/video"))
    assert colors(decode(bucket / "video/film.mp4")) == [0, 3]
    assert colors(decode(bucket / "video/shots/0001_s1.mp4")) == [0, 3]
    with pytest.raises(FileNotFoundError, match="there is no bucket 'none-such'"):
        write_videos(film, Storage.at("s3://none-such/video"))
