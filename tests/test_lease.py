"""Only one writes to an output, and a dead owner's lease expires."""

import json
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lineart.runtime import lease
from lineart.runtime.lease import ASKED, LEASE, HeldError, LeaseTimes, LostError, hold_lease
from lineart.storage import Storage
from tests.faults import serve_faults

FAST = LeaseTimes(checked_every_s=0.1, expires_after_s=1.5, settles_after_s=0.3)
"""Leases whose owners answer in a fraction of a second, and that expire in little more."""
NO_PROCESS = 2**22 + 1


def ignore(_: str) -> None:
    """Hear nothing."""


def leave_a_lease(output: Storage, **changes: Any) -> None:
    """Leave the lease of an owner that does not answer."""
    output.write(LEASE, json.dumps(lease._describe_owner() | changes).encode())


def read_owner(output: Storage) -> object:
    """Return the process of the lease."""
    return json.loads(output.read(LEASE))["process"]


def test_the_second_is_refused(each_storage: Storage) -> None:
    """While one holds the lease another is told who does; afterwards it is free and gone."""
    heard: list[str] = []
    times = replace(FAST, expires_after_s=30.0)
    with hold_lease(each_storage, ignore, times=times) as held:
        with (
            pytest.raises(HeldError, match=f"is being written by process {os.getpid()} on"),
            hold_lease(each_storage, heard.append, times=times),
        ):
            pass
        held.check()
        assert "waiting up to" in heard[0]
    assert not each_storage.exists(LEASE)
    with hold_lease(each_storage, ignore, times=FAST):
        assert each_storage.exists(LEASE)


@pytest.mark.parametrize("space", ["elsewhere", None])
def test_a_dead_owner_elsewhere_expires(
    each_storage: Storage, space: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner on another machine, or on one that cannot be told, is waited for, and no longer."""
    monkeypatch.setattr(lease, "_process_space", lambda: space)
    leave_a_lease(each_storage, process=NO_PROCESS, processes=space and "here")
    started = time.monotonic()
    with hold_lease(each_storage, ignore, times=FAST) as held:
        assert time.monotonic() - started > FAST.expires_after_s
        held.check()


# In the second case the number is in use again, by another process.
@pytest.mark.parametrize("changes", [{"process": NO_PROCESS}, {"born": "1"}])
def test_a_dead_owner_here_is_not_waited_for(
    each_storage: Storage, changes: dict[str, object]
) -> None:
    """The lease of a process of this machine that is no more is taken over at once."""
    leave_a_lease(each_storage, **changes)
    with hold_lease(each_storage, pytest.fail, times=replace(FAST, expires_after_s=60.0)):
        assert read_owner(each_storage) == os.getpid()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"process": "x"}'])
def test_a_lease_that_is_none(content: bytes, tmp_path: Path) -> None:
    """What is no lease at all stands in the way no longer than a dead owner's."""
    output = Storage.at(str(tmp_path))
    output.write(LEASE, content)
    with hold_lease(output, ignore, times=FAST) as held:
        held.check()
        assert read_owner(output) == os.getpid()
    assert not output.exists(LEASE)


def test_only_one_of_many_gets_it(each_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many who want a dead owner's lease at once, one at most goes on; the others are told."""
    leave_a_lease(each_storage)
    monkeypatch.setattr(lease, "_process_space", lambda: "elsewhere")
    holding: list[int] = []
    most: list[int] = []
    refused: list[HeldError] = []

    def want(number: int) -> None:
        try:
            with hold_lease(each_storage, ignore, times=replace(FAST, expires_after_s=3.0)):
                holding.append(number)
                most.append(len(holding))
                time.sleep(3)
                holding.remove(number)
        except HeldError as error:
            refused.append(error)

    threads = [Thread(target=want, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) + len(refused) == 4


def test_a_bucket_that_keeps_versions_is_not_filled(s3: Path, bucket: Path) -> None:
    """However long a run takes, it writes its lease once, and once more for each that asks."""
    assert s3.is_dir()
    output, seen = Storage.at(f"s3://{bucket.name}/color"), Counter[tuple[str, str]]()

    def note(method: str, path: str) -> None:
        seen[method, path.partition("?")[0].rpartition("/")[2]] += 1

    with serve_faults() as server, server.during(note):
        with hold_lease(output, ignore, times=FAST) as held:
            time.sleep(30 * FAST.checked_every_s)
            held.check()
            assert (seen["PUT", LEASE], seen["PUT", ASKED], seen["DELETE", LEASE]) == (1, 0, 0)
            assert seen["GET", LEASE] > 10
            for asked in (1, 2):
                with pytest.raises(HeldError), hold_lease(output, ignore, times=FAST):
                    pass
                assert (seen["PUT", LEASE], seen["PUT", ASKED]) == (1 + asked, asked)
            time.sleep(10 * FAST.checked_every_s)
        assert (seen["PUT", LEASE], seen["DELETE", LEASE], seen["DELETE", ASKED]) == (3, 1, 1)
    assert not list(output.entries())


# In the second case it does not look, and notices by itself.
@pytest.mark.parametrize(("checked_every_s", "wait_s"), [(0.1, 0.5), (60.0, FAST.expires_after_s)])
def test_who_lost_it_is_told(tmp_path: Path, checked_every_s: float, wait_s: float) -> None:
    """An owner whose lease was taken over meanwhile learns of it, and leaves the new one alone."""
    output = Storage.at(str(tmp_path))
    times = replace(FAST, checked_every_s=checked_every_s)
    with hold_lease(output, ignore, times=times) as held:
        held.check()
        leave_a_lease(output)
        time.sleep(wait_s)
        with pytest.raises(LostError, match="taken over by another run"):
            held.check()
    assert output.exists(LEASE)


def test_a_lease_that_is_deleted_was_not_taken_over(tmp_path: Path) -> None:
    """Somebody has cleared the folder; no other run writes to it."""
    output = Storage.at(str(tmp_path))
    with hold_lease(output, ignore, times=FAST) as held:
        output.delete(LEASE)
        time.sleep(FAST.expires_after_s)
        with pytest.raises(LostError, match=r"somebody has deleted files of .*; run again"):
            held.check()


def test_an_output_below_a_file(tmp_path: Path) -> None:
    """The advice is a folder, whether the file is above the output or in its place."""
    (tmp_path / "file").write_bytes(b"")
    for output in ("file/out", "file"):
        said = "file.* cannot be written: .*; a file is in the way; give a folder$"
        with (
            pytest.raises(OSError, match=said),
            hold_lease(Storage.at(f"{tmp_path}/{output}"), ignore, times=FAST),
        ):
            pass
