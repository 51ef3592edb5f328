"""Errors and warnings for front ends, which have no command line to give flags on."""

import re

from lineart import storage
from lineart.service.requests import ColorRequest

_FLAG = r"(?<![\w-])--[a-z][a-z-]*"
_FIELDS = {f"--{name.replace('_', '-')}": name for name in ColorRequest.model_fields}
"""Flags -> the fields of a request that are the same."""
_OTHER = rf"(?!(?:{'|'.join(_FIELDS)})(?![a-z-])){_FLAG}"
_CHOICE = re.compile(rf",? or give {_OTHER}[^;]*")
"""Last of several ways out, by a flag that requests have no field for."""
_ERRNO = re.compile(r"\[Errno -?\d+\] ")


def without_flags(sentence: str) -> str:
    """Return a sentence of a command without what it says of flags.

    Flags that are fields of a request have the names of these.
    """
    first, *rest = _CHOICE.sub("", _ERRNO.sub("", sentence)).split("; ")
    kept = [first, *(part for part in rest if not re.search(_OTHER, part))]
    return re.sub(_FLAG, lambda flag: _FIELDS.get(flag[0], flag[0][2:]), "; ".join(kept))


def describe_error(error: ValueError | OSError) -> str:
    """Return the sentence on an error for a front end."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return storage.describe_error(error)
    return without_flags(str(error))
