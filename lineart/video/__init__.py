"""MP4 videos of a film and its shots, made from the finished frames of its manifest.

`film.mp4` is the film, `shots/` has a file for each shot, and `video.json` lists the file and the
first frame of each shot. A frame that failed or cannot be read is shown as a grey card with its
name, so that every other frame keeps its time.
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

__all__ = ["write_videos"]

FILM = "film.mp4"

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Studio:
    """Parameters shared by all videos of a film."""

    reel: Reel
    target: Storage
    rate: Fraction
    """Frames per second."""
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
    """Write an MP4 of each shot, and one of the film unless `shots` is given.

    Each row of the manifest is a frame of the video; frames that no run has reached have no row. A
    shot's video has the size of its first readable frame, the film's video that shot size
    which covers most frames. Frames of other sizes are fitted with black bars.

    Args:
        film: Output of `jobs.colorize` or `jobs.translate`.
        target: Folder for the videos.
        fps: Frames per second, 1..240; 23.976 means 24000/1001.
        side_by_side: Show the source picture on the left of each frame.
        lines: Folder of the source pictures; default: the one that `run.json` names.
        shots: Names of the shots to write; None writes all shots and the film.

    Returns:
        Numbers of `frames`, of `failed` frames shown as cards, and of `shots`; `duration_s`;
        `output`.

    Raises:
        ValueError: there is no manifest, no readable frame or no such shot, `fps` is out of range,
            or `run.json` does not name the source pictures.
        OSError: a folder or bucket cannot be read or written.
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
        # In the film's own folder, a run may be writing, whose temporary files must stay.
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
    """Open the source pictures of a film."""
    if lines is None:
        lines = Storage.at(_address(film))
    lines.check()
    return SourcePictures(lines, {source.name: source for source in list_pictures(lines)})


def _address(film: Storage) -> str:
    """Read the address of the source pictures from `run.json`."""
    try:
        run = json.loads(film.read("run.json"))
        # `pictures` is absolute; runs without it have only flags, which may be relative paths.
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
    """Return the size of a shot's video, from its first readable frame; None without one."""
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
    """Yield a joiner for the film's video, stored at the end; None unless `is_whole`."""
    if not is_whole:
        yield None
        return
    with studio.target.draft(".mp4") as path:
        with joining(path, studio.rate) as joiner:
            yield joiner
        studio.target.put_file(FILM, path)


def _write_shot(studio: Studio, shot: VideoShot, size: Size, joiner: Joiner | None) -> int:
    """Write a shot, add it to the film, and return its number of cards.

    A shot of another size than the film is encoded a second time for it.
    """
    with studio.target.draft(".mp4") as path:
        failed = _encode(studio, shot, size, path)
        if joiner is not None and size == studio.film_size:
            joiner.add(path)
        elif joiner is not None:
            with studio.target.draft(".mp4") as fitted:
                _encode(studio, shot, studio.film_size, fitted)
                joiner.add(fitted)
        studio.target.put_file(shot.file, path)
    return failed


def _encode(studio: Studio, shot: VideoShot, size: Size, path: Path) -> int:
    """Encode a shot; return its number of cards. A held picture is read and converted once."""
    holds = [list(held) for _, held in groupby(shot.frames, key=attrgetter("picture"))]
    failed = 0
    with encoding(path, size, studio.rate) as encoder:
        pictures = _ahead(partial(studio.reel.show, size), holds)
        for held, (picture, is_there) in zip(holds, pictures, strict=True):
            encoder.add(picture, len(held))
            failed += 0 if is_there else len(held)
    return failed


def _ahead(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Map in order in one thread per core, with a bounded number of pending results."""
    threads = os.cpu_count() or 1
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
