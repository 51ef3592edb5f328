from datetime import UTC, datetime

import pytest

from lineart.report.text import as_text, data_uri, duration, flatten, template, words


def test_values_become_text() -> None:
    """Each kind of value has its way of being written; long text is cut, marks are visible."""
    values = [None, True, 0.1 + 0.2, [1, "a"], "a\x00\udcff\u202e", "x" * 2000]
    texts = ["", "yes", "0.3", "1, a", "a␀?\ufffd", "x" * 999 + "…"]
    assert [as_text(value) for value in values] == texts
    assert as_text(datetime(2026, 11, 21, 4, 5, tzinfo=UTC)) == "2026-11-21 04:05 UTC"


def test_nested_settings_become_lines() -> None:
    """The path to a setting is its name, with spaces for underscores."""
    settings = {"network": {"base_width": 64, "hint": {}}, "force": False}
    assert [*flatten(settings)] == [("network.base width", "64"), ("force", "no")]
    assert words("learning_rate") == "learning rate"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61.0, "1 min 1 s"), (3_841.2, "1 h 4 min")],
)
def test_durations_are_said_in_two_units(seconds: float, said: str) -> None:
    """A time is said in its two largest units."""
    assert duration(seconds) == said


def test_addresses_know_their_format() -> None:
    """The type of an image address follows from the first bytes."""
    starts = [b"\xff\xd8\xff", b"\x89PNG", b"RIFF"]
    kinds = [data_uri(start).partition(";")[0] for start in starts]
    assert kinds == ["data:image/jpeg", "data:image/png", "data:image/webp"]
    assert data_uri(b"RIFF").endswith(";base64,UklGRg==")


def test_templates_escape() -> None:
    """What a template is given is text, never markup."""
    parts = template("_parts.html").module
    assert "&lt;b&gt;" in str(parts.facts([("<b>", [])]))
