"""Where and how one training process computes."""

import os
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lineart.device import Precision, has_gpu, pick_precision


@dataclass(frozen=True)
class Device:
    """One process's device, and its place among the processes that train together."""

    device: torch.device
    precision: Precision
    """Of the arithmetic (autocast); parameters stay in float32."""
    compiled: bool
    rank: int = 0
    world: int = 1

    @classmethod
    def here(cls, *, compiled: bool = False, precision: Precision | None = None) -> "Device":
        """This process's device: its GPU, or the CPU; the number format as `pick_precision` says.

        Inside a process group each process takes the GPU that it sees under its local rank.
        """
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        is_gpu = has_gpu()
        device = torch.device("cuda", local_rank) if is_gpu else torch.device("cpu")
        if is_gpu:
            torch.cuda.set_device(device)
            # The same images give the same bits, whether a run was interrupted or not. Some layers
            # of pairs that translate have no such way on CUDA (the gradients of reflected borders
            # and of resizing): there, what is resumed differs by rounding.
            torch.backends.cudnn.deterministic = True
        grouped = distributed.is_available() and distributed.is_initialized()
        return cls(
            device,
            precision=pick_precision(device, precision),
            compiled=compiled,
            rank=distributed.get_rank() if grouped else 0,
            world=distributed.get_world_size() if grouped else 1,
        )

    @property
    def is_first(self) -> bool:
        """Whether this process writes what the run leaves."""
        return self.rank == 0

    def place(self, module: nn.Module) -> nn.Module:
        """Move a module here, channels last."""
        module.to(self.device)
        placed: nn.Module = module.to(memory_format=torch.channels_last)
        return placed

    def compile(self, module: nn.Module) -> nn.Module:
        """Give a module that runs as fast as it can here."""
        if self.compiled:
            module = torch.compile(module)  # type: ignore[assignment]  # a module, says torch
        return module

    def share(self, module: nn.Module) -> nn.Module:
        """Give a module whose gradients are averaged over all processes."""
        compiled = self.compile(module)
        if self.world == 1:
            return compiled
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(compiled, device_ids=ids)

    def autocast(self) -> torch.autocast:
        """Give the context in which networks and losses run."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
        )
