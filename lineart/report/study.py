"""Blind study: an HTML page that asks people which of two drawings they prefer.

`study.html` goes to the participants and contains only pictures, ids and the question.
`study.json` is the answer key, which the organiser keeps: it records which picture of each pair is
from which set.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np

from lineart.codec import decode_color
from lineart.image import Frame, limit_long_side, resize
from lineart.report.difference import Drawings, open_drawings
from lineart.report.html import data_uri, encode_webp, template
from lineart.storage import Storage

FORMAT = "lineart study 1"
QUESTION = "Which drawing shows the photograph in more detail and more truly?"
QUESTION_ALONE = "Which drawing shows its subject in more detail and more truly?"
"""The question of paper 000, figure 6, and its form for a study without photographs."""
PAGE, KEY = "study.html", "study.json"

PAGE_BYTES = 20 * 2**20
"""Maximum size of all pictures on a page, in bytes of Base64; the first pair is always there."""
SEED = 0
"""Seed for the choice and order of the pairs, and for which drawing of a pair is `a`."""
MAX_PAIRS = 200
"""Maximum number of pairs on a page; answering takes an hour."""
LONGEST_SIDE_PX = 1100
"""Maximum side of a picture on the page in pixels; a desktop screen shows it in this size."""
DRAWING_QUALITY, PHOTO_QUALITY = 92, 85
"""WebP qualities of drawings and photographs, 0..100."""


class StudyPair(NamedTuple):
    """Two drawings of one photograph, encoded for the page."""

    key: dict[str, Any]
    """Entry of the pair in `study.json`."""
    pictures: dict[str, str]
    """Pictures on the page as data URIs: `a`, `b` and, with photographs, `photo`."""

    @property
    def num_bytes(self) -> int:
        """Size of its pictures in bytes of Base64."""
        return sum(map(len, self.pictures.values()))


@dataclass
class StudyFolders:
    """Sets of pictures of a study, and pairs that could not be read."""

    first: Drawings
    second: Drawings
    photos: Drawings | None
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name and error message."""

    @property
    def names(self) -> list[str]:
        """Names that are in all sets."""
        others = [self.second, *([self.photos] if self.photos else [])]
        return [name for name in self.first.sources if all(name in one.sources for one in others)]


def write_study(
    first: Storage,
    second: Storage,
    photos: Storage | None,
    output: Storage,
) -> dict[str, object]:
    """Write the page of a study and its answer key.

    Args:
        first: Folder of drawings, or output of a film job.
        second: The other drawings, likewise, with equal names.
        photos: Photographs of the drawings, with equal names; None shows the drawings alone.
        output: Folder for `study.html` and `study.json`.

    Returns:
        Id of the `study`; numbers of `pairs`, of pairs `left_out` because the page is full, and of
            `failed` pairs; `output`.

    Raises:
        ValueError: a set is invalid as for `open_drawings`, the sets have no name in common, or no
            pair could be read.
        OSError: a set does not exist, or storage fails.
    """
    places = StudyFolders(
        open_drawings(first, output),
        open_drawings(second, output),
        None if photos is None else open_drawings(photos, output),
    )
    names = places.names
    if not names:
        raise ValueError(
            f"{first.uri} and {second.uri} have no drawing with the same name"
            f"{' and a photograph' if photos else ''}; give two sets of the same photographs"
        )
    pairs = _fill_page(places, names)
    if not pairs:
        raise ValueError("no pair could be read: {}: {}".format(*places.failures[0]))
    question = QUESTION_ALONE if photos is None else QUESTION
    key = make_key(
        {
            "question": question,
            "first": first.uri,
            "second": second.uri,
            "seed": SEED,
            "failures": places.failures,
        },
        pairs,
    )
    output.write(PAGE, study_page(key["id"], question, pairs).encode())
    output.write(KEY, json.dumps(key, indent=1).encode())
    output.sweep()
    return {
        "study": key["id"],
        "pairs": len(pairs),
        "left_out": len(names) - len(pairs) - len(places.failures),
        "failed": len(places.failures),
        "output": output.uri,
    }


def study_page(study_id: str, question: str, pairs: Sequence[StudyPair]) -> str:
    """Render the page of a study with at least one pair."""
    shown = [{"id": pair.key["id"], **pair.pictures} for pair in pairs]
    return template("study.html").render(
        question=question,
        num_pairs=len(pairs),
        has_photos="photo" in pairs[0].pictures,
        study={"id": study_id, "pairs": shown},
    )


def make_key(facts: Mapping[str, Any], pairs: Sequence[StudyPair]) -> dict[str, Any]:
    """Build the content of `study.json`."""
    key = {"format": FORMAT, **facts, "pairs": [pair.key for pair in pairs]}
    return {"id": compute_id(key), **key}


def compute_id(content: Mapping[str, Any]) -> str:
    """Return the id of a study: a hash of all other content of `study.json`."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _fill_page(places: StudyFolders, names: Sequence[str]) -> list[StudyPair]:
    """Read pairs in random order until there are `MAX_PAIRS`, or `PAGE_BYTES` of pictures."""
    rng = np.random.default_rng(SEED)
    pairs: list[StudyPair] = []
    num_bytes = 0
    for name in rng.permutation(np.array(names, dtype=object)).tolist():
        if len(pairs) == MAX_PAIRS:
            break
        try:
            pair = _read_pair(places, name, rng)
        except (ValueError, OSError, cv2.error) as error:
            places.failures.append((name, str(error)))
            continue
        num_bytes += pair.num_bytes
        if num_bytes > PAGE_BYTES and pairs:
            break
        pairs.append(pair)
    return pairs


def _read_pair(places: StudyFolders, name: str, rng: np.random.Generator) -> StudyPair:
    """Read two drawings and their photograph; which drawing is `a` is random."""
    sets = {"first": places.first, "second": places.second}
    files = {which: one.read(name) for which, one in sets.items()}
    a, b = ("first", "second") if rng.random() < 0.5 else ("second", "first")
    pictures = {
        "a": _encode(files[a], DRAWING_QUALITY),
        "b": _encode(files[b], DRAWING_QUALITY),
    }
    if places.photos is not None:
        files["photo"] = places.photos.read(name)
        pictures["photo"] = _encode(files["photo"], PHOTO_QUALITY)
    hashes = {f"{which}_sha256": hashlib.sha256(data).hexdigest() for which, data in files.items()}
    # A random id, which reveals neither the name of a picture nor its position in a set.
    return StudyPair({"id": rng.bytes(6).hex(), "name": name, "a": a, **hashes}, pictures)


def _encode(data: bytes, quality: int) -> str:
    picture: Frame = decode_color(data)
    small = resize(picture, limit_long_side(picture.shape[:2], LONGEST_SIDE_PX))
    return data_uri(encode_webp(small, quality))
