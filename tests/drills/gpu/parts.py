"""Parts of the drill, and what they share: device, folders, time, results.

A part is a list of cases with a time budget; no failure ends the drill. `results.json` is written
anew after every case, so that it is complete whenever the drill is killed.
"""

import json
import math
import signal
import statistics
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch

from lineart.benchmark.network import measure_peak
from lineart.storage import Storage
from lineart.training.recipes import Recipe

REPEATS, SMALL_REPEATS = 7, 1
"""Timed calls of which the median counts."""


@dataclass(frozen=True)
class Setting:
    """One run of the drill."""

    data: Storage
    """Shards of `lineart prepare_data`."""
    out: Path
    """Where results, weights and grids go."""
    work: Path
    """Where everything else goes."""
    device: torch.device
    """The GPU, or the CPU where there is none."""
    recipe: Recipe
    """What is trained, without losses that need frozen networks."""
    ends_at: float
    """When the drill must be over, by `time.monotonic`, in seconds."""
    small: bool = False
    """Whether sizes are those for a CPU."""

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU."""
        return self.device.type == "cuda"

    @property
    def network_size_px(self) -> int:
        """Short side of the picture that networks see in a film."""
        return 64 if self.small else 512

    @cached_property
    def peak_flops(self) -> float:
        """FLOP/s of products of large matrices in the format that networks run in."""
        repeats = SMALL_REPEATS if self.small else REPEATS
        return measure_peak(self.device.type, repeats) * 1e9

    def synchronize(self) -> None:
        """Wait until the GPU has done all that it was given."""
        if self.on_gpu:
            torch.cuda.synchronize()

    def time(self, call: Callable[[], object], repeats: int = REPEATS, warm_up: int = 3) -> float:
        """Return the median of a call's wall time in seconds, the GPU's work included."""
        if self.small:
            repeats, warm_up = SMALL_REPEATS, min(warm_up, 1)
        for _ in range(warm_up):
            call()
        seconds = []
        for _ in range(repeats):
            self.synchronize()
            begun = time.perf_counter()
            call()
            self.synchronize()
            seconds.append(time.perf_counter() - begun)
        return statistics.median(seconds)

    def start_memory(self) -> None:
        """Free cached GPU memory and begin to count anew."""
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def read_memory_gb(self) -> float | None:
        """Return the most GPU memory that tensors took since `start_memory`, in GB."""
        return torch.cuda.max_memory_allocated() / 1e9 if self.on_gpu else None


Values = dict[str, Any]
"""What a case measured: name -> number, boolean or text."""

Cases = Generator[tuple[str, Callable[[], Values]], None, None]
"""Names of cases, and the calls that measure them, one after another."""

GRACE_S = 15.0
"""Seconds after the end of its budget in which a part's last case is broken off."""

MIN_SHARE = 0.25
"""Of its budget: with less time left, a part is not begun."""

LEAST: Final = {"float32_db": 50.0, "bfloat16_db": 38.0}
"""PSNR in dB to float32 on the CPU below which networks compute something else."""
MOST: Final = {"float32_off": 1e-3, "bfloat16_off": 0.05}
"""Relative difference of a loss to float32 on the CPU above which steps compute something else."""


@dataclass(frozen=True)
class Part:
    """One group of measurements."""

    name: str
    cases: Callable[[Setting], Cases]
    budget_s: float
    """No case begins later than this after the part."""
    is_timed: bool = False
    """Whether its figures depend on free CPU cores; no samples are made meanwhile."""


@dataclass
class Record:
    """The results so far, and the file that holds them."""

    path: Path
    begun: float = field(default_factory=time.monotonic)
    parts: dict[str, dict[str, Values]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Case -> type and message of the exception."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Part -> from which case on, and why."""
    wrong: list[str] = field(default_factory=list)
    """Claims that do not hold: values that should be equal and are not, or are too far apart."""

    def add(self, part: str, case: str, values: Values) -> None:
        """Take what a case measured."""
        tidy: Values = _tidy(values)
        self.parts.setdefault(part, {})[case] = tidy
        self.wrong += [f"{part}, {case}: {claim}" for claim in find_wrong(values)]
        self._print(f"{part}, {case}: {json.dumps(tidy)}")

    def fail(self, case: str, error: Exception) -> None:
        """Take the exception that ended a case."""
        self.failed[case] = f"{type(error).__name__}: {error}"[:600]
        self._print(f"{case} FAILED\n{''.join(traceback.format_exception(error))[-1500:]}")

    def leave_out(self, part: str, why: str) -> None:
        """Note that a part, or the rest of it, was not done."""
        self.left_out[part] = why
        self._print(f"{part} left out: {why}")

    def save(self) -> None:
        """Write the file, whole."""
        names = ("failed", "wrong", "left_out", "seconds", "parts")
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({name: getattr(self, name) for name in names}, indent=1) + "\n")
        new.replace(self.path)

    def _print(self, line: str) -> None:
        print(f"[{time.monotonic() - self.begun:6.1f}] {line}", flush=True)
        self.save()


def find_wrong(values: Values) -> list[str]:
    """Return the claims among a case's values that do not hold.

    `..._equal` must be true; `LEAST` and `MOST` bound other values.
    """
    wrong = [name for name, value in values.items() if name.endswith("equal") and value is False]
    # Written so that what is not a number is wrong, too.
    wrong += [f"{n} below {b:g}" for n, b in LEAST.items() if not values.get(n, b) >= b]
    return wrong + [f"{n} above {b:g}" for n, b in MOST.items() if not values.get(n, b) <= b]


def run_part(part: Part, setting: Setting, record: Record, stops_at: float) -> None:
    """Run a part's cases, each guarded, until its budget is used up.

    Args:
        part: What to run.
        setting: The drill.
        record: Takes values and failures.
        stops_at: When the part must end even with budget left, by `time.monotonic`, in seconds.
    """
    begun = time.monotonic()
    ends_at = min(begun + part.budget_s, stops_at)
    if ends_at - begun < MIN_SHARE * part.budget_s:
        record.leave_out(part.name, f"{max(ends_at - begun, 0):.0f} s left")
        return
    try:
        with _time_limit(ends_at + GRACE_S - begun), closing(part.cases(setting)) as cases:
            for case, measure in cases:
                if time.monotonic() > ends_at:
                    record.leave_out(part.name, f"no time left from {case!r} on")
                    break
                try:
                    record.add(part.name, case, measure())
                except Exception as error:  # noqa: BLE001 - the other cases are worth having
                    record.fail(f"{part.name}, {case}", error)
    except Exception as error:  # noqa: BLE001 - the other parts are worth having
        record.fail(part.name, error)
    record.seconds[part.name] = round(time.monotonic() - begun, 1)
    record.save()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds, at the latest when a call returns."""

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"broken off {GRACE_S:.0f} s after the end of the part's budget")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _tidy(value: Any) -> Any:
    """Return a value as JSON can hold it: four digits, and infinity as text."""
    if isinstance(value, dict):
        return {name: _tidy(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    return value
