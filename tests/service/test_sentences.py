"""Sentences of commands, as front ends get them."""

import pytest

from lineart.service.sentences import describe_error, without_flags


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("--gap -3 is no gap; give 0 to 64", "gap -3 is no gap; give 0 to 64"),
        ("--network-size 7 is not within 64 and 99", "network_size 7 is not within 64 and 99"),
        ("--palette is for paint; add --finish paint", "palette is for paint; add finish paint"),
        ("save both alike, or give --hint-canvas stretch or center", "save both alike"),
        (
            "it is opaque; save it as RGBA, or give --hint-paper if its paper is white; or not",
            "it is opaque; save it as RGBA; or not",
        ),
        ("hints were scaled; --hint-canvas center does not scale them", "hints were scaled"),
        ("--hint-canvas is wrong", "hint-canvas is wrong"),
        ("no weights ([Errno 2] No such file: '/a--b')", "no weights (No such file: '/a--b')"),
        ("a plain sentence - with a dash", "a plain sentence - with a dash"),
    ],
)
def test_flags_are_fields_or_left_out(told: str, sentence: str) -> None:
    """What a front end can do is said in the names that its requests have."""
    assert without_flags(told) == sentence


def test_errors_of_files() -> None:
    """The path, and what is wrong with it."""
    missing = FileNotFoundError(2, "No such file or directory", "/none.gpl")
    assert describe_error(missing) == "there is no file /none.gpl"
    refused = PermissionError(13, "Permission denied", "/a.gpl")
    assert describe_error(refused) == "/a.gpl cannot be read: Permission denied"
    assert describe_error(OSError("S3 does not answer")) == "S3 does not answer"
    assert describe_error(ValueError("--gap 9 is much")) == "gap 9 is much"
