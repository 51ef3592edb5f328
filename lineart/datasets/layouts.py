"""Layouts of datasets on disk: functions that find pictures and the files that belong to them."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

SEGMENTATION, DEPTH = "segmentation", "depth"

TRAIN_IDS = "_labelTrainIds"
"""Suffix of the stems of COCO-Stuff's maps whose classes are numbered for training."""

Half = Literal["left", "right"]

LayoutName = Literal[
    "folder", "coco_stuff", "kitti", "fivek", "contour_drawings", "anime_sketch_pair"
]


class Files(NamedTuple):
    """Path of a picture, and of the files that belong to it."""

    path: str
    line: str | None = None
    """Path of the line drawing."""
    segmentation: str | None = None
    depth: str | None = None
    depth_kind: str = "nearness"
    """Encoding of the depth file: a key of `maps.DEPTHS`."""
    group: str | None = None
    """Subject, drive or the like; pictures of one are all for training or all for validation."""
    half: Half | None = None
    """Half of the file that is the picture; None: the whole file."""


Finder = Callable[[Sequence[str]], Iterator[Files]]
"""Yields the pictures among all paths below a root."""


@dataclass(frozen=True)
class Layout:
    """Layout of a dataset: how its pictures are found."""

    source: Finder
    """Finds the photographs."""
    target: Finder | None
    """Finds the drawings or other pictures of a style; None: the dataset has none."""


def find_colored(paths: Sequence[str]) -> Iterator[Files]:
    """Yield all pictures outside of `line/`; the line drawing of `color/x.jpg` is `line/x.png`.

    The two files may differ in their extensions. Parquet files hold a picture in each row.
    """
    lines = {_stem(path): path for path in paths if is_picture(path) and "/line/" in f"/{path}"}
    for path in paths:
        folder, name = posixpath.split(path)
        above, last = posixpath.split(folder)
        if _offers(path) and "line" not in PurePosixPath(folder).parts:
            beside = _stem(posixpath.join(above, "line", name))
            yield Files(path, lines.get(beside) if last == "color" else None)


def find_photographs(paths: Sequence[str]) -> Iterator[Files]:
    """Yield all pictures outside of `line/`, `segmentation/` and `depth/`, with their maps.

    The path of a map is that of its photograph with one folder replaced by `segmentation` or
    `depth`, and any extension: `set/images/a/x.jpg`, `set/segmentation/a/x.png`,
    `set/depth/a/x.png`. The layout is our own.
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
    """Yield all pictures outside of `segmentation/` and `depth/`; the layout is our own."""
    return (
        Files(path)
        for path in paths
        if _offers(path) and not {SEGMENTATION, DEPTH} & _folders(path)
    )


def find_coco_stuff(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the photographs of COCO-Stuff, with the pixel maps of the same stem.

    Photographs are JPEG, maps are PNG, and the numbers of photographs are unique in COCO, so the
    folders do not matter. In the 164k set as published, `images/train2017/000000000009.jpg` has the
    map `stuffthingmaps/train2017/000000000009.png`, with classes 0 to 181, and 255 for unlabelled
    pixels. Segmentation tools convert it, and the 10k set, to `000000000009_labelTrainIds.png`,
    with 171 classes without gaps. If there are such maps, all others are ignored, because the two
    numberings must not be mixed in one dataset.
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
"""Patterns of paths in KITTI's raw recordings (`RAW`) and in its annotated depth."""


def find_kitti(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the photographs of KITTI's left colour camera, with their depth or labels.

    - Raw recordings: `2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000005.png`, with
      the annotated depth `train/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/...`
      (16 bits, 1/256 m per level, 0 = unknown). A drive is one group: its frames are similar.
    - Object and semantics benchmarks: `training/image_2/000000_10.png`, with the labels
      `training/semantic/000000_10.png` (class numbers of Cityscapes).

    Both layouts are as published.
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
    """Yield the photographs of MIT-Adobe FiveK, developed to TIFF (8 or 16 bits) or JPEG.

    Versions of one photograph, for example by the experts A to E, have the same name (`a0001-...`)
    in different folders of any name and form one group. The archive itself holds DNG files, which
    must be developed first. Versions that look the same are treated as duplicates.
    """
    return (Files(p, group=_stem(posixpath.basename(p))) for p in paths if is_picture(p))


def find_contour_photographs(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the photographs of Contour Drawings (Photo-Sketching): `image/ID.jpg`.

    The folders are as published. A photograph and its drawings have the same group, so both are
    for training or both for validation.
    """
    for path in paths:
        if "image" in _folders(path) and is_picture(path):
            yield Files(path, group=_stem(posixpath.basename(path)))


def find_contour_drawings(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the drawings of Contour Drawings: `sketch-rendered/width-3/ID_01.png`, five per ID.

    Of the line widths 1, 3 and 5 pixels, only 3 is used, as in the authors' training as far as we
    know. The folders are as published; the format of the drawing's number is unconfirmed, so any
    digits after the last underscore are accepted.
    """
    for path in paths:
        folder, name = posixpath.split(path)
        if folder.endswith("sketch-rendered/width-3") and is_picture(path):
            yield Files(path, group=re.sub(r"_\d+$", "", _stem(name)))


def find_left_halves(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the coloured pictures of the anime sketch pair: left halves of the files.

    Each file, such as `train/1.png`, has 1024x512 pixels: the colours on the left, the sketch on
    the right, as published on Kaggle.
    """
    return (Files(path, half="left") for path in paths if is_picture(path))


def find_right_halves(paths: Sequence[str]) -> Iterator[Files]:
    """Yield the sketches of the anime sketch pair: right halves of the files."""
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
    """Return whether the extension of a path is that of a picture.

    Documents with layers are none: most have their picture beside them.
    """
    # Imported here, so that the command shows its help quickly.
    from lineart.codec.formats.table import DOCUMENT_SUFFIXES, IMAGE_SUFFIXES

    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES - DOCUMENT_SUFFIXES


def _offers(path: str) -> bool:
    """Return whether a file is a picture, or a Parquet file of pictures."""
    return is_picture(path) or path.endswith(".parquet")


def _stem(path: str) -> str:
    return posixpath.splitext(path)[0]


def _folders(path: str) -> set[str]:
    return set(PurePosixPath(path).parts[:-1])


def _instead(path: str, folder: str) -> Iterator[str]:
    """Yield a path without extension with each folder in turn replaced by `folder`, last first."""
    *folders, name = PurePosixPath(path).parts
    for place in reversed(range(len(folders))):
        yield "/".join((*folders[:place], folder, *folders[place + 1 :], _stem(name)))


def _matches(pattern: re.Pattern[str], paths: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the paths that match a pattern, with their matches."""
    for path in paths:
        if match := pattern.search(path):
            yield path, match
