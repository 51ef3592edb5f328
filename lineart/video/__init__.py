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

from lineart.film.exposure.cuts import NO_SHEETS, Sheets, name_missing
from lineart.film.pictures.pages import find_sources
from lineart.film.records import RUN
from lineart.image import Size
from lineart.storage import Storage
from lineart.video.encoding import Joiner, encoding, frame_rate, joining
from lineart.video.pictures import FrameReader, SourcePictures, video_size
from lineart.video.sheets import check_transparency, expose_shots
from lineart.video.shots import VideoShot, delete_others, read_shots, write_index

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
    side_by_side: Storage | bool = False,
    shots: Sequence[str] | None = None,
    sheets: Sheets = NO_SHEETS,
) -> dict[str, Any]:
    """Write an MP4 of each shot, and one of the film unless `shots` is given.

    Videos of shots that the whole film no longer has are deleted.

    Each row of the manifest is a frame of the video; frames that no run has reached have no row. A
    shot's video has the size of its first readable frame, the film's video that shot size
    which covers most frames. Frames of other sizes are fitted with black bars.

    Args:
        film: Output of `lineart colorize` or `lineart translate`.
        target: Folder for the videos.
        fps: Frames per second, 1..240; 23.976 means 24000/1001.
        side_by_side: Show the source picture on the left of each frame, from this folder; True:
            from the one that `run.json` names.
        shots: Names of the shots to write; None writes all shots and the film.
        sheets: Exposure sheets, one for each cut. Their shots have the times of the sheets; levels
            of a cut are stacked, if they have transparency.

    Returns:
        Numbers of `frames`, of `failed` frames shown as cards, and of `shots`; `duration_s`;
        `output`; drawings of the sheets that the film lacks as `missing`, also shown as cards.

    Raises:
        ValueError: there is no manifest, no readable frame or no such shot, `fps` is out of range,
            `run.json` does not name the source pictures, a sheet is no XDTS or does not match the
            film, or an opaque level would hide another one.
        OSError: a folder or bucket cannot be read or written.
    """
    rate, found = frame_rate(fps), read_shots(film)
    names = {frame.frame: shot.name for shot in found for frame in shot.frames}
    cuts = sheets.expose(names)
    shown = expose_shots(found, cuts)
    chosen, in_film = shown.choose(shots), {shot.name for shot in shown.film}
    if target.is_s3:
        target.check()
    reader = FrameReader(film, _open_sources(film, side_by_side) if side_by_side else None)
    check_transparency(reader, found, cuts)
    sizes = [_size(reader, shot) for shot in chosen]
    writer = VideoWriter(reader, target, rate, _most_common(film, chosen, sizes))
    with writer.open_film(is_whole=shots is None) as joiner:
        failed = {
            shot.name: writer.write_shot(
                shot, size or writer.film_size, joiner if shot.name in in_film else None
            )
            for shot, size in zip(chosen, sizes, strict=True)
        }
    write_index(target, rate, shown.shots, shown.film, failed)
    if shots is None:
        delete_others(target, shown.shots)
    if target != film:
        # In the film's own folder, a run may be writing, whose temporary files must stay.
        target.sweep()
    counted = shown.film if shots is None else chosen
    frames = sum(len(shot.frames) for shot in counted)
    return {
        "frames": frames,
        "failed": sum(failed[shot.name] for shot in counted),
        "shots": len(chosen),
        "duration_s": round(float(frames / rate), 3),
        "output": target.uri,
        **name_missing(cuts),
    }


def _open_sources(film: Storage, given: Storage | bool) -> SourcePictures:
    """Open the source pictures of a film: those given, else those that `run.json` names."""
    lines = given if isinstance(given, Storage) else Storage.at(_read_address(film))
    if lines.as_file() is None:
        lines.check()
    return SourcePictures(*find_sources(lines))


def _read_address(film: Storage) -> str:
    """Read the address of the source pictures from `run.json`."""
    try:
        run = json.loads(film.read(RUN))
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
