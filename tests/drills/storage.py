"""A film on S3 while requests fail: it comes out as without, and what that costs.

python -m tests.drills.storage --frames 500 --share 0.1
"""

import argparse
import hashlib
import io
import json
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from pyarrow import parquet

from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.storage import LIMITS, Storage
from tests.drills.film import draw_film, make_weights
from tests.faults import FAULTS, Faults, in_turn, serve_faults, some
from tests.local_s3 import serve_s3

PASSING = sorted(FAULTS.keys() - {"403", "404", "412"})
"""Faults after which the same request may succeed."""
BUCKET = "storage-drill"


@dataclass
class Outcome:
    """How a film came out, and what it took."""

    summary: FilmSummary
    seconds: float
    counts: Counter[str]
    """Requests and faults."""
    files: dict[str, str]
    """Hash of every picture, by path."""
    rows: list[dict[str, object]]
    """The manifest, without what differs from run to run."""


def put_film(folder: Path, place: Storage, frames: int, seed: int) -> None:
    """Draw a film and its weights in a folder; store the drawings below `place`."""
    draw_film(folder / "lines", frames, seed)
    make_weights(folder / "weights")
    for path in sorted((folder / "lines").rglob("*.png")):
        place.write(path.relative_to(folder).as_posix(), path.read_bytes())


def color(place: Storage, weights: Path, output: str, size_px: int = 64) -> FilmSummary:
    """Colour the film below `place`, in this process."""
    film = FilmConfig(
        pictures=place.child("lines").uri, output=place.child(output).uri, weights=str(weights)
    )
    open_task = partial(open_colorize_task, network_size_px=size_px)
    opened = prepare_run(film, open_task, limits=place.limits)
    return run_film(opened, LocalRunner(), lambda _: None)[0]


def color_through(
    proxy: Faults, place: Storage, weights: Path, *, share: float, seed: int, faults: list[str]
) -> Outcome:
    """Colour the film while a share of the requests fails; look at it without faults."""
    output = f"out-{share:g}"
    started = time.monotonic()
    with proxy.during(some(share, faults, seed) if share else in_turn()) as counts:
        summary = color(place, weights, output)
        seconds, counts = time.monotonic() - started, Counter(counts)
    return Outcome(summary, seconds, counts, *outcome(place.child(output)))


def outcome(output: Storage) -> tuple[dict[str, str], list[dict[str, object]]]:
    """Give the hash of every picture, and the manifest without what differs from run to run."""
    files = {
        entry.path: hashlib.sha256(output.read(entry.path)).hexdigest()
        for entry in output.entries("frames")
    }
    table = parquet.read_table(io.BytesIO(output.read("manifest/manifest.parquet")))
    differ = ["written_at", *(name for name in table.column_names if name.endswith("seconds"))]
    return files, table.drop_columns(differ).to_pylist()


def main() -> int:
    """Run the drill; 1 if the film does not come out as without faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--share", type=float, default=0.1, help="of the requests fail")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s3" / BUCKET).mkdir(parents=True)
        with serve_s3(folder / "s3"), serve_faults() as proxy:
            # Here the server is near: a second of silence is enough.
            place = Storage.at(f"s3://{BUCKET}", limits=replace(LIMITS, read_s=1.0))
            put_film(folder, place, arguments.frames, arguments.seed)
            run = partial(
                color_through, proxy, place, folder / "weights", seed=arguments.seed, faults=PASSING
            )
            # What the first run imports is no part of what faults cost.
            color(place, folder / "weights", "warm")
            return report(run(share=0.0), run(share=arguments.share))


def report(without: Outcome, faulty: Outcome) -> int:
    """Print what the faults cost; give 1 if anything came out otherwise."""
    for fault in PASSING:
        print(f"{fault:17}{faulty.counts[fault]:6}")
    again = faulty.counts["requests"] - without.counts["requests"]
    print(f"requests {faulty.counts['requests']}, {again} of them again")
    print(f"seconds {faulty.seconds:.1f}, without faults {without.seconds:.1f}")
    equal = (faulty.files, faulty.rows) == (without.files, without.rows)
    whole = equal and faulty.summary.failed == 0 and len(faulty.files) == faulty.summary.frames
    print("every frame is there and as without faults" if whole else "THE FILM IS NOT AS WITHOUT")
    line = {
        "whole": whole,
        "again": again,
        "faults": {fault: faulty.counts[fault] for fault in PASSING},
        "seconds": round(faulty.seconds, 1),
        "seconds_without": round(without.seconds, 1),
        "summary": asdict(faulty.summary),
    }
    print(json.dumps(line))
    return 0 if whole else 1


if __name__ == "__main__":
    raise SystemExit(main())
