"""Flags shared by the commands that process films."""

from dataclasses import dataclass

from lineart.device import Precision


@dataclass(frozen=True, kw_only=True)
class FilmFlags:
    """Flags that select frames and set numbers of workers, timeout and number format."""

    shots: str | None = None
    """Shots to process, comma-separated; default: all."""
    limit: int | None = None
    """Maximum number of frames, from the first one of these shots; default: all."""
    force: bool = False
    """Make all frames anew, including finished ones."""
    parquet_frames: bool = False
    """Also write the finished frames as Parquet files, below parquet/."""
    gpu_workers: str | None = None
    """Number of network workers on Ray, MIN:MAX: one on each GPU or, without GPUs, on each CPU;
    default: chosen from the resources."""
    cpu_workers: str | None = None
    """Number of tasks on Ray that read, compose and write frames beside GPUs, MIN:MAX; not accepted
    without GPUs, where network workers do this. Default: chosen from the resources."""
    time_limit: float = 300.0
    """Timeout of one step of one frame in seconds, above 0; then the frame fails."""
    precision: Precision | None = None
    """Number format of the networks on all machines, bfloat16 or float32; frames made in the other
    are made anew. Default: each machine uses bfloat16 if its processor or GPU multiplies it in
    hardware, else float32."""
    log_frames: bool = False
    """Log every frame as a line of JSON, not only failed ones."""
    dry_run: bool = False
    """Print the configuration and exit."""
