"""Pages of the lists: shots, doubts, and the frames of a shot."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from lineart.film.planning.marks import VERDICTS, find_verdicts, made_at
from lineart.imaging.paint.doubts import Doubt
from lineart.report.frames import file_name
from lineart.review.errors import RefusedError
from lineart.review.film import FilmState
from lineart.review.review import Review, layout_doubt

MOST = 200
"""Maximum number of entries of one page of a list."""
KINDS = ("doubt", "failed", "redo", "open")
"""What the shots of a list have: a doubt, a failed frame, a frame to redo, one not accepted."""


def show_film(review: Review) -> dict[str, Any]:
    """Return the figures of the film, read again if there was a run since."""
    state = review.film.refresh()
    used = review.film.configuration.get("keys")
    return {
        "stamp": state.stamp,
        "name": review.film.output.uri,
        "frames": state.rows.num_rows,
        "shots": len(state.shots),
        "doubts": len(state.doubts),
        "keys": review.keys.place.uri,
        "usesKeys": used is not None,
        "person": review.person,
    }


def list_shots(review: Review, first: int, most: int, text: str, kind: str) -> dict[str, Any]:
    """Return a page of the shots.

    Args:
        review: The film.
        first: Number of shots that fit and come before the page.
        most: Number of shots of the page.
        text: What the names of shots contain, in any case; empty: anything.
        kind: One of `KINDS`; empty: any.

    Raises:
        RefusedError: there is no such page.
    """
    state = review.film.state
    chosen = _of_kind(review, state, kind) if kind else np.ones(len(state.shots), bool)
    wanted = text.casefold()
    fits = [n for n in np.flatnonzero(chosen).tolist() if wanted in state.shots[n].name.casefold()]
    page = fits[first : first + _check_page(first, most)]
    doubts = _sum(state, state.doubt_counts)
    failed = _sum(state, _is_failed(state))
    marked = {verdict: _sum(state, _is_marked(review, state, verdict)) for verdict in VERDICTS}
    return {
        "stamp": state.stamp,
        "total": len(fits),
        "entries": [
            {
                "shot": n,
                "name": state.shots[n].name or "(no shot)",
                "frames": state.shots[n].stop - state.shots[n].start,
                "doubts": int(doubts[n]),
                "failed": int(failed[n]),
                **{verdict: int(count[n]) for verdict, count in marked.items()},
            }
            for n in page
        ],
    }


def _of_kind(review: Review, state: FilmState, kind: str) -> Bool[np.ndarray, " S"]:
    if kind not in KINDS:
        raise RefusedError(400, f"{kind[:50]!r} is no kind of shots; there are {', '.join(KINDS)}")
    if kind == "doubt":
        return _sum(state, state.doubt_counts) > 0
    if kind == "failed":
        return _sum(state, _is_failed(state)) > 0
    if kind == "redo":
        return _sum(state, _is_marked(review, state, "redo")) > 0
    return _sum(state, 1 - _is_marked(review, state, "accepted")) > 0


def _is_failed(state: FilmState) -> Int64[np.ndarray, " N"]:
    return np.asarray(pc.equal(state.rows["status"], "failed")).astype(np.int64)


def _is_marked(review: Review, state: FilmState, verdict: str) -> Int64[np.ndarray, " N"]:
    found = np.zeros(state.rows.num_rows, np.int64)
    for frame, said in find_verdicts(dict(review.marks.known), state.rows).items():
        found[state.places[frame]] = said == verdict
    return found


def _sum(state: FilmState, values: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " S"]:
    """Add up values of frames by shot."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.add.reduceat(values, state.shot_starts)


def list_doubts(
    review: Review, first: int, most: int, shot: int | None, order: str
) -> dict[str, Any]:
    """Return a page of the doubts that nobody has answered.

    Args:
        review: The film.
        first: Number of entries before the page.
        most: Number of entries of the page.
        shot: Number of the shot whose doubts these are; None: all.
        order: Empty: the worst come first; `area`: the largest do.

    Raises:
        RefusedError: there is no such page.
    """
    state = review.film.state
    is_open = np.ones(len(state.doubts), bool)
    if shot is not None:
        one = state.shots[_check_shot(state, shot)]
        leaders = state.doubts.leaders
        is_open = (leaders >= one.start) & (leaders < one.stop)
    is_open[_answered(review, state)] = False
    places = np.flatnonzero(is_open)
    if order == "area":
        places = places[np.argsort(-state.doubts.areas[places], kind="stable")]
    elif order:
        raise RefusedError(
            400, f"{order[:50]!r} is no order of doubts; it is area, or none is given"
        )
    page = places[first : first + _check_page(first, most)].tolist()
    entries = [_lay_out(state, place) for place in page]
    return {"stamp": state.stamp, "total": len(places), "entries": entries}


def _answered(review: Review, state: FilmState) -> list[int]:
    """Return the places of the entries of which a doubt was answered."""
    known = list(review.marks.known.items())
    marks = {state.places[name]: mark for name, mark in known if name in state.places}
    marks = {place: mark for place, mark in marks.items() if mark.answered}
    rows = state.rows.select(("held_by", "doubts", "written_at")).take(pa.array(marks, pa.int64()))
    found: list[int] = []
    for (place, mark), row in zip(marks.items(), rows.to_pylist(), strict=True):
        made = made_at(row)
        if row["held_by"] in state.places:
            place = state.places[row["held_by"]]
            row = state.row(place)
        doubts = (Doubt(**one) for one in row["doubts"] or ())
        found += [
            state.doubts.find(place, number)
            for number, doubt in enumerate(doubts)
            if mark.has_answered(doubt, made)
        ]
    return found


def _lay_out(state: FilmState, place: int) -> dict[str, Any]:
    (row, number, doubt), alike = state.doubts.worst(place)
    frame = state.rows["frame"][row].as_py()
    return layout_doubt(doubt) | {
        "frame": frame,
        "label": file_name(frame),
        "shotName": state.rows["shot"][row].as_py() or "",
        "alike": alike,
        "doubt": number,
    }


def list_frames(review: Review, shot: int, first: int, most: int) -> dict[str, Any]:
    """Return a page of the frames of a shot; raises RefusedError if there is none."""
    state = review.film.state
    one = state.shots[_check_shot(state, shot)]
    keys = review.keys.names_in(state, one)
    start = min(one.start + first, one.stop)
    count = min(_check_page(first, most), one.stop - start)
    names = ("frame", "status", "held_by", "message", "written_at")
    part = state.rows.select(names).slice(start, count)
    verdicts = find_verdicts(dict(review.marks.known), part)
    return {
        "stamp": state.stamp,
        "shot": shot,
        "name": one.name,
        "total": one.stop - one.start,
        "entries": [
            {
                "frame": row["frame"],
                "label": file_name(row["frame"]),
                "status": row["status"],
                "held": row["held_by"] is not None,
                "message": (row["message"] or "")[:300],
                "doubts": int(state.doubt_counts[start + n]),
                "key": row["frame"] in keys,
                "mark": verdicts.get(row["frame"]),
            }
            for n, row in enumerate(part.to_pylist())
        ],
    }


def _check_shot(state: FilmState, shot: int) -> int:
    if not 0 <= shot < len(state.shots):
        raise RefusedError(404, f"the film has no shot number {shot}")
    return shot


def _check_page(first: int, most: int) -> int:
    if first < 0 or not 1 <= most <= MOST:
        raise RefusedError(
            400, f"a page has 1 to {MOST} entries, from 0 on; not {most} from {first}"
        )
    return most
