"""Comparison of two sets of drawings of the same photographs: pictures, a table and a page."""

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

from lineart.codec import decode_line, encode_png
from lineart.film.pictures.frames import PictureReader, Source, list_pictures
from lineart.film.pictures.names import stem
from lineart.imaging.lines.difference import InkAmounts, measure, separate_ink, show_difference
from lineart.report.html import as_text, data_uri, encode_thumbnail, list_settings, template
from lineart.storage import Storage

logger = logging.getLogger(__name__)

PAGE = "report.html"
PICTURES_SHOWN = 120
"""Maximum number of pairs on a page; with three thumbnails each, about 5 MB."""
NAMES_LISTED = 300
"""Maximum number of names in each list of missing or failed drawings."""
THUMBNAIL_PX = 270
"""Maximum height of the thumbnails on the page, in pixels."""


class Drawings:
    """A set of drawings.

    Args:
        place: Folder of the drawings.
        sources: Name without suffix -> drawing, sorted by name.
    """

    def __init__(self, place: Storage, sources: dict[str, Source]) -> None:
        self.place, self.sources = place, sources
        self._reader = PictureReader(place)

    def read(self, name: str) -> bytes:
        """Return the file of a drawing; raises as `PictureReader.read`."""
        return self._reader.read(self.sources[name])


@dataclass(frozen=True)
class DrawingPair:
    """Two drawings of one photograph: their ink, and thumbnails of both and of their difference."""

    name: str
    ink: InkAmounts
    first: bytes
    second: bytes
    difference: bytes


@dataclass(frozen=True)
class Unmatched:
    """Drawings that could not be compared."""

    only_first: Sequence[str]
    """Names that are missing in the second set."""
    only_second: Sequence[str]
    """Names that are missing in the first set."""
    failures: Sequence[tuple[str, str]]
    """Name and error message of each failed pair."""


@dataclass
class DrawingsComparison:
    """Two sets to compare, and the results: ink by name, and failures."""

    first: Drawings
    second: Drawings
    output: Storage
    radius_px: float
    """As for `write_difference`."""
    inks: dict[str, InkAmounts] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name and error message."""

    @property
    def total(self) -> InkAmounts:
        """Ink of all drawings together."""
        return InkAmounts(*map(sum, zip(*self.inks.values(), strict=True)))

    def compare_all(self, names: Sequence[str]) -> Iterator[DrawingPair]:
        """Compare and yield the pairs of these names; record ink, and failures of pairs."""
        for done, name in enumerate(names, 1):
            try:
                yield self.compare(name)
            except (ValueError, OSError) as error:
                self.failures.append((name, str(error)))
            if done % 100 == 0:
                logger.info("%d of %d drawings", done, len(names))

    def compare(self, name: str) -> DrawingPair:
        """Compare two drawings, record their ink, and write the picture of their difference."""
        first, second = (decode_line(one.read(name)) for one in (self.first, self.second))
        difference = separate_ink(first, second, radius_px=self.radius_px)
        picture = show_difference(difference)
        self.output.write(f"difference/{name}.png", encode_png(picture))
        self.inks[name] = measure(difference)
        small = [encode_thumbnail(image, THUMBNAIL_PX) for image in (first, second, picture)]
        return DrawingPair(name, self.inks[name], *small)


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
    comparison = DrawingsComparison(
        open_drawings(first, output), open_drawings(second, output), output, radius_px
    )
    ours, others = comparison.first.sources, comparison.second.sources
    names = [name for name in ours if name in others]
    if not names:
        raise ValueError(
            f"{first.uri} and {second.uri} have no drawing with the same name; "
            "give two sets of the same photographs"
        )
    shown = nlargest(PICTURES_SHOWN, comparison.compare_all(names), key=lambda one: one.ink.lone)
    if not comparison.inks:
        raise ValueError("no drawing could be compared: {}: {}".format(*comparison.failures[0]))
    unmatched = Unmatched(
        [name for name in ours if name not in others],
        [name for name in others if name not in ours],
        comparison.failures,
    )
    write_results(comparison, shown, unmatched)
    return {
        "drawings": len(comparison.inks),
        "failed": len(comparison.failures),
        "unmatched": len(unmatched.only_first) + len(unmatched.only_second),
        "ink": comparison.total._asdict(),
        "output": output.uri,
    }


def open_drawings(place: Storage, output: Storage) -> Drawings:
    """List a set of drawings: those in `frames/`, as film jobs write them, else those in `place`.

    Raises:
        ValueError: the output lies in `place`, or two drawings differ only in their suffix.
        FileNotFoundError: the folder does not exist.
    """
    place.check()
    if place.contains(output):
        raise ValueError(
            f"the output {output.uri} lies in {place.uri}, from which drawings are read; "
            "choose an output outside of it"
        )
    frames = place.child("frames")
    sources = list_pictures(frames)
    if not sources:
        frames, sources = place, list_pictures(place)
    named = {stem(source.name): source for source in sources}
    if len(named) < len(sources):
        raise ValueError(f"{place.uri}: two pictures differ only in their suffix; remove one")
    return Drawings(frames, dict(sorted(named.items())))


def write_results(
    comparison: DrawingsComparison, shown: Sequence[DrawingPair], unmatched: Unmatched
) -> None:
    """Write the page and the table: a row for each drawing, with ink as a share of its area."""
    run = {
        "first": comparison.first.place.uri,
        "second": comparison.second.place.uri,
        "radius": comparison.radius_px,
    }
    page = difference_page(shown, comparison.total, len(comparison.inks), unmatched, run)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("name", *InkAmounts._fields))
    rows.writerows(
        (name, *(f"{part:.6f}" for part in ink)) for name, ink in comparison.inks.items()
    )
    comparison.output.write(PAGE, page.encode())
    comparison.output.write("difference.csv", text.getvalue().encode())
    comparison.output.sweep()


def difference_page(
    compared: Sequence[DrawingPair],
    total: InkAmounts,
    num_compared: int,
    unmatched: Unmatched,
    run: Mapping[str, Any],
) -> str:
    """Render the page: shares of ink, drawings side by side, names that only one set has.

    Args:
        compared: Pairs to show, in order; only the first `PICTURES_SHOWN` are shown.
        total: Ink of all compared pairs together.
        num_compared: Number of all compared pairs.
        unmatched: Drawings that are missing or could not be compared.
        run: Configuration of the run; `first` and `second` are the URIs of the two sets.
    """
    return template("difference.html").render(
        first=as_text(run["first"]),
        second=as_text(run["second"]),
        total=shares(total),
        num_compared=num_compared,
        pictures=[
            {
                "name": as_text(pair.name),
                "shares": shares(pair.ink),
                "first": data_uri(pair.first),
                "second": data_uri(pair.second),
                "difference": data_uri(pair.difference),
            }
            for pair in compared[:PICTURES_SHOWN]
        ],
        missing=[
            (as_text(run[which]), len(names), [as_text(name) for name in names[:NAMES_LISTED]])
            for which, names in (("second", unmatched.only_first), ("first", unmatched.only_second))
        ],
        failures=[(as_text(name), as_text(why)) for name, why in unmatched.failures[:NAMES_LISTED]],
        num_failures=len(unmatched.failures),
        configuration=[("Run", list_settings(run))],
        written=as_text(datetime.now(UTC)),
    )


def shares(ink: InkAmounts) -> dict[str, str]:
    """Format the shares of all ink that only the first, only the second and both drawings have."""
    whole = sum(ink)
    return {
        part: f"{100 * amount / whole:.1f} %" if whole else "none"
        for part, amount in ink._asdict().items()
    }
