"""Read the pictures of a data folder whose licences allow shipping what is trained on them."""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.datasets.samples import Picture
from lineart.image import Frame, fit_short_side, resize

FREE_LICENCE = re.compile(r"CC0|Public domain|CC-BY-[0-9]", re.IGNORECASE)
"""Licences of pictures that shipped weights may learn from: no share-alike, no GPL."""

SHORT_SIDE_PX = 512
EVERY_NTH_FRAME = 6
"""Frames of one character differ little."""

WEIGHTS = {
    "lineart_pairs/dicebear_adventurer": 0.10,
    "lineart_pairs/gophers_egonelbre": 0.06,
    "lineart_pairs/gophers_marialetta": 0.08,
    "lineart_pairs/open_doodles": 0.02,
    "illustrations/taisei_portraits": 0.20,
    "illustrations/peppercarrot": 0.18,
    "illustrations/potter": 0.08,
    "illustrations/glitch_scenes": 0.12,
    "illustrations/gophers_egonelbre_sketch": 0.03,
    "frames/glitch_chars": 0.13,
}
"""Folder -> its share of the samples. `frames/synfig_pairs` is left whole for evaluation."""

HELD_OUT = re.compile(r"youmu|/E(?:05|11|21)|illustration-\d\d?\.|frog_red|shopkeeper")
"""One character, three episodes, one run of stories and two animated characters."""

HELD_OUT_SHARE = 0.06
"""Share of all other groups that is held out as well."""


@dataclass(frozen=True)
class Split:
    """Pictures to learn from, and pictures never seen."""

    training: list[Picture]
    validation: list[Picture]


def read_split(root: Path) -> Split:
    """Read all allowed pictures below `root`, which holds `provenance.csv`.

    Raises:
        FileNotFoundError: There is no `provenance.csv`.
    """
    with (root / "provenance.csv").open(newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if FREE_LICENCE.search(row["licence"])]
    names = sorted(row["file"] for row in rows if "SA" not in row["licence"])
    panels = json.loads((root / "illustrations/peppercarrot/panels.json").read_text("utf-8"))
    folders = {folder: list(pick(names, folder)) for folder in WEIGHTS}
    jobs = [(root, name, panels, folder) for folder in WEIGHTS for name in folders[folder]]
    with ThreadPoolExecutor() as pool:
        found = [
            picture
            for part in pool.map(lambda job: list(read_file(*job)), jobs)
            for picture in part
        ]
    training = [picture for picture in found if not is_held_out(picture.name)]
    validation = [picture for picture in found if is_held_out(picture.name)]
    return Split(share_weights(training), validation)


def share_weights(pictures: Iterable[Picture]) -> list[Picture]:
    """Divide each folder's share among its pictures."""
    pictures = list(pictures)
    folders = [next(f for f in WEIGHTS if p.name.startswith(f + "/")) for p in pictures]
    return [
        Picture(p.name, p.color, p.line, WEIGHTS[folder] / folders.count(folder))
        for p, folder in zip(pictures, folders, strict=True)
    ]


def pick(names: list[str], folder: str) -> Iterator[str]:
    """Give the colour pictures of a folder."""
    inside = [name for name in names if name.startswith(folder + "/")]
    colors = [n for n in inside if "/line/" not in n and n.endswith((".webp", ".png", ".jpg"))]
    yield from colors[:: EVERY_NTH_FRAME if folder.startswith("frames/") else 1]


def group(name: str) -> str:
    """Name what a picture shows, so that the same thing never stands on both sides of the split."""
    return re.sub(r"(_\d|__\w+|_variant\w*|#\d+)?\.\w+(#\d+)?$", "", name)


def is_held_out(name: str) -> bool:
    """Tell whether a picture is for validation alone."""
    if HELD_OUT.search(name):
        return True
    if name.startswith(("frames/", "illustrations/taisei", "illustrations/peppercarrot")):
        return False
    digest = hashlib.sha256(group(name).encode()).digest()
    return digest[0] < 256 * HELD_OUT_SHARE


def read_file(
    root: Path, name: str, panels: dict[str, list[list[int]]], folder: str
) -> Iterator[Picture]:
    """Read one file: a picture, a pair, or the panels of a page."""
    color = read_color(root / name)
    if "/color/" in name:
        line_name = name.replace("/color/", "/line/").rsplit(".", 1)[0] + ".png"
        line = cv2.cvtColor(read_color(root / line_name), cv2.COLOR_RGB2GRAY)
        yield Picture(name, shrink(color), shrink(line), WEIGHTS[folder])
        return
    height, width = color.shape[:2]
    for index, (x0, y0, x1, y1) in enumerate(panels.get(Path(name).name, [[0, 0, width, height]])):
        part = color[y0:y1, x0:x1]
        if min(part.shape[:2]) >= 100:
            yield Picture(f"{name}#{index}", shrink(part), None, WEIGHTS[folder])


def shrink(image: UInt8[np.ndarray, "H W *C"]) -> UInt8[np.ndarray, "NewH NewW *C"]:
    """Bring the short side to what the networks see; small pictures grow to twice their side."""
    short = min(SHORT_SIDE_PX, 2 * min(image.shape[:2]))
    return resize(np.ascontiguousarray(image), fit_short_side(image.shape[:2], short))


def read_color(path: Path) -> Frame:
    """Decode a picture; what is transparent becomes white."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f"{path.name} is not a picture that OpenCV reads")
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    color: Frame = np.ascontiguousarray(image[..., 2::-1])
    if image.shape[2] == 4:
        alpha = image[..., 3:].astype(np.float32) / 255
        color = (color * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return color
