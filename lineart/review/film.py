"""The film that is reviewed: its manifest in film order, its shots and doubts, and its files."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from lineart.film.colors.named_after import folders_of_shot
from lineart.film.outcome.doubt_list import DoubtList
from lineart.film.outcome.outputs import count_doubts
from lineart.film.pictures.frames import FilmFrame, PictureReader, Source
from lineart.film.pictures.pages import find_sources
from lineart.film.records import RUN, Failure, HashedFile
from lineart.imaging.paint.doubts import Doubt
from lineart.manifest import read_manifest
from lineart.report.film_folder import in_film_order
from lineart.report.html import read_job_json
from lineart.review.errors import RefusedError
from lineart.storage import Storage

_PAGE = re.compile(r"(.+)#(\d{4,})(\.[^.]+)")
"""Name of a page of a file, as in `a#0002.tif`."""


class Shot(NamedTuple):
    """A shot: rows of the manifest, which follow one another."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class FilmState:
    """A film after a run."""

    stamp: str
    """Tells it from the film after another run."""
    rows: pa.Table
    """The manifest, in film order."""
    run: Mapping[str, Any]
    """Content of `run.json`."""

    @cached_property
    def places(self) -> dict[str, int]:
        """Name of a frame -> place of its row."""
        return {name: place for place, name in enumerate(self.rows["frame"].to_pylist())}

    @cached_property
    def shots(self) -> list[Shot]:
        """All shots, in film order."""
        names = self.rows["shot"].fill_null("").combine_chunks().dictionary_encode()
        codes = np.asarray(names.indices)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        stops = np.append(starts[1:], len(codes))
        texts = names.dictionary.to_pylist()
        return [
            Shot(texts[codes[start]], int(start), int(stop))
            for start, stop in zip(starts, stops, strict=True)
        ]

    @cached_property
    def shot_starts(self) -> Int64[np.ndarray, " S"]:
        """First row of each shot."""
        return np.array([shot.start for shot in self.shots], np.int64)

    @cached_property
    def doubts(self) -> DoubtList:
        """All doubts, worst first."""
        return DoubtList(self.rows)

    @cached_property
    def doubt_counts(self) -> Int64[np.ndarray, " N"]:
        """Number of doubts of each frame."""
        return np.asarray(count_doubts(self.rows), np.int64)

    def shot_of(self, row: int) -> int:
        """Return the place of the shot that a row belongs to."""
        return int(np.searchsorted(self.shot_starts, row, side="right")) - 1

    def row(self, place: int) -> dict[str, Any]:
        """Return a row."""
        found: dict[str, Any] = self.rows.slice(place, 1).to_pylist()[0]
        return found

    def find(self, frame: str) -> int:
        """Return the place of a frame's row; raises RefusedError if there is none."""
        if frame not in self.places:
            raise RefusedError(404, f"the film has no frame {frame[:200]!r}")
        return self.places[frame]

    def doubts_of(self, row: Mapping[str, Any]) -> list[Doubt]:
        """Return the doubts of a frame, worst first; a held one has those of the one it repeats."""
        if row["held_by"] in self.places:
            row = self.row(self.places[row["held_by"]])
        return [Doubt(**one) for one in row["doubts"] or ()]

    def frames_near(self, frame: FilmFrame) -> list[FilmFrame]:
        """Return the frames of all shots whose keys may be where those of a frame's shot are."""
        wanted = {*folders_of_shot(frame)}
        near = (
            shot
            for shot, folders in zip(self.shots, self._folders, strict=True)
            if not wanted.isdisjoint(folders)
        )
        return [one for shot in near for one in self.frames_of(shot)]

    @cached_property
    def _folders(self) -> list[tuple[str, ...]]:
        """Folders of the keys of each shot."""
        firsts = self.rows["frame"].take(self.shot_starts).to_pylist()
        frames = (
            FilmFrame(Source(first, first), shot.name, 1)
            for shot, first in zip(self.shots, firsts, strict=True)
        )
        return [folders_of_shot(frame) for frame in frames]

    def frames_of(self, shot: Shot) -> list[FilmFrame]:
        """Return the frames of a shot, as a run would list them."""
        part = self.rows.slice(shot.start, shot.stop - shot.start)
        pairs = zip(part["frame"].to_pylist(), part["number"].to_pylist(), strict=True)
        return [FilmFrame(Source(name, name), shot.name, number or 1) for name, number in pairs]

    def pictures_of(self, frames: Sequence[FilmFrame]) -> dict[str, HashedFile | Failure]:
        """Return what the manifest knows of the drawings of frames."""
        places = pa.array([self.places[frame.name] for frame in frames], pa.int64())
        names = ("frame", "source_sha256", "pixels_sha256", "width", "height", "message")
        part = self.rows.select(names).take(places).to_pylist()
        return {row["frame"]: _hashed(row) for row in part}


def _hashed(row: Mapping[str, Any]) -> HashedFile | Failure:
    if row["pixels_sha256"] is None:
        return Failure("decode", "ValueError", row["message"] or "it was not read")
    return HashedFile(row["source_sha256"], row["pixels_sha256"], row["width"], row["height"])


class ReviewedFilm:
    """Output of `lineart colorize`, with its drawings.

    Args:
        output: The output.
        pictures: Folder or prefix of the drawings; default: as `run.json` says.

    Raises:
        ValueError: it is no such output.
        OSError: it cannot be read.
    """

    def __init__(self, output: Storage, pictures: Storage | None = None) -> None:
        output.check()
        if not output.exists(RUN):
            raise FileNotFoundError(
                f"{output.uri} has no {RUN}; give the output of lineart colorize"
            )
        self.output = output
        self.state = self._load()
        self._lock = Lock()
        self.pictures = pictures or Storage.at(str(self.state.run.get("pictures")))

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Flags of the film's last run."""
        found: Mapping[str, Any] = self.state.run["configuration"]
        return found

    @property
    def keys_address(self) -> str | None:
        """Address of the keys of the film's last run; None if it had none.

        Raises:
            ValueError: an older run gave a path that is not found from this folder.
        """
        if "keys" in self.state.run:
            return cast("str | None", self.state.run["keys"])
        address: str | None = self.configuration.get("keys")
        if address is not None and next(Storage.at(address).entries(), None) is None:
            raise ValueError(f"the film's keys are not in {address} of this folder; give --keys")
        return address

    def refresh(self) -> FilmState:
        """Return the film, read again if there was a run since."""
        if _stamp(self.output) != self.state.stamp:
            self.state = self._load()
        return self.state

    def _load(self) -> FilmState:
        stamp, run = _stamp(self.output), read_job_json(self.output, RUN)
        configuration = run.get("configuration")
        if not isinstance(configuration, dict) or "hints" not in configuration:
            raise ValueError(
                f"{self.output.uri} is no output of lineart colorize, whose frames have keys"
            )
        if configuration.get("upscale", 1) != 1:
            raise ValueError(
                f"{self.output.uri} was coloured with --upscale, and its frames are larger than "
                "the drawings; review it as coloured without"
            )
        return FilmState(stamp, in_film_order(read_manifest(self.output)), run)

    def read_frame(self, row: Mapping[str, Any]) -> bytes:
        """Read a finished frame; raises RefusedError if there is none."""
        if row["output"] is None:
            raise RefusedError(
                404, f"{row['frame']} is not made: {row['message'] or row['status']}"
            )
        try:
            return self.output.read(row["output"])
        except FileNotFoundError:
            raise RefusedError(404, f"{row['output']} is no longer there") from None

    def read_drawing(self, frame: str) -> bytes:
        """Read the drawing of a frame of the manifest; raises RefusedError if it is gone."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._read_direct(frame)
        with self._lock:
            source = self._listing[1].get(frame)
            if source is None:
                where = f"{self.pictures.uri}; give its folder with --sources"
                raise RefusedError(404, f"the drawing {frame} is not in {where}")
            return self._reader.read(source)

    def _read_direct(self, frame: str) -> bytes:
        """Read a drawing that is a file of its own, or a page of one, without a listing."""
        page = _PAGE.fullmatch(frame)
        if page is not None and not self.pictures.exists(frame):
            file = page[1] + page[3]
            source = Source(frame, file, page=int(page[2]) - 1)
            return PictureReader(self.pictures).read(source)
        return PictureReader(self.pictures).read(Source(frame, frame))

    @cached_property
    def _listing(self) -> tuple[Storage, dict[str, Source]]:
        return find_sources(self.pictures)

    @cached_property
    def _reader(self) -> PictureReader:
        return PictureReader(self._listing[0])


def _stamp(output: Storage) -> str:
    """Return what changes with each run: a hash of `run.json`, which has its times."""
    return hashlib.sha256(output.read(RUN)).hexdigest()[:16]
