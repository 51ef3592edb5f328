"""Errors of the libraries that decode pictures, turned into ValueError with a sentence."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile

from PIL.Image import DecompressionBombError

# Exceptions that libraries raise for malformed files.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError),
    *(AttributeError, MemoryError, RuntimeError, AssertionError, struct.error, zlib.error),
    *(BadZipFile, DecompressionBombError),
)


class PictureWarning(UserWarning):
    """What was decoded may not be what the artist saw; a sentence says why."""


@contextmanager
def noting_warnings() -> Iterator[list[str]]:
    """Collect the sentences of each `PictureWarning` of the enclosed decoding, which are unique."""
    noted: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PictureWarning)
        yield noted
    noted.extend(dict.fromkeys(str(one.message) for one in caught if _is_ours(one)))


def _is_ours(caught: warnings.WarningMessage) -> bool:
    return issubclass(caught.category, PictureWarning)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn any error of the enclosed decoding into a ValueError that names the format.

    Args:
        name: Name of the format.
    """
    # Libraries warn of unusual metadata, which are not used here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", PictureWarning)
        try:
            yield
        except _BROKEN as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"cannot read this {name} picture: {reason}") from error
