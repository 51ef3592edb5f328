"""Command that writes the HTML page of a film, a training, a comparison of drawings or a study.

lineart report film --film episode/color
lineart report video --film episode/color --side-by-side
lineart report training --run runs/small --data shards
lineart report difference --drawings drawings/baseline drawings/ours --output difference
lineart report study --drawings drawings/baseline drawings/ours --output study
"""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

from tyro import conf
from tyro.conf import subcommand

from lineart.imaging import RADIUS_PX
from lineart.jobs.command import DryRun, parse, run_command

Xdts = Annotated[tuple[str, ...], conf.arg(metavar="SHEET [SHEET ...]")]
Levels = Annotated[tuple[str, ...], conf.arg(metavar="LEVEL [LEVEL ...]")]


@dataclass(frozen=True, kw_only=True)
class FilmPage:
    """Page of a film."""

    film: str
    """Output of lineart colorize or lineart translate."""
    output: str | None = None
    """Folder or s3:// address for the page; default: that of --film."""
    sources: str | None = None
    """Folder of the drawings or photographs, if they have moved since the run."""
    xdts: Xdts = ()
    """Exposure sheets (XDTS), one a cut, whose times the shots have on the page."""
    levels: Levels = ()
    """Levels of the sheets to follow; default: all."""


@dataclass(frozen=True, kw_only=True)
class FilmVideos:
    """Videos of each shot and of the whole film."""

    film: str
    """Output of lineart colorize or lineart translate."""
    output: str | None = None
    """Folder or s3:// address for the videos; default: video/ in that of --film."""
    sources: str | None = None
    """Folder of the drawings or photographs, if they have moved since the run."""
    side_by_side: bool = False
    """Show drawings or photographs beside the frames."""
    fps: float = 24.0
    """Frames per second."""
    shots: tuple[str, ...] = ()
    """Shots to show, without a video of the film; default: all, with it."""
    xdts: Xdts = ()
    """Exposure sheets (XDTS), one a cut, which say when each drawing is shown."""
    levels: Levels = ()
    """Levels of the sheets to show; default: all, stacked if they have transparency."""


@dataclass(frozen=True, kw_only=True)
class TrainingPage:
    """Page of a training."""

    run: str
    """Run folder of lineart train."""
    output: str | None = None
    """Folder or s3:// address for the page; default: that of --run."""
    data: str | None = None
    """Shards of the training, to show refused pictures; default: from run.json."""


@dataclass(frozen=True, kw_only=True)
class DifferencePage:
    """Page of the differences between two sets of drawings, in red and blue."""

    drawings: tuple[str, str]
    """The two sets: folders of pictures, or outputs of lineart translate."""
    output: str
    """Folder or s3:// address for the page."""
    radius: float = RADIUS_PX
    """Number of pixels by which equal lines may differ in position, at a short side of 512."""


@dataclass(frozen=True, kw_only=True)
class StudyPage:
    """Page that asks people which of two drawings they prefer."""

    drawings: tuple[str, str]
    """The two sets: folders of pictures, or outputs of lineart translate."""
    output: str
    """Folder or s3:// address for the page."""
    photos: str | None = None
    """Photographs of the drawings, to show beside them."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write the page of a film, training, comparison or study, or the videos of a film."""

    page: (
        Annotated[FilmPage, subcommand("film")]
        | Annotated[FilmVideos, subcommand("video")]
        | Annotated[TrainingPage, subcommand("training")]
        | Annotated[DifferencePage, subcommand("difference")]
        | Annotated[StudyPage, subcommand("study")]
    )
    """What to write."""
    dry_run: DryRun = False


def main(flags: Report) -> int:
    """Run the command and return its exit status."""
    stopped = "stopped; there is no page"
    return run_command("report", flags, write_report, if_stopped=stopped, is_timed=True)


def write_report(flags: Report) -> dict[str, Any]:
    """Write the page or the videos, and return a summary."""
    from lineart.storage import Storage

    def storage(address: str | None) -> Storage | None:
        return Storage.at(address) if address else None

    check_inputs(flags.page)
    match flags.page:
        case FilmPage(film=film, output=output, sources=sources, xdts=xdts, levels=levels):
            from lineart.film.exposure.cuts import Sheets
            from lineart.report.film_folder import write_film

            sheets = Sheets(xdts, levels)
            return write_film(
                Storage.at(film), Storage.at(output or film), storage(sources), sheets
            )
        case FilmVideos():
            return write_film_videos(flags.page)
        case TrainingPage(run=run, output=output, data=data):
            from lineart.report.training import write_training

            return write_training(Storage.at(run), Storage.at(output or run), storage(data))
        case DifferencePage(drawings=drawings, output=output, radius=radius):
            from lineart.report.difference import write_difference

            first, second = map(Storage.at, drawings)
            return write_difference(first, second, Storage.at(output), radius_px=radius)
        case StudyPage(drawings=drawings, output=output, photos=photos):
            from lineart.report.study import write_study

            first, second = map(Storage.at, drawings)
            return write_study(first, second, storage(photos), Storage.at(output))


def check_inputs(page: Any) -> None:
    """Raise OSError, with the flag, if an address that is read does not exist."""
    from lineart.storage import Storage, check_given

    for flag in ("film", "run", "sources", "data", "photos"):
        if address := getattr(page, flag, None):
            check_given(f"--{flag}", Storage.at(address))


def write_film_videos(flags: FilmVideos) -> dict[str, Any]:
    """Write the videos of a film, and return a summary; raises as `write_report`."""
    from lineart.film.exposure.cuts import Sheets
    from lineart.storage import Storage
    from lineart.video import write_videos

    film = Storage.at(flags.film)
    summary = write_videos(
        film,
        Storage.at(flags.output) if flags.output else film.child("video"),
        fps=flags.fps,
        side_by_side=flags.side_by_side and (Storage.at(flags.sources) if flags.sources else True),
        shots=flags.shots or None,
        sheets=Sheets(flags.xdts, flags.levels),
    )
    # The videos are complete: failed frames are shown as grey cards.
    return summary | {"failed": 0, "failed_frames": summary["failed"]}


if __name__ == "__main__":
    sys.exit(main(parse(Report, "report")))
