"""Harmonic diffusion of colours over a drawing, across which ink is a resistance.

In the result every pixel is the mean of its neighbours, weighted by conductance, and fixed pixels
keep their colour. This is Levin, Lischinski, Weiss, "Colorization Using Optimization", SIGGRAPH
2004, with a conductance that depends on how dark the ink is, not on how fast it changes. The
equations are solved at half the size by conjugate gradients, preconditioned by a multigrid V-cycle.

Everything runs on the device of its inputs. On a CPU the bits depend neither on the number of
threads nor on the other drawings of a batch: exponentials come from a table, and sums have an order
of their own.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

Planes = Float32[Tensor, "B C H W"]
Plane = Float32[Tensor, "B 1 H W"]
Halves = Float32[Tensor, "B C HalfH HalfW"]
Lines = UInt8[Tensor, "B LineH LineW"]

CONTRAST = 12.0
"""Logarithm of the resistance of full ink; that of paper is 0."""
RESISTANCES = [math.exp(CONTRAST * (1 - level / 255)) for level in range(256)]
"""Resistance of each level of grey."""
STEPS = 6
"""Steps of conjugate gradients."""
FINE_STEPS = 3
"""Jacobi steps at full size."""
DAMPING = 0.8
"""Share of a Jacobi step that is made when the V-cycle smooths."""
COARSER_GRIDS = 5
"""Number of coarser grids of the V-cycle, each of half the size of the one before it."""
COARSENING = 0.5
"""Factor of the conductances of the next coarser grid. Sums of the finer ones are too stiff, as
corrections are constant in each cell."""
SMOOTHING, COARSEST_SMOOTHING = 2, 60
"""Jacobi steps of the V-cycle before and after the coarser grid, and at the coarsest one."""
LEAK = 1e-9
"""Conductance from each pixel to black, so that no pixel is undetermined."""
MULTIPLE = 2 << COARSER_GRIDS
"""Height and width of a drawing must be multiples of this."""


class Sides(NamedTuple):
    """Conductance of each pixel to its four neighbours; 0 beyond the picture."""

    left: Plane
    right: Plane
    up: Plane
    down: Plane


class Grid(NamedTuple):
    """Equations of one size: `total * u - neighbours(u) = source`."""

    sides: Sides
    other: Plane
    """Conductance to anything but free neighbours."""
    total: Plane
    """Sum of all conductances of each pixel, also those to fixed pixels."""


# Conductances.


def resistances(line: Lines) -> tuple[Tensor, Tensor]:
    """Return the resistances between horizontal and vertical neighbours: e^`CONTRAST` at full ink.

    Paper has 1. One of the sides is shorter by a pixel.
    """
    gray = line[:, None]
    across = torch.minimum(gray[..., 1:], gray[..., :-1])
    down = torch.minimum(gray[..., 1:, :], gray[..., :-1, :])
    table = torch.tensor(RESISTANCES, device=line.device)
    return table[across.int()], table[down.int()]


def halve(across: Tensor) -> Tensor:
    """Return the conductances between the cells of a grid of half the size, from resistances.

    Along a path resistances add up: half of the cell, the step, and half of the next cell. The two
    paths between two cells are parallel.
    """
    inner, step = across[..., ::2], across[..., 1::2]
    path = step + (inner[..., :-1] + inner[..., 1:]) / 2
    return 1 / path[..., ::2, :] + 1 / path[..., 1::2, :]


def to_sides(across: Tensor, down: Tensor) -> Sides:
    """Return the conductances of pairs of neighbours as those of each pixel."""
    return Sides(
        F.pad(across, (1, 0)), F.pad(across, (0, 1)), F.pad(down, (0, 0, 1, 0)),
        F.pad(down, (0, 0, 0, 1)),
    )  # fmt: skip


def make_grid(sides: Sides, other: Plane | float = 0.0) -> Grid:
    """Build a grid; `other` are the conductances to anything but free neighbours."""
    other = torch.zeros_like(sides.left) + other + LEAK
    return Grid(sides, other, sides.left + sides.right + sides.up + sides.down + other)


def neighbours(sides: Sides, planes: Planes, start: Planes | None = None) -> Planes:
    """Return the sum of each pixel's neighbours, weighted by conductance, and of `start`."""
    framed = F.pad(planes, (1, 1, 1, 1))
    left = framed[..., 1:-1, :-2]
    mixed = sides.left * left if start is None else torch.addcmul(start, sides.left, left)
    mixed = torch.addcmul(mixed, sides.right, framed[..., 1:-1, 2:])
    mixed = torch.addcmul(mixed, sides.up, framed[..., :-2, 1:-1])
    return torch.addcmul(mixed, sides.down, framed[..., 2:, 1:-1])


def apply(grid: Grid, planes: Planes) -> Planes:
    """Return `total * u - neighbours(u)`, from differences, which are exact where u is flat."""
    framed = F.pad(planes, (1, 1, 1, 1))
    applied = grid.other * planes
    applied = torch.addcmul(applied, grid.sides.left, planes - framed[..., 1:-1, :-2])
    applied = torch.addcmul(applied, grid.sides.right, planes - framed[..., 1:-1, 2:])
    applied = torch.addcmul(applied, grid.sides.up, planes - framed[..., :-2, 1:-1])
    return torch.addcmul(applied, grid.sides.down, planes - framed[..., 2:, 1:-1])


# Multigrid.


def coarsen(finest: Grid, other: Plane) -> list[Grid]:
    """Return a grid and coarser ones; `other` are its conductances to fixed pixels."""
    grids = [finest]
    for _ in range(COARSER_GRIDS):
        sides = grids[-1].sides
        across = COARSENING * _sum_steps(sides.right)
        down = COARSENING * _sum_steps(sides.down.mT).mT
        other = shrink(other)
        grids.append(make_grid(to_sides(across, down), other))
    return grids


def _sum_steps(right: Tensor) -> Tensor:
    """Sum the conductances of the steps from each cell of two by two pixels to the next one."""
    steps = right[..., 1:-1:2]
    return steps[..., ::2, :] + steps[..., 1::2, :]


def shrink(planes: Planes) -> Halves:
    """Sum the pixels of each cell of two by two."""
    return F.avg_pool2d(planes, 2) * 4


def enlarge(planes: Halves) -> Planes:
    """Repeat each pixel of a coarser grid for the pixels of its cell."""
    return F.interpolate(planes, scale_factor=2, mode="nearest")


def smooth(grid: Grid, planes: Planes, source: Planes, steps: int) -> Planes:
    """Make Jacobi steps, each in part."""
    for _ in range(steps):
        step = (neighbours(grid.sides, planes) + source) / grid.total
        planes = torch.lerp(planes, step, DAMPING)
    return planes


def v_cycle(grids: list[Grid], residual: Planes) -> Planes:
    """Return an approximate solution of the first grid's equations for a residual."""
    grid = grids[0]
    planes = residual / grid.total * DAMPING
    if len(grids) == 1:
        return smooth(grid, planes, residual, COARSEST_SMOOTHING)
    planes = smooth(grid, planes, residual, SMOOTHING - 1)
    left = residual - apply(grid, planes)
    planes = planes + enlarge(v_cycle(grids[1:], shrink(left)))
    return smooth(grid, planes, residual, SMOOTHING)


def conjugate_gradients(grids: list[Grid], free: Plane, source: Planes, start: Planes) -> Planes:
    """Improve `start` by `STEPS` steps; colours of pixels that are not free stay."""
    grid, planes = grids[0], start
    residual = (source - apply(grid, planes)) * free
    better = direction = v_cycle(grids, residual) * free
    size = dot(residual, better)
    for step in range(STEPS):
        pull = apply(grid, direction) * free
        length = size / dot(direction, pull)
        planes = planes + length * direction
        if step < STEPS - 1:
            residual = residual - length * pull
            better = v_cycle(grids, residual) * free
            last, size = size, dot(residual, better)
            direction = better + size / last * direction
    return planes


def dot(one: Planes, other: Planes) -> Float32[Tensor, "B C 1 1"]:
    """Return the scalar product of each plane, above 0."""
    return add_up(add_up(one * other, axis=2), axis=3).clamp(min=1e-20)


def add_up(planes: Planes, axis: int) -> Float32[Tensor, "B C SumH SumW"]:
    """Add up an axis by halves, whose order `torch.sum` does not promise."""
    while (size := planes.shape[axis]) > 1:
        half = size // 2
        halves = planes.narrow(axis, 0, half) + planes.narrow(axis, half, half)
        rest = planes.narrow(axis, 2 * half, size - 2 * half)
        planes = torch.cat((halves, rest), dim=axis) if size % 2 else halves
    return planes


# Diffusion.


def diffuse(start: Planes, line: Lines, is_fixed: Bool[Tensor, "B 1 H W"]) -> Planes:
    """Diffuse colours at half the size of drawings.

    Args:
        start: Colours at half the size to begin with, which have the fixed ones.
        line: Drawings, with sides that are multiples of `MULTIPLE`.
        is_fixed: Pixels of half the size that keep their colour.
    """
    free = (~is_fixed).float()
    across, down = resistances(line)
    every = to_sides(halve(across), halve(down.mT).mT)
    # Fixed pixels are no unknowns: they are sources of their neighbours.
    source = neighbours(every, start * is_fixed) * free + start * is_fixed
    to_fixed = neighbours(every, 1 - free) * free
    across = every.right[..., :-1] * free[..., 1:] * free[..., :-1]
    down = every.down[..., :-1, :] * free[..., 1:, :] * free[..., :-1, :]
    finest = make_grid(to_sides(across, down), to_fixed + (1 - free))
    return conjugate_gradients(coarsen(finest, to_fixed), free, source, start)


def double(planes: Planes) -> Float32[Tensor, "B C H TwiceW"]:
    """Double the width by linear interpolation; PyTorch's bits depend on the number of threads."""
    framed = F.pad(planes, (1, 1, 0, 0), mode="replicate")
    left, right = (torch.lerp(planes, near, 0.25) for near in (framed[..., :-2], framed[..., 2:]))
    return torch.stack((left, right), dim=-1).flatten(3)


def refine(half: Halves, known: Planes, line: Lines, is_fixed: Bool[Tensor, "B 1 H W"]) -> Planes:
    """Enlarge colours of half the size to the drawings', and let them meet at the lines.

    Args:
        half: Colours at half the size.
        known: Colours of the fixed pixels, 0 elsewhere.
        line: Drawings.
        is_fixed: Pixels of the drawings that keep their colour.
    """
    across, down = resistances(line)
    grid = make_grid(to_sides(1 / across, 1 / down))
    # Each side's share of its pixel's conductances; fixed pixels have none, and start from `known`.
    share = ~is_fixed / grid.total
    sides = Sides(*(side * share for side in grid.sides))
    planes = torch.where(is_fixed, known, double(double(half).mT).mT)
    for _ in range(FINE_STEPS):
        planes = neighbours(sides, planes, known)
    return planes
