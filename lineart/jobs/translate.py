"""Command that turns photographs into line drawings or another style; run again, it continues.

lineart translate --images photos --output drawings
lineart translate --images photos --output webtoon --weights runs/ugatit/weights \
    --align-faces yunet.onnx --attention
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from lineart.jobs.command import DryRun, parse, run_command
from lineart.jobs.films import (
    STOPPED,
    FilmFlags,
    build_film_config,
    build_format,
    choose_upscaling,
    make_film,
)

if TYPE_CHECKING:
    from lineart.film.inputs import FilmConfig, TaskFactory


@dataclass(frozen=True, kw_only=True)
class Translate:
    """Turn photographs into line drawings or another style, each at its own size."""

    images: str
    """Folder or s3:// address of photographs: image files and videos (a folder or video is a
    shot), or Parquet files with columns frame and image; or one such file."""
    output: str
    """Folder or s3:// address for frames, manifest, run.json and report.html."""
    weights: str = "drawing"
    """Name of included weights (drawing: ink line drawings), or address of a folder of weights, as
    written by lineart train, or of an ONNX file NAME.onnx."""
    network_size: int | None = None
    """Short side of the network input in pixels, 64 to 4096; default: the only size the weights
    take, else 256 for faces, 768 for line drawings and 512 otherwise. Unless the weights take only
    one size, smaller photographs are not enlarged to it, for line drawings up to 1.5 times."""
    align_faces: str | None = None
    """YuNet's ONNX file: raise the contrast, and translate only the largest face, upright and
    cropped to a square of --network-size pixels."""
    attention: bool = False
    """Also write the network's attention over the photographs, below attention/."""
    upscale: Literal[1, 2] = 1
    """Size of the frames in sizes of their photographs; waifu2x enlarges them."""
    denoise: Literal[0, 1, 2, 3] | None = None
    """Strength with which waifu2x also removes noise and aliasing; default: not at all."""
    film: FilmFlags = field(default_factory=FilmFlags)
    dry_run: DryRun = False


def main(flags: Translate) -> int:
    """Run the command and return its exit status."""
    return run_command("translate", flags, translate_photos, if_stopped=STOPPED)


def translate_photos(flags: Translate) -> dict[str, Any]:
    """Translate the photographs and return the counts; raises as `make_film`."""
    return make_film("translate", flags, *read_film(flags))


def read_film(flags: Translate) -> tuple[FilmConfig, TaskFactory]:
    """Build the film's configuration and its task factory from the flags."""
    from lineart.film.tasks.translate import open_translate_task
    from lineart.storage import for_flag, read_file

    film = build_film_config(
        flags.film, pictures=flags.images, output=flags.output, weights=flags.weights
    )
    with for_flag("--align-faces"):
        face_model = None if flags.align_faces is None else read_file(flags.align_faces)
    return replace(film, pictures_flag="--images"), partial(
        open_translate_task,
        size_px=flags.network_size,
        face_model=face_model,
        has_attention=flags.attention,
        form=build_format(flags.film),
        upscaling=choose_upscaling(flags.upscale, flags.denoise),
    )


if __name__ == "__main__":
    sys.exit(main(parse(Translate, "translate")))
