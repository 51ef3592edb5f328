"""What a worker keeps of the files that it reads."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineart.codec import encode_png
from lineart.film.execution.stages import shrink
from lineart.film.execution.worker import KEPT_DRAWINGS, Worker
from lineart.film.pictures.frames import Source
from lineart.film.pictures.listing import printable
from lineart.film.records import FilmJob, FrameData, Input, WorkItem, name_file
from lineart.film.tasks.colorize import ColorizeTask
from lineart.film.tasks.roles import ADJACENT
from lineart.storage import Storage


@pytest.mark.parametrize(
    ("role", "source", "named"),
    [
        ("key", Source("s/1.png", "s/1.png"), "the key s3://studio/ep/s/1.png"),
        ("key_line", Source("s/1.png", "s/1.png"), "the line drawing s3://studio/ep/s/1.png"),
        ("hint_key", Source("s", "a.parquet", row=3), "the hint s in s3://studio/ep/a.parquet"),
        ("sheet", Source("a#0002.tif", "a.tif", page=1), "the sheet a#0002.tif in s3://studio/ep/"),
        ("photo", Source("a\\n.png", "a\n.png"), "the photograph s3://studio/ep/a\\n.png"),
    ],
)
def test_a_file_is_named_by_what_it_is_and_where(role: str, source: Source, named: str) -> None:
    """Each role has a word that people know; what is in a file is named with it."""
    assert name_file(role, source, Storage.at("s3://studio/ep")).startswith(named)
    assert name_file(role, source, None).endswith(f" {printable(source.name)}")


def test_what_frames_share_is_read_once(tmp_path: Path) -> None:
    """A hint is read for the first of its frames; each file must be what it was, by its role."""
    place = Storage.at(str(tmp_path))
    worker = Worker(FilmJob(place, place, place, ColorizeTask(64, 2), place))
    place.write("s.png", b"hint")
    hint = Input("hint", Source("s.png", "s.png"), hashlib.sha256(b"hint").hexdigest())
    assert worker.read_shared(hint) == b"hint"
    place.write("s.png", b"another")
    assert worker.read_shared(hint) == b"hint"
    file = re.escape(f"{tmp_path}/s.png")
    for role, word in (("hint", "hint"), ("line", "line drawing")):
        with pytest.raises(ValueError, match=f"the {word} {file} was changed while the film"):
            worker.read(hint._replace(role=role))
    place.delete("s.png")
    for role, word in (("hint", "hint"), ("line", "line drawing")):
        with pytest.raises(FileNotFoundError, match=f"^the {word} {file} was removed while"):
            worker.read(hint._replace(role=role))


def test_a_drawing_that_has_voted_is_read_once(tmp_path: Path) -> None:
    """It is there when its own frame is made; the last few are kept."""
    place = Storage.at(str(tmp_path))
    worker = Worker(FilmJob(place, place, None, ColorizeTask(64, 2), place))
    drawings = []
    for number in range(KEPT_DRAWINGS + 1):
        name, data = f"{number}.png", str(number).encode()
        place.write(name, data)
        drawings.append(Input(ADJACENT, Source(name, name), hashlib.sha256(data).hexdigest()))
        assert worker.read_shared(drawings[-1]) == data
        place.write(name, b"another")
    own = [one._replace(role="line") for one in drawings]
    assert worker.read(own[1]) == b"1"
    with pytest.raises(ValueError, match=r"the line drawing /.*/0\.png was changed"):
        worker.read(own[0])


def test_a_warning_of_decoding_is_one_of_the_frame(tmp_path: Path) -> None:
    """A drawing whose colour profile is damaged is read, and the frame says so."""
    place = Storage.at(str(tmp_path))
    sink = io.BytesIO()
    Image.new("RGB", (40, 40), "white").save(sink, "PNG", icc_profile=b"broken")
    place.write("a.png", sink.getvalue())
    digest = hashlib.sha256(sink.getvalue()).hexdigest()
    drawing = Input("line", Source("a.png", "a.png"), digest)
    worker = Worker(FilmJob(place, place, None, ColorizeTask(64, 2), place))
    frame = shrink(worker, FrameData(WorkItem((drawing,), ("frames/a.png",), "")))
    assert frame.failure is None
    warning, empty = frame.warnings
    assert empty == "it is empty: no line is seen"
    assert warning.startswith("its colour profile cannot be used")


def test_the_hint_at_fault_is_named(tmp_path: Path) -> None:
    """Of several hints the one that has changed is named; if it is not known which, all are."""
    place = Storage.at(str(tmp_path))
    worker = Worker(FilmJob(place, place, place, ColorizeTask(64, 2), place))
    clear = encode_png(np.zeros((40, 60, 4), np.uint8))
    files = {"f.png": encode_png(np.full((40, 60), 255, np.uint8)), "s.png": clear, "h.png": clear}
    inputs = []
    for name, data in files.items():
        place.write(name, data)
        role = "line" if name == "f.png" else "hint"
        inputs.append(Input(role, Source(name, name), hashlib.sha256(data).hexdigest()))
    frame = FrameData(WorkItem(tuple(inputs), ("frames/f.png",), "s"))
    assert shrink(worker, frame).failure is None
    changed = (*inputs[:2], inputs[2]._replace(sha256="another"))
    failure = shrink(worker, frame._replace(item=frame.item._replace(inputs=changed))).failure
    assert failure is not None
    assert failure.stage == "hint"
    assert failure.message.startswith(f"the hint {tmp_path}/h.png was changed while")
    place.write("opaque.png", files["f.png"])
    wrong = inputs[0]._replace(role="hint", source=Source("opaque.png", "opaque.png"))
    item = frame.item._replace(inputs=(*inputs[:2], wrong))
    failure = shrink(worker, frame._replace(item=item)).failure
    assert failure is not None
    files = f"the hint {tmp_path}/s.png, the hint {tmp_path}/opaque.png"
    assert failure.message.startswith(f"{files}: the hint picture has no transparency")
