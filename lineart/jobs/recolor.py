"""Command that changes colours of a coloured film, without a network; run again, it continues.

lineart recolor --film episode/color --output episode/night --swap '#e8b090=#7a6a90'
lineart recolor --film episode/color --output episode/night --from day.gpl --to night.gpl
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from tyro import conf

from lineart.jobs.command import DryRun, parse, run_command
from lineart.jobs.films import (
    STOPPED,
    FilmFlags,
    build_film_config,
    build_format,
    choose_extras,
    make_film,
    read_colors,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineart.film.inputs import FilmConfig, TaskFactory
    from lineart.film.tasks.recolor import RecolorTask
    from lineart.image import Color


@dataclass(frozen=True, kw_only=True)
class Recolor:
    """Change colours of a coloured film, without colouring it again."""

    painted: Annotated[str, conf.arg(name="film")]
    """Output of lineart colorize with --finish paint --indexed-paint, or of this command with
    --indexed-paint: folder or s3:// address."""
    output: str
    """Folder or s3:// address for frames, manifest, run.json and report.html."""
    swap: Annotated[tuple[str, ...], conf.arg(metavar="OLD=NEW [OLD=NEW ...]")] = ()
    """Colours of the paint and what they become, '#aabbcc=#ddeeff', all at once. Without any, the
    frames are composed anew from the paint, whose files may have been edited."""
    from_palette: Annotated[str | None, conf.arg(name="from")] = None
    """Palette of colours to change, a file as for --palette of lineart colorize."""
    to_palette: Annotated[str | None, conf.arg(name="to")] = None
    """Palette of what they become, entry by entry."""
    lines: str | None = None
    """Folder or s3:// address of the line drawings; default: where they were when they were
    coloured."""
    layers: bool = False
    """As for lineart colorize."""
    openraster: bool = False
    """As for lineart colorize."""
    psd: bool = False
    """As for lineart colorize."""
    indexed_paint: bool = False
    """As for lineart colorize."""
    film: FilmFlags = field(default_factory=FilmFlags)
    dry_run: DryRun = False


def main(flags: Recolor) -> int:
    """Run the command and return its exit status."""
    return run_command("recolor", flags, recolor_film, if_stopped=STOPPED)


def recolor_film(flags: Recolor) -> dict[str, Any]:
    """Recolour the film and return the counts; raises as `make_film`."""
    return make_film("recolor", flags, *read_film(flags))


def read_film(flags: Recolor) -> tuple[FilmConfig, TaskFactory]:
    """Build the film's configuration and its task factory from the flags."""
    from lineart.film.colors.painted import open_painted
    from lineart.film.tasks.recolor import RecolorTask, join_swaps, parse_swaps

    named = parse_swaps(flags.swap)
    paired, warnings = read_palettes(flags)
    swaps = join_swaps([*named, *paired])
    painted = replace(
        open_painted(flags.painted),
        swapped=tuple(old for old, _ in named),
        replaced=tuple(old for old, new in paired if old != new),
    )
    film = build_film_config(
        flags.film, pictures=flags.lines or painted.pictures, output=flags.output
    )
    task = RecolorTask(
        swaps=swaps,
        extras=choose_extras(flags),
        form=build_format(flags.film),
        **painted.look._asdict(),
    )
    return replace(film, painted=painted, warnings=tuple(warnings)), partial(_give, task)


def _give(task: RecolorTask, files: Mapping[str, bytes]) -> RecolorTask:  # noqa: ARG001 - no weights
    return task


def read_palettes(flags: Recolor) -> tuple[list[tuple[Color, Color]], list[str]]:
    """Read the pairs of colours of the flags' palettes, and sentences that warn of these."""
    from lineart.film.tasks.recolor import pair_palettes

    if (flags.from_palette is None) != (flags.to_palette is None):
        raise ValueError("--from and --to belong together; give both or none")
    if flags.from_palette is None or flags.to_palette is None:
        return [], []
    old, old_warnings = read_colors("--from", flags.from_palette)
    new, new_warnings = read_colors("--to", flags.to_palette)
    return pair_palettes(old, new), old_warnings + new_warnings


if __name__ == "__main__":
    sys.exit(main(parse(Recolor, "recolor")))
