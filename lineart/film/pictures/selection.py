"""The frames of a film that a run processes."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from lineart.film.pictures.frames import FilmFrame
from lineart.film.pictures.listing import name_some, printable
from lineart.film.pictures.names import read_name, same_text


class Selection(NamedTuple):
    """Flags that choose frames; all hold together."""

    shots: Sequence[str] = ()
    """Names of shots, in any normal form of Unicode; empty: all."""
    numbers: str | None = None
    """Numbers of frames, as in `1-100x2,150`; None: all."""
    limit: int | None = None
    """Maximum number of frames; None: all."""

    def check(self) -> None:
        """Raise ValueError if a flag is invalid."""
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"--limit {self.limit} leaves no frame; give 1 or more")
        if self.numbers is not None:
            read_numbers(self.numbers)

    def choose(self, frames: Sequence[FilmFrame]) -> tuple[list[FilmFrame], list[str]]:
        """Return the chosen frames, and sentences on numbers that no frame has.

        Raises:
            ValueError: a shot does not exist, or no frame is left.
        """
        chosen, sentences = _of_shots(frames, self.shots), list[str]()
        if self.numbers is not None:
            chosen, sentences = _numbered(chosen, self.numbers)
        return chosen[: self.limit], sentences


def read_numbers(text: str) -> frozenset[int]:
    """Return the numbers in a text such as `1-100x2,150`, where x2 is a step of 2.

    Raises:
        ValueError: it is no such text, or has more than ten million numbers.
    """
    from fileseq.exceptions import FileSeqException, MaxSizeException
    from fileseq.frameset import FrameSet

    try:
        # fileseq has further signs, which other programs read in other ways.
        if re.fullmatch(r"[\d\s,x-]*\d[\d\s,x-]*", text):
            for first, last in re.findall(r"(-?\d+)\s*-\s*(-?\d+)", text):
                if int(last) < int(first):
                    raise ValueError(
                        f"--frames {first}-{last} goes backwards; write {last}-{first}"
                    )
            return frozenset(map(int, FrameSet(text)))
    except MaxSizeException as error:
        raise ValueError(f"--frames {text} has too many numbers: {error}") from error
    except FileSeqException:
        pass
    raise ValueError(
        f"--frames {printable(text)} is no list of frame numbers; "
        "write it as in 1-100x2,150, where x2 is a step of 2"
    )


def _of_shots(frames: Sequence[FilmFrame], shots: Sequence[str]) -> list[FilmFrame]:
    present = {frame.shot: same_text(frame.shot) for frame in frames}
    wanted = {same_text(shot): shot for shot in shots}
    missing = [shot for key, shot in wanted.items() if key not in present.values()]
    if missing:
        some = name_some([*present])
        raise ValueError(f"no shot is called {', '.join(missing)}; the first there are: {some}")
    return [frame for frame in frames if not shots or present[frame.shot] in wanted]


def _numbered(frames: Sequence[FilmFrame], text: str) -> tuple[list[FilmFrame], list[str]]:
    from fileseq import framesToFrameRange

    wanted = read_numbers(text)
    chosen = [frame for frame in frames if read_name(frame.name).number in wanted]
    if not chosen:
        raise ValueError(f"--frames {text}: no frame has such a number in its name")
    missing = wanted.difference(read_name(frame.name).number or 0 for frame in chosen)
    if not missing:
        return chosen, []
    which = framesToFrameRange(sorted(missing))
    which = which if len(which) < 80 else f"{which[:80].rpartition(',')[0]}, ..."
    return chosen, [f"--frames: no frame has the numbers {which} ({len(missing)})"]
