"""Frames of drawings that are no longer in the film."""

from dataclasses import replace
from pathlib import Path

import pytest

from lineart.film.inputs import FilmConfig, PreparedRun
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.planning.removed import ROWS, Stale, settle_removed
from lineart.film.records import FilmJob
from lineart.film.tasks.colorize import ColorizeTask
from lineart.manifest import make_row, make_table, read_manifest, read_rows, replace_manifest
from lineart.storage import Storage

FRAMES = [FilmFrame(Source(f"s/{n}.png", f"s/{n}.png"), "s", n) for n in (1, 2, 3)]


@pytest.fixture
def run(tmp_path: Path) -> PreparedRun:
    """Give a finished film of three drawings, each with a layer, and a run over it."""
    pictures, output = (Storage.at(str(tmp_path / name)) for name in ("lines", "color"))
    rows = []
    for frame in FRAMES:
        for path in (frame.output, f"flats/{frame.name}"):
            output.write(path, path.encode())
        values = {"frame": frame.name, "status": "done", "output": frame.output, "extras": "flats"}
        rows.append(make_row(values))
    replace_manifest(output, make_table(rows))
    film = FilmConfig(pictures=pictures.uri, output=output.uri, weights=None)
    job = FilmJob(pictures, output, None, ColorizeTask(64, 1), None)
    return PreparedRun(film, job, FRAMES, FRAMES, [])


def without(run: PreparedRun, *numbers: int) -> PreparedRun:
    """Return a run over the film without some drawings."""
    left = [frame for frame in FRAMES if frame.number not in numbers]
    return replace(run, film_frames=left, frames=left)


def settle(run: PreparedRun) -> tuple[list[str], Stale]:
    """Settle frames; return the names of the rows, and the counts. Then the manifest drops rows."""
    rows, stale = settle_removed(run, read_manifest(run.job.output))
    names = [frame.name for frame in run.film_frames]
    replace_manifest(
        run.job.output, rows.filter([row in names for row in rows["frame"].to_pylist()])
    )
    return rows["frame"].to_pylist(), stale


def stored(run: PreparedRun) -> set[str]:
    """Return the stored files, but for manifests."""
    paths = {entry.path for entry in run.job.output.entries()}
    return {path for path in paths if not path.endswith(".parquet")}


def test_frames_leave_with_their_layers_and_come_back(run: PreparedRun) -> None:
    """Their rows come back with them, as they were; a film without removed drawings stays."""
    before, rows = stored(run), read_manifest(run.job.output)
    assert settle(run) == (["s/1.png", "s/2.png", "s/3.png"], Stale())
    assert settle(without(run, 2))[1] == Stale(removed=1)
    gone = {"frames/s/2.png", "flats/s/2.png"}
    assert stored(run) == before - gone | {f"removed/{path}" for path in gone}
    assert read_rows(run.job.output, ROWS)["frame"].to_pylist() == ["s/2.png"]
    # A second run has nothing to do, and keeps what is there.
    assert settle(without(run, 2)) == (["s/1.png", "s/3.png"], Stale())
    assert settle(without(run, 2, 3))[1] == Stale(removed=1)
    names, stale = settle(run)
    assert (sorted(names), stale) == (["s/1.png", "s/2.png", "s/3.png"], Stale())
    assert stored(run) == before
    assert read_manifest(run.job.output).sort_by("frame") == rows


def test_a_run_that_does_not_know_all_drawings_moves_none(run: PreparedRun) -> None:
    """One over a part of the film, or of a film with a folder that cannot be read."""
    before, part = stored(run), without(run, 2)
    assert settle(replace(part, frames=part.frames[:1]))[1] == Stale()
    locked = FilmFrame(Source("t", "t"), "t", 1, refusal="its folder cannot be read")
    everything = [*part.film_frames, locked]
    assert settle(replace(part, film_frames=everything, frames=everything))[1] == Stale()
    one = replace(part.job, pictures=part.job.pictures.child("s"))
    assert settle(replace(part, job=one))[1] == Stale()
    assert stored(run) == before
    # The manifest has dropped its row, which comes back with the drawing.
    names, _ = settle(run)
    assert "s/2.png" in names


def test_frames_may_stay(run: PreparedRun) -> None:
    """With --keep-removed they are counted; files that are no pictures are nobody's frames."""
    run.job.output.write("frames/s/notes.txt", b"")
    before = stored(run)
    film = replace(run.film, keep_removed=True)
    assert settle(replace(without(run, 2, 3), film=film))[1] == Stale(kept=2)
    assert stored(run) == before


def test_nothing_moves_if_another_run_has_taken_over(run: PreparedRun) -> None:
    """The check comes before the first file."""
    before, calls = stored(run), list[int]()

    def refuse(allowed: int) -> None:
        calls.append(1)
        if len(calls) > allowed:
            raise ConnectionError("taken over")

    rows = read_manifest(run.job.output)
    for allowed in (0, 1):
        calls.clear()
        with pytest.raises(ConnectionError, match="taken over"):
            settle_removed(without(run, 2), rows, lambda allowed=allowed: refuse(allowed))
        assert stored(run) == before


def test_a_killed_run_goes_on(run: PreparedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has moved is there, what it has not moved follows; so it is on the way back."""
    before, move = stored(run), Storage.move

    def break_off(place: Storage, source: str, target: str) -> None:
        if "flats" in source:
            raise OSError("killed")
        move(place, source, target)

    for film in (without(run, 2), run):
        with monkeypatch.context() as patch:
            patch.setattr(Storage, "move", break_off)
            with pytest.raises(OSError, match="killed"):
                settle_removed(film, read_manifest(run.job.output))
        settle(film)
        assert any(path.startswith("removed/") for path in stored(run)) == (film is not run)
    assert stored(run) == before
