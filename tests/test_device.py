"""Choice of the device and number format in which networks run."""

import os
import warnings
from pathlib import Path

import pytest
import torch

from lineart.runtime.device import (
    BFLOAT16_INSTRUCTIONS,
    count_cpus,
    has_cuda_driver,
    has_gpu,
    pick_device,
    pick_precision,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", BFLOAT16_INSTRUCTIONS)
def test_bfloat16_is_chosen_where_it_is_native(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the instructions, on x86-64 and on Arm, is enough for bfloat16."""
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: True})
    assert pick_precision(CPU) == "bfloat16"


def test_other_processors_take_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """AVX-512 alone emulates bfloat16; so does a processor whose instructions are kept back."""
    capabilities = {"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert pick_precision(CPU) == "float32"
    capabilities["amx_bf16"] = True
    assert pick_precision(CPU) == "bfloat16"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    assert pick_precision(CPU) == "float32"


@pytest.mark.parametrize("native", [True, False])
def test_precision_of_a_gpu(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs that only emulate bfloat16, those before Ampere, take float32."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
    assert pick_precision(torch.device("cuda")) == ("bfloat16" if native else "float32")


def test_a_given_precision_is_taken() -> None:
    """A given format is taken on any machine, so that a whole cluster computes alike."""
    assert pick_precision(CPU, "bfloat16") == "bfloat16"
    assert pick_precision(CPU, "float32") == "float32"


def test_the_driver_and_torch_agree() -> None:
    """A GPU is seen without torch where torch sees one."""
    assert has_cuda_driver() == has_gpu() == (pick_device().type == "cuda")


@pytest.mark.parametrize("devices", ["0", "3,1", "GPU-8932f937"])
def test_a_gpu_that_torch_cannot_use_is_an_error(
    devices: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was given a GPU never computes on the CPU unnoticed; it says what to do."""

    def find_none() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", find_none)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    with pytest.raises(OSError, match=r"cannot use it: The NVIDIA driver .* is too old\..* 580"):
        pick_device()


@pytest.mark.parametrize("devices", ["", "-1", " "])
def test_hidden_gpus_leave_the_cpu(devices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all GPUs hidden, as Ray hides them from processes that ask for none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    assert pick_device().type == "cpu"


@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", None), ("50000 100000", 1), ("100000 100000", 1)]
)
def test_a_containers_share_counts(quota: str, cpus: int | None, tmp_path: Path) -> None:
    """A container that may use one core of many has one."""
    (tmp_path / "cpu.max").write_text(quota)
    assert count_cpus(tmp_path / "cpu.max") == (cpus or len(os.sched_getaffinity(0)))
    assert count_cpus(tmp_path / "absent") == len(os.sched_getaffinity(0))
