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

from lineart.film.pages import find_sources
from lineart.image import Size
from lineart.storage import Storage
from lineart.video.encoding import Joiner, encoding, frame_rate, joining
from lineart.video.pictures import FrameReader, SourcePictures, video_size
from lineart.video.shots import VideoShot, choose_shots, read_shots, write_index

__all__ = ["write_videos"]

FILM = "film.mp4"

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class VideoWriter:
    """Writes the videos of a film's shots."""

    reader: FrameReader
    target: Storage
    rate: Fraction
    """Frames per second."""
    film_size: Size

    @contextmanager
    def open_film(self, *, is_whole: bool) -> Iterator[Joiner | None]:
        """Yield a joiner for the film's video, stored at the end; None unless `is_whole`."""
        if not is_whole:
            yield None
            return
        with self.target.draft(".mp4") as path:
            with joining(path, self.rate) as joiner:
                yield joiner
            self.target.put_file(FILM, path)

    def write_shot(self, shot: VideoShot, size: Size, joiner: Joiner | None) -> int:
        """Write a shot, add it to the film, and return its number of cards.

        A shot of another size than the film is encoded a second time for it.
        """
        with self.target.draft(".mp4") as path:
            failed = self._encode(shot, size, path)
            if joiner is not None and size == self.film_size:
                joiner.add(path)
            elif joiner is not None:
                with self.target.draft(".mp4") as fitted:
                    self._encode(shot, self.film_size, fitted)
                    joiner.add(fitted)
            self.target.put_file(shot.file, path)
        return failed

    def _encode(self, shot: VideoShot, size: Size, path: Path) -> int:
        """Encode a shot; return its number of cards. A held picture is read and converted once."""
        holds = [list(held) for _, held in groupby(shot.frames, key=attrgetter("picture"))]
        failed = 0
        with encoding(path, size, self.rate) as encoder:
            pictures = _map_ahead(partial(self.reader.show, size), holds)
            for held, (picture, is_there) in zip(holds, pictures, strict=True):
                encoder.add(picture, len(held))
                failed += 0 if is_there else len(held)
        return failed


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
    reader = FrameReader(film, _open_sources(film, lines) if side_by_side else None)
    sizes = [_size(reader, shot) for shot in chosen]
    writer = VideoWriter(reader, target, rate, _most_common(film, chosen, sizes))
    with writer.open_film(is_whole=shots is None) as joiner:
        failed = [
            writer.write_shot(shot, size or writer.film_size, joiner)
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


def _open_sources(film: Storage, lines: Storage | None) -> SourcePictures:
    """Open the source pictures of a film: those in `lines`, else those that `run.json` names."""
    if lines is None:
        lines = Storage.at(_read_address(film))
    if lines.as_file() is None:
        lines.check()
    return SourcePictures(*find_sources(lines))


def _read_address(film: Storage) -> str:
    """Read the address of the source pictures from `run.json`."""
    try:
        run = json.loads(film.read("run.json"))
        # `pictures` is absolute; runs without it have only flags, which may be relative paths.
        address = run.get("pictures")
        if not address:
            flags = run["configuration"]
            address = flags.get("lines") or flags.get("images")
    except (ValueError, LookupError, TypeError, AttributeError):
        address = None
    if not isinstance(address, str):
        raise ValueError(
            f"{film.uri}/run.json does not name the source pictures; give their folder (--sources)"
        )
    return address


def _size(reader: FrameReader, shot: VideoShot) -> Size | None:
    """Return the size of a shot's video, from its first readable frame; None without one."""
    for shown in shot.frames:
        frame = reader.read([shown])
        if frame is not None:
            return video_size((frame.shape[0], frame.shape[1]), reader.num_sides)
    return None


def _most_common(film: Storage, shots: Sequence[VideoShot], sizes: Sequence[Size | None]) -> Size:
    counts: Counter[Size] = Counter()
    for shot, size in zip(shots, sizes, strict=True):
        if size is not None:
            counts[size] += len(shot.frames)
    if not counts:
        raise ValueError(f"{film.uri} has no readable frame; run the job of the film again")
    return counts.most_common(1)[0][0]


def _map_ahead(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
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
