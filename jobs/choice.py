"""Flags that the commands over films share."""

from dataclasses import dataclass

from lineart.device import Precision


@dataclass(frozen=True, kw_only=True)
class FilmFlags:
    """Which frames to make, and with how many workers."""

    shots: str | None = None
    """Only these shots, with commas between."""
    limit: int | None = None
    """Only the first frames of what is chosen."""
    force: bool = False
    """Make every frame anew, finished or not."""
    parquet_frames: bool = False
    """Also pack the finished frames as Parquet files, below parquet/."""
    gpu_workers: str | None = None
    """Networks at work, MIN:MAX: one on each GPU, or on one CPU each where there is no GPU."""
    cpu_workers: str | None = None
    """Tasks at work on pixels beside GPUs, MIN:MAX; without a GPU a network's worker does them."""
    time_limit: float = 300.0
    """Seconds that one step of one frame may take before the frame is given up."""
    precision: Precision | None = None
    """Number format of the networks on every machine, bfloat16 or float32; frames that were made in
    the other are made anew. By default each machine takes bfloat16 if its processor or GPU
    multiplies it, else float32."""
    log_frames: bool = False
    """Log every frame as a line of JSON, not only those that failed."""
    dry_run: bool = False
    """Print the configuration and stop."""
