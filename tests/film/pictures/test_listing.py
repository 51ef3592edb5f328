"""What a picture may be called, and what becomes of the rest."""

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineart.film.pictures.listing import caseless, is_plain_path, printable, refusal_of
from lineart.film.pictures.names import file_key

HOSTILE = ("", ".", "/a.png", "../a.png", "a/../../b", "a\\b", "a\0", "a//b", "./a", "a/", "..")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_leave_the_root(name: str) -> None:
    """Names that are not plain relative paths are told apart, and refused with a reason."""
    assert not is_plain_path(name)
    assert "no plain relative path" in (refusal_of(name) or "")


@pytest.mark.parametrize(
    "name", ["shot 1/främe (2).png", "线/🎨.png", "a\nb.png", "-rf", "a b/%2e%2e", "<i>.png", "~/a"]
)
def test_names_that_may_be(name: str) -> None:
    """Spaces, Unicode, newlines and markup are names like any other."""
    assert refusal_of(name) is None


def test_names_that_no_file_system_takes() -> None:
    """The longest part and the longest name that can be written pass; one letter more does not."""
    assert refusal_of("s/" + "a" * 251 + ".png") is None
    assert refusal_of("s/" + "a" * 251 + ".tif") is None
    for name in ("s/" + "a" * 252 + ".png", "a" * 256 + "/f", "ä" * 126 + ".jpg"):
        assert "too long" in (refusal_of(name) or "")
    deep = "/".join(["a" * 99] * 11)
    assert refusal_of(deep[:1024]) is None
    assert "too long" in (refusal_of(deep[:1025]) or "")


def test_names_that_are_no_text() -> None:
    """A file name that is no UTF-8 comes with surrogates; that, null and bytes are refused."""
    assert "no UTF-8" in (refusal_of(b"a\xff.png".decode("utf-8", "surrogateescape")) or "")
    assert refusal_of(None) is not None
    assert refusal_of(b"a.png") is not None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None), max_size=40) | st.just("9" * 5000))
def test_printable_names(name: str) -> None:
    """Whatever the name, what is printed is UTF-8 on one line, short, and never another's name."""
    text = printable(name)
    text.encode()
    assert text.isprintable()
    assert len(text) < 1200
    assert text == name or "\\" in text
    file_key(text)


def test_printable_examples() -> None:
    """What cannot be printed is escaped as Python does."""
    assert printable("a\nb\udcff\0ä") == r"a\nb\udcff\x00ä"
    assert printable(None) == "None"
    assert printable("x" * 2000) == "x" * 80 + r"\... (2000 characters)"


def test_caseless() -> None:
    """Case and the way in which an accent is written make no other name; letters do."""
    assert caseless("S/É.PNG") == caseless("s/e\N{COMBINING ACUTE ACCENT}.png")
    assert caseless("STRASSE") == caseless("straße")
    assert caseless("a") != caseless("ä")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_names_that_pass_stay_below(name: str) -> None:
    """A name that is not refused leads to a place below the output."""
    if refusal_of(name) is None:
        assert posixpath.normpath(posixpath.join("/out/frames", name)).startswith("/out/frames/")
