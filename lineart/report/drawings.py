"""Two sets of drawings of the same photographs, compared: what only one of them shows."""

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
"""Height of the pictures of the page."""


class Drawings(NamedTuple):
    """One set of drawings, by name without suffix."""

    place: Storage
    sources: dict[str, Source]


class Comparison(NamedTuple):
    """What is compared, how, and where that goes."""

    first: Drawings
    second: Drawings
    output: Storage
    radius_px: float

    @property
    def names(self) -> list[str]:
        """Names that both sets have."""
        return [name for name in self.first.sources if name in self.second.sources]


@dataclass
class DrawingsComparison:
    """What came out."""

    inks: dict[str, Ink] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def total(self) -> Ink:
        """Ink of all drawings together."""
        return Ink(*map(sum, zip(*self.inks.values(), strict=True)))


def write_difference(
    first: Storage, second: Storage, output: Storage, *, radius_px: float
) -> dict[str, object]:
    """Compare all drawings that both sets have, and leave the pictures, the table and the page.

    Args:
        first: A folder of pictures, or what a film job left.
        second: The other set.
        output: Takes `difference/`, `difference.csv` and the page.
        radius_px: Pixels that a line may have moved, for drawings whose short side is 512.

    Raises:
        ValueError: nothing could be compared.
        OSError: a set is not there.
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
    """List a set of drawings; what a film job left has them below `frames/`.

    Raises:
        ValueError: the output lies in it, or two pictures have one name.
        FileNotFoundError: there is no such folder.
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
    """Compare one after the other; one that cannot be compared is a failure among others."""
    names = comparison.names
    for done, name in enumerate(names, 1):
        try:
            yield compare(comparison, name, result)
        except (ValueError, OSError) as error:
            result.failures.append((name, str(error)))
        if done % 100 == 0:
            logger.info("%d of %d drawings", done, len(names))


def compare(comparison: Comparison, name: str, result: DrawingsComparison) -> DrawingPair:
    """Compare two drawings, and store the picture of their difference."""
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
    """Leave the page and the table; give the counts."""
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
    """Give a row for each drawing: how much of it each part covers, as a share of its area."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", *Ink._fields))
    writer.writerows((name, *(f"{part:.6f}" for part in ink)) for name, ink in inks.items())
    return text.getvalue()
