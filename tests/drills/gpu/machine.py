"""The machine: its products of matrices, and how fast bytes move to and from the GPU."""

import os
import platform
from functools import partial

import torch

from tests.drills.gpu.parts import Cases, Values
from tests.drills.gpu.setting import REPEATS, SMALL_REPEATS, Setting, peak_flops

COPIED_BYTES = 2**28


def machine(setting: Setting) -> Cases:
    """Name the machine; multiply and copy."""
    yield "versions", partial(_versions, setting)
    yield "products", partial(_products, setting)
    if setting.on_gpu:
        yield "copies", partial(_copies, setting)


def _versions(setting: Setting) -> Values:
    told = {"python": platform.python_version(), "torch": torch.__version__, "cpus": os.cpu_count()}
    if setting.on_gpu:
        told |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return told


def _products(setting: Setting) -> Values:
    repeats = SMALL_REPEATS if setting.small else REPEATS
    return {"peak_tflops": peak_flops(setting.device.type, repeats) / 1e12}


def _copies(setting: Setting) -> Values:
    """Copy within the GPU, which reads and writes each byte, and to and from the host."""
    there = torch.empty(4 * COPIED_BYTES, dtype=torch.uint8, device=setting.device)
    part, host = there[:COPIED_BYTES], torch.ones(COPIED_BYTES, dtype=torch.uint8)
    pinned = host.pin_memory()
    return {
        "within_gb_s": 2 * len(there) / setting.time(there.clone) / 1e9,
        "to_gpu_gb_s": COPIED_BYTES / setting.time(lambda: host.to(setting.device)) / 1e9,
        "to_gpu_pinned_gb_s": COPIED_BYTES
        / setting.time(lambda: pinned.to(setting.device, non_blocking=True))
        / 1e9,
        "from_gpu_gb_s": COPIED_BYTES / setting.time(part.cpu) / 1e9,
        "from_gpu_pinned_gb_s": COPIED_BYTES / setting.time(lambda: pinned.copy_(part)) / 1e9,
    }
