"""The index `video.json`: file, first frame and frame counts of each shot."""

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
    """Write the index; a shot's first frame is counted in the film, from 0.

    Args:
        target: Folder of the videos.
        rate: Frames per second.
        shots: All shots of the film.
        failed: Name of each shot written now -> its number of cards. For other shots, entries of
            an earlier index are kept, if it has the same rate and their files exist.

    Raises:
        OSError: storage fails.
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
    """Yield shot, file and counts from an earlier index of equal rate; none if it is invalid."""
    try:
        told = json.loads(target.read(INDEX)) if target.exists(INDEX) else {}
        if told["frames_per_second"] == str(rate):
            for one in told["shots"]:
                yield (one["shot"], one["file"]), {name: one[name] for name in ("frames", "failed")}
    except (ValueError, LookupError, TypeError):
        return
