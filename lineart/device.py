"""Where networks run: the device, the number format, and the threads. Nothing else asks for these.

torch is imported when a function needs it, so that importing this module costs nothing.
"""

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import torch

Precision = Literal["bfloat16", "float32"]
"""Number format in which networks compute."""

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)

BFLOAT16_INSTRUCTIONS: Final = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Names by which torch knows instructions that multiply bfloat16: of x86-64, then of Arm."""

WITHOUT_BFLOAT16: Final = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of `ONEDNN_MAX_CPU_ISA` that keep torch's convolutions from these instructions."""

CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Share of the processors that a container has: microseconds in each period, or "max"."""


def has_gpu() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def pick_device() -> "torch.device":
    """The first CUDA device, or the CPU where there is none."""
    import torch

    return torch.device("cuda" if has_gpu() else "cpu")


def pick_precision(device: "torch.device", wanted: Precision | None = None) -> Precision:
    """The number format for a device.

    Args:
        device: Where networks run.
        wanted: A format that the user asks for; it is taken as it is.

    Returns:
        bfloat16 where the device multiplies it in hardware, else float32: emulated bfloat16 takes
        twenty times as long as float32.
    """
    if wanted is not None:
        return wanted
    return "bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: "torch.device") -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16:
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)


def has_cuda_driver() -> bool:
    """Whether a CUDA driver sees a GPU; asked without torch, which takes seconds to import."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    has_none = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return not has_none and count.value > 0


def count_cpus(quota_file: Path = CPU_QUOTA) -> int:
    """Cores that this process may use: those it is bound to, within its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpus = bound or 1
    with suppress(OSError, ValueError):
        quota, period = quota_file.read_text().split()
        cpus = min(cpus, max(1, int(quota) // int(period)))
    return cpus


def dtype_of(precision: Precision) -> "torch.dtype":
    """Torch's name of a number format."""
    import torch

    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def use_one_thread() -> None:
    """Let OpenCV and torch compute on one thread: processes are as many as there are cores."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
