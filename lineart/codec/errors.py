"""Errors of the libraries that decode pictures, turned into ValueError with a sentence."""

import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
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


@contextmanager
def passing_warnings(tell: Callable[[str], object]) -> Iterator[None]:
    """Forward to `tell` the sentence of each `PictureWarning` that the block does not collect.

    Without this, Python writes it to standard error with a line of code. Threads that start in the
    block may decode.

    Args:
        tell: Called with each sentence.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def pass_on(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, PictureWarning):
                tell(str(message))
            else:
                show(message, category, *rest)

        # Python documents this assignment; type checkers take functions as constants.
        warnings.showwarning = pass_on  # type: ignore[assignment]
        yield


def _is_ours(caught: warnings.WarningMessage) -> bool:
    return issubclass(caught.category, PictureWarning)


@contextmanager
def reading(name: str, kind: str = "picture") -> Iterator[None]:
    """Turn any error of the enclosed decoding into a ValueError that names the format.

    Args:
        name: Name of the format.
        kind: What the file is, in a word.
    """
    # Libraries warn of unusual metadata, which are not used here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", PictureWarning)
        try:
            yield
        except _BROKEN as error:
            raise ValueError(f"cannot read this {name} {kind}: {_reason(error)}") from error


_DAMAGED, _CUT_OFF = "its pixels are damaged", "the file is cut off"
_UNUSUAL = "its samples are of an unusual kind; save it with 8 or 16 bits a channel"
_SENTENCES = (
    (
        r"decoder error|broken data stream|unrecognized data stream|decoding error|cannot reshape",
        _DAMAGED,
    ),
    (r"[Tt]runcated|not enough image data|unpack_from requires|unpack requires", _CUT_OFF),
    (r"index out of range|buffer is not large enough|buffer is smaller", _CUT_OFF),
    (r"Unexpected EOF|No more images|not a zip file", _CUT_OFF),
    (r"unknown (pixel|raw) mode|Unknown raw mode|bad mode|[Uu]nsupported .*mode", _UNUSUAL),
    (
        r"Image size \((\d+) pixels\) exceeds limit of (\d+) pixels",
        r"its \1 pixels are above the limit of \2; shrink the picture",
    ),
)
"""What libraries say -> what is said in its place."""


def _reason(error: Exception) -> str:
    """Describe an error of a library in words that do not need its source code."""
    said = str(error)
    for pattern, sentence in _SENTENCES:
        if found := re.search(pattern, said):
            return found.expand(sentence)
    # Sentences of this package are ValueErrors.
    if type(error) is ValueError and said:
        return said
    return f"it is damaged or of an unusual kind ({said or type(error).__name__})"
