"""What operators see of a run on Ray."""

import time
from urllib.request import urlopen

import ray

from lineart.film.execution.pipeline import RayRunner
from lineart.film.records import Failure, FrameResult
from lineart.runtime.executor import RayExecutor
from tests.ray_head import Head

EXPECTED = {
    'ray_lineart_frames_total{status="done"}': 2.0,
    'ray_lineart_frames_total{status="failed"}': 1.0,
    "ray_lineart_output_bytes_total{}": 30.0,
    'ray_lineart_stage_seconds_sum{stage="network"}': 0.5,
    'ray_lineart_stage_seconds_count{stage="network"}': 2.0,
}


class Counter:
    """A process that joins Ray once, as a job does: Ray counts once for each join."""

    def count(self, resources: dict[str, float]) -> None:
        """Count three frames."""
        runner = RayRunner(RayExecutor(resources))
        runner.count("done", FrameResult("a", 10, {"network": 0.2}, None))
        runner.count("done", FrameResult("b", 20, {"network": 0.3}, None))
        runner.count("failed", FrameResult("c", 0, {}, Failure("decode", "ValueError", "broken")))


def test_frames_are_counted(ray_resources: dict[str, float], ray_head: Head) -> None:
    """Frames by status, bytes, and seconds by stage can be read where Ray shows its metrics."""
    assert ray_head.address
    counter = ray.remote(num_cpus=0)(Counter).remote()
    ray.get(counter.count.remote(ray_resources))
    (node,) = ray.nodes()
    url = f"http://127.0.0.1:{node['MetricsExportPort']}"
    deadline = time.monotonic() + 30
    while (seen := read_metrics(url)) != EXPECTED:
        assert time.monotonic() < deadline, seen
        time.sleep(0.5)


def read_metrics(url: str) -> dict[str, float]:
    """Read our metrics from Prometheus' text, without the labels that Ray adds."""
    seen = {}
    with urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    for line in lines:
        name, _, rest = line.partition("{")
        labels, _, value = rest.rpartition("} ")
        kept = [part for part in labels.split(",") if part.split("=")[0] in ("stage", "status")]
        key = f"{name}{{{','.join(kept)}}}"
        if key in EXPECTED:
            seen[key] = float(value)
    return seen
