"""What C libraries print while they decode, such as libtiff on damaged files."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_STDERR = 2
_MAX_LINES, _MAX_CHARACTERS = 3, 300


@contextmanager
def attach_decoder_output() -> Iterator[None]:
    """Join what is printed on standard error in the block to the ValueError that it raises.

    If it raises none, that is dropped. It concerns the whole process: only for processes in which
    nothing else prints at that time.

    Raises:
        ValueError: as in the block, with the first lines of what was printed.
    """
    with tempfile.TemporaryFile() as sink:
        sys.stderr.flush()
        kept = os.dup(_STDERR)
        os.dup2(sink.fileno(), _STDERR)
        try:
            yield
        except ValueError as error:
            said = _lines(sink)
            if said:
                raise ValueError(f"{error}; the decoder says: {said}") from error
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)


def _lines(sink: IO[bytes]) -> str:
    sink.seek(0)
    lines = sink.read(1 << 16).decode(errors="replace").splitlines()
    unique = dict.fromkeys(line.strip() for line in lines if line.strip())
    return "; ".join(list(unique)[:_MAX_LINES])[:_MAX_CHARACTERS]
