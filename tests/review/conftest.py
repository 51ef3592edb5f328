"""A coloured film with doubts, and the server that reviews it."""

import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from starlette.testclient import TestClient

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import prepare_run
from lineart.film.outcome.run_json import write_run
from lineart.film.run import run_film
from lineart.jobs.colorize import Colorize, read_film
from lineart.jobs.review import ReviewFilm, open_review
from lineart.review.review import Review
from lineart.review.server import build_app
from lineart.storage import Storage
from tests.browser import browser, new_page
from tests.shots import BALL, SIZE, draw_shot

__all__ = ["browser", "new_page"]

STEPS = 5
PORT, TOKEN = 7000, "secret-of-the-test"
HOST = f"http://127.0.0.1:{PORT}"
WHO = {"authorization": f"Bearer {TOKEN}"}


@dataclass
class Reviewed:
    """A film of two shots, whose first has a key without the ball's colour."""

    root: Storage

    def write(self, name: str, picture: np.ndarray) -> None:
        """Write a picture."""
        self.root.write(name, encode_png(picture))

    def color(self) -> list[str]:
        """Colour the film again; return the frames that were made."""
        before = {name: row["written_at"] for name, row in self.rows().items()}
        places = {name: self.root.child(name).uri for name in ("lines", "keys", "output")}
        flags = Colorize(**places, finish="paint", unknown="placeholder")
        config, task = read_film(flags)
        opened = prepare_run(replace(config, limit_s=None), task)
        ended = run_film(opened, LocalRunner(), lambda _: None)
        write_run(asdict(flags), opened, datetime.now(UTC), ended)
        rows = self.rows()
        return [name for name in rows if rows[name]["written_at"] != before.get(name)]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Read the manifest by frame."""
        output = self.root.child("output")
        if not output.exists("manifest/manifest.parquet"):
            return {}
        with output.open_file("manifest/manifest.parquet") as file:
            return {row["frame"]: row for row in parquet.read_table(file).to_pylist()}

    def review(self, person: str) -> Review:
        """Open the film for a person."""
        film, keys, sources = (self.root.child(one).uri for one in ("output", "keys", "lines"))
        return open_review(ReviewFilm(film=film, keys=keys, sources=sources, name=person))

    def open(self, person: str = "anna") -> "Client":
        """Build the server for a person; return its client."""
        app = build_app(self.review(person), token=TOKEN, port=PORT)
        return Client(TestClient(app, base_url=HOST, headers=WHO))


@dataclass
class Client:
    """A client of the server, with the token."""

    http: TestClient

    def get(self, path: str, **values: Any) -> Any:
        """Return the answer to a question."""
        answer = self.http.get(f"/api/{path}", params=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, method: str, path: str, frame: str, body: Any, tag: str = "") -> Any:
        """Send a change; return the response."""
        headers = {"origin": HOST} | ({"if-match": f'"{tag}"'} if tag else {})
        return self.http.request(
            method, f"/api/{path}", params={"frame": frame}, json=body, headers=headers
        )


def draw_film(root: Storage) -> Reviewed:
    """Draw a film and colour it."""
    film = Reviewed(root)
    for shot, moves_px in (("roll", 3), ("slide", 5)):
        for step in range(STEPS):
            drawn = draw_shot(step if step != 1 else 0, moves_px=moves_px)
            film.write(f"lines/{shot}/f{step + 1:04}.png", drawn.line)
        paint = draw_shot(3, moves_px=moves_px).paint
        key = np.dstack((paint, np.full(SIZE, 255, np.uint8)))
        if shot == "roll":
            key[(paint == BALL).all(axis=2)] = 0
        film.write(f"keys/{shot}/f0004.png", key)
    film.color()
    return film


@pytest.fixture(scope="module")
def drawn_film(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """Draw and colour a film once."""
    return draw_film(Storage.at(str(tmp_path_factory.mktemp("film"))))


@pytest.fixture
def reviewed(drawn_film: Reviewed, tmp_path: Path) -> Reviewed:
    """Copy the film."""
    shutil.copytree(drawn_film.root.root, tmp_path, dirs_exist_ok=True)
    return Reviewed(Storage.at(str(tmp_path)))


@pytest.fixture
def stored(drawn_film: Reviewed, each_storage: Storage) -> Reviewed:
    """Copy the film to a folder, or to S3."""
    for entry in drawn_film.root.entries():
        each_storage.write(entry.path, drawn_film.root.read(entry.path))
    return Reviewed(each_storage)
