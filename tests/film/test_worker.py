"""What a worker keeps of the files that it reads."""

import hashlib
from pathlib import Path

import pytest

from lineart.film.frames import Source
from lineart.film.records import FilmJob, Input
from lineart.film.tasks.colorize import ColorizeTask
from lineart.film.worker import Worker
from lineart.storage import Storage


def test_what_frames_share_is_read_once(tmp_path: Path) -> None:
    """A hint is read for the first of its frames; each file must be what it was, by its role."""
    place = Storage.at(str(tmp_path))
    worker = Worker(FilmJob(place, place, place, ColorizeTask(64, 2), place))
    place.write("s.png", b"hint")
    hint = Input("hint", Source("s.png", "s.png"), hashlib.sha256(b"hint").hexdigest())
    assert worker.read_shared(hint) == b"hint"
    place.write("s.png", b"another")
    assert worker.read_shared(hint) == b"hint"
    for role in ("hint", "line"):
        with pytest.raises(ValueError, match=rf"the {role} s\.png was changed while the film"):
            worker.read(hint._replace(role=role))
