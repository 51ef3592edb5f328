"""Command that colours a film; run again, it makes frames that are missing or outdated.

lineart colorize --lines episode/lines --keys episode/keys --output episode/color
lineart colorize --lines episode/lines --hints episode/hints --output episode/color
lineart colorize --lines s3://studio/ep01/lines --output s3://studio/ep01/color
lineart colorize --lines episode/lines --output episode/color --layers --openraster
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from lineart.jobs.command import DryRun, parse, run_command
from lineart.jobs.films import (
    STOPPED,
    FilmFlags,
    build_film_config,
    build_format,
    choose_extras,
    choose_upscaling,
    make_film,
    read_colors,
)

if TYPE_CHECKING:
    from lineart.film.inputs import FilmConfig, TaskFactory
    from lineart.film.tasks import FilmTask
    from lineart.imaging.paint.palette import Palette


@dataclass(frozen=True, kw_only=True)
class Colorize:
    """Colour all line drawings of a film, each at its own size."""

    lines: str
    """Folder or s3:// address of line drawings: image files and videos (a folder or video is a
    shot), or Parquet files with columns frame and image; or one such file."""
    output: str
    """Folder or s3:// address for frames, manifest, run.json and report.html."""
    hints: str | None = None
    """Folder or s3:// address of colour hints, RGBA images: <shot>.png for a shot,
    <shot>/0010-0020.png for these frames of it, and <shot>/<frame>.png from that frame until the
    next one, where <frame> is its name or number; all that hold on a frame add up. Or one such
    file: a picture with the name of none of them holds on all frames."""
    hints_stay: bool = False
    """Hints count at their pixels on all drawings that they hold on. Default: on other drawings
    than the one that they were set in, their colours follow the regions."""
    keys: str | None = None
    """Folder or s3:// address of coloured drawings, <shot>/<frame>.png: their colours follow the
    regions to all drawings of the shot. A key is a full picture, paint alone, or RGBA hints."""
    sheets: str | None = None
    """Folder or s3:// address of colour sheets, <character>.png or <character>/<name>.png: finished
    drawings, whose colours serve all shots, beside the keys or without any. <name>.line.png is the
    line drawing of <name>.png; without it, lines are found in the picture."""
    unknown: Literal["soft", "placeholder", "paper"] = "soft"
    """With --keys, --sheets or --hints, colours of regions that none of these gives one: soft, the
    network's; placeholder, magenta; or paper, white."""
    ask: int | None = None
    """With --keys, --sheets or --hints, number of drawings to name at the end that should be
    coloured next and become keys."""
    adjacent: int = 1
    """With --keys, --sheets or --hints, number of drawings on each side, 0 to 4, that vote on a
    drawing's colours: more regions are right, fewer flicker, it takes longer. A changed drawing
    also makes those anew that it votes on."""
    hint_paper: bool = False
    """Hints are painted on white paper: in hint images that are opaque, or nearly everywhere, white
    (251 to 255) and the soft edges of strokes on it are no hints."""
    hint_canvas: Literal["refuse", "stretch", "center"] = "refuse"
    """Hints of another aspect ratio than the drawing's: refuse; stretch them; or center, which
    scales no hints and lays their middle on the drawing's."""
    weights: str = "default"
    """Name of included weights, or address of a folder of weights or of an ONNX file NAME.onnx."""
    network_size: int = 512
    """Short side of the network input in pixels, 64 to 4096; --finish paint takes half of it."""
    lines_as: Literal["drawn", "paper"] = "drawn"
    """How lines are laid over the colours: drawn, in their strength and colour; or paper, by paper
    001's formula, which leaves out what is lighter than mid-grey, such as pencil."""
    finish: Literal["soft", "paint"] = "soft"
    """soft: the network's colours, with exactly the hints' where all hints of a region agree, and
    one colour for each region without hints; or paint: one exact colour for each region."""
    fail_below: float = 0.0
    """With --finish paint, least confidence of a region's colour, 0 to 1: a frame with a lower one
    fails."""
    palette: str | None = None
    """With --finish paint, file or s3:// address of a palette, whose colours alone appear: swatches
    as PNG, GPL, ACO or KPL. Each colour becomes the nearest one of the palette."""
    trace_lines: bool = False
    """Take lines of one or two pixels in pure red, green or blue for borders of light and shadow:
    they part the colours, and vanish."""
    gap: float = 8.0
    """Largest gap in lines that is closed, 0 to 64 pixels of a drawing with 1080 lines; larger and
    smaller drawings have it in proportion. 0 closes none."""
    paper: Literal["auto", "transparent", "white"] = "auto"
    """Paper of the frames: as in the drawing's file, where lines on transparency give frames that
    are transparent around the character; or the same for drawings on white paper; or opaque."""
    upscale: Literal[1, 2] = 1
    """With --finish soft, size of the frames in sizes of their drawings; waifu2x enlarges them."""
    denoise: Literal[0, 1, 2, 3] | None = None
    """Strength with which waifu2x also removes noise and aliasing; default: not at all."""
    layers: bool = False
    """Also write the colours without the lines as PNG, below layers/, and the lines alone, below
    lines/."""
    openraster: bool = False
    """Also write lines and colours as layers of OpenRaster files, for Krita and GIMP, below
    openraster/."""
    psd: bool = False
    """Also write lines and colours as layers of PSD files, below psd/."""
    indexed_paint: bool = False
    """With --finish paint, also write the paint below the lines as indexed PNG, whose palette has
    the colours of the frame, below paint/; lineart recolor swaps them."""
    film: FilmFlags = field(default_factory=FilmFlags)
    dry_run: DryRun = False


def main(flags: Colorize) -> int:
    """Run the command and return its exit status."""
    return run_command("colorize", flags, color_film, if_stopped=STOPPED)


def color_film(flags: Colorize) -> dict[str, Any]:
    """Colour the film and return the counts; raises as `make_film`."""
    return make_film("colorize", flags, *read_film(flags))


def read_film(flags: Colorize) -> tuple[FilmConfig, TaskFactory]:
    """Build the film's configuration and its task factory from the flags."""
    from lineart.imaging.hints.pictures import HintRules

    _check(flags)
    is_flat = flags.finish == "paint" and flags.unknown != "soft"
    film = build_film_config(
        flags.film,
        pictures=flags.lines,
        output=flags.output,
        weights=None if is_flat else flags.weights,
        hints=flags.hints,
    )
    film = replace(
        film,
        keys=flags.keys,
        sheets=flags.sheets,
        ask=flags.ask,
        adjacent=flags.adjacent,
        carries_hints=flags.hints is not None and not flags.hints_stay,
    )
    palette = None
    if flags.palette is not None:
        palette, warnings = open_palette(flags.palette)
        film = replace(film, warnings=tuple(warnings))
    return film, partial(
        _choose_task(flags),
        hint_rules=HintRules(on_paper=flags.hint_paper, canvas=flags.hint_canvas),
        network_size_px=flags.network_size,
        extras=choose_extras(flags),
        form=build_format(flags.film),
        upscaling=choose_upscaling(flags.upscale, flags.denoise),
        paper=flags.paper,
        lines_as=flags.lines_as,
        finish=flags.finish,
        fail_below=flags.fail_below,
        palette=palette,
        trace_lines=flags.trace_lines,
        gap=flags.gap,
    )


def _check(flags: Colorize) -> None:
    """Raise ValueError if flags for keys conflict."""
    from lineart.film.tasks.key_files import MAX_ADJACENT

    if flags.unknown != "soft" and not _carries(flags):
        raise ValueError(
            f"--unknown {flags.unknown} is for colours that follow regions; add --keys, --sheets, "
            "or --hints without --hints-stay"
        )
    if flags.ask is not None and flags.ask < 1:
        raise ValueError(f"--ask {flags.ask} names no drawing; give 1 or more")
    if not 0 <= flags.adjacent <= MAX_ADJACENT:
        raise ValueError(f"--adjacent {flags.adjacent} is not within 0 and {MAX_ADJACENT}")
    if flags.ask is not None and not _carries(flags):
        raise ValueError("--ask is for colours that follow regions; add --keys, or --hints alone")


def _carries(flags: Colorize) -> bool:
    """Return whether colours may be carried from one drawing to another."""
    has_hints = flags.hints is not None and not flags.hints_stay
    return has_hints or flags.keys is not None or flags.sheets is not None


def _choose_task(flags: Colorize) -> Callable[..., FilmTask]:
    """Return the function that builds the task: one that carries colours, if there may be any."""
    if not _carries(flags):
        from lineart.film.tasks.colorize import open_colorize_task

        return open_colorize_task
    from lineart.film.tasks.keys import open_keys_task

    return partial(open_keys_task, unknown=flags.unknown)


def open_palette(address: str) -> tuple[Palette, list[str]]:
    """Read the palette at a path or s3:// address; returns and raises as `read_colors`."""
    from lineart.imaging.paint.palette import Palette

    colors, warnings = read_colors("--palette", address)
    return Palette.of(colors), warnings


if __name__ == "__main__":
    sys.exit(main(parse(Colorize, "colorize")))
