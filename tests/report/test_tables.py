from lineart.report.tables import (
    compare_parts,
    layout_data,
    layout_table,
    numbered_parts,
    part_of,
)


def test_settings_are_grouped() -> None:
    """Single values come first, then each part; lists of parts and named settings are left out."""
    run = {"recipe": {"model": "a", "stages": [{"name": "x"}]}, "force": False, "data": {"n": 1}}
    groups = layout_table(run, without=["data"])
    assert groups == [("Run", [("force", "no")]), ("Recipe", [("model", "a")])]


def test_parts_have_names_or_numbers() -> None:
    """A list of parts is keyed by name, else by number; other values give nothing."""
    assert [*numbered_parts([{"name": "draft"}, {"crop": 1}])] == ["draft", "2"]
    assert numbered_parts("draft") == numbered_parts([1]) == numbered_parts(None) == {}
    assert part_of({"a": {"b": 1}, "c": 2}, "a") == {"b": 1}
    assert part_of({"a": {"b": 1}, "c": 2}, "c") == {}


def test_parts_stand_side_by_side() -> None:
    """Each setting is a row with a value per part, empty if missing, marked if they differ."""
    table = compare_parts({"draft": {"crop": 512, "l1": 1.0}, "color": {"l1": 1.0, "l2": 0.5}})
    assert table["names"] == ["draft", "color"]
    rows = [("crop", ["512", ""], True), ("l1", ["1", "1"], False), ("l2", ["", "0.5"], True)]
    assert table["rows"] == rows


def test_counts_become_bars_and_tables() -> None:
    """Counts are bars, the largest first; nested counts are a table; other values are pairs."""
    counts = {"a": 1000, "b": 4000}
    data = layout_data({"by_source": counts, "split": {"a": {"x": 1}, "b": {"y": 2}}, "n": 7})
    (bars,), (table,) = data["bars"], data["tables"]
    assert (bars["heading"], bars["total"]) == ("By source", "5,000")
    assert bars["rows"] == [("b", "4,000", 100.0), ("a", "1,000", 25.0)]
    assert (table["columns"], table["rows"]) == (["x", "y"], [("a", ["1", ""]), ("b", ["", "2"])])
    assert data["facts"] == [("n", "7")]


def test_many_counts_are_counted() -> None:
    """The sixty largest are listed, the rest is counted; bars of zero and NaN have no length."""
    (bars,) = layout_data({"x": {str(n): n for n in range(100)}})["bars"]
    assert (len(bars["rows"]), bars["unlisted"]) == (60, 40)
    (bars,) = layout_data({"x": {"a": 0, "b": float("nan")}})["bars"]
    assert [length for _, _, length in bars["rows"]] == [0, 0]
