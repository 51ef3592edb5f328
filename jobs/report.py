"""Compare two sets of drawings of the same photographs: what only one of them shows.

python -m jobs.report --difference drawings/baseline drawings/ours --output drawings/difference
"""

import csv
import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from typing import NamedTuple

import tyro

from lineart.codec import decode_line, encode_png
from lineart.film.frames import Source, list_pictures, read_picture, stem
from lineart.imaging.difference import RADIUS_PX, Ink, measure, show_difference, take_apart
from lineart.report.difference import PICTURES_SHOWN, Compared, Unmatched, difference_page
from lineart.report.text import encode_thumbnail
from lineart.storage import Storage

ALL_DONE, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130

THUMBNAIL_PX = 270
"""Height of the pictures of the page."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Show, in red and blue, where two sets of drawings differ."""

    difference: tuple[str, str]
    """The first and the second set: folders of pictures, or what jobs.translate left."""
    output: str
    """Where difference/, difference.csv and report.html go."""
    radius: float = RADIUS_PX
    """Pixels that a line may have moved, for drawings whose short side is 512."""
    dry_run: bool = False
    """Print the configuration and stop."""


class Drawings(NamedTuple):
    """One set of drawings, by name without suffix."""

    place: Storage
    sources: dict[str, Source]


@dataclass
class Result:
    """What came out."""

    inks: dict[str, Ink] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def total(self) -> Ink:
        """Ink of all drawings together."""
        return Ink(*map(sum, zip(*self.inks.values(), strict=True)))


def main(flags: Report) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    started = time.perf_counter()
    try:
        summary = run(flags)
    except (ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("report: stopped; there is no page", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(summary | {"seconds": round(time.perf_counter() - started, 1)}))
    return SOME_FAILED if summary["failed"] else ALL_DONE


def run(flags: Report) -> dict[str, object]:
    """Compare all drawings that both sets have, and leave the pictures, the table and the page.

    Raises:
        ValueError: a flag cannot be read, or nothing could be compared.
        OSError: a set is not there.
    """
    output = Storage.at(flags.output)
    first, second = (open_drawings(uri, output) for uri in flags.difference)
    names = [name for name in first.sources if name in second.sources]
    if not names:
        raise ValueError(
            f"{first.place.uri} and {second.place.uri} have no drawing of one name; "
            "give two sets of the same photographs"
        )
    if flags.radius < 0:
        raise ValueError(f"radius {flags.radius} must not be negative")
    result = Result()
    compared = compare_all(flags, (first, second), names, result)
    shown = nlargest(PICTURES_SHOWN, compared, key=lambda one: one.ink.lone)
    if not result.inks:
        raise ValueError("no drawing could be compared: {}: {}".format(*result.failures[0]))
    unmatched = Unmatched(
        [name for name in first.sources if name not in second.sources],
        [name for name in second.sources if name not in first.sources],
        result.failures,
    )
    places = {"first": first.place.uri, "second": second.place.uri, "radius": flags.radius}
    page = difference_page(shown, result.total, len(result.inks), unmatched, places)
    output.write("report.html", page.encode())
    output.write("difference.csv", to_csv(result.inks).encode())
    output.sweep()
    return {
        "drawings": len(result.inks),
        "failed": len(result.failures),
        "unmatched": len(unmatched.only_first) + len(unmatched.only_second),
        "ink": result.total._asdict(),
        "output": output.uri,
    }


def open_drawings(uri: str, output: Storage) -> Drawings:
    """List a set of drawings; what a film job left has them below `frames/`.

    Raises:
        ValueError: the output lies in it, or two pictures have one name.
        FileNotFoundError: there is no such folder.
    """
    place = Storage.at(uri)
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


def compare_all(
    flags: Report, sets: tuple[Drawings, Drawings], names: list[str], result: Result
) -> Iterator[Compared]:
    """Compare one after the other; one that cannot be compared is a failure among others."""
    output = Storage.at(flags.output)
    for done, name in enumerate(names, 1):
        try:
            yield compare(flags, sets, name, output, result)
        except (ValueError, OSError) as error:
            result.failures.append((name, str(error)))
        if done % 100 == 0:
            print(f"{done} of {len(names)} drawings", file=sys.stderr, flush=True)


def compare(
    flags: Report,
    sets: tuple[Drawings, Drawings],
    name: str,
    output: Storage,
    result: Result,
) -> Compared:
    """Compare two drawings, and store the picture of their difference."""
    first, second = (decode_line(read_picture(one.place, one.sources[name])) for one in sets)
    difference = take_apart(first, second, radius_px=flags.radius)
    picture = show_difference(difference)
    output.write(f"difference/{name}.png", encode_png(picture))
    result.inks[name] = measure(difference)
    small = [encode_thumbnail(image, THUMBNAIL_PX) for image in (first, second, picture)]
    return Compared(name, result.inks[name], *small)


def to_csv(inks: dict[str, Ink]) -> str:
    """Give a row for each drawing: how much of it each part covers, as a share of its area."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", *Ink._fields))
    writer.writerows((name, *(f"{part:.6f}" for part in ink)) for name, ink in inks.items())
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Report)))
