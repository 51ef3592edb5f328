"""The demo, as a newcomer runs it, but small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from lineart.jobs import demo

SMALL = ["--width", "192", "--height", "108", "--frames-per-shot", "4"]


def test_demo_on_s3(bucket: Path) -> None:
    """The demo draws its film, colours every frame with the included weights and leaves a page."""
    command = [sys.executable, "-m", "jobs.demo", "--output", f"s3://{bucket.name}/demo", *SMALL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["frames"], result["failed"]) == (12, 0)
    assert result["held"] > 0
    color = bucket / "demo" / "color"
    assert len(list((color / "frames").rglob("*.png"))) == 12
    rows = parquet.read_table(color / "manifest").to_pylist()
    assert all(row["key_sha256"] for row in rows)
    assert "s02_window" in (color / "report.html").read_text()


def test_the_demo_leaves_no_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside lines/ and keys/ lies only what colouring writes."""
    monkeypatch.setattr(demo, "color_film", lambda _: {"failed": 0})
    flags = demo.Demo(output=str(tmp_path), width=192, height=108, frames_per_shot=2)
    assert demo.main(flags) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys", "lines"]
