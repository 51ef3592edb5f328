"""Shots of a film in the times of exposure sheets."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from lineart.film.exposure.cuts import ExposedCut, ExposedLevel
from lineart.film.pictures.names import same_text
from lineart.video.pictures import BLANK, FrameReader, VideoFrame
from lineart.video.shots import VideoShot


class FilmShots(NamedTuple):
    """Shots of a film, and what the film consists of."""

    shots: list[VideoShot]
    """All shots, then cuts that are no shots."""
    film: list[VideoShot]
    """Those of them that the film shows one after another."""

    def choose(self, names: Sequence[str] | None) -> list[VideoShot]:
        """Return the shots with these names, in any normal form of Unicode; for None all.

        All are in order, those of the film first.

        Raises:
            ValueError: a shot does not exist.
        """
        wanted = {same_text(name): name for name in names or ()}
        present = {same_text(shot.name) for shot in self.shots}
        if missing := {name for key, name in wanted.items() if key not in present}:
            some = ", ".join(shot.name for shot in self.shots[:10])
            raise ValueError(
                f"no shot is called {', '.join(sorted(missing))}; the first are: {some}"
            )
        if names is not None:
            return [shot for shot in self.shots if same_text(shot.name) in wanted]
        shown = {shot.name for shot in self.film}
        return [*self.film, *(shot for shot in self.shots if shot.name not in shown)]


def expose_shots(shots: Sequence[VideoShot], cuts: Sequence[ExposedCut]) -> FilmShots:
    """Put shots into the times of exposure sheets.

    A shot that is a level has the times of that level. In the film, a cut stands where the first
    of its shots stood; if it has several levels, it is a shot of its own, which stacks them.
    """
    frames = {frame.frame: frame for shot in shots for frame in shot.frames}
    # Of several levels of one shot, the first counts.
    every = [level for cut in cuts for level in cut.levels]
    levels = {level.shot: level for level in reversed(every) if level.shot is not None}
    timed = [
        shot._replace(frames=_expose(levels[shot.name], frames)) if shot.name in levels else shot
        for shot in shots
    ]
    shown = {shot.name: shot for shot in timed}
    cuts_of: dict[str, list[VideoShot]] = {}
    for cut in cuts:
        shot = cut.levels[0].shot
        is_shot = len(cut.levels) == 1 and shot is not None and levels[shot] is cut.levels[0]
        video = shown[shot] if shot is not None and is_shot else _open_cut(cut, frames, shown)
        for name in (name for level in cut.levels for name in level.shots):
            cuts_of.setdefault(name, []).append(video)
    film = {one.name: one for shot in timed for one in cuts_of.get(shot.name, [shot])}
    return FilmShots([*shown.values()], [*film.values()])


def _open_cut(
    cut: ExposedCut, frames: Mapping[str, VideoFrame], shown: dict[str, VideoShot]
) -> VideoShot:
    """Add a cut with a free name to the shots, behind all others."""
    name = cut.name
    while name in shown:
        name = f"{name} sheet"
    levels = [_expose(level, frames) for level in cut.levels]
    shown[name] = VideoShot(name, len(shown) + 1, [*map(_stack, zip(*levels, strict=True))])
    return shown[name]


def _expose(level: ExposedLevel, frames: Mapping[str, VideoFrame]) -> list[VideoFrame]:
    """Return the frame of a level at each time."""
    exposed = []
    for one in level.times:
        frame = frames.get(one.frame or "") if one is not None else BLANK
        if frame is None:
            assert one is not None
            name = one.frame or f"{level.name} {one.drawing}"
            frame = VideoFrame(name, f"\\{name}", (), "the film has no such drawing")
        exposed.append(frame)
    return exposed


def _stack(frames: Sequence[VideoFrame]) -> VideoFrame:
    """Return what the levels of a cut show together: a failure, if one of them failed."""
    shown = [frame for frame in frames if not frame.is_blank]
    failed = (frame for frame in shown if frame.message)
    alone = next(failed, None) or (BLANK if not shown else shown[0] if len(shown) == 1 else None)
    if alone is not None:
        return alone
    return VideoFrame(
        " + ".join(frame.frame for frame in shown),
        "\n".join(frame.picture for frame in shown),
        tuple(output for frame in shown for output in frame.outputs),
        "",
        tuple(source for frame in shown for source in frame.sources),
    )


def check_transparency(
    reader: FrameReader, shots: Sequence[VideoShot], cuts: Sequence[ExposedCut]
) -> None:
    """Raise if a level would hide those below it.

    Raises:
        ValueError: the first readable frame of a level that is not the lowest one is opaque.
    """
    frames = {frame.frame: frame for shot in shots for frame in shot.frames}
    for cut in cuts:
        for below, level in pairwise(cut.levels):
            if reader.is_opaque(_expose(level, frames)):
                names = ", ".join(dict.fromkeys(one.name for one in cut.levels))
                raise ValueError(
                    f"the frames of level {level.name} have no transparency and would hide level "
                    f"{below.name}; make transparent cels (--paper transparent), or choose one "
                    f"level with --levels: {names}"
                )
