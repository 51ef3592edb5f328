"""Device, number format and process rank of one training process."""

import os
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lineart.runtime.device import Precision, has_gpu, pick_precision


@dataclass(frozen=True)
class Device:
    """Device of one process, and its rank among the processes that train together."""

    device: torch.device
    precision: Precision
    """Number format of autocast; parameters stay in float32."""
    compiled: bool
    """Compile networks with torch.compile."""
    rank: int = 0
    world: int = 1
    """Number of processes."""

    @classmethod
    def here(cls, *, compiled: bool = False, precision: Precision | None = None) -> "Device":
        """Return this process's GPU or the CPU, with the number format of `pick_precision`.

        In a process group, each process takes the GPU with the index of its local rank.
        """
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        is_gpu = has_gpu()
        device = torch.device("cuda", local_rank) if is_gpu else torch.device("cpu")
        if is_gpu:
            torch.cuda.set_device(device)
            # Makes a resumed run equal to an uninterrupted one, bit by bit. In translating pairs,
            # the gradients of reflection padding and of interpolation have no deterministic CUDA
            # implementation: there, a resumed run differs by rounding.
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
        """Whether this process has rank 0, which writes the files of the run."""
        return self.rank == 0

    def place(self, module: nn.Module) -> nn.Module:
        """Move a module to this device, in channels-last memory format, and return it."""
        module.to(self.device)
        placed: nn.Module = module.to(memory_format=torch.channels_last)
        return placed

    def compile(self, module: nn.Module) -> nn.Module:
        """Return the module compiled by torch.compile if `compiled` is set, else unchanged."""
        if self.compiled:
            module = torch.compile(module)  # type: ignore[assignment]  # it returns a module
        return module

    def share(self, module: nn.Module) -> nn.Module:
        """Compile the module and wrap it to average gradients over all processes."""
        compiled = self.compile(module)
        if self.world == 1:
            return compiled
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(compiled, device_ids=ids)

    def tell_all(self, text: str) -> str:
        """Return the text of rank 0 in all processes, each of which makes this call."""
        texts = [text]
        if self.world > 1:
            distributed.broadcast_object_list(texts, 0, device=self.device)
        return texts[0]

    def autocast(self) -> torch.autocast:
        """Return the autocast context for networks and losses."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
        )
