"""Videos among the pictures of a film: their frames as pictures."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from lineart.codec.video.container import VIDEO_SUFFIXES
from lineart.codec.video.frames import find_frames, read_rate
from lineart.film.pictures.frames import Source
from lineart.film.pictures.listing import open_video, refusal_of
from lineart.film.pictures.names import stem
from lineart.storage import Storage


def split_videos(folder: Storage, pictures: Sequence[Source]) -> list[Source]:
    """Replace each video by its frames: those of `s1/clip.mp4` are `s1/clip/0001`, ...

    A video that cannot be read is one refused picture. One that is cut off has the frames that it
    still has, and after them a refused one that says so.

    Raises:
        OSError: S3 does not answer.
    """
    return [one for picture in pictures for one in _split(folder, picture)]


def _split(folder: Storage, picture: Source) -> Iterator[Source]:
    suffix = posixpath.splitext(picture.path)[1].lower()
    if picture.refusal or picture.row is not None or suffix not in VIDEO_SUFFIXES:
        yield picture
        return
    try:
        times, damage = find_frames(open_video(folder, picture.path))
    except ConnectionError:
        raise
    except (ValueError, OSError) as error:
        yield Source(picture.name, picture.path, refusal=str(error))
        return
    name, digits = stem(picture.name), max(4, len(str(len(times))))
    for number, time in enumerate(times, 1):
        frame = f"{name}/{number:0{digits}}"
        yield replace(picture, name=frame, time=time, refusal=refusal_of(frame))
    if damage is not None or not times:
        end = f"ends after {len(times)} frames" if times else "has no frames"
        refusal = f"{picture.path} {end}: {damage}" if damage else f"{picture.path} {end}"
        rest = f"{name}/{len(times) + 1:0{digits}}"
        yield Source(rest, picture.path, refusal=refusal)


def find_rate(folder: Storage, pictures: Iterable[Source]) -> Fraction | None:
    """Return the frame rate of most frames that are of videos; None without any.

    Raises:
        ValueError: a video is damaged.
        OSError: a video cannot be read.
    """
    counts = Counter(one.path for one in pictures if one.time is not None)
    rates: Counter[Fraction] = Counter()
    for path, count in counts.items():
        rate = read_rate(open_video(folder, path))
        if rate is not None:
            rates[rate] += count
    return rates.most_common(1)[0][0] if rates else None
