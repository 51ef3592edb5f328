"""Storing of large files: written to a temporary file first, then visible as a whole."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineart.storage import Storage
from lineart.storage.folder import TEMPORARY


@contextmanager
def draft(target: Storage) -> Iterator[Path]:
    """Yield the path of a temporary MP4 file to write; it is deleted at the end of the block.

    For a folder, it is on the same file system, so that `store` only renames it.
    """
    folder = Path(tempfile.gettempdir() if target.is_s3 else f"{target.root}/{TEMPORARY}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.mp4"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def store(path: Path, target: Storage, name: str) -> None:
    """Move or upload a draft to `name` in storage, without reading it into memory.

    Raises:
        OSError: storage fails.
    """
    if target.is_s3:
        # Imported here because boto3 takes half a second to import, and folders do not need it.
        from lineart.storage.s3_calls import call

        call(target.limits, f"{target.uri}/{name}", _upload, path, target.child(name))
        return
    place = Path(target.root, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    path.replace(place)


def _upload(path: Path, target: Storage) -> None:
    """Upload a file in parts to an object; an interrupted upload leaves no visible object."""
    from lineart.storage.s3_calls import client

    bucket, _, key = target.root.partition("/")
    with path.open("rb") as file:
        client(target.limits).upload_fileobj(file, bucket, key)
