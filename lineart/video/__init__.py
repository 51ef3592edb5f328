"""A film to watch: the frames that stand in a manifest, each at its time, as MP4.

`film.mp4` is the film, `shots/` has a file for each shot, and `video.json` says which file shows
which shot, from which frame on. A frame that failed, or whose file is not there, is a grey card
with its name, so that every other frame keeps its time.
"""

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from lineart.film.frames import list_pictures
from lineart.image import Size
from lineart.storage import Storage
from lineart.video.encoding import Joiner, encoding, frame_rate, joining
from lineart.video.index import write_index
from lineart.video.pictures import Reel, SourcePictures, video_size
from lineart.video.shots import VideoShot, choose_shots, read_shots
from lineart.video.staged_files import draft, store

__all__ = ["write_videos"]

FILM = "film.mp4"

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Studio:
    """What all videos of a film have in common."""

    reel: Reel
    target: Storage
    rate: Fraction
    film_size: Size


def write_videos(
    film: Storage,
    target: Storage,
    *,
    fps: float = 24.0,
    side_by_side: bool = False,
    lines: Storage | None = None,
    shots: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write an MP4 of each shot, and one of the film unless only some shots are wanted.

    A row of the manifest is a frame of the video; frames that no run has come to have no row. A
    shot has the size of its first frame, the film the one that most of its frames have; what has
    another is fitted with bars.

    Args:
        film: What `jobs.colorize` or `jobs.translate` left.
        target: Where the videos go.
        fps: Frames a second; 23.976 is 24000/1001.
        side_by_side: Show on the left what each frame was made of.
        lines: Where that is, if not where `run.json` says.
        shots: Only these.

    Returns:
        Numbers of `frames`, of those that `failed` and are cards, and of `shots`; `duration_s`,
        `output`.

    Raises:
        ValueError: there is no film, no frame that can be shown, no such shot, or no such rate.
        OSError: a place cannot be read or written.
    """
    rate, found = frame_rate(fps), read_shots(film)
    chosen = choose_shots(found, shots)
    if target.is_s3:
        target.check()
    reel = Reel(film, _find_beside(film, lines) if side_by_side else None)
    sizes = [_size(reel, shot) for shot in chosen]
    studio = Studio(reel, target, rate, _most_common(film, chosen, sizes))
    with _film_writer(studio, is_whole=shots is None) as joiner:
        failed = [
            _write_shot(studio, shot, size or studio.film_size, joiner)
            for shot, size in zip(chosen, sizes, strict=True)
        ]
    names = (shot.name for shot in chosen)
    write_index(target, rate, found, dict(zip(names, failed, strict=True)))
    if target != film:
        # In a film's own folder a run may be writing.
        target.sweep()
    frames = sum(len(shot.frames) for shot in chosen)
    return {
        "frames": frames,
        "failed": sum(failed),
        "shots": len(chosen),
        "duration_s": round(float(frames / rate), 3),
        "output": target.uri,
    }


def _find_beside(film: Storage, lines: Storage | None) -> SourcePictures:
    """Find what the frames were made of."""
    if lines is None:
        lines = Storage.at(_address(film))
    lines.check()
    return SourcePictures(lines, {source.name: source for source in list_pictures(lines)})


def _address(film: Storage) -> str:
    """Read where a run took its pictures from."""
    try:
        run = json.loads(film.read("run.json"))
        # A relative address says nothing to who stands elsewhere.
        address = run.get("pictures")
        if not address:
            told = run["configuration"]
            address = told.get("lines") or told.get("images")
    except (ValueError, LookupError, TypeError, AttributeError):
        address = None
    if not isinstance(address, str):
        raise ValueError(f"{film.uri}/run.json does not say what its frames were made of")
    return address


def _size(reel: Reel, shot: VideoShot) -> Size | None:
    """Give the size of a shot's video: that of its first frame that can be read."""
    for shown in shot.frames:
        frame = reel.read([shown])
        if frame is not None:
            return video_size((frame.shape[0], frame.shape[1]), reel.num_sides)
    return None


def _most_common(film: Storage, shots: Sequence[VideoShot], sizes: Sequence[Size | None]) -> Size:
    counts: Counter[Size] = Counter()
    for shot, size in zip(shots, sizes, strict=True):
        if size is not None:
            counts[size] += len(shot.frames)
    if not counts:
        raise ValueError(f"{film.uri} has no frame that can be shown")
    return counts.most_common(1)[0][0]


@contextmanager
def _film_writer(studio: Studio, *, is_whole: bool) -> Iterator[Joiner | None]:
    """Give who puts the shots together, if they are the whole film, and store it at the end."""
    if not is_whole:
        yield None
        return
    with draft(studio.target) as path:
        with joining(path, studio.rate) as joiner:
            yield joiner
        store(path, studio.target, FILM)


def _write_shot(studio: Studio, shot: VideoShot, size: Size, joiner: Joiner | None) -> int:
    """Write a shot, and add it to the film; give the number of its frames that are cards."""
    with draft(studio.target) as path:
        failed = _encode(studio, shot, size, path)
        if joiner is not None and size == studio.film_size:
            joiner.add(path)
        elif joiner is not None:
            with draft(studio.target) as fitted:
                _encode(studio, shot, studio.film_size, fitted)
                joiner.add(fitted)
        store(path, studio.target, shot.file)
    return failed


def _encode(studio: Studio, shot: VideoShot, size: Size, path: Path) -> int:
    """Encode a shot; a picture that is held is read and converted once."""
    holds = [list(held) for _, held in groupby(shot.frames, key=attrgetter("picture"))]
    failed = 0
    with encoding(path, size, studio.rate) as encoder:
        pictures = _ahead(partial(studio.reel.show, size), holds)
        for held, (picture, is_there) in zip(holds, pictures, strict=True):
            encoder.add(picture, len(held))
            failed += 0 if is_there else len(held)
    return failed


def _ahead(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Map with as many threads as there are cores, and never more results than that in waiting."""
    threads = os.cpu_count() or 1
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
