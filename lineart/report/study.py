"""A page that asks people which of two drawings they prefer, without saying whose each is.

`study.html` goes to the participants and holds nothing but pictures, ids and the question.
`study.json` stays with whoever asks: it says which picture of each pair is of which set.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np

from lineart.codec import decode_color
from lineart.film.frames import read_picture
from lineart.image import Frame, resize
from lineart.report.drawings import Drawings, open_drawings
from lineart.report.text import data_uri, template
from lineart.storage import Storage

FORMAT = "lineart study 1"
QUESTION = "Which drawing shows the photograph in more detail and more truly?"
QUESTION_ALONE = "Which drawing shows its subject in more detail and more truly?"
"""The question of paper 000, figure 6; and what is left of it without a photograph."""
PAGE, KEY = "study.html", "study.json"

PAGE_BYTES = 20 * 2**20
"""Most bytes of pictures in a page, in Base64."""
MOST_PAIRS = 200
"""An hour of answers."""
LONGEST_SIDE_PX = 1100
"""Of a picture in the page: as large as it is shown on a desktop."""
DRAWING_QUALITY, PHOTO_QUALITY = 92, 85
"""Of WebP."""


class StudyPair(NamedTuple):
    """Two drawings of one photograph, encoded for the page."""

    key: dict[str, Any]
    """What `study.json` says of it."""
    pictures: dict[str, str]
    """What the page shows: `a`, `b` and perhaps `photo`."""

    @property
    def num_bytes(self) -> int:
        """Give what it adds to the page."""
        return sum(map(len, self.pictures.values()))


@dataclass
class StudyFolders:
    """Where the pictures of a study lie."""

    first: Drawings
    second: Drawings
    photos: Drawings | None
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name and message."""

    @property
    def names(self) -> list[str]:
        """Names that all sets have."""
        others = [self.second, *([self.photos] if self.photos else [])]
        return [name for name in self.first.sources if all(name in one.sources for one in others)]


def write_study(
    first: Storage,
    second: Storage,
    photos: Storage | None,
    output: Storage,
    *,
    seed: int = 0,
    page_bytes: int = PAGE_BYTES,
) -> dict[str, object]:
    """Write the page of a study, and the key to its answers.

    Args:
        first: Drawings: a folder of pictures, or what a film job left.
        second: Drawings of the same names.
        photos: What they were drawn from, of the same names.
        output: Takes `study.html` and `study.json`.
        seed: Decides which pairs are taken if not all fit, and which picture of each is `a`.
        page_bytes: Most bytes of pictures in the page, in Base64; one pair is taken in any case.

    Returns:
        The study's `id`, numbers of `pairs`, of those `left_out` for want of room, and `failed`.

    Raises:
        ValueError: the sets have no drawing of one name, or none could be read.
        OSError: a set is not there.
    """
    places = StudyFolders(
        open_drawings(first, output),
        open_drawings(second, output),
        None if photos is None else open_drawings(photos, output),
    )
    names = places.names
    if not names:
        raise ValueError(
            f"{first.uri} and {second.uri} have no drawing of one name"
            f"{' with a photograph' if photos else ''}; give two sets of the same photographs"
        )
    pairs = _fill_page(places, names, seed, page_bytes)
    if not pairs:
        raise ValueError("no pair could be read: {}: {}".format(*places.failures[0]))
    question = QUESTION_ALONE if photos is None else QUESTION
    key = make_key(
        {
            "question": question,
            "first": first.uri,
            "second": second.uri,
            "seed": seed,
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
    """Give the page."""
    shown = [{"id": pair.key["id"], **pair.pictures} for pair in pairs]
    return template("study.html").render(
        question=question,
        num_pairs=len(pairs),
        has_photos="photo" in pairs[0].pictures,
        study={"id": study_id, "pairs": shown},
    )


def make_key(told: Mapping[str, Any], pairs: Sequence[StudyPair]) -> dict[str, Any]:
    """Give what `study.json` holds; its id is a hash of all the rest."""
    key = {"format": FORMAT, **told, "pairs": [pair.key for pair in pairs]}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return {"id": digest[:16], **key}


def _fill_page(
    places: StudyFolders, names: Sequence[str], seed: int, page_bytes: int
) -> list[StudyPair]:
    """Take pairs at random until the page is full: `MOST_PAIRS`, or `page_bytes` of pictures."""
    rng = np.random.default_rng(seed)
    pairs: list[StudyPair] = []
    num_bytes = 0
    for name in rng.permutation(np.array(names, dtype=object)).tolist():
        if len(pairs) == MOST_PAIRS:
            break
        try:
            pair = _read_pair(places, name, rng)
        except (ValueError, OSError, cv2.error) as error:
            places.failures.append((name, str(error)))
            continue
        num_bytes += pair.num_bytes
        if num_bytes > page_bytes and pairs:
            break
        pairs.append(pair)
    return pairs


def _read_pair(places: StudyFolders, name: str, rng: np.random.Generator) -> StudyPair:
    """Read two drawings and their photograph; chance says which drawing is `a`."""
    sets = {"first": places.first, "second": places.second}
    files = {which: _read(one, name) for which, one in sets.items()}
    a, b = ("first", "second") if rng.random() < 0.5 else ("second", "first")
    pictures = {
        "a": _encode(files[a], DRAWING_QUALITY),
        "b": _encode(files[b], DRAWING_QUALITY),
    }
    if places.photos is not None:
        files["photo"] = _read(places.photos, name)
        pictures["photo"] = _encode(files["photo"], PHOTO_QUALITY)
    hashes = {f"{which}_sha256": hashlib.sha256(data).hexdigest() for which, data in files.items()}
    # An id that says nothing: neither the name of a picture nor its place in a set.
    return StudyPair({"id": rng.bytes(6).hex(), "name": name, "a": a, **hashes}, pictures)


def _read(drawings: Drawings, name: str) -> bytes:
    return read_picture(drawings.place, drawings.sources[name])


def _encode(data: bytes, quality: int) -> str:
    picture: Frame = decode_color(data)
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
    small = resize(picture, (max(1, round(height * scale)), max(1, round(width * scale))))
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data_uri(bytes(encoded))
