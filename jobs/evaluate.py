"""Judge weights against each other and against ways to colour that need none.

python -m jobs.evaluate --pictures shards/validation --output scores
python -m jobs.evaluate --weights new,default --pictures shards/validation,frames/synfig_pairs \
    --limit 4 --sheet 8 --output scores
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import cv2
import torch
import tyro

from jobs.benchmark import describe
from lineart.codec import encode_png
from lineart.datasets.shards import Shards
from lineart.evaluation.pictures import Folder, NamedPictures, choose, open_pictures
from lineart.evaluation.scores import (
    PAINTED_TRUTH,
    Score,
    judge,
    make_case,
    network_fill,
    run_trial,
    truth_fill,
    ways_at,
)
from lineart.evaluation.sheet import sheet_row, stack_rows
from lineart.evaluation.tables import summarize, to_csv, to_markdown
from lineart.image import Frame
from lineart.imaging.baselines import BASELINES, Fill
from lineart.inference import Colorizer
from lineart.models import from_files
from lineart.storage import Storage
from lineart.weights import fingerprint, open_weights, read_weights

ALL_DONE, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Colour pictures whose colours are known, in several ways, and compare."""

    pictures: str
    """Folders of pictures (color/ beside line/ are pairs) or of shards, with commas between."""
    output: str
    """Where scores.csv, summary.json, table.md and the sheets go."""
    weights: str = "default"
    """Names or addresses of weights, with commas between; the first are ours."""
    hints: str = "0,16,140"
    """Numbers of hints, with commas between."""
    baselines: str = ",".join(BASELINES)
    """Ways without a network, with commas between; may be empty."""
    limit: int | None = None
    """Most pictures of each source, evenly spread."""
    only: str | None = None
    """Of folders only pictures whose names these shards hold: those that were held out."""
    network_size: int = 512
    """Short side at which pictures are coloured, as in a film; 0: each at its own size."""
    sheet: int = 0
    """Pictures to show in a sheet for each number of hints."""
    seed: int = 0
    """Decides the places of the hints."""
    dry_run: bool = False
    """Print the configuration and stop."""


class Item(NamedTuple):
    """A picture to judge by."""

    place: str
    pictures: NamedPictures
    number: int


@dataclass(frozen=True)
class Plan:
    """What the flags ask for."""

    networks: Mapping[str, Fill]
    baselines: Mapping[str, Fill]
    fingerprints: Mapping[str, str]
    counts: list[int]
    items: list[Item]


@dataclass
class Result:
    """What came out."""

    scores: list[Score] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    rows: dict[int, list[Frame]] = field(default_factory=dict)
    """Number of hints -> rows of its sheet."""


def main(flags: Evaluate) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Twice the same command is twice the same scores.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    started = time.perf_counter()
    try:
        plan = read_flags(flags)
        result = run(flags, plan)
    except (ValueError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("evaluate: stopped; nothing was written", file=sys.stderr)
        return INTERRUPTED
    write(flags, plan, result)
    print(
        json.dumps(
            {
                "pictures": len(plan.items) - len(result.failures),
                "failed": len(result.failures),
                "scores": len(result.scores),
                "seconds": round(time.perf_counter() - started, 1),
                "output": Storage.at(flags.output).uri,
            }
        )
    )
    return SOME_FAILED if result.failures else ALL_DONE


def read_flags(flags: Evaluate) -> Plan:
    """Open all that the flags name.

    Raises:
        ValueError: a flag cannot be read, or no picture is left.
        OSError: weights or pictures are not there.
    """
    baselines = _split(flags.baselines)
    if unknown := set(baselines) - set(BASELINES):
        raise ValueError(f"no baseline is called {sorted(unknown)}; there are {list(BASELINES)}")
    counts = [int(count) for count in _split(flags.hints)]
    if min([*counts, flags.network_size], default=-1) < 0 or not counts:
        raise ValueError(f"hints {flags.hints!r} and network size must be numbers from 0")
    if flags.limit is not None and flags.limit < 1:
        raise ValueError(f"limit {flags.limit} must be above 0")
    Storage.at(flags.output)
    networks: dict[str, Fill] = {}
    fingerprints: dict[str, str] = {}
    for name in _split(flags.weights):
        folder = open_weights(name)
        files = read_weights(folder)
        way = folder.name if folder.name not in networks else f"{folder.name} {len(networks) + 1}"
        networks[way] = network_fill(Colorizer(from_files(files)))
        fingerprints[way] = fingerprint(files)
    items = list(find_items(flags))
    if not networks or not items:
        raise ValueError("there must be at least one name in weights, and one picture")
    chosen = {name: BASELINES[name] for name in baselines}
    return Plan(networks, chosen, fingerprints, counts, items)


def find_items(flags: Evaluate) -> Iterator[Item]:
    """Choose the pictures of every place."""
    only = None if flags.only is None else Shards(Storage.at(flags.only)).names
    for uri in _split(flags.pictures):
        storage = Storage.at(uri)
        pictures = open_pictures(storage)
        allowed = only if isinstance(pictures, Folder) else None
        for number in choose(pictures, flags.limit, allowed):
            yield Item(storage.name, pictures, number)


def run(flags: Evaluate, plan: Plan) -> Result:
    """Judge picture by picture; one that cannot be read or judged is a failure among others."""
    result = Result()
    shown = {place * len(plan.items) // max(flags.sheet, 1) for place in range(flags.sheet)}
    started = time.perf_counter()
    for done, item in enumerate(plan.items):
        try:
            judge_item(flags, plan, item, result, done in shown)
        except (ValueError, OSError, cv2.error) as error:
            name = item.pictures.names[item.number]
            result.failures.append({"place": item.place, "picture": name, "message": str(error)})
        seconds = time.perf_counter() - started
        print(
            f"{done + 1} of {len(plan.items)} pictures, {len(result.failures)} failed, "
            f"{seconds / (done + 1):.1f} s each",
            file=sys.stderr,
            flush=True,
        )
    if not result.scores:
        raise ValueError(f"no picture could be judged: {result.failures[0]}")
    return result


def judge_item(flags: Evaluate, plan: Plan, item: Item, result: Result, is_shown: bool) -> None:
    """Judge a picture with every number of hints."""
    case = make_case(
        item.pictures.read(item.number),
        item.number,
        source=item.pictures.sources[item.number],
        network_size_px=flags.network_size or None,
    )
    scores = []
    for count in plan.counts:
        ways = ways_at(count, plan.networks, plan.baselines)
        if count == plan.counts[0]:
            ways[PAINTED_TRUTH] = truth_fill(case)
        trial = run_trial(case, count, ways, flags.seed)
        scores += judge(trial, item.place)
        if is_shown:
            result.rows.setdefault(count, []).append(sheet_row(trial))
    result.scores += scores


def write(flags: Evaluate, plan: Plan, result: Result) -> None:
    """Leave rows, summary, table and sheets; print the table."""
    output = Storage.at(flags.output)
    ours = next(iter(plan.networks))
    summaries = summarize(result.scores, ours)
    table = to_markdown(summaries, ours)
    summary = describe() | {
        "flags": asdict(flags),
        "ours": ours,
        "weights": dict(plan.fingerprints),
        "failures": result.failures,
        "summaries": [asdict(one) for one in summaries],
    }
    output.write("scores.csv", to_csv(result.scores).encode())
    output.write("summary.json", json.dumps(summary, indent=2).encode())
    output.write("table.md", table.encode())
    for count, rows in result.rows.items():
        output.write(f"sheet_{count}.png", encode_png(stack_rows(rows)))
    output.sweep()
    print(table)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Evaluate)))
