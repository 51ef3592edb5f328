"""Large files on their way into storage: written beside, seen whole or not at all."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineart.storage import Storage
from lineart.storage.folder import TEMPORARY


@contextmanager
def draft(target: Storage) -> Iterator[Path]:
    """Give the path of a file to write, from which `store` is quick; it is gone at the end."""
    folder = Path(tempfile.gettempdir() if target.is_s3 else f"{target.root}/{TEMPORARY}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.mp4"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def store(path: Path, target: Storage, name: str) -> None:
    """Put a draft in place, whatever its size, without reading it into memory.

    Raises:
        OSError: it cannot be put there.
    """
    if target.is_s3:
        # boto3 takes half a second to import, for which folders need not wait.
        from lineart.storage.s3_calls import call

        call(target.limits, f"{target.uri}/{name}", _upload, path, target.child(name))
        return
    place = Path(target.root, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    path.replace(place)


def _upload(path: Path, target: Storage) -> None:
    """Send a file in parts to an object; what is broken off is never seen."""
    from lineart.storage.s3_calls import client

    bucket, _, key = target.root.partition("/")
    with path.open("rb") as file:
        client(target.limits).upload_fileobj(file, bucket, key)
