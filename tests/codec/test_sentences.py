"""What is said of files that cannot be read: sentences, and no words of libraries."""

import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from lineart.codec import decode_line, encode_png
from lineart.codec.decoder_output import attach_decoder_output
from lineart.film.execution.worker import hash_pictures
from lineart.film.pictures.frames import list_pictures
from lineart.film.records import Failure, FilmJob
from lineart.film.tasks.colorize import ColorizeTask
from lineart.storage import Storage

GRAY = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
RGB = np.dstack([GRAY] * 3)


def save(image: np.ndarray, kind: str, **options: object) -> bytes:
    """Let Pillow write a picture."""
    sink = io.BytesIO()
    Image.fromarray(image).save(sink, kind, **options)
    return sink.getvalue()


def tiff_of(compression: int) -> bytes:
    """Return a TIFF that says another compression."""
    data = save(GRAY, "TIFF", compression="tiff_lzw")
    entry = struct.pack("<HHI", 259, 3, 1)
    at = data.index(entry) + len(entry)
    return data[:at] + struct.pack("<H", compression) + data[at + 2 :]


def damaged_tiff() -> bytes:
    """Return a TIFF whose compressed pixels are noise."""
    data = bytearray(save(RGB, "TIFF", compression="tiff_adobe_deflate"))
    data[8:200] = bytes(range(1, 193))
    return bytes(data)


def floats() -> bytes:
    """Return a TIFF of floating point."""
    sink = io.BytesIO()
    tifffile.imwrite(sink, GRAY.astype(np.float32))
    return sink.getvalue()


SENTENCES: dict[str, tuple[Callable[[], bytes], str]] = {
    "TIFF, damaged": (damaged_tiff, "its pixels are damaged"),
    "TIFF, JPEG 2000": (lambda: tiff_of(34712), r"its compression 34712 \(JPEG 2000\) cannot"),
    "TIFF, unknown": (lambda: tiff_of(999), r"999 \(of an unknown kind\) cannot .* with LZW"),
    "TIFF, floats": (floats, "save it with 8 bits a channel"),
    "TIFF, cut": (lambda: save(GRAY, "TIFF")[:900], "the file is cut off"),
    "JPEG, cut": (lambda: save(RGB, "JPEG")[:900], "the file is cut off"),
    "JPEG 2000, cut": (lambda: save(RGB, "JPEG2000")[:400], "its pixels are damaged"),
    "BMP, cut": (lambda: save(RGB, "BMP")[:900], "the file is cut off"),
    "PSD, cut": (lambda: b"8BPS\0\1" + bytes(10), "the file is cut off"),
    "WebP, damaged": (lambda: save(RGB, "WEBP")[:60].ljust(900, b"x"), "damaged"),
    "PNG, large": (lambda: encode_png(np.zeros((40, 40), np.uint8)), "limit is 1300; shrink"),
}  # fmt: skip


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences(name: str) -> None:
    """Each fault is told in words, with the value and the way out where there is one."""
    make, sentence = SENTENCES[name]
    with pytest.raises(ValueError, match=sentence) as caught:
        decode_line(make(), max_pixels=1300)
    said = str(caught.value)
    for word in ("decoder error", "max_pixels", "unpack", "Error", "stream", "None"):
        assert word not in said, said


def print_below(text: str) -> None:
    """Print to the descriptor of standard error, as C libraries do."""
    os.write(2, text.encode())


def test_decoder_output_is_joined_to_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    """What is printed belongs to the error of the block, once; without an error it is dropped."""
    with attach_decoder_output():
        print_below("nothing of interest\n")
    print_below("before and after are shown\n")

    def fail() -> None:
        with attach_decoder_output():
            print_below("strip 3 is bad\nstrip 3 is bad\n")
            raise ValueError("its pixels are damaged")

    with pytest.raises(
        ValueError, match=r"^its pixels are damaged; the decoder says: strip 3 is bad$"
    ):
        fail()
    assert capfd.readouterr().err == "before and after are shown\n"


FILM = """
import sys
from tests.codec.test_sentences import hash_film
for name, message in hash_film(sys.argv[1]).items():
    print(name, message)
"""


def hash_film(folder: str) -> dict[str, str]:
    """Decode the pictures of a folder in a sandbox; give the messages of those that fail."""
    place = Storage.at(folder)
    job = FilmJob(place, place, None, ColorizeTask(64, 2), place, limit_s=60.0)
    found = hash_pictures(job, [(picture, None) for picture in list_pictures(place)])
    return {name: one.message for name, one in found.items() if isinstance(one, Failure)}


def test_decoder_output_of_a_film(tmp_path: Path) -> None:
    """Words of libtiff are in the row of the picture that failed, and nowhere else."""
    (tmp_path / "bad.tif").write_bytes(damaged_tiff())
    strange = io.BytesIO()
    tifffile.imwrite(strange, GRAY, extratags=[(64712, 4, 1, 1, True)], compression="zlib")
    (tmp_path / "good.tif").write_bytes(strange.getvalue())
    command = [sys.executable, "-c", FILM, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    (line,) = ended.stdout.splitlines()
    assert line.startswith(
        "bad.tif cannot read this TIFF picture: its pixels are damaged; the decoder"
    )
