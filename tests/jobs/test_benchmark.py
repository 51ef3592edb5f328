import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lineart.benchmark.timing import Figure, compare_runs, differences
from lineart.codec import encode_png
from lineart.jobs import benchmark


def test_last_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line holds machine, versions, commit and, part by part, both methods."""
    flags = benchmark.Benchmark(parts=("codec", "compose"), repeats=2, heights=(54,))
    assert benchmark.main(flags) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"machine", "versions", "commit", "parts"} <= set(result)
    assert list(result["parts"]) == ["codec", "compose"]
    for figures in result["parts"].values():
        assert any(figure["times_as_fast"] for figure in figures)
        assert all(figure["median_ms"] > 0 for figure in figures)


def test_real_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of pictures takes the place of the drawn frames; an empty one is refused."""
    flags = benchmark.Benchmark(parts=("codec",), repeats=1, frames=tmp_path, heights=(54,))
    assert benchmark.main(flags) == 2
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    assert benchmark.main(flags) == 0
    assert "write 54p" in capsys.readouterr().out


def test_wrong_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """A count and a height below one are refused; a dry run only prints its flags."""
    assert benchmark.main(benchmark.Benchmark(repeats=0)) == 2
    assert benchmark.main(benchmark.Benchmark(heights=(54, -1))) == 2
    assert "benchmark: --heights (54, -1) must be numbers above 0" in capsys.readouterr().err
    assert benchmark.main(benchmark.Benchmark(dry_run=True)) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == [*get_args(benchmark.Part)]


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A figure that took twice as long before is twice as fast now; other cases are named."""
    assert benchmark.main(benchmark.Benchmark(parts=("compose",), repeats=1, heights=(54,))) == 0
    earlier = json.loads(capsys.readouterr().out.splitlines()[-1])
    (figure,) = [f for f in earlier["parts"]["compose"] if f["case"] == "compose 54p"][:1]
    figure["case"] = "gone"
    (tmp_path / "before.txt").write_text(f"a table\n{json.dumps(earlier)}\n")
    flags = benchmark.Benchmark(
        parts=("compose",), repeats=1, heights=(54,), compare=tmp_path / "before.txt"
    )
    assert benchmark.main(flags) == 0
    printed = capsys.readouterr().out.splitlines()
    ratios = [line for line in printed if line.endswith("x") and line.startswith("compose ")]
    assert len(ratios) == len(json.loads(printed[-1])["parts"]["compose"]) - 1
    assert f"only before: compose  gone  {figure['method']}" in printed
    assert f"only now: compose  compose 54p  {figure['method']}" in printed
    assert "machine" not in "".join(printed[:-1])


def test_times_as_fast() -> None:
    """Half the time is twice as fast; what only one run has, and what else differs, is named."""
    before = [{"case": case, "method": "ours", "median_ms": 8.0} for case in ("write", "gone")]
    earlier = {"parts": {"codec": before, "film": before}}
    figures = {"codec": [Figure("write", "ours", 4.0, 0.0), Figure("read", "ours", 1.0, 0.0)]}
    _, line, *alone = compare_runs(earlier, figures)
    assert line.split() == ["codec", "write", "ours", "8.00", "4.00", "2.00x"]
    assert alone == [
        "only before: codec  gone  ours", "only before: film", "only now: codec  read  ours"
    ]  # fmt: skip
    assert differences({"commit": "a"}, {"commit": "b"}) == ["commit: a before, b now"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[1]", '{"parts": 3}', '{"parts": {"codec": [1]}}']
)
def test_not_an_earlier_run(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is none of ours is refused with a sentence."""
    (tmp_path / "before.txt").write_text(text)
    flags = benchmark.Benchmark(
        parts=("compose",), repeats=1, heights=(54,), compare=tmp_path / "before.txt"
    )
    assert benchmark.main(flags) == 2
    assert "benchmark: it" in capsys.readouterr().err
