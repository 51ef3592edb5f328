"""Choice of the device, number format and number of threads with which networks run.

torch is imported inside the functions that need it, so that importing this module is fast.
"""

import ctypes
import os
import platform
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import torch

Precision = Literal["bfloat16", "float32"]
"""Number format of a network's computation."""

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)

BFLOAT16_INSTRUCTIONS: Final = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""torch's names of the CPU features that multiply bfloat16: x86-64 first, then Arm."""

WITHOUT_BFLOAT16: Final = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of `ONEDNN_MAX_CPU_ISA` that disable these instructions in torch's convolutions."""

NO_GPU: Final = ("", "-1", "none", "void", "NoDevFiles")
"""Values of `CUDA_VISIBLE_DEVICES` that hide all GPUs."""

CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""CPU quota of a container (cgroup v2): microseconds, or "max", per period in microseconds."""


MEMORY_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
"""Memory limit of a container (cgroup v2): bytes, or "max"."""


def has_gpu() -> bool:
    """Return whether torch finds a CUDA device.

    Raises:
        OSError: this process has a GPU that torch cannot use; on the CPU it would be slow, and
            would give other bits, unnoticed.
    """
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return True
    if not is_given_gpu():
        return False
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    why = "; ".join(" ".join(str(one.message).split()) for one in said) or "no CUDA device is found"
    raise OSError(
        f"this process has a GPU, but torch {torch.__version__}, built {built}, cannot use it: "
        f"{why}. Install a build for the machine's driver (CUDA 13 needs driver 580 or newer), or "
        "set CUDA_VISIBLE_DEVICES to an empty text to compute on the CPU"
    )


def is_given_gpu() -> bool:
    """Return whether this process was given a GPU, as Ray does, or else the CUDA driver finds one.

    Ray gives them by `CUDA_VISIBLE_DEVICES`, which is empty for a process without any.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return has_cuda_driver() if given is None else given.strip() not in NO_GPU


def pick_device() -> "torch.device":
    """Return the CUDA device, or the CPU if there is none."""
    import torch

    return torch.device("cuda" if has_gpu() else "cpu")


def pick_precision(device: "torch.device", wanted: Precision | None = None) -> Precision:
    """Return the number format for a device.

    Args:
        device: Device on which networks run.
        wanted: Format chosen by the user, returned unchanged; None chooses one by the device.

    Returns:
        bfloat16 if the device multiplies it in hardware, else float32: emulated bfloat16 takes
        twenty times as long as float32.
    """
    if wanted is not None:
        return wanted
    return "bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: "torch.device") -> bool:
    """Return whether a device multiplies bfloat16 in hardware."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16:
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)


def has_cuda_driver() -> bool:
    """Return whether the CUDA driver finds a GPU, without torch, whose import takes seconds."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    has_none = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return not has_none and count.value > 0


def name_device(*, uses_gpu: bool) -> str:
    """Return the name of the GPU or processor on which networks run, such as "NVIDIA L4".

    The GPU's name comes from the CUDA driver, without torch, whose import takes seconds.
    """
    if uses_gpu and is_given_gpu():
        name = ctypes.create_string_buffer(256)
        with suppress(OSError):
            driver = ctypes.CDLL("libcuda.so.1")
            if not (driver.cuInit(0) or driver.cuDeviceGetName(name, len(name), 0)):
                return name.value.decode()
    return name_processor()


def name_processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def count_cpus(quota_file: Path = CPU_QUOTA) -> int:
    """Return the number of cores this process may use: its CPU affinity, capped by the quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpus = bound or 1
    with suppress(OSError, ValueError):
        quota, period = quota_file.read_text().split()
        cpus = min(cpus, max(1, int(quota) // int(period)))
    return cpus


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error says that the memory of a GPU is exhausted."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def free_gpu_memory() -> None:
    """Return memory of the GPU that no tensor uses to the driver."""
    import torch

    torch.cuda.empty_cache()


def count_memory() -> int:
    """Return the memory of this machine or container, in bytes."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        memory = min(memory, int(MEMORY_LIMIT.read_text()))
    return memory


def dtype_of(precision: Precision) -> "torch.dtype":
    """Return torch's data type of a number format."""
    import torch

    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def use_one_thread() -> None:
    """Limit OpenCV and torch to one thread, for use with one process per core."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
