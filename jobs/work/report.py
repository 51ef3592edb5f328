"""Implementation of `jobs.report`: validates the flags, and writes the page or the videos."""

import json
import logging
import sys
import time
from dataclasses import asdict

from jobs.report import ALL_DONE, INTERRUPTED, SOME_FAILED, WRONG_INPUT, Report
from lineart.report.difference import write_difference
from lineart.report.film_folder import write_film
from lineart.storage import Storage

MODES = ("film", "training", "difference", "study")
BELONGS = {
    "lines": "film", "video": "film", "fps": "video", "side_by_side": "video", "shots": "video",
    "data": "training", "photos": "study", "radius": "difference",
}  # fmt: skip
"""Flag -> flag that it requires."""


def work(flags: Report) -> int:
    """Write the page or the videos, print a summary, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    started = time.perf_counter()
    try:
        check(flags)
        summary = run(flags)
    except (ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("report: stopped; there is no page", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(summary | {"seconds": round(time.perf_counter() - started, 1)}))
    return SOME_FAILED if summary.get("failed") else ALL_DONE


def check(flags: Report) -> None:
    """Validate the combination of flags.

    Raises:
        ValueError: a flag is missing, or two do not go together.
    """
    values, plain = asdict(flags), asdict(Report())
    given = {name for name, value in values.items() if value != plain[name]}
    modes = [name for name in MODES if name in given]
    if len(modes) != 1:
        some = " and ".join(map(_flag, modes)) or "none of them"
        raise ValueError(f"give one of {', '.join(map(_flag, MODES))}, not {some}")
    for name, owner in BELONGS.items():
        if name in given and owner not in given:
            raise ValueError(f"{_flag(name)} belongs to {_flag(owner)}, which is not given")
    if flags.output is None and modes[0] in ("difference", "study"):
        raise ValueError(f"{_flag(modes[0])} needs --output, where the page goes")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run(flags: Report) -> dict[str, object]:
    """Write the page or the videos, and return a summary.

    Raises:
        ValueError: an input is invalid.
        OSError: an input cannot be read, or the output cannot be written.
    """
    if flags.film is not None:
        return _show_film(flags, Storage.at(flags.film))
    if flags.training is not None:
        return _show_training(flags, Storage.at(flags.training))
    both = flags.difference or flags.study
    assert both is not None
    first, second = map(Storage.at, both)
    output = _output(flags, first)
    if flags.difference is not None:
        return write_difference(first, second, output, radius_px=flags.radius)
    from lineart.report.study import write_study

    return write_study(first, second, Storage.at(flags.photos) if flags.photos else None, output)


def _output(flags: Report, place: Storage) -> Storage:
    return place if flags.output is None else Storage.at(flags.output)


def _show_film(flags: Report, place: Storage) -> dict[str, object]:
    output, lines = _output(flags, place), Storage.at(flags.lines) if flags.lines else None
    if not flags.video:
        return write_film(place, output, lines)
    from lineart.video import write_videos

    summary = write_videos(
        place,
        output if flags.output else place.child("video"),
        fps=flags.fps,
        side_by_side=flags.side_by_side,
        lines=lines,
        shots=[*filter(None, flags.shots.split(","))] if flags.shots else None,
    )
    # The videos are complete: failed frames are shown as grey cards.
    return summary | {"failed": 0, "failed_frames": summary["failed"]}


def _show_training(flags: Report, place: Storage) -> dict[str, object]:
    # Imported here, because it imports torch, which takes seconds.
    from lineart.report.training import write_training

    data = Storage.at(flags.data) if flags.data else None
    return write_training(place, _output(flags, place), data)
