"""Which frames are finished, by the manifest, and what has changed since they were made."""

from collections.abc import Container, Iterable, Mapping, Sequence
from sys import intern
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.colors.frame_colors import FrameColors
from lineart.film.pictures.frames import FilmFrame
from lineart.film.records import Fingerprint, HashedFile

CHANGES = ("picture", "hint", "key", "weights", "settings", "precision", "redo", "was accepted")
"""Words for what may have changed since a frame was made, in the order of `FrameState.retake`; the
last two are what a person had said of it."""

FINDING_COLUMNS = ("doubts", "asked", "lowest_confidence", "mean_confidence")
"""Columns of the manifest with what was found when a frame was made; null for its copies."""

UNRECORDED_BYTES, NOT_STORED_BYTES = -2, -1
"""Stand for the size of an output that has no row, and of one that is not stored; as they differ
from each other and from every size, such a frame is never finished."""

PixelsKey = tuple[str, str | None, str | None]
"""Hashes of the pixels of a picture, of its hints and of its keys."""


class FrameState(NamedTuple):
    """Frame with the hashes of its picture, hints and keys."""

    frame: FilmFrame
    picture: HashedFile
    colors: FrameColors
    """Hints and keys that hold on it."""
    held_by: str | None
    """Name of the first frame with equal pixels, hints and keys; None if it is this one."""
    findings_from: str | None = None
    """Name of the frame whose row has the findings of this one. None if nothing was found, or if
    this one is a copy: the findings are in the row of the first of equal frames."""
    findings: Mapping[str, Any] | None = None
    """Each of `FINDING_COLUMNS` -> its value, if the frame is copied from a finished one."""
    retake: str | None = None
    """What has changed since this frame was last made, comma-separated; None if nothing."""
    precision: str | None = None
    """Number format of the frame that this one is copied from; None if it is not a copy."""
    warnings: tuple[str, ...] = ()
    """Warnings of the frame that this one is copied from."""
    device: str | None = None
    """GPU or processor that computed it, likewise."""

    @property
    def pixels(self) -> PixelsKey:
        """Hashes that are equal for frames with equal pixels, hints and keys."""
        return self.picture.pixels_sha256, self.colors.hint_sha256, self.colors.key_sha256


def find_finished(
    shown: Sequence[FrameState],
    previous: pa.Table,
    stored: Mapping[str, int],
    fingerprint: Fingerprint,
) -> list[bool]:
    """Return for each frame whether it is finished.

    It is if its row has the same hashes, weights, settings and at least the wanted extras, and its
    output has the recorded size.
    """
    same = {
        "source_sha256": text_array(one.picture.source_sha256 for one in shown),
        "output": text_array(one.frame.output for one in shown),
        "output_bytes": _sizes(stored.get(one.frame.output, NOT_STORED_BYTES) for one in shown),
        "weights": fingerprint.weights,
        "settings": fingerprint.settings,
    }
    places = pc.index_in(text_array(one.frame.name for one in shown), value_set=previous["frame"])
    is_finished = pc.is_in(previous["status"].take(places), value_set=text_array(["done", "held"]))
    is_finished = pc.and_(is_finished, _has_same_hints(shown, previous, places))
    is_finished = pc.and_(is_finished, _has_same_keys(shown, previous, places))
    is_finished = pc.and_(is_finished, _has_precision(previous, places, fingerprint))
    for name, values in same.items():
        # One column at a time: all columns at once would be a copy of the whole manifest.
        missing = UNRECORDED_BYTES if name == "output_bytes" else ""
        recorded = previous[name].take(places).fill_null(missing)
        is_finished = pc.and_(is_finished, pc.equal(recorded, values))
    written = previous["extras"].take(places).fill_null("")
    enough = [
        text for text in written.unique().to_pylist() if {*fingerprint.extras} <= {*text.split()}
    ]
    return list(pc.and_(is_finished, pc.is_in(written, value_set=text_array(enough))).to_pylist())


def find_originals(
    finished: Sequence[FrameState], previous: pa.Table, not_in_run: Container[str]
) -> dict[PixelsKey, str]:
    """Return for finished frames, by their `pixels`, the name of the frame that was computed.

    The others of equal pixels are copies of it. Of several that were computed, it is one that is
    not in this run, if there is one, or else the first whose row has findings. Frames without
    either have no entry.

    Args:
        finished: Finished frames of this run, in film order.
        previous: The manifest, with a row for each of them.
        not_in_run: Names of the frames of the film that are not in this run.
    """
    # The row of each frame, and the row of the frame that it is recorded as a copy of.
    names = text_array(one.frame.name for one in finished)
    own_rows = pc.index_in(names, value_set=previous["frame"])
    holders = previous["held_by"].take(own_rows)
    holder_rows = pc.index_in(holders, value_set=previous["frame"])
    # It still is a copy if that frame was made and is equal in all that its pixels depend on.
    is_copy = pc.equal(previous["status"].take(holder_rows), "done").fill_null(False)
    for name in ("pixels_sha256", "hint_sha256", "key_sha256", "weights", "settings"):
        own, holder = (previous[name].take(rows).fill_null("") for rows in (own_rows, holder_rows))
        is_copy = pc.and_(is_copy, pc.equal(own, holder))
    originals = pc.if_else(is_copy, holders, names)
    # Frames of equal pixels may have several originals, of which one is chosen.
    rows = pc.index_in(originals, value_set=previous["frame"])
    has_findings = pc.or_(*(pc.is_valid(previous[name].take(rows)) for name in ("doubts", "asked")))
    chosen: dict[PixelsKey, str] = {}
    for one, original, has_any in zip(
        finished, originals.to_pylist(), has_findings.to_pylist(), strict=True
    ):
        if original in not_in_run or (has_any and one.pixels not in chosen):
            chosen[one.pixels] = original
    return chosen


def _has_same_hints(
    shown: Sequence[FrameState], previous: pa.Table, places: pa.Array
) -> pa.BooleanArray:
    """Return for each frame whether its row, at its place, has the same hints."""
    recorded = previous["hint_sha256"].take(places).to_pylist()
    return pa.array(
        (one.colors.hint_sha256 == was for one, was in zip(shown, recorded, strict=True)),
        pa.bool_(),
    )


def _has_same_keys(
    shown: Sequence[FrameState], previous: pa.Table, places: pa.Array
) -> pa.ChunkedArray:
    """Return for each frame whether its row, at its place, has the same keys."""
    recorded = previous["key_sha256"].take(places).fill_null("")
    return pc.equal(recorded, text_array(one.colors.key_sha256 or "" for one in shown))


def _has_precision(
    previous: pa.Table, places: pa.Array, fingerprint: Fingerprint
) -> pa.ChunkedArray:
    """Return whether rows, at their places, have the number format that the user requires.

    Frames whose colours all were carried needed no network, and have none.
    """
    recorded = previous["precision"].take(places)
    if fingerprint.precision is None:
        return pc.true_unless_null(pc.fill_null(recorded, ""))
    needs_none = pc.and_(pc.is_null(recorded), pc.is_valid(previous["key_sha256"].take(places)))
    return pc.or_(pc.equal(recorded.fill_null(""), fingerprint.precision), needs_none)


def find_redo(shown: Iterable[FrameState]) -> set[PixelsKey]:
    """Return the hashes of the frames that a person wants made again; copies of them have these."""
    return {one.pixels for one in shown if one.frame.verdict == "redo"}


def mark_retakes(
    remaining: Sequence[FrameState], previous: pa.Table, fingerprint: Fingerprint
) -> list[FrameState]:
    """Set `retake` of frames that were made before to what has changed since."""
    places = pc.index_in(
        text_array(one.frame.name for one in remaining), value_set=previous["frame"]
    )
    was_made = pc.is_in(previous["status"].take(places), value_set=text_array(["done", "held"]))
    now = {
        "picture": ("pixels_sha256", text_array(one.picture.pixels_sha256 for one in remaining)),
        "weights": ("weights", fingerprint.weights),
        "settings": ("settings", fingerprint.settings),
    }
    differs = {
        word: pc.not_equal(previous[name].take(places).fill_null(""), values)
        for word, (name, values) in now.items()
    }
    differs["hint"] = pc.invert(_has_same_hints(remaining, previous, places))
    differs["precision"] = pc.invert(_has_precision(previous, places, fingerprint))
    differs["key"] = pc.invert(_has_same_keys(remaining, previous, places))
    redo = find_redo(remaining)
    differs["redo"] = pa.array((one.pixels in redo for one in remaining), pa.bool_())
    accepted = (one.frame.verdict == "accepted" for one in remaining)
    differs["was accepted"] = pa.array(accepted, pa.bool_())
    changes = [""] * len(remaining)
    for word in sorted(differs, key=CHANGES.index):
        is_other = pc.and_(was_made, differs[word]).to_pylist()
        changes = [
            intern(f"{change}, {word}".lstrip(", ")) if has_changed else change
            for change, has_changed in zip(changes, is_other, strict=True)
        ]
    return [
        one._replace(retake=change) if change else one
        for one, change in zip(remaining, changes, strict=True)
    ]


def text_array(values: Iterable[str | None]) -> pa.Array:
    """Return an array of texts."""
    return pa.array(values, pa.string())


def _sizes(values: Iterable[int]) -> pa.Array:
    return pa.array(values, pa.int64())
