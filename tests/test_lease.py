"""Only one writes to an output, and a dead owner's lease expires."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lineart import lease
from lineart.lease import LEASE, HeldError, LeaseTimes, LostError, hold_lease
from lineart.storage import Storage

FAST = LeaseTimes(renewed_every_s=0.1, expires_after_s=1.5, settles_after_s=0.3)
"""Leases that are renewed and expire in a fraction of a second, or little more."""


@pytest.fixture(params=["folder", "s3"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty output of each kind."""
    if request.param == "folder":
        return Storage.at(str(tmp_path / "out"))
    bucket: Path = request.getfixturevalue("bucket")
    return Storage.at(f"s3://{bucket.name}/out")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give a function after which this machine is another one."""
    return lambda: monkeypatch.setattr(lease, "_process_space", lambda: "elsewhere")


def ignore(_: str) -> None:
    """Hear nothing."""


def test_the_second_is_refused(output: Storage) -> None:
    """While one holds the lease another is told who does; afterwards it is free and gone."""
    heard: list[str] = []
    with hold_lease(output, ignore, times=FAST) as held:
        with (
            pytest.raises(HeldError, match=f"is being written by process {os.getpid()} on"),
            hold_lease(output, heard.append, times=FAST),
        ):
            pass
        held.check()
        assert "waiting up to" in heard[0]
    assert not output.exists(LEASE)
    with hold_lease(output, ignore, times=FAST):
        assert output.exists(LEASE)


def test_a_dead_owner_elsewhere_expires(output: Storage, elsewhere: Callable[[], None]) -> None:
    """The lease of an owner on another machine that is no longer renewed is taken over in time."""
    leave_a_lease(output)
    elsewhere()
    started = time.monotonic()
    with hold_lease(output, ignore, times=FAST) as held:
        assert time.monotonic() - started > FAST.expires_after_s
        held.check()


def test_a_dead_owner_here_is_not_waited_for(output: Storage) -> None:
    """The lease of a process of this machine that is no more is taken over at once."""
    leave_a_lease(output, process=2**22 + 1)
    patient = replace(FAST, expires_after_s=60.0)
    with hold_lease(output, pytest.fail, times=patient):
        pass
    # The number is in use again, by another process.
    leave_a_lease(output, born="1")
    with hold_lease(output, pytest.fail, times=patient):
        pass


def leave_a_lease(output: Storage, **changes: Any) -> None:
    """Leave the lease of an owner that does not renew it."""
    assert output.create(LEASE, json.dumps(lease._describe_owner() | changes).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"process": "x"}'])
def test_a_lease_that_is_none(content: bytes, tmp_path: Path) -> None:
    """What is no lease at all stands in the way no longer than a dead owner's."""
    output = Storage.at(str(tmp_path))
    output.write(LEASE, content)
    with hold_lease(output, ignore, times=FAST) as held:
        held.check()


def test_only_one_of_many_gets_it(output: Storage, elsewhere: Callable[[], None]) -> None:
    """Of many who want a dead owner's lease at once, one at most goes on; the others are told."""
    leave_a_lease(output)
    elsewhere()
    holding: list[int] = []
    most: list[int] = []
    refused: list[HeldError] = []

    def want(number: int) -> None:
        try:
            with hold_lease(output, ignore, times=FAST):
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


def test_who_lost_it_is_told(tmp_path: Path) -> None:
    """An owner whose lease was taken over meanwhile learns of it, and leaves the new one alone."""
    output = Storage.at(str(tmp_path))
    with hold_lease(output, ignore, times=FAST) as held:
        output.write(LEASE, json.dumps(lease._describe_owner()).encode())
        time.sleep(0.5)
        with pytest.raises(LostError, match="taken over by another run"):
            held.check()
    assert output.exists(LEASE)


def test_who_was_not_seen_for_long_looks_before_it_writes(tmp_path: Path) -> None:
    """An owner whose renewals hang notices by itself that somebody else has taken over."""
    output = Storage.at(str(tmp_path))
    with hold_lease(output, ignore, times=replace(FAST, renewed_every_s=60.0)) as held:
        held.check()
        output.write(LEASE, json.dumps(lease._describe_owner()).encode())
        time.sleep(FAST.expires_after_s)
        with pytest.raises(LostError, match="taken over by another run"):
            held.check()


def test_a_machine_that_cannot_be_told_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where processes cannot be told apart, nobody is taken for dead before the time is over."""
    output = Storage.at(str(tmp_path))
    monkeypatch.setattr(lease, "_process_space", lambda: None)
    leave_a_lease(output, process=2**22 + 1)
    started = time.monotonic()
    with hold_lease(output, ignore, times=FAST):
        assert time.monotonic() - started > FAST.expires_after_s
