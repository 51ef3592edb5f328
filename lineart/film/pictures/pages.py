"""Pictures below an address: a folder, an S3 prefix or one file; pages and frames of files."""

import posixpath
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Literal, TypeVar

from lineart.codec import count_pages, may_have_pages
from lineart.codec.video.container import VIDEO_SUFFIXES
from lineart.film.pictures.clips import split_videos
from lineart.film.pictures.frames import PictureReader, Source, list_pictures
from lineart.film.pictures.listing import find_files, printable, refusal_of
from lineart.storage import Storage

T = TypeVar("T")

Pages = Literal["all", "first"]
"""Which pages of a file are pictures."""

PAGED_SUFFIXES = {".tif", ".tiff", ".gif", ".apng", ".webp"}
"""Suffixes of files that are looked into for pages, wherever they are."""
PAGED_LOCALLY = {*PAGED_SUFFIXES, ".png"}
"""The same in a folder, where this takes a few microseconds for each file; on S3 it would take a
request for each frame of a film."""
THREADS, CHUNK = 16, 64
"""Number of threads that look into files, and of files that each takes at once."""


def find_pictures(
    place: Storage, *, pages: Pages = "all", has_videos: bool = False
) -> tuple[Storage, list[Source]]:
    """Return the pictures below a folder or S3 prefix, or those in one file, and their folder.

    Args:
        place: Folder, prefix or file.
        pages: Whether all pages of a file are pictures, `name#0001.tif`, or it is one picture.
        has_videos: Whether frames of videos are pictures, `name/0001`, or videos are left alone.

    Raises:
        OSError: the folder or bucket cannot be listed, or S3 does not answer.
    """
    folder, only = place.as_file() or (place, None)
    pictures = list_pictures(folder, only=only, has_videos=has_videos)
    if has_videos:
        pictures = split_videos(folder, pictures)
    return folder, pictures if pages == "first" else split_pages(folder, pictures)


def find_sources(place: Storage) -> tuple[Storage, dict[str, Source]]:
    """Return the folder of a film's pictures, and name of a frame -> its picture.

    Files with several pages and their pages are both there, whichever were frames of the film.

    Args:
        place: Folder, prefix or file.

    Raises:
        OSError: as for `find_pictures`.
    """
    folder, files = find_pictures(place, pages="first", has_videos=True)
    return folder, {one.name: one for one in (*files, *split_pages(folder, files))}


def list_videos(place: Storage) -> list[str]:
    """Return the names of the videos below a folder or S3 prefix, sorted, as printable text.

    Raises:
        OSError: as for `find_pictures`.
    """
    paths = (found.path for found in find_files(place))
    suffix_of = posixpath.splitext
    return sorted(printable(one) for one in paths if suffix_of(one)[1].lower() in VIDEO_SUFFIXES)


def split_pages(folder: Storage, pictures: Sequence[Source]) -> list[Source]:
    """Replace pictures with several pages by a picture for each page.

    A picture whose pages cannot be counted is refused.
    """
    suffixes = PAGED_SUFFIXES if folder.is_s3 else PAGED_LOCALLY
    reader = PictureReader(folder)
    rows = [one for one in pictures if one.row is not None and _suffix(one) in PAGED_SUFFIXES]
    files = [one for one in pictures if one.row is None and _suffix(one) in suffixes]
    with ThreadPoolExecutor(THREADS) as pool:
        in_files = pool.map(partial(_count_all, reader), chunks(files, CHUNK))
        counts = dict(zip(files, chain.from_iterable(in_files), strict=True))
    # Row after row, so that each group of rows is read once.
    counts.update(zip(rows, _count_all(reader, rows), strict=True))
    return [page for one in pictures for page in _split(one, counts.get(one, 1))]


def _suffix(picture: Source) -> str:
    return "" if picture.refusal else posixpath.splitext(picture.name)[1].lower()


def chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Yield items in lists of `size`; the last one may be shorter."""
    rest = iter(items)
    while chunk := [*islice(rest, size)]:
        yield chunk


def _count_all(reader: PictureReader, pictures: Iterable[Source]) -> list[int | str]:
    return [_count(reader, one) for one in pictures]


def _count(reader: PictureReader, picture: Source) -> int | str:
    """Return the number of pages of a picture, or why they cannot be counted."""
    try:
        if picture.row is None and not _may_have_pages(reader.storage, picture.path):
            return 1
        return count_pages(reader.read(picture))
    except ConnectionError:
        raise
    except OSError:
        # It fails in the stage in which it is read.
        return 1
    except ValueError as error:
        return f"its pages cannot be counted: {error}; --pages first takes its first page"


def _may_have_pages(folder: Storage, path: str) -> bool:
    try:
        return may_have_pages(partial(folder.read_range, path))
    except (struct.error, OverflowError):
        return True


def _split(picture: Source, count: int | str) -> Iterator[Source]:
    """Yield the pages of a picture, or the picture itself if it has but one."""
    if isinstance(count, str):
        yield replace(picture, refusal=count)
    elif count == 1:
        yield picture
    else:
        base, suffix = posixpath.splitext(picture.name)
        for page in range(count):
            of_page = f"{base}#{page + 1:04}{suffix}"
            yield replace(picture, name=of_page, page=page, refusal=refusal_of(of_page))
