"""What the page shows and does: lists of shots, doubts and frames; a frame; answers and marks."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any

from lineart.film.planning.marks import VERDICTS, Mark, made_at
from lineart.film.tasks.key_files import KEY_RULES
from lineart.image import to_hex
from lineart.imaging.paint.doubts import Doubt
from lineart.imaging.regions import GAP
from lineart.report.frames import file_name
from lineart.review.answers import build_key, read_answers
from lineart.review.errors import RefusedError
from lineart.review.film import FilmState, ReviewedFilm
from lineart.review.keys import FilmKeys, FrameKey, encode_key
from lineart.review.marks import MAX_NOTE, Marks
from lineart.review.regions import FrameRegions, find_frame_regions
from lineart.review.shared_files import ChangedError

KEPT_FRAMES = 4
"""Number of frames whose regions are kept."""


class Review:
    """A film, its keys and its marks.

    Args:
        film: The film.
        keys: Its keys.
        marks: Its marks.
        person: Name of who reviews.
    """

    def __init__(self, film: ReviewedFilm, keys: FilmKeys, marks: Marks, person: str) -> None:
        self.film, self.keys, self.marks, self.person = film, keys, marks, person
        self._regions = lru_cache(KEPT_FRAMES)(self._find_regions)

    def show_frame(self, name: str) -> dict[str, Any]:
        """Return what the page needs of a frame."""
        state = self.film.state
        place = state.find(name)
        row, number = state.row(place), state.shot_of(place)
        shot = state.shots[number]
        shown = self.regions(state, row)
        mark, tag = self.marks.of(name)
        around = state.rows["frame"].slice(shot.start, shot.stop - shot.start)
        at = place - shot.start
        made = made_at(row)
        return {
            "frame": name,
            "label": file_name(name),
            "shot": number,
            "shotName": shot.name,
            "at": at,
            "count": shot.stop - shot.start,
            "previous": around[at - 1].as_py() if at else None,
            "next": around[at + 1].as_py() if at + 1 < len(around) else None,
            "heldBy": row["held_by"],
            "shown": tag_of_row(row),
            "size": [shown.labels.shape[1], shown.labels.shape[0]],
            "regions": layout_regions(shown),
            "doubts": [
                layout_doubt(doubt) | {"region": region, "answered": mark.has_answered(doubt, made)}
                for place, doubt in enumerate(state.doubts_of(row))
                if (region := shown.doubted.get(place)) is not None
            ],
            "palette": self._palette(state, number, shown),
            "key": self.show_key(state, place),
            "mark": layout_mark(mark, tag, made),
        }

    def show_key(self, state: FilmState, place: int) -> dict[str, Any]:
        """Return name and tag of the key of a frame, or why it cannot be changed here."""
        try:
            key = self.keys.find(state, place)
        except RefusedError as refused:
            return {"name": None, "tag": None, "exists": True, "refusal": refused.sentence}
        return {"name": key.name, "tag": key.tag, "exists": key.data is not None, "refusal": None}

    def _palette(self, state: FilmState, number: int, shown: FrameRegions) -> list[str]:
        """Return the colours of the shot's keys; without keys, those of the frame's regions."""
        of_keys = self.keys.palette(state, state.shots[number])
        order = (-shown.areas).argsort(kind="stable")
        flat = [int(region) for region in order if region and shown.is_flat[region]]
        of_frame = [to_hex(shown.colors[one]) for one in flat if not shown.is_clear[one]]
        return [*dict.fromkeys([*of_keys, *of_frame])][:60]

    def regions(self, state: FilmState, row: Mapping[str, Any]) -> FrameRegions:
        """Return the regions of a frame; raises RefusedError if it cannot be shown."""
        return self._regions(state.stamp, row["frame"], tag_of_row(row))

    def _find_regions(self, _stamp: str, frame: str, _tag: str) -> FrameRegions:
        state = self.film.state
        row = state.row(state.find(frame))
        data, line = self.film.read_frame(row), self.film.read_drawing(frame)
        if sha256(line).hexdigest() != row["source_sha256"]:
            raise RefusedError(
                409, f"the drawing {frame} has changed since it was coloured; colour it again first"
            )
        gap = float(self.film.configuration.get("gap", GAP))
        return find_frame_regions(line, data, state.doubts_of(row), gap)

    def _make_key(self, name: str, asked: Any) -> tuple[FilmState, int, FrameKey, FrameKey]:
        """Return the film, the frame's row, its key, and the key that answers make of it."""
        state = self.film.state
        place = state.find(name)
        row = state.row(place)
        if not isinstance(asked, dict) or asked.get("shown") != tag_of_row(row):
            raise RefusedError(
                409,
                "the frame was made anew since it was opened here; load it again",
                {"anew": True},
            )
        shown = self.regions(state, row)
        answers = read_answers(asked.get("answers"), len(shown.areas))
        key = self.keys.find(state, place)
        earlier = None if key.data is None else KEY_RULES.read(key.data)
        if earlier is not None:
            KEY_RULES.check(earlier.shape[:2], shown.labels.shape[:2])
        picture = build_key(shown, answers, earlier, is_whole=asked.get("whole") is True)
        return state, place, key, FrameKey(key.name, encode_key(picture))

    def preview(self, name: str, asked: Any) -> dict[str, Any]:
        """Return which frames answers would change, if they were saved.

        Args:
            name: Name of the frame.
            asked: Object of `shown`, the frame's tag; `answers`, pairs of region and colour; and
                `whole`, whether all else on the frame is right.
        """
        state, place, _, new = self._make_key(name, asked)
        return layout_touched(self.keys.find_touched(state, place, new))

    def save(self, name: str, asked: Any, expected: str) -> dict[str, Any]:
        """Save answers as the key of a frame, and return the frames that they change.

        Args:
            name: Name of the frame.
            asked: As for `preview`.
            expected: Tag of the key that the answers are laid over.

        Raises:
            RefusedError: another person has changed the key; nothing is saved.
        """
        state, place, key, new = self._make_key(name, asked)
        touched = self.keys.find_touched(state, place, new)
        try:
            if key.tag != expected:
                raise ChangedError(key.data)
            keep = partial(self.marks.keep_replaced, key.name)
            self.keys.files.replace(key.name, new.data or b"", expected, keep)
        except ChangedError as changed:
            raise self._conflict(state, place, name) from changed
        row = state.row(place)
        mark, tag = self._note_answers(state, row, asked)
        return layout_touched(touched) | {
            "key": self.show_key(state, place),
            "mark": layout_mark(mark, tag, made_at(row)),
        }

    def _conflict(self, state: FilmState, place: int, name: str) -> RefusedError:
        mark, _ = self.marks.of(name)
        who = f"{mark.by}, at {mark.at[11:16]} UTC," if mark.by and mark.answered else "somebody"
        sentence = f"{who} has changed the key of this drawing; yours is not saved"
        return RefusedError(409, sentence, {"key": self.show_key(state, place)})

    def _note_answers(
        self, state: FilmState, row: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> tuple[Mark, str]:
        """Note which doubts of a frame were answered, so that they are not asked again."""
        shown, made = self.regions(state, row), made_at(row)
        answered = {region for region, _ in asked["answers"]}
        boxes = [
            (doubt.left, doubt.top, doubt.right, doubt.bottom)
            for place, doubt in enumerate(state.doubts_of(row))
            if asked.get("whole") is True or shown.doubted.get(place) in answered
        ]
        earlier, _ = self.marks.of(row["frame"])
        before = earlier.answered if earlier.answered_of == made else ()
        changes = {"answered": tuple(dict.fromkeys((*before, *boxes))), "answered_of": made}
        return self.marks.set(row["frame"], changes, None, self.person)

    def set_mark(self, name: str, asked: Any, expected: str) -> dict[str, Any]:
        """Mark a frame, and return its mark.

        Args:
            name: Name of the frame.
            asked: Object of `mark`, `accepted`, `redo` or null, and `note`, a text.
            expected: Tag of the mark that is changed.

        Raises:
            RefusedError: another person has changed it, or it is no mark.
        """
        state = self.film.state
        row = state.row(state.find(name))
        verdict, note = (
            (asked.get("mark"), asked.get("note", "")) if isinstance(asked, dict) else (0, 0)
        )
        if verdict not in (None, *VERDICTS) or not isinstance(note, str) or len(note) > MAX_NOTE:
            raise RefusedError(
                400,
                f"a mark is accepted, redo or null, with a note of at most {MAX_NOTE} characters",
            )
        made = made_at(row)
        try:
            changes = {"mark": verdict, "note": note, "made": made}
            mark, tag = self.marks.set(name, changes, expected, self.person)
        except ChangedError:
            other, tag = self.marks.of(name)
            said = {"accepted": "accepted this frame", "redo": "marked this frame to redo"}
            what = said.get(other.mark or "", "changed the mark of this frame")
            sentence = f"{other.by or 'somebody'} has {what}; yours is not saved"
            raise RefusedError(409, sentence, {"mark": layout_mark(other, tag, made)}) from None
        return {"mark": layout_mark(mark, tag, made)}


def tag_of_row(row: Mapping[str, Any]) -> str:
    """Return what tells a frame from the same frame made again."""
    names = ("frame", "output_bytes", "source_sha256", "key_sha256")
    return sha256(repr([made_at(row), *map(row.get, names)]).encode()).hexdigest()[:16]


def layout_regions(shown: FrameRegions) -> list[list[Any]]:
    """Return box, area and colour of each region; without a colour it is a gradient or clear."""
    has_color = shown.is_flat & ~shown.is_clear
    colors = [
        to_hex(color) if is_one else None
        for color, is_one in zip(shown.colors, has_color, strict=True)
    ]
    boxes, areas = shown.boxes.tolist(), shown.areas.tolist()
    return [[*box, area, color] for box, area, color in zip(boxes, areas, colors, strict=True)]


def layout_doubt(doubt: Doubt) -> dict[str, Any]:
    """Return what a list says of a doubt."""
    return {
        "box": [doubt.left, doubt.top, doubt.right, doubt.bottom],
        "area": doubt.area,
        "color": doubt.color,
        "second": doubt.second,
        "sure": round(100 * doubt.confidence),
        "why": doubt.why,
    }


def layout_mark(mark: Mark, tag: str, made: str) -> dict[str, Any]:
    """Return a mark; `stale` says that the frame was made again since."""
    return {
        "mark": mark.mark,
        "note": mark.note,
        "by": mark.by,
        "at": mark.at[:16].replace("T", " "),
        "stale": mark.mark is not None and mark.made != made,
        "tag": tag,
    }


def layout_touched(frames: Sequence[str]) -> dict[str, Any]:
    """Return the frames that a key changes, and a few words on them."""
    first, last = (file_name(frames[n]) for n in (0, -1)) if frames else ("", "")
    words = {0: "changes nothing, the key says so already", 1: f"changes {first}"}
    many = f"changes {len(frames)} frames, {first} … {last}"
    return {"touched": list(frames), "words": words.get(len(frames), many)}
