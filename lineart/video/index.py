"""`video.json`: which file shows which shot, from which frame of the film on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

from lineart.storage import Storage
from lineart.video.shots import VideoShot

INDEX = "video.json"


def write_index(
    target: Storage, rate: Fraction, shots: Sequence[VideoShot], failed: Mapping[str, int]
) -> None:
    """Say where each shot is: its file, and its first frame in the film, from 0.

    Args:
        target: Where the videos are.
        rate: Frames a second.
        shots: All of the film.
        failed: Name of each shot that was written -> its cards; of the others there stays what an
            earlier index says, if their files are there and play at the same rate.

    Raises:
        OSError: storage failed.
    """
    earlier = dict(_read_earlier(target, rate))
    firsts = accumulate((len(shot.frames) for shot in shots), initial=0)
    entries = []
    for shot, first in zip(shots, firsts, strict=False):
        if shot.name in failed:
            counts = {"frames": len(shot.frames), "failed": failed[shot.name]}
        elif (shot.name, shot.file) in earlier and target.exists(shot.file):
            counts = earlier[shot.name, shot.file]
        else:
            continue
        entries.append({"shot": shot.name, "file": shot.file, "first": first, **counts})
    told = {"frames_per_second": str(rate), "shots": entries}
    target.write(INDEX, json.dumps(told, indent=1).encode())


def _read_earlier(
    target: Storage, rate: Fraction
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Read shot, file and counts of an earlier index; nothing where none can be read."""
    try:
        told = json.loads(target.read(INDEX)) if target.exists(INDEX) else {}
        if told["frames_per_second"] == str(rate):
            for one in told["shots"]:
                yield (one["shot"], one["file"]), {name: one[name] for name in ("frames", "failed")}
    except (ValueError, LookupError, TypeError):
        return
