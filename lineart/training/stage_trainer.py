"""Trainer of one stage: networks, optimizers, moving averages and the optimizer step."""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lineart.models import Pair
from lineart.models.layers import Constrained
from lineart.training.checkpoint import (
    Checkpoint,
    load_module,
    module_tensors,
    optimizer_tensors,
    restore_optimizer,
)
from lineart.training.device import Device
from lineart.training.objective import Features, Terms
from lineart.training.objectives import find_objective
from lineart.training.recipes import Recipe, TrainingStage


class StageTrainer:
    """Networks, optimizers and moving averages of one stage.

    Args:
        recipe: Recipe of the training.
        number: Index of the stage in the recipe.
        pair: Initial generators; they are copied.
        device: Device, number format and rank of this process.
        features: Frozen feature networks of the losses.
    """

    def __init__(
        self, recipe: Recipe, number: int, pair: Pair, device: Device, features: Features
    ) -> None:
        self.recipe, self.device = recipe, device
        self.stage: TrainingStage = recipe.stages[number]
        # Seeded here, so that new discriminators do not depend on whether the run was resumed.
        torch.manual_seed(recipe.seed + number)
        make = find_objective(self.stage.objective)
        self.objective = make(pair, recipe, self.stage, device, features)
        self.averages = {
            name: deepcopy(generator).eval().requires_grad_(False)
            for name, generator in self.objective.generators.items()
        }
        self.modules: dict[str, dict[str, nn.Module]] = {
            "generators": self.objective.generators | self.objective.heads,
            "discriminators": self.objective.discriminators,
        }
        self.optimizers = {
            group: torch.optim.Adam(
                self.parameters(group), betas=recipe.betas, weight_decay=recipe.weight_decay
            )
            for group, modules in self.modules.items()
            if modules
        }
        self.constrained = [
            part
            for modules in self.modules.values()
            for module in modules.values()
            for part in module.modules()
            if isinstance(part, Constrained)
        ]

    def parameters(self, group: str) -> list[nn.Parameter]:
        """Return the parameters of a group, "generators" (with heads) or "discriminators"."""
        return [p for module in self.modules[group].values() for p in module.parameters()]

    def step(self, batches: Sequence[Any], seen: int) -> dict[str, float]:
        """Take one optimizer step on the mean gradient of batches; return the mean loss terms.

        Args:
            batches: Batches of equal size, whose gradients are accumulated.
            seen: Images seen before this step, which determine the learning rate.

        Raises:
            FloatingPointError: a term or gradient is not finite; parameters and buffers are
                unchanged.
            ValueError: the objective does not compute a loss term of the stage.
        """
        # Forward passes change buffers, such as BatchNorm's statistics.
        buffers = [
            (buffer, buffer.clone())
            for modules in self.modules.values()
            for module in modules.values()
            for buffer in module.buffers()
        ]
        values: dict[str, float] = {}
        for index, batch in enumerate(batches):
            with self.adding_up(is_last=index == len(batches) - 1):
                for name, value in self.add_gradients(batch, len(batches)).items():
                    values[name] = values.get(name, 0.0) + value
        self.check_terms(values)
        if not self.are_finite(values):
            with self.adding_up(is_last=False):
                wrong = self.find_wrong(batches)
            for buffer, copy in buffers:
                buffer.copy_(copy)
            raise FloatingPointError(
                f"stage {self.stage.name}, step {seen // self.stage.batch_size} "
                f"(image {seen}): not finite: {wrong}"
            )
        for optimizer in self.optimizers.values():
            for settings in optimizer.param_groups:
                settings["lr"] = self.rate(seen)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for layer in self.constrained:
            layer.constrain()
        self.update_averages(seen // self.stage.batch_size)
        return values

    def check_terms(self, values: Mapping[str, float]) -> None:
        """Raise ValueError if a loss term of the stage was not computed."""
        if missing := self.stage.losses.keys() - values.keys():
            raise ValueError(
                f"stage {self.stage.name}: the objective {self.stage.objective} does not compute "
                f"{', '.join(sorted(missing))}, but {', '.join(values)}"
            )

    def add_gradients(self, batch: Any, batches: int) -> dict[str, float]:
        """Accumulate the gradients of one of `batches` batches; return its share of the terms."""
        values: dict[str, float] = {}
        for group in self.optimizers:
            terms = self.losses(group, batch)
            stacked = torch.stack(list(terms.values()))
            total = stacked.sum() / batches
            total.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
            # Read at once: each read of a number waits for the GPU.
            shares = (term / batches for term in stacked.detach().tolist())
            values.update(zip(terms, shares, strict=True))
        return values

    def losses(self, group: str, batch: Any) -> Terms:
        """Compute the loss terms of "generators" or "discriminators"."""
        is_generator = group == "generators"
        loss = self.objective.generator_loss if is_generator else self.objective.discriminator_loss
        with self.device.autocast():
            return loss(batch)

    def adding_up(self, *, is_last: bool) -> ExitStack:
        """Return a context that defers gradient exchange between processes to the last batch."""
        stack = ExitStack()
        for module in () if is_last else self.objective.learning:
            if isinstance(module, DistributedDataParallel):
                stack.enter_context(module.no_sync())
        return stack

    def are_finite(self, values: Mapping[str, float]) -> bool:
        """Return whether the terms and gradients of all processes are finite."""
        norms = [
            torch.nn.utils.get_total_norm(
                [p.grad for p in self.parameters(group) if p.grad is not None]
            )
            for group in self.optimizers
        ]
        finite = torch.isfinite(torch.stack(norms)).all().float()
        finite *= float(all(math.isfinite(value) for value in values.values()))
        if self.device.world > 1:
            distributed.all_reduce(finite, distributed.ReduceOp.MIN)
        return bool(finite)

    def find_wrong(self, batches: Sequence[Any]) -> str:
        """Describe the terms of all processes whose value or gradient is not finite."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        wrong = [
            self.describe_wrong(group, name, batch)
            for batch in batches
            for group in self.optimizers
            for name in self.losses(group, batch)
        ]
        everywhere = [wrong]
        if self.device.world > 1:
            everywhere *= self.device.world
            distributed.all_gather_object(everywhere, wrong)
        found = [text for texts in everywhere for text in texts if text]
        return ", ".join(dict.fromkeys(found))

    def describe_wrong(self, group: str, name: str, batch: Any) -> str:
        """Describe a term whose value or gradient is not finite; return "" if both are finite."""
        term = self.losses(group, batch)[name]
        if not torch.isfinite(term):
            return f"{name} is {float(term.detach())}"
        gradients = torch.autograd.grad(term, self.parameters(group), allow_unused=True)
        norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
        return "" if torch.isfinite(norm) else f"the gradient of {name}"

    def rate(self, seen: int) -> float:
        """Compute the learning rate, from the images seen alone, so that it resumes exactly."""
        stage = self.stage
        rate = stage.learning_rate
        if self.recipe.warmup_images:
            rate *= min(1.0, (seen + stage.batch_size) / self.recipe.warmup_images)
        share = seen / stage.images
        if stage.schedule == "cosine":
            return rate * (0.51 + 0.49 * math.cos(math.pi * share))
        if stage.schedule == "step":
            return rate * (0.1 if share >= stage.falls_at else 1.0)
        return rate * min(1.0, (1 - share) / (1 - stage.falls_at))

    @torch.no_grad()
    def update_averages(self, step: int) -> None:
        """Update the moving averages; the decay rises from 0.1 at step 0 up to `ema_decay`."""
        decay = min(self.recipe.ema_decay, (1 + step) / (10 + step))
        floating: list[tuple[Tensor, Tensor]] = []
        for name, average in self.averages.items():
            current = self.objective.generators[name].state_dict()
            for key, tensor in average.state_dict().items():
                if tensor.is_floating_point():
                    floating.append((tensor, current[key]))
                else:
                    tensor.copy_(current[key])
        if floating:
            # All at once: a GPU would wait for the launch of a kernel for each tensor.
            lerp_all = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
            lerp_all(*map(list, zip(*floating, strict=True)), 0)

    def share_averages(self) -> None:
        """Copy rank 0's averages to all processes, whose BatchNorm statistics may differ."""
        if self.device.world > 1:
            for average in self.averages.values():
                for tensor in average.state_dict().values():
                    distributed.broadcast(tensor, 0)

    def tensors(self, pair: Pair) -> dict[str, Tensor]:
        """Return the state to save, by name: averaged pair, networks, optimizers, random state."""
        tensors = {"random": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["cuda_random"] = torch.cuda.get_rng_state(self.device.device)
        for name, generator in {**pair.generators, **self.averages}.items():
            tensors.update(module_tensors(name, generator))
        for group, modules in self.modules.items():
            for name, module in modules.items():
                tensors.update(module_tensors(f"{group}.{name}", module))
        for group, optimizer in self.optimizers.items():
            tensors.update(optimizer_tensors(f"optimizer.{group}", optimizer))
        return tensors

    def restore(self, found: Checkpoint) -> None:
        """Restore the state from a checkpoint."""
        for name, average in self.averages.items():
            load_module(average, found, name)
        for group, modules in self.modules.items():
            for name, module in modules.items():
                load_module(module, found, f"{group}.{name}")
        for group, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, found.part(f"optimizer.{group}"))
        torch.set_rng_state(found.tensors["random"])
        if torch.cuda.is_available() and "cuda_random" in found.tensors:
            torch.cuda.set_rng_state(found.tensors["cuda_random"], self.device.device)
