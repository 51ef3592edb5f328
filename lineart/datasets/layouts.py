"""Where pictures, and what belongs to them, lie in the data sets that people have on disk."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

PICTURES = {".png", ".tif", ".tiff", ".tga", ".bmp", ".webp", ".jpg", ".jpeg"}

SEGMENTATION, DEPTH = "segmentation", "depth"

TRAIN_IDS = "_labelTrainIds"
"""How COCO-Stuff's maps end whose classes are numbered for training."""

Half = Literal["left", "right"]

LayoutName = Literal[
    "folder", "coco_stuff", "kitti", "fivek", "contour_drawings", "anime_sketch_pair"
]


class Files(NamedTuple):
    """A picture's file, and those that belong to it."""

    path: str
    line: str | None = None
    """Its line drawing."""
    segmentation: str | None = None
    depth: str | None = None
    depth_kind: str = "nearness"
    """What the numbers of the depth file mean: a name in `maps.DEPTHS`."""
    group: str | None = None
    """What it shows: pictures of one group stand on one side of the split."""
    half: Half | None = None
    """Which half of the file the picture is; None: all of it."""


Finder = Callable[[Sequence[str]], Iterator[Files]]
"""Gives the pictures among all paths below a root."""


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk."""

    source: Finder
    """Its photographs."""
    target: Finder | None
    """Its drawings, or other pictures of a style; None: it has none."""


def find_colored(paths: Sequence[str]) -> Iterator[Files]:
    """Find everything; `color/x.jpg` belongs with its line drawing `line/x.png`.

    Line drawings are never pictures themselves. Parquet files hold a picture in each row.
    """
    lines = {_stem(path): path for path in paths if is_picture(path) and "/line/" in f"/{path}"}
    for path in paths:
        folder, name = posixpath.split(path)
        above, last = posixpath.split(folder)
        if _offers(path) and "line" not in PurePosixPath(folder).parts:
            beside = _stem(posixpath.join(above, "line", name))
            yield Files(path, lines.get(beside) if last == "color" else None)


def find_photographs(paths: Sequence[str]) -> Iterator[Files]:
    """Find everything outside of `line/`, `segmentation/` and `depth/`.

    A map has the path of its photograph with one folder called `segmentation` or `depth` instead,
    whatever the endings: `set/images/a/x.jpg`, `set/segmentation/a/x.png`, `set/depth/a/x.png`. The
    layout is ours.
    """
    by_stem = {_stem(path): path for path in paths if is_picture(path)}
    for path in paths:
        if _offers(path) and not {"line", SEGMENTATION, DEPTH} & _folders(path):
            segmentation, depth = (
                next((by_stem[p] for p in _instead(path, folder) if p in by_stem), None)
                for folder in (SEGMENTATION, DEPTH)
            )
            yield Files(path, segmentation=segmentation, depth=depth)


def find_all(paths: Sequence[str]) -> Iterator[Files]:
    """Find everything outside of `segmentation/` and `depth/`. The layout is ours."""
    return (
        Files(path)
        for path in paths
        if _offers(path) and not {SEGMENTATION, DEPTH} & _folders(path)
    )


def find_coco_stuff(paths: Sequence[str]) -> Iterator[Files]:
    """Find the photographs of COCO-Stuff, and their pixel maps by their stems.

    Photographs are JPEG, maps are PNG, and numbers of photographs are unique in COCO, so that
    folders do not matter: `images/train2017/000000000009.jpg` belongs with
    `stuffthingmaps/train2017/000000000009.png`, whose classes are 0 to 181 and 255 for unlabelled
    pixels. That is the 164k set as published. `000000000009_labelTrainIds.png`, with 171 classes
    without gaps, is what users of segmentation tools have converted it to, the 10k set as well;
    where there are such, the others are left alone: numbers of two kinds must not meet in one set.
    """
    maps = {_stem(posixpath.basename(path)): path for path in paths if path.endswith(".png")}
    ending = TRAIN_IDS if any(stem.endswith(TRAIN_IDS) for stem in maps) else ""
    for path in paths:
        if PurePosixPath(path).suffix.lower() in (".jpg", ".jpeg"):
            stem = _stem(posixpath.basename(path))
            yield Files(path, segmentation=maps.get(stem + ending))


RAW = re.compile(r"(?:^|/)(?P<drive>[^/]+_sync)/image_02/data/(?P<frame>\d+)\.(?:png|jpg)$")
RAW_DEPTH = re.compile(
    r"(?:^|/)(?P<drive>[^/]+_sync)/proj_depth/groundtruth/image_02/(?P<frame>\d+)\.png$"
)
"""Paths in KITTI's raw recordings, and in its annotated depth."""


def find_kitti(paths: Sequence[str]) -> Iterator[Files]:
    """Find the photographs of KITTI's left colour camera.

    - Raw recordings: `2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000005.png`, with
      the annotated depth `train/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/...`
      (16 bits, 1/256 m a step, 0 = unknown). A drive is one group: its frames are alike.
    - Object and semantics benchmarks: `training/image_2/000000_10.png`, with the labels
      `training/semantic/000000_10.png` (numbers of Cityscapes).

    Both are as published.
    """
    depths = {match.group("drive", "frame"): path for path, match in _matches(RAW_DEPTH, paths)}
    for path, match in _matches(RAW, paths):
        depth = depths.get(match.group("drive", "frame"))
        yield Files(path, depth=depth, depth_kind="metres", group=match["drive"])
    known = set(paths)
    for path in paths:
        folder, name = posixpath.split(path)
        if posixpath.basename(folder) == "image_2" and is_picture(path):
            labels = posixpath.join(posixpath.dirname(folder), "semantic", f"{_stem(name)}.png")
            yield Files(path, segmentation=labels if labels in known else None)


def find_fivek(paths: Sequence[str]) -> Iterator[Files]:
    """Find photographs of MIT-Adobe FiveK, developed to TIFF (8 or 16 bits) or JPEG.

    Versions of one photograph, by the experts A to E for instance, have one name (`a0001-...`) in
    different folders and are one group. What the folders are called does not matter; the archive
    itself holds DNG files, which must be developed first. Versions that look the same are
    duplicates like any other.
    """
    return (Files(p, group=_stem(posixpath.basename(p))) for p in paths if is_picture(p))


def find_contour_photographs(paths: Sequence[str]) -> Iterator[Files]:
    """Find the photographs of Contour Drawings (Photo-Sketching): `image/ID.jpg`.

    The folders are as published. A photograph has the group of its drawings: both stand on the
    same side of the split.
    """
    for path in paths:
        if "image" in _folders(path) and is_picture(path):
            yield Files(path, group=_stem(posixpath.basename(path)))


def find_contour_drawings(paths: Sequence[str]) -> Iterator[Files]:
    """Find the drawings of Contour Drawings: `sketch-rendered/width-3/ID_01.png`, five for each ID.

    Of the widths that there are, 1, 3 and 5 pixels, 3 is taken, which the authors' training uses as
    far as we know. The folders are as published; how the number is written we are not sure, so that
    any digits after the last underscore count as one.
    """
    for path in paths:
        folder, name = posixpath.split(path)
        if folder.endswith("sketch-rendered/width-3") and is_picture(path):
            yield Files(path, group=re.sub(r"_\d+$", "", _stem(name)))


def find_left_halves(paths: Sequence[str]) -> Iterator[Files]:
    """Find the colours of the anime sketch pair: the left of two squares side by side.

    `train/1.png` has 1024x512 pixels, the colours on the left and the sketch on the right, as
    published on Kaggle.
    """
    return (Files(path, half="left") for path in paths if is_picture(path))


def find_right_halves(paths: Sequence[str]) -> Iterator[Files]:
    """Find the sketches of the anime sketch pair: the right of two squares side by side."""
    return (Files(path, half="right") for path in paths if is_picture(path))


LAYOUTS: Final[dict[LayoutName, Layout]] = {
    "folder": Layout(find_photographs, find_all),
    "coco_stuff": Layout(find_coco_stuff, None),
    "kitti": Layout(find_kitti, None),
    "fivek": Layout(find_fivek, None),
    "contour_drawings": Layout(find_contour_photographs, find_contour_drawings),
    "anime_sketch_pair": Layout(find_left_halves, find_right_halves),
}


def is_picture(path: str) -> bool:
    """Tell by its ending whether a file is a picture."""
    return PurePosixPath(path).suffix.lower() in PICTURES


def _offers(path: str) -> bool:
    """Tell whether a file is a picture or holds some."""
    return is_picture(path) or path.endswith(".parquet")


def _stem(path: str) -> str:
    return posixpath.splitext(path)[0]


def _folders(path: str) -> set[str]:
    return set(PurePosixPath(path).parts[:-1])


def _instead(path: str, folder: str) -> Iterator[str]:
    """Give a path without its ending, each of its folders in turn called otherwise; last first."""
    *folders, name = PurePosixPath(path).parts
    for place in reversed(range(len(folders))):
        yield "/".join((*folders[:place], folder, *folders[place + 1 :], _stem(name)))


def _matches(pattern: re.Pattern[str], paths: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Give the paths that a pattern fits, and how."""
    for path in paths:
        if match := pattern.search(path):
            yield path, match
