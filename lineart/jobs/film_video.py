"""Videos that the film commands write at the end of a run (--video)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineart.jobs.command import BrokenOffError, as_sentence

if TYPE_CHECKING:
    from lineart.film.exposure.cuts import Sheets
    from lineart.film.inputs import PreparedRun
    from lineart.jobs.films import FilmFlags

VIDEO = "video"
"""Folder of the videos below the output."""
USUAL_FPS = 24.0
"""Frames per second of a film without clips."""


def choose_rate(flags: FilmFlags, prepared: PreparedRun) -> float:
    """Return the frames per second of a run's videos: as given, else as of most of its clips.

    Raises:
        ValueError: they are out of range, or given without --video.
        OSError: a clip cannot be read.
    """
    if not flags.video:
        if flags.fps is not None:
            raise ValueError(f"--fps {flags.fps:g} is for videos; add --video")
        return USUAL_FPS
    from lineart.film.pictures.clips import find_rate
    from lineart.video.encoding import frame_rate

    fps = flags.fps
    if fps is None:
        found = find_rate(prepared.job.pictures, (frame.source for frame in prepared.frames))
        fps = USUAL_FPS if found is None else float(found)
    frame_rate(fps)
    return fps


def write_video(prepared: PreparedRun, sheets: Sheets, fps: float) -> None:
    """Write the videos of the frames that are finished, below video/; none without any.

    Raises:
        BrokenOffError: they cannot be written.
        ValueError: the frames cannot be shown as the sheets say.
    """
    from lineart.film.outcome.completeness import MADE
    from lineart.manifest import read_manifest
    from lineart.video import write_videos

    output = prepared.job.output
    try:
        if {*MADE.to_pylist()}.isdisjoint(read_manifest(output)["status"].to_pylist()):
            return
        write_videos(output, output.child(VIDEO), fps=fps, sheets=sheets)
    except ValueError as error:
        raise ValueError(f"the frames are finished, their video is not: {error}") from error
    except OSError as error:
        raise BrokenOffError(
            f"the frames are finished, their video is not: {as_sentence(error)}; the same command "
            "writes it"
        ) from error
