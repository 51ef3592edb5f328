"""Speed of the machine, and of the networks that colour: alone, and as the film calls them."""

import copy
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lineart.image import Size, resize
from lineart.inference import PairColorizer, enlarge
from lineart.models import Pair
from tests.drills.gpu.networks import coloring_pairs, draw, open_colorizer
from tests.drills.gpu.parts import Cases, Setting, Values
from tests.drills.gpu.steps import hint_channels

COPIED_BYTES = 2**28


def machine(setting: Setting) -> Cases:
    """Name the machine; multiply and copy."""
    yield "versions", partial(_versions, setting)
    yield "products", lambda: {"peak_tflops": setting.peak_flops / 1e12}
    if setting.on_gpu:
        yield "copies", partial(_copies, setting)


def _versions(setting: Setting) -> Values:
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpus": os.cpu_count(),
    }
    if setting.on_gpu:
        facts |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return facts


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


SIZES, SMALL_SIZES = ((512, 960), (512, 512)), ((64, 128),)
"""Heights and widths; the first is that of a frame of 16:9."""
BATCHES, SMALL_BATCHES = (16, 1, 64), (1,)
"""The first is that of a film on a GPU."""

Given = tuple[Tensor, Tensor, Tensor]
"""Small line, hint, line."""


@dataclass(frozen=True)
class Networks:
    """Both networks of a pair, without what is done on the CPU."""

    draft: nn.Module | None
    color: nn.Module
    draft_scale: int

    @classmethod
    def of(cls, colorizer: PairColorizer) -> "Networks":
        """Return the networks that a colorizer holds."""
        return cls(colorizer.draft, colorizer.color, colorizer.draft_scale)

    def changed(self, change: Callable[[nn.Module], nn.Module]) -> "Networks":
        """Return both networks changed; these stay as they are."""
        draft, color = (
            module and change(copy.deepcopy(module)) for module in (self.draft, self.color)
        )
        assert color is not None
        return Networks(draft, color, self.draft_scale)

    def __call__(self, small: Tensor, hint: Tensor, line: Tensor) -> Tensor:
        """Colour a batch."""
        given = hint
        if self.draft is not None:
            given = enlarge(self.draft(small, hint), self.draft_scale)
        colors: Tensor = self.color(line, given)
        return colors


@dataclass(frozen=True)
class Case:
    """A pair, the size of its drawings, and how many it sees at once."""

    name: str
    pair: Pair
    size: Size
    batch: int

    @property
    def small_size(self) -> Size:
        """Height and width of the draft."""
        scale = self.pair.colorization.draft_scale
        return self.size[0] // scale, self.size[1] // scale

    def open(self, setting: Setting) -> tuple[Networks, Given]:
        """Return the networks on the device in bfloat16, and random inputs."""
        networks = Networks.of(
            open_colorizer(self.pair, setting.device, "bfloat16", batch_size=self.batch)
        )
        channels = (1, hint_channels(self.pair.colorization), 1)
        sizes = (self.small_size, self.small_size, self.size)
        small, hint, line = (
            torch.randn(self.batch, C, *size, device=setting.device, dtype=torch.bfloat16)
            for C, size in zip(channels, sizes, strict=True)
        )
        return networks, (small, hint, line)


def networks(setting: Setting) -> Cases:
    """Run both networks of each pair at each size and batch, in several ways."""
    sizes, batches = (
        (SMALL_SIZES, SMALL_BATCHES) if setting.small else (SIZES, BATCHES)
    )  # fmt: skip
    pairs = dict(coloring_pairs(small=setting.small))
    for batch in batches:
        for size in sizes:
            for name, pair in pairs.items():
                case = Case(f"{name}, {size[0]}x{size[1]}, batch {batch}", pair, size, batch)
                yield case.name, partial(_time_networks, setting, case)
                if (batch, size) == (batches[0], sizes[0]):
                    yield f"{case.name}, other layouts", partial(_time_layouts, setting, case)
                    yield f"{case.name}, whole call", partial(_time_call, setting, case)


@torch.inference_mode()
def _time_networks(setting: Setting, case: Case) -> Values:
    """Run eagerly, and from a CUDA graph, which leaves out what Python and launches cost."""
    setting.start_memory()
    networks, given = case.open(setting)
    with FlopCounterMode(display=False) as counter:
        networks(*given)
    eager_s = setting.time(lambda: networks(*given))
    values = {
        "eager_ms": 1000 * eager_s / case.batch,
        "eager_of_peak": counter.get_total_flops() / eager_s / setting.peak_flops,
        "gflop": counter.get_total_flops() / case.batch / 1e9,
    }
    if setting.on_gpu:
        values["graph_ms"] = 1000 * setting.time(_capture(networks, given)) / case.batch
        values["memory_gb"] = setting.read_memory_gb()
    return values


def _capture(networks: Networks, given: Given) -> Callable[[], None]:
    """Return the same as one CUDA graph."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it so
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            networks(*given)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        networks(*given)
    return graph.replay


@torch.inference_mode()
def _time_layouts(setting: Setting, case: Case) -> Values:
    """Run with cuDNN's own choice of algorithms, and without channels last."""
    networks, given = case.open(setting)
    torch.backends.cudnn.benchmark = True
    try:
        chosen_s = setting.time(lambda: networks(*given), warm_up=4)
    finally:
        torch.backends.cudnn.benchmark = False
    plain = networks.changed(lambda module: module.to(memory_format=torch.contiguous_format))
    plain_s = setting.time(lambda: plain(*given))
    return {
        "cudnn_benchmark_ms": 1000 * chosen_s / case.batch,
        "nchw_ms": 1000 * plain_s / case.batch,
    }


def _time_call(setting: Setting, case: Case) -> Values:
    """Colour pixels: encode hints on the CPU, copy, run, copy back."""
    colorizer = open_colorizer(case.pair, setting.device, "bfloat16", batch_size=case.batch)
    lines, hints = draw(case.size, colorizer.draft_scale, case.batch)
    small_lines = np.stack([resize(line, case.small_size) for line in lines])
    call_s = setting.time(lambda: colorizer(lines, hints), 3)
    pixels = torch.from_numpy(hints), torch.from_numpy(small_lines)
    encoding_s = setting.time(lambda: colorizer.encode_hint(*pixels), 3)
    return {
        "call_ms": 1000 * call_s / case.batch,
        "encode_hint_ms": 1000 * encoding_s / case.batch,
    }


def compiled(setting: Setting) -> Cases:
    """Compile one pair, on a GPU: each takes half a minute."""
    if not setting.on_gpu:
        return
    (name, pair), (size, *_), (batch, *_) = next(coloring_pairs(small=False)), SIZES, BATCHES
    case = Case(f"{name}, {size[0]}x{size[1]}, batch {batch}", pair, size, batch)
    yield case.name, partial(_time_compiled, setting, case)


@torch.inference_mode()
def _time_compiled(setting: Setting, case: Case) -> Values:
    networks, given = case.open(setting)
    eager_s = setting.time(lambda: networks(*given))
    quick = networks.changed(_compile)
    begun = time.perf_counter()
    quick(*given)
    setting.synchronize()
    return {
        "compile_s": time.perf_counter() - begun,
        "eager_ms": 1000 * eager_s / case.batch,
        "compiled_ms": 1000 * setting.time(lambda: quick(*given)) / case.batch,
    }


def _compile(module: nn.Module) -> nn.Module:
    module.compile()
    return module
