"""Monitoring of a run: a log entry for each frame, and Ray metrics."""

import logging

from lineart.film.records import FrameResult, StageSeconds
from lineart.manifest import ManifestRow

logger = logging.getLogger(__name__)

SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0]
"""Bucket boundaries of the histogram, in seconds."""


class Metrics:
    """Counters and a histogram of this process, which Ray exports to Prometheus on each node."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Histogram

        self._frames = Counter(
            "lineart_frames", description="Frames that ended, by status.", tag_keys=("status",)
        )
        self._bytes = Counter("lineart_output_bytes", description="Bytes of frames in place.")
        self._seconds = Histogram(
            "lineart_stage_seconds",
            description="Time that one frame spent in a stage.",
            boundaries=SECONDS,
            tag_keys=("stage",),
        )

    def count(self, status: str, written: FrameResult) -> None:
        """Count a frame, its bytes and the time of its stages."""
        self._frames.inc(1, {"status": status})
        if written.output_bytes:
            self._bytes.inc(written.output_bytes)
        for stage, seconds in written.stages.items():
            self._seconds.observe(seconds, {"stage": stage})


def log_frame(row: ManifestRow, stages: StageSeconds) -> None:
    """Log the result of a frame: a failure at level WARNING, otherwise INFO."""
    fields = {name: row[name] for name in ("shot", "frame", "number", "status")}
    if row["status"] == "failed":
        # The name `message` is reserved in log records.
        why = {"stage": row["stage"], "error": row["error"], "reason": row["message"]}
        logger.warning("frame failed", extra=fields | why)
    else:
        spent = {f"{stage}_s": round(seconds, 4) for stage, seconds in stages.items()}
        logger.info("frame done", extra=fields | spent | {"bytes": row["output_bytes"]})
