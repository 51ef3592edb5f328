"""What a page says of a film's time."""

from datetime import UTC, datetime, timedelta

from lineart.manifest import make_row, make_table
from lineart.report.timing import format_time, show_timing

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_speed_leaves_pauses_out() -> None:
    """Ten frames a second in two runs of ten seconds, a day apart, are 10 frames/s throughout."""
    moments = [day * 86400 + n / 10 for day in (0, 1) for n in range(100)]
    rows = [make_row({"frame": str(at), "status": "done"}) for at in moments]
    rows = [
        row | {"written_at": START + timedelta(seconds=at)}
        for row, at in zip(rows, moments, strict=True)
    ]
    timing = show_timing(make_table(rows))
    assert (timing["pauses"], timing["worked"]) == (1, "19.8 s")
    speeds = [float(reading["values"][0]) for reading in timing["speed"]["readings"]]
    assert all(9 < speed < 12 for speed in speeds)
    assert timing["stages"] == []


def test_stages_have_medians_and_shares() -> None:
    """Of 1, 1 and 4 s the median is 1 s; a stage that takes three times as long has 75 %."""
    seconds = (1.0, 1.0, 4.0)
    rows = [
        make_row(
            {
                "frame": str(n),
                "status": "done",
                "stage_seconds": [("shrink", s), ("network", 3 * s)],
            }
        )
        for n, s in enumerate(seconds)
    ]
    rows += [make_row({"frame": "held", "status": "held"})]
    shrink, network = show_timing(make_table(rows))["stages"]
    assert (shrink["name"], shrink["median"], shrink["share"]) == ("shrink", "1 s", 25.0)
    assert (network["median"], network["most"], network["share"]) == ("3 s", "10.2 s", 75.0)
    assert network["sum"] == "18.0 s"


def test_a_film_without_times_has_none() -> None:
    """Neither no frame, nor one, nor frames of one moment have a speed."""
    assert show_timing(make_table([]))["speed"] is None
    row = make_row({"frame": "a", "status": "done"})
    assert show_timing(make_table([row]))["speed"] is None
    assert show_timing(make_table([row, row | {"frame": "b"}]))["speed"] is None


def test_short_times_are_said_short() -> None:
    """Three digits and a unit."""
    assert [format_time(s) for s in (0.0831, 0.9, 1.254, 62.0)] == [
        "83.1 ms",
        "900 ms",
        "1.25 s",
        "62 s",
    ]
