"""HTML page of a film, built from the output folder of its run."""

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

import cv2
import pyarrow as pa
import pyarrow.compute as pc

from lineart.codec import encode_png
from lineart.film.exposure.cuts import NO_SHEETS, ExposedCut, Sheets, name_missing
from lineart.film.outcome.outputs import (
    ThumbnailGallery,
    ThumbnailPair,
    choose,
    outputs_of,
    read_previews,
    show_as_is,
)
from lineart.film.pictures.frames import Source
from lineart.film.pictures.names import file_key, folder_key, natural_key
from lineart.film.pictures.pages import find_sources
from lineart.film.records import RUN
from lineart.film.tasks import PageWords
from lineart.film.tasks.colorize import ColorizeTask
from lineart.manifest import read_manifest
from lineart.report.doubts import DoubtEntry, Place, crop_region, find_worst
from lineart.report.film import Content, film_page
from lineart.report.findings import FAILURES_LISTED
from lineart.report.html import encode_thumbnail, read_job_json
from lineart.report.shots import Thumbnail
from lineart.report.tables import part_of
from lineart.storage import Storage

PAGE = "report.html"

HEIGHTS = ((180, 270), (360, 180), (600, 135))
"""Pairs: maximum number of thumbnails on the page, and their height in pixels."""
PNG_BYTES = 600_000
"""Maximum size of a full-size drawing as PNG, in bytes; a larger one is encoded as JPEG."""
JPEG_QUALITY = 92
CROPS = 60
"""Maximum number of doubtful regions shown as crops."""


@dataclass(frozen=True)
class Extent:
    """Numbers of frames that a page shows as pictures."""

    small: int
    """Frames shown as thumbnails."""
    large: int
    """Frames shown at full size."""
    cut: int
    """Frames out of which doubtful regions are cut, `CROPS` at most."""


AFTER_A_RUN = Extent(48, 3, 24)
"""Extent of the page that a run writes at its end; takes two seconds on two cores."""
FULL = Extent(600, 6, CROPS)
"""Extent of the page that lineart report writes."""


def write_film(
    place: Storage,
    output: Storage,
    pictures: Storage | None = None,
    sheets: Sheets = NO_SHEETS,
) -> dict[str, object]:
    """Write the page of a film after its run, with the numbers of pictures in `FULL`.

    Args:
        place: Output of lineart colorize or lineart translate.
        output: Folder for `report.html`.
        pictures: Folder of the source pictures; default: the one that `run.json` names.
        sheets: Exposure sheets, whose times the shots get.

    Returns:
        Numbers of `frames` and `failed_frames`, and of finished frames whose files are gone, if
        any, as `missing_frames`; URI of the `page` and its size in `bytes`; drawings of the sheets
        that the film lacks as `missing`.

    Raises:
        ValueError: `run.json` or the manifest is invalid, or a sheet is, or does not match them.
        OSError: `place`, its `run.json` or `pictures` does not exist, or storage fails.
    """
    place.check()
    if not place.exists(RUN):
        raise FileNotFoundError(
            f"{place.uri} has no {RUN}; give the output of lineart colorize or lineart translate"
        )
    run = read_job_json(place, RUN)
    rows = in_film_order(read_manifest(place))
    names = (rows[name].to_pylist() for name in ("frame", "shot"))
    cuts = sheets.expose(dict(zip(*names, strict=True)))
    stored = {entry.path for entry in place.entries("frames")}
    outputs = {frame: path for frame, path in outputs_of(rows).items() if path in stored}
    gallery = _open_gallery(run, place, pictures, outputs)
    page = show_film(gallery, rows, run, page_at=output, extent=FULL, cuts=cuts)
    output.write(PAGE, page.encode())
    output.sweep()
    failed = pc.sum(pc.equal(rows["status"], "failed")).as_py() or 0
    return {
        "frames": rows.num_rows,
        "failed_frames": failed,
        **({"missing_frames": missing} if (missing := _count_missing(gallery, rows)) else {}),
        "page": f"{output.uri}/{PAGE}",
        "bytes": len(page.encode()),
        **name_missing(cuts),
    }


def _read_words(place: Storage, run: Mapping[str, Any]) -> PageWords:
    """Read the words for the page; those missing in older runs are those of `ColorizeTask`."""
    given, defaults = run.get("words", {}), asdict(ColorizeTask.words)
    if not isinstance(given, dict) or not given.keys() <= defaults.keys():
        raise ValueError(f"{place.uri}/{RUN}: `words` may only have {', '.join(defaults)}")
    if not all(isinstance(word, str) for word in given.values()):
        raise ValueError(f"{place.uri}/{RUN}: a value of `words` is not text")
    return PageWords(**defaults | given)


def show_film(
    gallery: ThumbnailGallery,
    rows: pa.Table,
    run: Mapping[str, Any],
    *,
    page_at: Storage,
    extent: Extent = AFTER_A_RUN,
    cuts: Sequence[ExposedCut] = (),
) -> str:
    """Render the page of a film.

    Args:
        gallery: Locations of its source pictures and frames.
        rows: Its manifest, in film order.
        run: Content of `run.json`.
        page_at: Folder that the page will be in; links are relative to it.
        extent: Numbers of pictures to show.
        cuts: Exposure sheets matched with the rows.

    Raises:
        ValueError: the words in `run.json` are invalid.
    """
    small = choose(rows, extent.small)
    height_px = next(height for most, height in HEIGHTS if len(small) <= most)
    content = Content(
        words=_read_words(gallery.output, run),
        thumbnails=[*read_previews(gallery, small, partial(_make_small, height_px=height_px))],
        large=[*read_previews(gallery, choose(rows, extent.large), _keep_large)],
        inputs=_inputs(gallery, rows, page_at),
        crops=_read_crops(gallery, rows, find_worst(rows, CROPS), extent.cut),
        cuts=cuts,
        missing=_count_missing(gallery, rows),
    )
    return film_page(rows, run, part_of(run, "summary"), content)


def _count_missing(gallery: ThumbnailGallery, rows: pa.Table) -> int:
    """Return the number of finished frames whose files are gone."""
    return len(outputs_of(rows)) - len(gallery.outputs)


def _make_small(preview: ThumbnailPair, height_px: int) -> Thumbnail:
    source, result = preview.source, preview.result
    return Thumbnail(
        preview.frame,
        None if source is None else encode_thumbnail(source, height_px),
        encode_thumbnail(result, height_px),
    )


def _read_crops(
    gallery: ThumbnailGallery, rows: pa.Table, entries: Sequence[DoubtEntry], most: int
) -> dict[Place, bytes]:
    """Cut the doubtful regions out of the first `most` frames; each frame is read once."""
    by_frame: dict[str, list[DoubtEntry]] = {}
    for entry in entries:
        by_frame.setdefault(entry.frame, []).append(entry)
    cut_from = rows.filter(pc.is_in(rows["frame"], value_set=pa.array([*by_frame], pa.string())))
    widths = dict(zip(cut_from["frame"].to_pylist(), cut_from["width"].to_pylist(), strict=True))

    def cut(preview: ThumbnailPair) -> list[tuple[Place, bytes | None]]:
        # A frame may have another size than its drawing, in whose pixels regions are.
        scale = preview.result.shape[1] / (widths[preview.frame] or preview.result.shape[1])
        return [
            (one.place, crop_region(preview.result, one.doubt.scaled(scale)))
            for one in by_frame[preview.frame]
        ]

    # Their sources are not needed.
    made = read_previews(replace(gallery, sources={}), [*by_frame][:most], cut)
    return {place: crop for crops in made for place, crop in crops if crop is not None}


def _keep_large(preview: ThumbnailPair) -> Thumbnail:
    """Encode at full size: a drawing as PNG up to `PNG_BYTES`, all else as JPEG."""
    source = preview.source
    png = encode_png(source) if source is not None and source.ndim == 2 else b""
    if source is not None and not 0 < len(png) <= PNG_BYTES:
        png = _encode_jpeg(source)
    return Thumbnail(preview.frame, png or None, _encode_jpeg(preview.result))


def _encode_jpeg(image: Any) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *full])
    return bytes(encoded)


def _open_gallery(
    run: Mapping[str, Any], place: Storage, given: Storage | None, outputs: Mapping[str, str]
) -> ThumbnailGallery:
    """Open a film's pictures: those in `given`, else those that `run.json` names.

    If they cannot be listed, the gallery has no sources.

    Raises:
        OSError: the folder `given` does not exist.
    """
    if given is not None and given.as_file() is None:
        given.check()
    address = run.get("pictures")
    known = Storage.at(address) if isinstance(address, str) and address else None
    pictures = given or known
    try:
        folder, sources = find_sources(pictures) if pictures else (place, {})
    except OSError:
        folder, sources = place, {}
    return ThumbnailGallery(folder, sources, place, show_as_is, outputs)


def in_film_order(rows: pa.Table) -> pa.Table:
    """Sort rows into film order, which the manifest of a killed run does not have."""
    frames = [*zip(rows["frame"].to_pylist(), rows["shot"].to_pylist(), strict=True)]

    def key(place: int) -> Any:
        frame, shot = frames[place]
        return folder_key(posixpath.dirname(frame)), natural_key(shot), file_key(frame)

    return rows.take(pa.array(sorted(range(len(frames)), key=key), pa.int64()))


def _inputs(gallery: ThumbnailGallery, rows: pa.Table, page_at: Storage) -> dict[str, str]:
    """Return the addresses of the source pictures of those failed frames that the page lists."""
    failed = rows.filter(pc.equal(rows["status"], "failed"))["frame"]
    found = ((name, gallery.sources.get(name)) for name in failed[:FAILURES_LISTED].to_pylist())
    return {
        name: address_from(page_at, gallery.pictures, source) for name, source in found if source
    }


def address_from(page_at: Storage, pictures: Storage, source: Source) -> str:
    """Return the address of a picture: relative to the page if neither is on S3, else in full."""
    place = f"{pictures.uri}/{source.path}"
    if pictures.is_s3 or page_at.is_s3:
        return place
    relative = os.path.relpath(place, page_at.root)
    # A browser would take the text before a colon for a scheme; `quote` escapes colons.
    link = quote(os.fsencode(relative))
    return link if link.startswith("../") else f"./{link}"
