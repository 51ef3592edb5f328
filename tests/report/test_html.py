from datetime import UTC, datetime

import pytest

from lineart.report.html import (
    as_text,
    data_uri,
    duration,
    flatten,
    format_images,
    format_value,
    list_settings,
    spaced,
    template,
)


def test_values_become_text() -> None:
    """Each kind of value has its format; long text is cut, control characters are visible."""
    values = [None, True, 0.1 + 0.2, [1, "a"], "a\x00\udcff\u202e", "x" * 2000]
    texts = ["", "yes", "0.3", "1, a", "a␀?\ufffd", "x" * 999 + "…"]
    assert [as_text(value) for value in values] == texts
    assert as_text(datetime(2026, 11, 21, 4, 5, tzinfo=UTC)) == "2026-11-21 04:05 UTC"


def test_nested_settings_become_lines() -> None:
    """The path to a setting is its name, with spaces for underscores."""
    settings = {"network": {"base_width": 64, "hint": {}}, "force": False}
    assert list_settings(settings) == [("network.base width", "64"), ("force", "no")]
    assert [*flatten(settings)] == [("network.base width", 64), ("force", False)]
    assert spaced("learning_rate") == "learning rate"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61.0, "1 min 1 s"), (3_841.2, "1 h 4 min")],
)
def test_durations_have_two_units(seconds: float, said: str) -> None:
    """A time has its two largest units."""
    assert duration(seconds) == said


def test_values_are_brief() -> None:
    """A value has four digits at most, whatever its size."""
    values = [0.0, 0.08123, 12.3456, 12_345.6, 2e-5, -1.5e7, float("nan")]
    texts = ["0", "0.0812", "12.35", "12,346", "2e-5", "-1.5e7", "not finite"]
    assert [format_value(value) for value in values] == texts


def test_numbers_of_images_are_brief() -> None:
    """Thousands and millions of images have letters."""
    counts = (0.0, 500.0, 24_000.0, 17.92e6)
    assert [*map(format_images, counts)] == ["0", "500", "24k", "17.9M"]


def test_addresses_know_their_format() -> None:
    """The type of an image address follows from the first bytes."""
    starts = [b"\xff\xd8\xff", b"\x89PNG", b"RIFF"]
    kinds = [data_uri(start).partition(";")[0] for start in starts]
    assert kinds == ["data:image/jpeg", "data:image/png", "data:image/webp"]
    assert data_uri(b"RIFF").endswith(";base64,UklGRg==")


def test_templates_escape() -> None:
    """Template variables become text, never markup."""
    parts = template("_parts.html").module
    assert "&lt;b&gt;" in str(parts.facts([("<b>", [])]))
