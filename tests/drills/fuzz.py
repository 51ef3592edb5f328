"""Decode pictures that are wrong in every way, until so many have passed; see `tests.fuzzing`.

python -m tests.drills.fuzz --inputs 100000 --keep faults

An input is made from its number alone, so that a crash or a hang of the process that decodes is put
down to it by the process that watches. Inputs that fail are kept.
"""

import argparse
import json
import multiprocessing
import os
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from multiprocessing.queues import SimpleQueue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np

from tests import fuzzing

HANG_S = 20.0
"""Time in which an input must have been decoded."""
START_S = 120.0
"""Time in which the process that decodes must have started."""


@lru_cache(maxsize=2)
def whole_files(number: int) -> list[bytes]:
    """Return files that are damaged, other ones with each number."""
    return fuzzing.seeds(np.random.default_rng(number))


def make_input(number: int) -> bytes:
    """Return the bytes of an input: noise behind a signature, or a file that was damaged."""
    rng, files = np.random.default_rng(number), whole_files(number // 1000)
    if number % 10 == 0:
        return files[rng.integers(len(files))][:12] + rng.bytes(int(rng.integers(400)))
    return fuzzing.mutate(rng, files)


def check(number: int) -> str:
    """Check one input: how it ended."""
    if number % 10 == 1:
        fuzzing.check_round_trip(fuzzing.draw(np.random.default_rng(number)))
        return "written and read"
    return "read" if fuzzing.check_decoders(make_input(number)) else "refused"


def work(
    numbers: range, at: "Synchronized[int]", ended: "SimpleQueue[tuple[int, str, str]]"
) -> None:
    """Check inputs one by one, in a process that may die of any."""
    warnings.simplefilter("ignore")
    # libtiff writes to the file descriptor what it thinks of a file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in numbers:
        at.value = number
        try:
            ended.put((number, check(number), ""))
        except Exception as error:  # noqa: BLE001 - any error but a refusal is what is looked for
            ended.put((number, "fault", repr(error)))


def drill(inputs: int, first: int) -> Iterator[tuple[int, str, str]]:
    """Check inputs; give number, how it ended, and what was wrong."""
    context = multiprocessing.get_context("spawn")
    at, stop = context.Value("q", first), first + inputs
    while first < stop:
        ended: SimpleQueue[tuple[int, str, str]] = context.SimpleQueue()
        child = context.Process(target=work, args=(range(first, stop), at, ended))
        child.start()
        started, seen_at = False, time.monotonic()
        while child.is_alive() or not ended.empty():
            if not ended.empty():
                started, seen_at = True, time.monotonic()
                result = ended.get()
                first = result[0] + 1
                yield result
            elif time.monotonic() - seen_at > (HANG_S if started else START_S):
                child.kill()
                child.join()
            else:
                time.sleep(0.001)
        if first < stop:
            yield at.value, "fault", f"the process ended with status {child.exitcode}"
            first = at.value + 1
        child.join()


def main() -> int:
    """Run the drill; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--keep", type=Path, help="folder for inputs that fail")
    flags = parser.parse_args()
    counts: Counter[str] = Counter()
    started = time.monotonic()
    for number, how, why in drill(flags.inputs, flags.first):
        counts[how] += 1
        if how == "fault":
            print(f"input {number}: {why}", flush=True)
            if flags.keep:
                flags.keep.mkdir(parents=True, exist_ok=True)
                (flags.keep / f"{number}.bin").write_bytes(make_input(number))
        if sum(counts.values()) % 10_000 == 0:
            print(f"{sum(counts.values())} of {flags.inputs}: {dict(counts)}", flush=True)
    seconds = time.monotonic() - started
    for how, count in counts.most_common():
        print(f"{count:9,}  {how}")
    rate = round(flags.inputs / seconds, 1)
    result = {"inputs": sum(counts.values()), **counts, "seconds": round(seconds, 1)}
    print(json.dumps(result | {"inputs_per_second": rate}))
    return 1 if counts["fault"] or sum(counts.values()) != flags.inputs else 0


if __name__ == "__main__":
    raise SystemExit(main())
