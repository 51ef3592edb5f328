"""Storage that misbehaves: whole after a while, or an error that says why, never half."""

import errno
import hashlib
import os
import pickle
import random
import re
import secrets
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.film.execution.refusals import MAX_REFUSED
from lineart.film.outcome.run_json import FilmSummary
from lineart.manifest import MANIFEST, read_manifest, write_rows
from lineart.runtime.lease import hold_lease
from lineart.storage import LIMITS, Entry, Storage, describe_error, is_full
from lineart.storage.s3_calls import connect
from lineart.storage.s3_wait import SAID_AFTER_S
from tests.drills.film import draw_film, make_weights
from tests.drills.storage import PASSING, color, color_through, outcome, put_film
from tests.faults import Faults, always, in_turn, serve_faults

DATA = hashlib.shake_256(b"frame").digest(300_000)

OPERATIONS: dict[str, Callable[[Storage], object]] = {
    "check": lambda storage: storage.check(),
    "entries": lambda storage: list(storage.entries()),
    "exists": lambda storage: storage.exists("a"),
    "read": lambda storage: storage.read("a"),
    "write": lambda storage: storage.write("b", b"new"),
    "create": lambda storage: storage.create("b", b"new"),
    "delete": lambda storage: storage.delete("a"),
}


def put(storage: Storage, path: str, data: bytes) -> None:
    """Store data by way of a draft."""
    with storage.draft() as draft:
        draft.write_bytes(data)
        storage.put_file(path, draft)


WRITES: list[Callable[[Storage, str, bytes], None]] = [Storage.write, put]


@pytest.fixture(scope="module")
def faults(s3: Path) -> Iterator[Faults]:
    """Put a proxy before the S3 server, with a bucket `faults` behind it."""
    with serve_faults() as proxy:
        connect().client.create_bucket(Bucket="faults")
        assert (s3 / "faults").is_dir()
        yield proxy


@pytest.fixture
def storage(faults: Faults) -> Storage:
    """Give a place on S3 with one object, `a`, and short pauses between tries."""
    limits = replace(LIMITS, first_pause_s=0.001)
    storage = Storage.at(f"s3://faults/{secrets.token_hex(4)}", limits=limits)
    storage.write("a", DATA)
    faults.counts.clear()
    return storage


def limited(storage: Storage, **limits: Any) -> Storage:
    """Give the same place with other limits."""
    return replace(storage, limits=replace(storage.limits, **limits))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)):
        pytest.skip("mounting a small disk takes an administrator")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def mount(*arguments: str) -> int:
    """Call mount; give its exit status."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


def files(folder: Path) -> list[str]:
    """Give the names of all files in a folder and below."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


# S3: faults that pass.


@pytest.mark.parametrize(
    "fault", ["500", "503", "reset_in_answer", "end_in_answer", "stall", "lost_answer"]
)
def test_what_is_read_is_whole(storage: Storage, faults: Faults, fault: str) -> None:
    """After faults a read, a list, a question give all; a cut body is never returned."""
    storage = limited(storage, read_s=0.5)
    with faults.during(in_turn(fault, fault)) as counts:
        assert storage.read("a") == DATA
    assert counts == {"requests": 3, fault: 2}
    for ask, answer in (
        (lambda: [*storage.entries()], [Entry("a", len(DATA))]),
        (lambda: storage.exists("a"), True),
        (storage.check, None),
    ):
        with faults.during(in_turn(fault)):
            assert ask() == answer


@pytest.mark.parametrize("fault", ["500", "503", "reset_in_request", "lost_answer", "damage"])
@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_is_whole(storage: Storage, faults: Faults, fault: str, write: Any) -> None:
    """A write is sent anew, and what was damaged on the way does not stay; so is a deletion."""
    with faults.during(in_turn(fault, fault)) as counts:
        write(storage, "b", DATA)
    assert counts == {"requests": 3, fault: 2}
    assert storage.read("b") == DATA
    if fault != "damage":
        with faults.during(in_turn(fault)):
            storage.delete("b")
        assert not storage.exists("b")


def test_a_list_of_several_pages(
    storage: Storage, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list goes on at the page that failed, and no name is lost or doubled."""
    client = connect(storage.limits).client
    pages_of_two = partial(client.list_objects_v2, MaxKeys=2)
    monkeypatch.setattr(client, "list_objects_v2", pages_of_two)
    for name in "bcde":
        storage.write(name, b"x")
    with faults.during(in_turn("503", "end_in_answer", part="continuation-token")) as counts:
        assert [entry.path for entry in storage.entries()] == [*"abcde"]
    assert counts == {"requests": 5, "503": 1, "end_in_answer": 1}


@pytest.mark.parametrize(
    ("fault", "method"),
    [
        *((f, m) for f in ("500", "lost_answer", "reset_in_request") for m in ("PUT", "POST")),
        ("damage", "PUT"),
    ],
)
@pytest.mark.parametrize("write", WRITES)
def test_a_large_object(
    storage: Storage, faults: Faults, fault: str, method: str, write: Any
) -> None:
    """An object in parts is whole after faults at its parts, its beginning and its end."""
    storage = limited(storage, part_bytes=100_000)
    # The first POST begins the upload, the second one ends it.
    with faults.during(in_turn(fault, fault, fault, method=method)) as counts:
        write(storage, "b", DATA + b"end")
    assert counts[fault] == 3
    assert storage.read("b") == DATA + b"end"


def test_the_end_of_a_large_object_is_told_in_an_answer_that_is_lost(
    storage: Storage, faults: Faults
) -> None:
    """Where the server then knows no such upload any more, the object is sent once more."""
    storage = limited(storage, part_bytes=100_000)
    with faults.during(in_turn("lost_answer", method="POST", part="uploadId=")) as counts:
        storage.write("b", DATA + b"end")
    assert counts["requests"] == 2 * (1 + 4 + 1) + 2
    assert storage.read("b") == DATA + b"end"


# S3: faults that stay.


@pytest.mark.parametrize(
    ("name", "fault", "tries"),
    [
        *((name, fault, "8 tries") for name in OPERATIONS for fault in ("500", "lost_answer")),
        *((name, "end_in_answer", "8 tries") for name in ("read", "entries")),
        *((name, "damage", "8 tries") for name in ("write", "create")),
        *((name, "403", r"is denied: AccessDenied \(403\), 1 try") for name in ("write", "create")),
    ],
)
def test_a_fault_that_stays(
    storage: Storage, faults: Faults, name: str, fault: str, tries: str
) -> None:
    """After all tries, or a refusal, it is an OSError that names the place and the cause."""
    method = "PUT" if name in ("write", "create") else ""
    error = PermissionError if fault == "403" else OSError
    with (
        faults.during(always(fault, method=method)) as counts,
        pytest.raises(error, match=f"faults.*{tries}"),
    ):
        OPERATIONS[name](storage)
    assert counts[fault] == (1 if fault == "403" else LIMITS.attempts)
    assert storage.exists("b") is (fault == "lost_answer" and method == "PUT")


def test_a_read_that_stalls_ends(storage: Storage, faults: Faults) -> None:
    """However many tries are left, none begins when patience is at its end."""
    storage = limited(storage, read_s=0.5, patience_s=1.2)
    silent = "no complete answer from S3 at http://127.0.0.1:[0-9]+: ReadTimeoutError"
    with faults.during(always("stall")) as counts, pytest.raises(ConnectionError, match=silent):
        storage.read("a")
    assert counts["stall"] < 4


@pytest.mark.parametrize("part_bytes", [2**20, 100_000])
def test_a_write_that_fails_leaves_what_was(
    storage: Storage, faults: Faults, part_bytes: int
) -> None:
    """The former object stays whole when the new one, or a part of it, cannot be stored."""
    storage = limited(storage, part_bytes=part_bytes)
    for write in WRITES:
        cut = always("reset_in_request", method="PUT")
        with faults.during(cut), pytest.raises(ConnectionError, match="8 tries"):
            write(storage, "a", DATA[::-1])
        assert storage.read("a") == DATA
    if part_bytes < len(DATA):
        prefix = storage.root.removeprefix("faults/")
        unfinished = connect().client.list_multipart_uploads(Bucket="faults", Prefix=prefix)
        assert unfinished.get("Uploads", []) == []


@pytest.mark.parametrize(
    ("answer", "is_whole"),
    [
        ({"ETag": f'"{"0" * 32}"'}, False),
        ({"ETag": f'"{"0" * 32}"', "ServerSideEncryption": "aws:kms"}, True),
        ({"ETag": '"0-1"'}, True),
    ],
)
def test_the_hash_that_the_server_tells(
    storage: Storage, answer: dict[str, str], is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has stored another hash is not believed, where what it tells is a hash."""
    monkeypatch.setattr(connect(storage.limits).client, "put_object", lambda **_: answer)
    if is_whole:
        storage.write("b", b"new")
    else:
        with pytest.raises(OSError, match="other data than it was sent: DamagedError, 8 tries"):
            storage.write("b", b"new")


@pytest.mark.parametrize("part_bytes", [2**20, 100_000])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_write_that_a_proxy_answers(
    storage: Storage, faults: Faults, part_bytes: int, method: str
) -> None:
    """An empty answer with status 200 is not believed: it is written again, or it is an error."""
    storage = limited(storage, part_bytes=part_bytes)
    with faults.during(in_turn("empty", "empty", method=method)):
        storage.write("b", DATA)
    assert storage.read("b") == DATA
    if method == "PUT":
        said = "/b: no complete answer from S3 at .*: IncompleteAnswerError, 8 tries; check the net"
        with faults.during(always("empty", method=method)), pytest.raises(OSError, match=said):
            storage.write("b", DATA)


def test_pauses_grow_and_vary(storage: Storage, faults: Faults, monkeypatch: Any) -> None:
    """Each pause is drawn below a ceiling that doubles up to the longest."""
    ceilings: list[float] = []
    storage = limited(storage, first_pause_s=0.5, longest_pause_s=10.0)
    monkeypatch.setattr(random, "uniform", lambda least, most: ceilings.append(most) or least)
    with faults.during(always("503")), pytest.raises(OSError, match=r"SlowDown \(503\)"):
        storage.read("a")
    assert ceilings == [0.5, 1, 2, 4, 8, 10, 10, 10]


# S3: what no patience mends.


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "QuotaExceeded"),
        (507, "InsufficientStorage"),
        (507, "OfAnotherServer"),
        (400, "XMinioAdminBucketQuotaExceeded"),
    ],
)
def test_a_full_bucket(storage: Storage, faults: Faults, status: int, code: str) -> None:
    """It is known at the first try, from a worker, too; the way out is space or a quota."""
    said = f"/b cannot be written: .*{code}.*1 try; free space or raise the quota$"
    for use in (storage.write, storage.create):
        refused = always(f"{status} {code}", method="PUT")
        with faults.during(refused) as counts, pytest.raises(OSError, match=said) as caught:
            use("b", b"new")
        assert counts[f"{status} {code}"] == 1
        assert "Errno" not in describe_error(caught.value)
        assert is_full(caught.value)
        assert is_full(pickle.loads(pickle.dumps(caught.value)))
    assert not storage.exists("b")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("entries", "listing .*; this takes s3:ListBucket"),
        ("read", "reading .*/a is denied.*; this takes s3:GetObject and s3:ListBucket"),
        ("write", "writing .*/b is denied.*; this takes s3:PutObject"),
        ("delete", "deleting .*/a is denied.*; this takes s3:DeleteObject"),
        ("move", "copying .*/a is denied.*; this takes s3:GetObject and s3:PutObject"),
    ],
)
def test_the_right_that_lacks_is_named(
    storage: Storage, faults: Faults, name: str, said: str
) -> None:
    """What was denied is said, and what right it takes."""
    use = OPERATIONS.get(name, lambda storage: storage.move("a", "b"))
    with faults.during(always("403")), pytest.raises(PermissionError, match=f"^{said}$"):
        use(storage)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("400 ExpiredToken", r"denied: ExpiredToken \(400\), 1 try; the credentials have expired"),
        ("403 InvalidAccessKeyId", r"InvalidAccessKeyId \(403\), 1 try; check the AWS keys$"),
        ("403 SignatureDoesNotMatch", "SignatureDoesNotMatch .*; check the AWS keys$"),
        ("403 RequestTimeTooSkewed", "RequestTimeTooSkewed .*; set the clock of this machine"),
        ("403 AccessDenied", "denied: AccessDenied .*policy; this takes s3:"),
        ("400 AuthorizationHeaderMalformed", "in another region: .*; set AWS_REGION to it"),
        ("elsewhere", "in the region eu-west-1: .*1 try; set AWS_REGION=eu-west-1"),
    ],
)
@pytest.mark.parametrize("name", ["check", "exists", "read", "write"])
def test_why_a_request_is_refused(
    storage: Storage, faults: Faults, name: str, fault: str, said: str
) -> None:
    """It is said even if the first request is HEAD, whose answer has no body."""
    with faults.during(always(fault)), pytest.raises(OSError, match=said) as refused:
        OPERATIONS[name](storage)
    assert isinstance(refused.value, PermissionError) is ("denied" in str(refused.value))


def test_head_alone_is_denied(storage: Storage, faults: Faults) -> None:
    """If a list is allowed it stays a refusal, and no object counts as absent."""
    denied = pytest.raises(PermissionError, match=r"reading .*/a is denied: status 403")
    with faults.during(always("403", method="HEAD")), denied:
        storage.exists("a")


@pytest.mark.parametrize("key", ["lineart", "AKIAWRONGKEY"])
def test_wrong_credentials(
    storage: Storage, faults: Faults, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused at the first try, and no word of them is in the error."""
    secret = "wrong/secret+that+nobody+may+see"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    for use in OPERATIONS.values():
        denied = pytest.raises(PermissionError, match=r"ing .* is denied: .*1 try")
        with faults.during(in_turn()) as counts, denied as caught:
            use(storage)
        # An answer to HEAD does not say why; a list does.
        assert counts["requests"] <= 2
        text = "".join(traceback.format_exception(caught.value))
        assert not [word for word in ("WRONGKEY", secret, "Signature=", "AWS4-") if word in text]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_bucket_that_is_not_there(faults: Faults, name: str) -> None:
    """It is said at the first request; only the question whether an object is there has a no."""
    absent = Storage.at("s3://absent-bucket/film")
    said = (
        "there is no bucket 'absent-bucket'" if name == "check" else "there is no .*absent-bucket"
    )
    with faults.during(in_turn()) as counts:
        if name == "exists":
            assert not absent.exists("a")
        else:
            with pytest.raises(FileNotFoundError, match=said):
                OPERATIONS[name](absent)
    assert counts["requests"] == (2 if name == "create" else 1)


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, PermissionError, "Unable to locate credentials"),
        ({"AWS_PROFILE": "nobody"}, OSError, "the AWS settings cannot be used: .*nobody"),
        ({"AWS_ENDPOINT_URL": "no address"}, OSError, "the AWS settings cannot be used"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ConnectionError, "EndpointConnectionError"),
    ],
)
def test_settings_that_reach_nothing(
    storage: Storage, settings: dict[str, str], error: type[OSError], sentence: str
) -> None:
    """Missing keys and profiles and wrong addresses are errors that say so."""
    nowhere = dict.fromkeys(("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"), "nowhere")
    with patch.dict(os.environ, nowhere | settings), pytest.raises(error, match=sentence):
        storage.read("a")


@pytest.mark.parametrize("is_silent", [True, False])
def test_an_endpoint_that_does_not_answer(
    is_silent: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After three seconds it is told what is waited for, and for how long; in the end, what for.

    The endpoint refuses connections, or takes them and says nothing.
    """
    with socket.socket() as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        if is_silent:
            endpoint.listen(64)
        address = f"http://127.0.0.1:{endpoint.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        limits = replace(LIMITS, read_s=2.0, attempts=99, longest_pause_s=0.5, patience_s=6.0)
        with pytest.raises(ConnectionError, match=f"no complete answer from S3 at {address}"):
            Storage.at("s3://bucket/lines", limits=limits).check()
    (told,) = [record for record in caplog.records if record.levelname == "WARNING"]
    match = re.fullmatch(
        f"waiting for S3 at {address}: no answer for ([34]) s; trying for at most ([23]) s more",
        told.getMessage(),
    )
    assert match is not None, told.getMessage()


@pytest.mark.parametrize("fault", ["503", "reset_in_answer"])
def test_a_refusal_is_told_as_one(
    storage: Storage, faults: Faults, fault: str, monkeypatch: Any, caplog: Any
) -> None:
    """What S3 answers is told, not the pauses between tries as silence; a reset is no answer."""
    storage = limited(storage, first_pause_s=1.9, longest_pause_s=1.9, attempts=4)
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    connect(storage.limits).watch._said_at = float("-inf")
    with faults.during(always(fault)), pytest.raises(OSError, match="4 tries"):
        storage.read("a")
    (told,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    address = os.environ["AWS_ENDPOINT_URL"]
    if fault == "503":
        assert told == f"S3 at {address} refuses for now: SlowDown (503); try 3 of 4"
    else:
        assert told.startswith(f"waiting for S3 at {address}: no answer for ")


def test_silence_after_a_refusal_is_told(storage: Storage, faults: Faults, caplog: Any) -> None:
    """A try that is not answered is told as such, from its own start on."""
    storage = limited(storage, read_s=4.5, attempts=2)
    connect(storage.limits).watch._said_at = float("-inf")
    stalled = pytest.raises(ConnectionError, match="ReadTimeoutError, 2 tries")
    with faults.during(in_turn("503", "mute")), stalled:
        storage.read("a")
    (told,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "no answer for 3 s" in told or "no answer for 4 s" in told


def test_requests_that_are_answered_are_not_told(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """A long wait within a request is not told while others are answered."""
    watch = connect(storage.limits).watch
    with watch.request(60.0):
        until = time.monotonic() + SAID_AFTER_S + 1.0
        while time.monotonic() < until:
            assert storage.exists("a")
            time.sleep(0.2)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_name_that_no_bucket_can_have() -> None:
    """It is an error in one line."""
    with pytest.raises(OSError, match="Invalid bucket name") as caught:
        Storage.at("s3://no bucket!/x").check()
    assert "\n" not in str(caught.value)


# S3: storing only where nothing is, and connections.


def test_create_on_s3(storage: Storage, faults: Faults, monkeypatch: Any) -> None:
    """It asks that nothing be there; what an unanswered request has stored is known for its own."""
    client, asked = connect(storage.limits).client, []
    send = client.put_object
    monkeypatch.setattr(client, "put_object", lambda **kw: asked.append(kw) or send(**kw))
    assert storage.create("b", b"ours")
    storage.write("d", b"ours")
    assert [keywords.get("IfNoneMatch") for keywords in asked] == ["*", None]
    # As AWS answers a second request; this server does not know If-None-Match.
    with faults.during(in_turn("lost_answer", "412", method="PUT")):
        assert storage.create("c", b"ours")
    with faults.during(in_turn("404", "412")):
        assert not storage.create("b", b"theirs")
    assert (storage.read("b"), storage.read("c")) == (b"ours", b"ours")


def test_a_connection_belongs_to_a_process(storage: Storage) -> None:
    """Each process makes one connection; what is sent to another process holds none."""
    ours = connect(storage.limits)
    assert connect(storage.limits) is ours
    assert pickle.loads(pickle.dumps(storage)) == storage
    with patch("os.getpid", return_value=1):
        assert connect(storage.limits) is not ours


# Folders.


def test_a_full_disk(small_disk: Path) -> None:
    """A file that does not fit leaves nothing of itself, and what was there stays."""
    storage = Storage.at(str(small_disk))
    storage.write("a", DATA[:1000])
    for path, use in (("b", storage.write), ("b", storage.create), ("a", storage.write)):
        said = f"/{path} cannot be written: No space left on device"
        with pytest.raises(OSError, match=said):
            use(path, DATA)
    assert storage.read("a") == DATA[:1000]
    assert files(small_disk) == [entry.path for entry in storage.entries()] == ["a"]
    storage.write("b", DATA[:200_000])


def test_a_disk_that_may_only_be_read(small_disk: Path) -> None:
    """A folder on it is an error that says so."""
    assert mount("-o", "remount,ro", str(small_disk)) == 0
    for use in (Storage.at(str(small_disk)).write, Storage.at(str(small_disk)).create):
        with pytest.raises(PermissionError, match="/b cannot be written: Read-only file system"):
            use("b", b"new")


def test_a_file_that_arrives_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write of which the disk has kept only a part is an error, and nothing is seen of it."""
    write_bytes = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: write_bytes(path, data[:-1]))
    with pytest.raises(OSError, match="/a cannot be written: only 2 of 3 bytes were stored"):
        Storage.at(str(tmp_path)).write("a", b"abc")
    assert files(tmp_path) == []


def refuse_links(*_: object) -> None:
    """Fail as `os.link` does where there are no hard links."""
    raise OSError(errno.EPERM, "no links here")


@pytest.mark.parametrize("link", [os.link, refuse_links])
def test_create_at_once(tmp_path: Path, link: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many at once one succeeds, and its file is there; file systems without links, too."""
    monkeypatch.setattr(os, "link", link)
    storage = Storage.at(str(tmp_path))
    for turn in range(20):
        with ThreadPoolExecutor(8) as pool:
            results = [*pool.map(lambda n, t=turn: storage.create(f"x/{t}", b"%d" % n), range(8))]
        assert sorted(results) == [False] * 7 + [True]
        assert storage.read(f"x/{turn}") == b"%d" % results.index(True)
    assert list((tmp_path / ".partial").iterdir()) == []


def test_create_without_links_on_a_full_disk(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is gone again."""
    monkeypatch.setattr(os, "link", refuse_links)
    with pytest.raises(OSError, match="No space"):
        Storage.at(str(small_disk)).create("b", DATA[:200_000])
    assert files(small_disk) == []


def test_what_is_said_of_a_full_disk(small_disk: Path) -> None:
    """It cannot be written, whatever was done, and the way out is space."""
    full = OSError(errno.ENOSPC, "No space left on device", "video.mp4")
    assert describe_error(full) == "video.mp4 cannot be written: No space left on device"
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    output = Storage.at(str(small_disk / "out"))
    said = "No space left on device; give a folder with space, or free some"
    with pytest.raises(OSError, match=said) as refused, hold_lease(output, lambda _: None):
        pass
    assert is_full(full)
    assert is_full(refused.value)
    assert not is_full(OSError(errno.EROFS, "Read-only file system"))


# Films.


@pytest.fixture
def film(storage: Storage, tmp_path: Path) -> Storage:
    """Give a place on S3 with a film of 30 frames below lines/; its weights are in tmp_path."""
    put_film(tmp_path, storage, 30, seed=0)
    return storage


def test_a_film_while_requests_fail(film: Storage, faults: Faults, tmp_path: Path) -> None:
    """One request in ten fails in one way or another, and the film is the same to the bit."""
    quick = [fault for fault in PASSING if fault != "stall"]
    run = partial(color_through, faults, film, tmp_path / "weights", seed=1, faults=quick)
    without, faulty = run(share=0.0), run(share=0.1)
    assert len(faulty.files) == faulty.summary.frames == 30
    assert (faulty.summary.failed, faulty.files, faulty.rows) == (0, without.files, without.rows)
    assert faulty.counts["requests"] > without.counts["requests"]


def count_reads(film: Storage, faults: Faults, weights: Path) -> tuple[FilmSummary, int]:
    """Colour a film; give the summary, and how often a drawing was read."""
    read: list[str] = []

    def note(method: str, path: str) -> str | None:
        read.extend([path] if method == "GET" and re.search(r"/lines/.*\.png$", path) else [])
        return None

    with faults.during(note):
        return color(film, weights, "out"), len(read)


def test_a_second_run_reads_what_has_changed(film: Storage, faults: Faults, tmp_path: Path) -> None:
    """Drawings with the ETag and size that they had are not read, even if one was stored again.

    A manifest from before these were recorded costs a read of each drawing, once.
    """
    run = partial(count_reads, film, faults, tmp_path / "weights")
    first, reads = run()
    assert reads == 30 + first.done
    second, reads = run()
    assert (second.skipped, reads) == (30, 0)
    names = sorted(entry.path for entry in film.entries("lines"))
    film.write(names[0], film.read(names[0]))
    film.write(names[1], encode_png(np.full((48, 64), 200, np.uint8)))
    changed, reads = run()
    assert (changed.done, changed.skipped, reads) == (1, 29, 2)
    old = read_manifest(film.child("out")).drop_columns(["source_stamp"])
    write_rows(film.child("out"), MANIFEST, old)
    assert [(summary.skipped, reads) for summary, reads in (run(), run())] == [(30, 30), (30, 0)]


def test_a_film_whose_frames_may_not_be_written(
    film: Storage, faults: Faults, tmp_path: Path
) -> None:
    """Each frame is a row that says so, none is said to be done; once they may, they are."""
    with faults.during(always("403", method="PUT", part="/frames/")):
        assert color(film, tmp_path / "weights", "out").failed == 30
    made, rows = outcome(film.child("out"))
    assert made == {}
    assert {(row["status"], row["stage"], row["error"]) for row in rows} == {
        ("failed", "write", "PermissionError")
    }
    summary = color(film, tmp_path / "weights", "out")
    assert (summary.done + summary.held, summary.failed) == (30, 0)


@pytest.mark.parametrize(("fault", "most"), [("403", 60), ("503", 8 + 3 * 60)])
def test_a_film_whose_drawings_are_all_refused(
    storage: Storage, faults: Faults, tmp_path: Path, fault: str, most: int
) -> None:
    """The run breaks off while it hashes them, and no row says so; later it goes on."""
    put_film(tmp_path, storage, MAX_REFUSED + 20, seed=0)
    said = rf"{MAX_REFUSED} files in a row cannot be read: .* \({fault}\).*the same command"
    with faults.during(always(fault, method="GET", part=".png")) as counts:
        with pytest.raises(OSError, match=said):
            color(storage, tmp_path / "weights", "out")
        assert counts[fault] <= most
    assert not storage.child("out").exists(MANIFEST)
    assert color(storage, tmp_path / "weights", "out").failed == 0


def test_drawings_that_are_not_there_do_not_end_a_run(
    storage: Storage, faults: Faults, tmp_path: Path
) -> None:
    """Each is a row, however many they are."""
    put_film(tmp_path, storage, MAX_REFUSED + 20, seed=0)
    with faults.during(always("404", method="GET", part=".png")):
        assert color(storage, tmp_path / "weights", "out").failed == MAX_REFUSED + 20


def test_a_film_whose_drawings_are_refused_on_the_way(
    storage: Storage, faults: Faults, tmp_path: Path
) -> None:
    """The run breaks off after as many frames as for writes."""
    put_film(tmp_path, storage, 4 * MAX_REFUSED, seed=0)
    names: set[str] = set()

    def second(method: str, path: str) -> str | None:
        if method != "GET" or not re.search(r"/lines/.*\.png$", path):
            return None
        is_again = path in names
        names.add(path)
        return "403" if is_again else None

    said = f"{MAX_REFUSED} files in a row cannot be read"
    with faults.during(second), pytest.raises(OSError, match=said):
        color(storage, tmp_path / "weights", "out")
    _, rows = outcome(storage.child("out"))
    assert [(row["status"], row["stage"]) for row in rows] == [("failed", "read")] * MAX_REFUSED
    assert color(storage, tmp_path / "weights", "out").failed == 0


def test_a_film_whose_output_may_only_be_read(
    film: Storage, faults: Faults, tmp_path: Path
) -> None:
    """Where not even the manifest can be written the run ends with a sentence, and nothing is."""
    said = r"writing .*manifest/.* is denied: AccessDenied"
    with faults.during(always("403", method="PUT")), pytest.raises(PermissionError, match=said):
        color(film, tmp_path / "weights", "out")
    assert list(film.child("out").entries()) == []


def test_a_film_on_a_disk_that_fills_up(small_disk: Path, tmp_path: Path) -> None:
    """Frames that do not fit are rows, and no part of them is left; a rerun makes them."""
    rng = np.random.default_rng(0)
    (tmp_path / "lines").mkdir()
    for number in range(6):
        # Noise makes frames so large that what they leave is enough for the manifest.
        noise = rng.integers(0, 256, (150, 200, 3), dtype=np.uint8)
        (tmp_path / f"lines/{number}.png").write_bytes(encode_png(noise))
    make_weights(tmp_path / "weights")
    place = Storage.at(str(tmp_path))
    first = color(place, tmp_path / "weights", "disk/out")
    made, rows = outcome(place.child("disk/out"))
    assert 0 < first.done < 6
    assert {row["output"] for row in rows if row["status"] == "done"} == set(made)
    failures = [(row["stage"], row["error"]) for row in rows if row["status"] == "failed"]
    assert failures == [("write", "OSError")] * first.failed
    assert list((small_disk / "out/.partial").iterdir()) == []
    assert mount("-o", "remount,size=4m", str(small_disk)) == 0
    second = color(place, tmp_path / "weights", "disk/out")
    assert (second.skipped, second.done, second.failed) == (first.done, first.failed, 0)
    assert len(outcome(place.child("disk/out"))[0]) == 6


def test_a_disk_that_refuses_frame_after_frame_ends_the_run(
    small_disk: Path, tmp_path: Path
) -> None:
    """No run computes a film that cannot be stored."""
    rng, count = np.random.default_rng(0), MAX_REFUSED + 20
    (tmp_path / "lines").mkdir()
    for number in range(count):
        noise = rng.integers(0, 256, (150, 200, 3), dtype=np.uint8)
        (tmp_path / f"lines/{number:02}.png").write_bytes(encode_png(noise))
    make_weights(tmp_path / "weights")
    place = Storage.at(str(tmp_path))
    said = rf"{MAX_REFUSED} frames in a row were refused: .*/disk/out/frames/.*: No space left"
    with pytest.raises(OSError, match=said):
        color(place, tmp_path / "weights", "disk/out")
    made, rows = outcome(place.child("disk/out"))
    failed = [row for row in rows if row["status"] == "failed"]
    assert (len(failed), len(rows)) == (MAX_REFUSED, len(made) + MAX_REFUSED)
    assert len(rows) < count
    assert mount("-o", "remount,size=16m", str(small_disk)) == 0
    assert color(place, tmp_path / "weights", "disk/out").failed == 0
    assert len(outcome(place.child("disk/out"))[0]) == count


def test_a_film_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """Where not even the manifest fits the run ends with a sentence; with space it goes on."""
    draw_film(tmp_path / "lines", 3, seed=0)
    make_weights(tmp_path / "weights")
    place, filler, free = Storage.at(str(tmp_path)), small_disk / "filler", os.statvfs(small_disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(OSError, match=r"manifest/.* cannot be written: No space left on device"):
        color(place, tmp_path / "weights", "disk/out")
    assert files(small_disk) == ["filler"]
    filler.unlink()
    assert color(place, tmp_path / "weights", "disk/out").failed == 0
