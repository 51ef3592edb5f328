"""The demo, as a newcomer runs it, but small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from jobs.demo import Demo, main

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
    assert all(row["hint_sha256"] for row in rows)
    assert "s02_window" in (color / "report.html").read_text()


def test_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints the flags and draws nothing."""
    assert main(Demo(output=str(tmp_path / "demo"), dry_run=True)) == 0
    assert json.loads(capsys.readouterr().out)["frames_per_shot"] == 24
    assert list(tmp_path.iterdir()) == []
