"""Frames of video files: by number, held, turned, in their colours, and damaged."""

import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lineart.codec import decode_cel, decode_color
from lineart.codec.errors import PictureWarning
from lineart.codec.video.frames import GROUP, find_frames, read_rate
from lineart.codec.video.reader import VideoReader
from tests.clips import X264, write_clip

HEVC = {"crf": "18", "x265-params": "log-level=none"}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "a.mp4": {},
    "open_gop.mkv": {"options": {**X264, "x264-params": "open-gop=1"}},
    "deep.mov": {"codec": "libx265", "options": HEVC, "pixels": "yuv420p10le"},
    "a.m2ts": {},
    "odd.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "crf": "20"}},
    "a.avi": {"codec": "mpeg4", "options": {"b": "6000000"}},
    "a.mxf": {"codec": "mpeg2video", "options": {"b": "8000000"}},
}
"""Name -> arguments of `write_clip`."""


def draw(number: int, height: int = 96, width: int = 160) -> np.ndarray:
    """Draw a picture that shows a number."""
    picture = np.full((height, width, 3), (240, 230, 210), np.uint8)
    cv2.circle(picture, (20 + number * 13 % 100, 40), 14, (200, 60, 40), -1)
    cv2.putText(picture, str(number), (70, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
    return picture


def read_all(path: Path) -> list[np.ndarray | str]:
    """Read each frame, or why it cannot be read."""
    reader, read = VideoReader(str(path)), []
    for time in find_frames(str(path)).times:
        try:
            read.append(decode_color(reader.read(time)))
        except ValueError as error:
            read.append(str(error))
    return read


def is_like(read: np.ndarray | str, picture: np.ndarray, levels: float = 3) -> bool:
    """Return whether a picture is another one, up to compression."""
    assert isinstance(read, np.ndarray), read
    assert read.shape == picture.shape
    return bool(np.abs(read.astype(int) - picture).mean() < levels)


@pytest.mark.parametrize("name", KINDS)
def test_frames_by_number(tmp_path: Path, name: str) -> None:
    """Each frame is that of its number, in any order of reading; held ones are equal to the bit."""
    pictures = [draw(number // 3) for number in range(GROUP + 8)]
    if name.startswith("odd"):
        pictures = [picture[:95, :159] for picture in pictures]
    path = write_clip(tmp_path / name, pictures, **KINDS[name])
    times, damage = find_frames(str(path))
    assert (len(times), damage, read_rate(str(path))) == (len(pictures), None, 24)
    read = read_all(path)
    assert all(is_like(*pair) for pair in zip(read, pictures, strict=True))
    # A hold ends with its group.
    held = [np.array_equal(one, other) for one, other in pairwise(read)]
    expected = [n % 3 != 2 and n + 1 != GROUP for n in range(len(pictures) - 1)]
    assert held == expected
    with path.open("rb") as file:
        other = VideoReader(file)
        for place in np.random.default_rng(0).permutation(len(times))[:12]:
            assert np.array_equal(decode_color(other.read(times[place])), read[place])


def test_small_and_slow_changes_are_other_pictures(tmp_path: Path) -> None:
    """A blink of 18 pixels is no noise, and a fade does not stand still."""
    still = np.random.default_rng(1).integers(90, 110, (96, 160, 3)).astype(np.uint8)
    still = cv2.GaussianBlur(still, (0, 0), 2)
    blink = still.copy()
    blink[40:43, 60:66] //= 2
    blink = read_all(write_clip(tmp_path / "blink.mp4", [still] * 4 + [blink] * 4))
    assert [np.array_equal(one, blink[0]) for one in blink] == [True] * 4 + [False] * 4
    fade = [np.full((96, 160, 3), 200 - 5 * number, np.uint8) for number in range(24)]
    read = read_all(write_clip(tmp_path / "fade.mp4", fade))
    assert all(is_like(*pair, levels=16) for pair in zip(read, fade, strict=True))
    assert len({one.tobytes() for one in read if isinstance(one, np.ndarray)}) > 6


def test_frames_of_unequal_duration(tmp_path: Path) -> None:
    """Each stored frame is one frame, whatever its time."""
    times = [0, 40, 45, 200, 230, 1000, 1001, 1400]
    pictures = [draw(number) for number in range(len(times))]
    path = write_clip(tmp_path / "a.mp4", pictures, times=times)
    assert all(is_like(*pair) for pair in zip(read_all(path), pictures, strict=True))
    rate = read_rate(str(path))
    assert rate is not None
    assert 5 < rate < 8


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_turned_by_its_display_matrix(tmp_path: Path, degrees: int) -> None:
    """Videos of a telephone stand upright, as players show them."""
    path = write_clip(
        tmp_path / "a.mp4", [draw(1)], setup=lambda stream: stream.set_display_rotation(degrees)
    )
    (read,) = read_all(path)
    assert is_like(read, np.rot90(draw(1), degrees // 90))


def test_pixels_become_square(tmp_path: Path) -> None:
    """A picture that is stored narrow is as wide as players show it."""

    def squeeze(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    narrow = cv2.resize(draw(1), (80, 96), interpolation=cv2.INTER_AREA)
    (read,) = read_all(write_clip(tmp_path / "a.mp4", [narrow], setup=squeeze))
    assert is_like(read, draw(1), levels=6)


def _says(**colors: int) -> Callable[[Any], None]:
    def setup(stream: Any) -> None:
        for name, code in colors.items():
            setattr(stream.codec_context, name, code)

    return setup


def test_colors(tmp_path: Path) -> None:
    """Matrix and range are those that the file says; HDR is a warning."""
    patches = np.repeat(np.uint8([[[230, 40, 30], [40, 200, 60], [30, 60, 220]]]), 32, 0)
    picture = np.repeat(patches, 32, 1)
    for matrix, name in ((5, "ITU601"), (1, "ITU709")):
        for is_full in (False, True):
            path = tmp_path / f"{matrix}{is_full}.mp4"
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", 24, options={"crf": "8"})
                stream.height, stream.width, stream.pix_fmt = 32, 96, "yuv420p"
                _says(colorspace=matrix, color_range=2 if is_full else 1)(stream)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                    format="yuv420p",
                    dst_colorspace=name,
                    dst_color_range="JPEG" if is_full else "MPEG",
                )
                container.mux([*stream.encode(frame), *stream.encode(None)])
            (read,) = read_all(path)
            assert isinstance(read, np.ndarray)
            middle = np.abs(read[16, 16::32].astype(int) - picture[16, 16::32])
            assert middle.max() <= 6, (matrix, is_full, read[16, 16::32])
    hdr = write_clip(tmp_path / "hdr.mp4", [draw(1)], setup=_says(color_trc=18))
    with pytest.warns(PictureWarning, match=r"HDR \(HLG\)"):
        read_all(hdr)


def test_transparency(tmp_path: Path) -> None:
    """Line art of a video with an alpha channel keeps it."""
    cel = np.dstack((draw(1), np.zeros((96, 160), np.uint8)))
    cel[20:60, 20:60, 3] = 255
    path = write_clip(tmp_path / "a.mov", [cel], codec="qtrle", options={}, pixels="argb")
    (time,) = find_frames(str(path)).times
    read = decode_cel(VideoReader(str(path)).read(time))
    np.testing.assert_array_equal(read[..., 3], cel[..., 3])
    np.testing.assert_array_equal(read[30, 30], cel[30, 30])


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mov", "qtrle", "argb"),
        ("vp9.webm", "libvpx-vp9", "yuva420p"),
        ("vp8.webm", "libvpx", "yuva420p"),
    ],
)
def test_moving_ink_on_transparency(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    """Black lines are seen by their alpha alone, also that of WebM, and a hold is still one."""
    cels = np.zeros((4, 96, 160, 4), np.uint8)
    for number, cel in enumerate(cels):
        cel[20:60, 20 + 30 * (number // 2) : 24 + 30 * (number // 2), 3] = 255
    options = {} if codec == "qtrle" else {"crf": "10", "b": "4M", "auto-alt-ref": "0"}
    path = write_clip(tmp_path / name, list(cels), codec=codec, options=options, pixels=pixels)
    reader = VideoReader(str(path))
    read = [decode_cel(reader.read(time)) for time in find_frames(str(path)).times]
    for found, cel in zip(read, cels, strict=True):
        assert np.abs(found[..., 3].astype(int) - cel[..., 3]).mean() < 1
    assert (read[0] == read[1]).all()
    assert (read[2] == read[3]).all()


def test_webm_with_alpha_whose_decoder_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file fails with a way out; FFmpeg's other decoder would leave alpha out."""
    cel = np.zeros((96, 160, 4), np.uint8)
    path = write_clip(tmp_path / "a.webm", [cel], codec="libvpx-vp9", options={}, pixels="yuva420p")
    (time,) = find_frames(str(path)).times
    monkeypatch.setattr("lineart.codec.video.container._WITH_ALPHA", {"vp9": "missing"})
    with pytest.raises(ValueError, match="its transparency cannot be read; convert it to MOV"):
        VideoReader(str(path)).read(time)


def _put_index_first(path: Path) -> None:
    """Write a MP4 again with its index before its frames."""
    target = path.with_stem("index_first")
    options = {"movflags": "+faststart"}
    with av.open(str(path)) as source, av.open(str(target), "w", options=options) as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    target.replace(path)


def test_an_edit_list_that_ends_early(tmp_path: Path) -> None:
    """A clip that was trimmed without being encoded again is complete: it is what is shown."""
    path = write_clip(tmp_path / "trimmed.mp4", [draw(number) for number in range(24)])
    data = bytearray(path.read_bytes())
    place = data.find(b"elst") + 12
    (duration,) = struct.unpack_from(">I", data, place)
    struct.pack_into(">I", data, place, duration // 2)
    path.write_bytes(data)
    found = find_frames(str(path))
    assert found.damage is None
    read = read_all(path)
    assert len(read) == 12
    assert all(is_like(one, draw(number)) for number, one in enumerate(read))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_file_that_is_cut_off(tmp_path: Path, suffix: str) -> None:
    """The frames before the end are there, and the end is not taken for that of the video."""
    pictures = [draw(number) for number in range(36)]
    path = write_clip(tmp_path / f"a.{suffix}", pictures)
    if suffix == "mp4":
        _put_index_first(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    times, damage = find_frames(str(path))
    assert 10 < len(times) < 34
    assert damage == "the file is cut off"
    assert all(is_like(*pair) for pair in zip(read_all(path), pictures, strict=False))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_frames_lost_among_the_last_ones(tmp_path: Path, suffix: str) -> None:
    """A frame behind one that the end of the file lacks does not get its number."""
    pictures = [draw(number) for number in range(24)]
    path = write_clip(tmp_path / f"a.{suffix}", pictures, options={"crf": "14"})
    if suffix == "mp4":
        _put_index_first(path)
    data, counts = path.read_bytes(), set()
    for percent in range(40, 96, 2):
        path.write_bytes(data[: len(data) * percent // 100])
        read = read_all(path)
        assert all(is_like(*pair) for pair in zip(read, pictures, strict=False)), percent
        counts.add(len(read))
    assert len(counts) > 10


def test_a_damaged_place(tmp_path: Path) -> None:
    """Frames fail from there to the next key frame; those before and after it are as they were."""
    pictures = [draw(number) for number in range(36)]
    path = write_clip(tmp_path / "a.mp4", pictures)
    whole = read_all(path)
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    hit = sorted(positions)[14]
    data[hit : hit + 40] = bytes(40)
    path.write_bytes(data)
    read = read_all(path)
    assert all(np.array_equal(read[place], whole[place]) for place in (*range(12), *range(24, 36)))
    failed = [place for place, one in enumerate(read) if isinstance(one, str)]
    assert failed
    assert all("damaged at this frame" in str(read[place]) for place in failed)


def _sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", 48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 48000
        container.mux([*stream.encode(frame), *stream.encode(None)])


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    """The sentence says what is the matter and the way out."""
    whole = write_clip(tmp_path / "whole.mp4", [draw(1)] * 3).read_bytes()
    b_frames = write_clip(tmp_path / "b.avi", [draw(number) for number in range(12)])
    _sound(tmp_path / "sound.mp4")
    cases: Sequence[tuple[bytes, str]] = [
        (b"", "no video that can be read"),
        (b"#EXTM3U\nfile:///etc/passwd", "no video that can be read"),
        (whole[: len(whole) // 2], "cut off before its index was written"),
        ((tmp_path / "sound.mp4").read_bytes(), "it holds no video"),
        (b_frames.read_bytes(), "the order of its frames is not in the file"),
    ]
    for number, (data, sentence) in enumerate(cases):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=sentence):
            find_frames(str(path))
    with pytest.raises(FileNotFoundError):
        find_frames(str(tmp_path / "none.mp4"))
    large = VideoReader(str(tmp_path / "whole.mp4"), max_pixels=100)
    with pytest.raises(ValueError, match="the limit is 100"):
        large.read(find_frames(str(tmp_path / "whole.mp4")).times[0])
