"""Comparison of two sets of drawings of the same photographs, read from and written to storage."""

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

from lineart.codec import decode_line, encode_png
from lineart.film.frames import Source, list_pictures, read_picture, stem
from lineart.imaging.difference import Ink, measure, separate_ink, show_difference
from lineart.report.difference import PICTURES_SHOWN, DrawingPair, Unmatched, difference_page
from lineart.report.text import encode_thumbnail
from lineart.storage import Storage

logger = logging.getLogger(__name__)

PAGE = "report.html"
THUMBNAIL_PX = 270
"""Maximum height of the thumbnails on the page, in pixels."""


class Drawings(NamedTuple):
    """A set of drawings."""

    place: Storage
    sources: dict[str, Source]
    """Name without suffix -> drawing, sorted by name."""


class Comparison(NamedTuple):
    """The two sets to compare, the output folder and the tolerance."""

    first: Drawings
    second: Drawings
    output: Storage
    radius_px: float
    """As for `write_difference`."""

    @property
    def names(self) -> list[str]:
        """Names that are in both sets."""
        return [name for name in self.first.sources if name in self.second.sources]


@dataclass
class DrawingsComparison:
    """Results of a comparison: ink of compared drawings by name, and failures."""

    inks: dict[str, Ink] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name and error message."""

    @property
    def total(self) -> Ink:
        """Ink of all drawings together."""
        return Ink(*map(sum, zip(*self.inks.values(), strict=True)))


def write_difference(
    first: Storage, second: Storage, output: Storage, *, radius_px: float
) -> dict[str, object]:
    """Compare the drawings that are in both sets; write their differences, a table and the page.

    Args:
        first: Folder of drawings, or output of a film job.
        second: The other set, likewise.
        output: Folder for `difference/`, `difference.csv` and `report.html`.
        radius_px: Distance by which a line may have moved, in pixels at a short side of 512; it
            scales with the size of the drawings.

    Returns:
        Numbers of `drawings` compared, `failed` and `unmatched`; total `ink`; `output`.

    Raises:
        ValueError: the radius is negative, a set is invalid as for `open_drawings`, or no drawing
            could be compared.
        OSError: a set does not exist, or storage fails.
    """
    if radius_px < 0:
        raise ValueError(f"radius {radius_px} must not be negative")
    one, other = (open_drawings(place, output) for place in (first, second))
    comparison, result = Comparison(one, other, output, radius_px), DrawingsComparison()
    if not comparison.names:
        raise ValueError(
            f"{first.uri} and {second.uri} have no drawing of one name; "
            "give two sets of the same photographs"
        )
    shown = nlargest(PICTURES_SHOWN, compare_all(comparison, result), key=lambda one: one.ink.lone)
    if not result.inks:
        raise ValueError("no drawing could be compared: {}: {}".format(*result.failures[0]))
    return write_all(comparison, result, shown)


def open_drawings(place: Storage, output: Storage) -> Drawings:
    """List a set of drawings: those in `frames/`, as film jobs write them, else those in `place`.

    Raises:
        ValueError: the output lies in `place`, or two drawings differ only in their suffix.
        FileNotFoundError: the folder does not exist.
    """
    place.check()
    if place.contains(output):
        raise ValueError(f"the output {output.uri} lies in {place.uri}, whose drawings are read")
    frames = place.child("frames")
    sources = list_pictures(frames)
    if not sources:
        frames, sources = place, list_pictures(place)
    named = {stem(source.name): source for source in sources}
    if len(named) < len(sources):
        raise ValueError(f"{place.uri}: pictures differ in nothing but their suffix; remove one")
    return Drawings(frames, dict(sorted(named.items())))


def compare_all(comparison: Comparison, result: DrawingsComparison) -> Iterator[DrawingPair]:
    """Yield the compared pairs; add inks, and failures of pairs with an error, to `result`."""
    names = comparison.names
    for done, name in enumerate(names, 1):
        try:
            yield compare(comparison, name, result)
        except (ValueError, OSError) as error:
            result.failures.append((name, str(error)))
        if done % 100 == 0:
            logger.info("%d of %d drawings", done, len(names))


def compare(comparison: Comparison, name: str, result: DrawingsComparison) -> DrawingPair:
    """Compare two drawings; write the picture of their difference; add ink to `result`."""
    sets = comparison.first, comparison.second
    first, second = (decode_line(read_picture(one.place, one.sources[name])) for one in sets)
    difference = separate_ink(first, second, radius_px=comparison.radius_px)
    picture = show_difference(difference)
    comparison.output.write(f"difference/{name}.png", encode_png(picture))
    result.inks[name] = measure(difference)
    small = [encode_thumbnail(image, THUMBNAIL_PX) for image in (first, second, picture)]
    return DrawingPair(name, result.inks[name], *small)


def write_all(
    comparison: Comparison, result: DrawingsComparison, shown: list[DrawingPair]
) -> dict[str, object]:
    """Write the page and the table; return the counts for `write_difference`."""
    first, second, output = comparison.first, comparison.second, comparison.output
    unmatched = Unmatched(
        [name for name in first.sources if name not in second.sources],
        [name for name in second.sources if name not in first.sources],
        result.failures,
    )
    places = {"first": first.place.uri, "second": second.place.uri, "radius": comparison.radius_px}
    page = difference_page(shown, result.total, len(result.inks), unmatched, places)
    output.write(PAGE, page.encode())
    output.write("difference.csv", to_csv(result.inks).encode())
    output.sweep()
    return {
        "drawings": len(result.inks),
        "failed": len(result.failures),
        "unmatched": len(unmatched.only_first) + len(unmatched.only_second),
        "ink": result.total._asdict(),
        "output": output.uri,
    }


def to_csv(inks: dict[str, Ink]) -> str:
    """Format inks as CSV: a row for each drawing, with ink as a share of its area."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", *Ink._fields))
    writer.writerows((name, *(f"{part:.6f}" for part in ink)) for name, ink in inks.items())
    return text.getvalue()
