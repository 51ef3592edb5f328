"""`models.diffusion` as an ONNX graph, with the same arithmetic; values are float32[B, C, H, W]."""

from typing import NamedTuple

from onnxscript import OpBuilder

from lineart.models.diffusion import (
    COARSENING,
    COARSER_GRIDS,
    COARSEST_SMOOTHING,
    CONTRAST,
    DAMPING,
    FINE_STEPS,
    LEAK,
    SMOOTHING,
    STEPS,
)
from lineart.onnx.graph import END, FLOAT, Value, both_ways, halve, loop, neighbours, pairs

AXES = (3, 2)
"""Axes of horizontal and of vertical neighbours."""


class Grid(NamedTuple):
    """See `models.diffusion.Grid`."""

    sides: list[Value]
    """Conductance of each pixel to the left, the right, above and below."""
    other: Value
    total: Value


def diffuse(op: OpBuilder, start: Value, gray: Value, is_fixed: Value) -> Value:
    """See `models.diffusion.diffuse`; `gray` are drawings, float32[B, 1, H, W], 0..255."""
    fixed = op.Cast(is_fixed, to=FLOAT)
    free = op.Sub(1.0, fixed)
    steps = [_halve(op, way, axis) for way, axis in zip(_resistances(op, gray), AXES, strict=True)]
    every = _to_sides(op, steps)
    kept = op.Mul(start, fixed)
    source = op.Add(op.Mul(_mix(op, every, kept), free), kept)
    to_fixed = op.Mul(_mix(op, every, fixed), free)
    open_steps = [
        op.Mul(step, op.Mul(*pairs(op, free, axis))) for step, axis in zip(steps, AXES, strict=True)
    ]
    finest = _grid(op, _to_sides(op, open_steps), op.Add(to_fixed, fixed))
    grids = _coarsen(op, finest, open_steps, to_fixed)
    return _conjugate_gradients(op, grids, free, source, start)


def refine(op: OpBuilder, half: Value, known: Value, gray: Value, is_fixed: Value) -> Value:
    """See `models.diffusion.refine`."""
    large = op.Resize(half, None, [1.0, 1.0, 2.0, 2.0], mode="linear")
    steps = [op.Reciprocal(way) for way in _resistances(op, gray)]
    grid = _grid(op, _to_sides(op, steps), 0.0)
    planes = op.Where(is_fixed, known, large)
    for _ in range(FINE_STEPS):
        mean = op.Div(_mix(op, grid.sides, planes), grid.total)
        planes = op.Where(is_fixed, known, mean)
    result: Value = planes
    return result


def _resistances(op: OpBuilder, gray: Value) -> list[Value]:
    ink = op.Sub(1.0, op.Div(gray, 255.0))
    return [op.Exp(op.Mul(op.Max(*pairs(op, ink, axis)), CONTRAST)) for axis in AXES]


def _every_second(op: OpBuilder, grid: Value, first: int, axis: int) -> Value:
    part: Value = op.Slice(grid, [first], [END], [axis], [2])
    return part


def _halve(op: OpBuilder, way: Value, axis: int) -> Value:
    inner, step = (_every_second(op, way, first, axis) for first in (0, 1))
    path = op.Add(step, op.Div(op.Add(*pairs(op, inner, axis)), 2.0))
    across = 5 - axis
    one, other = (op.Reciprocal(_every_second(op, path, first, across)) for first in (0, 1))
    halved: Value = op.Add(one, other)
    return halved


def _to_sides(op: OpBuilder, steps: list[Value]) -> list[Value]:
    return [
        side for step, axis in zip(steps, AXES, strict=True) for side in both_ways(op, step, axis)
    ]


def _grid(op: OpBuilder, sides: list[Value], other: Value | float) -> Grid:
    rest: Value = op.Add(op.Mul(sides[0], 0.0), op.Add(other, LEAK))
    return Grid(sides, rest, op.Add(op.Sum(*sides), rest))


def _mix(op: OpBuilder, sides: list[Value], planes: Value) -> Value:
    near = neighbours(op, planes, 0.0)
    mixed: Value = op.Sum(*[op.Mul(side, value) for side, value in zip(sides, near, strict=True)])
    return mixed


def _apply(op: OpBuilder, grid: Grid, planes: Value) -> Value:
    near = neighbours(op, planes, 0.0)
    pulls = [
        op.Mul(side, op.Sub(planes, value)) for side, value in zip(grid.sides, near, strict=True)
    ]
    applied: Value = op.Sum(op.Mul(grid.other, planes), *pulls)
    return applied


def _coarsen(op: OpBuilder, finest: Grid, steps: list[Value], other: Value) -> list[Grid]:
    grids = [finest]
    for _ in range(COARSER_GRIDS):
        steps = [_sum_steps(op, step, axis) for step, axis in zip(steps, AXES, strict=True)]
        other = _shrink(op, other)
        grids.append(_grid(op, _to_sides(op, steps), other))
    return grids


def _sum_steps(op: OpBuilder, steps: Value, axis: int) -> Value:
    crossing = _every_second(op, steps, 1, axis)
    one, other = (_every_second(op, crossing, first, 5 - axis) for first in (0, 1))
    summed: Value = op.Mul(op.Add(one, other), COARSENING)
    return summed


def _shrink(op: OpBuilder, planes: Value) -> Value:
    summed: Value = op.Mul(halve(op, planes), 4.0)
    return summed


def _enlarge(op: OpBuilder, planes: Value) -> Value:
    large: Value = op.Resize(
        planes, None, [1.0, 1.0, 2.0, 2.0], mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    return large


def _smooth(op: OpBuilder, grid: Grid, planes: Value, source: Value) -> Value:
    step = op.Div(op.Add(_mix(op, grid.sides, planes), source), grid.total)
    smoothed: Value = op.Add(planes, op.Mul(op.Sub(step, planes), DAMPING))
    return smoothed


def _v_cycle(op: OpBuilder, grids: list[Grid], residual: Value) -> Value:
    grid = grids[0]
    planes = op.Mul(op.Div(residual, grid.total), DAMPING)
    if len(grids) == 1:
        return loop(
            op,
            planes,
            COARSEST_SMOOTHING,
            lambda op, state: (
                op.Identity(True),
                _smooth(op, grid, state, residual),
            ),
        )
    for _ in range(SMOOTHING - 1):
        planes = _smooth(op, grid, planes, residual)
    left = op.Sub(residual, _apply(op, grid, planes))
    coarser = _v_cycle(op, grids[1:], _shrink(op, left))
    planes = op.Add(planes, _enlarge(op, coarser))
    for _ in range(SMOOTHING):
        planes = _smooth(op, grid, planes, residual)
    result: Value = planes
    return result


def _conjugate_gradients(
    op: OpBuilder, grids: list[Grid], free: Value, source: Value, start: Value
) -> Value:
    grid, planes = grids[0], start

    def better_of(residual: Value) -> Value:
        better: Value = op.Mul(_v_cycle(op, grids, residual), free)
        return better

    residual = op.Mul(op.Sub(source, _apply(op, grid, planes)), free)
    better = direction = better_of(residual)
    size = _dot(op, residual, better)
    for step in range(STEPS):
        pull = op.Mul(_apply(op, grid, direction), free)
        length = op.Div(size, _dot(op, direction, pull))
        planes = op.Add(planes, op.Mul(length, direction))
        if step < STEPS - 1:
            residual = op.Sub(residual, op.Mul(length, pull))
            better = better_of(residual)
            last, size = size, _dot(op, residual, better)
            direction = op.Add(better, op.Mul(op.Div(size, last), direction))
    result: Value = planes
    return result


def _dot(op: OpBuilder, one: Value, other: Value) -> Value:
    product: Value = op.Max(op.ReduceSum(op.Mul(one, other), [2, 3], keepdims=1), 1e-20)
    return product
