"""Pooling and flooding of hints as ONNX graphs.

`pool` has the arithmetic of `imaging.hints.pixels.pool_hints`, `flow` that of `models.hint_maps`.
`flood` differs: OpenCV's watershed needs a queue, which ONNX lacks. Instead, each pixel takes the
hint with the cheapest path to it; a step between grey levels that differ by d costs 1 + d * d.
Regions with a hint are filled alike; one without sometimes takes the colour of another neighbour.
With the default weights, 15 real pictures and 16 / 140 hints, PSNR between the two methods is
35 / 34 dB, and to painted truth nearly the same: 19.0 / 24.2 here, 19.1 / 24.4 with the watershed.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from onnxscript import OpBuilder, ir

from lineart.models.diffusion import CONTRAST
from lineart.models.hint_maps import INK_BELOW, ROUNDS, flood_hints, spread_hints
from lineart.onnx.diffusion import diffuse, refine
from lineart.onnx.graph import (
    BOOL,
    FLOAT,
    Value,
    both_ways,
    halve,
    loop,
    neighbours,
    pairs,
    to_unit,
)

INT32, INT64, DOUBLE = ir.DataType.INT32, ir.DataType.INT64, ir.DataType.DOUBLE

INDEX: Final = 1 << 22
"""Bound of pixel indices: a state is the path's cost times this, plus the index of its source.

The state is a whole number in a 64-bit float, because ONNX Runtime 1.31 computes wrong minima of
int64 values with equal upper halves (it compares the lower halves as signed).
"""
FAR: Final = float(1 << 52)
"""State of pixels that no path has reached."""
STEPS: Final = 8
"""Steps in one round of the loop, after which it tests whether the last step changed a pixel."""
MAX_ROUNDS: Final = 1 << 16


def pool(op: OpBuilder, hint: Value, scale: int) -> Value:
    """Choose the best hint of each `scale` x `scale` cell: uint8[B, H, W, 4] of fewer pixels."""
    count, height, width = (op.Shape(hint, start=axis, end=axis + 1) for axis in range(3))
    rows, columns = op.Div(height, scale), op.Div(width, scale)
    cells = op.Concat(count, rows, [scale], columns, [scale, 4], axis=0)
    cells = op.Transpose(op.Reshape(hint, cells), perm=[0, 1, 3, 2, 4, 5])
    cells = op.Reshape(cells, op.Concat(count, rows, columns, [scale**2, 4], axis=0))
    # Order: the most opaque, then the nearest to the centre, then the last.
    opacity = op.Cast(op.Gather(cells, 3, axis=4), to=INT32)
    score = op.Add(op.Mul(opacity, scale**2), ranks(scale))
    best = op.Unsqueeze(op.ArgMax(score, axis=3), [4])
    best = op.Expand(best, op.Concat(count, rows, columns, [1, 4], axis=0))
    pooled: Value = op.Squeeze(op.GatherElements(cells, best, axis=3), [3])
    return pooled


def ranks(scale: int) -> list[int]:
    """Return the rank of each pixel of a cell; the nearest to its centre has the highest."""
    offsets = np.arange(scale) + 0.5 - scale / 2
    distance = (offsets[:, np.newaxis] ** 2 + offsets**2).ravel()
    order = np.argsort(-distance, kind="stable")
    return [int(rank) for rank in np.argsort(order)]


def flooded(op: OpBuilder, hint: Value, gray: Value) -> Value:
    """Encode pooled hints as `hint_maps.flood_one` does, for every picture of the batch.

    Args:
        op: Operators of the graph.
        hint: Pooled hints, uint8[B, H, W, 4].
        gray: Line drawings, float32[B, 1, H, W], 0..255.
    """
    pixels = op.Cast(op.Transpose(hint, perm=[0, 3, 1, 2]), to=FLOAT)
    color = op.Slice(pixels, [0], [3], [1])
    is_hint = op.Greater(op.Slice(pixels, [3], [4], [1]), 0.0)
    # Hints on ink are no sources, unless there are no others.
    is_source = choose_sources(op, is_hint, gray)
    flowed = flow(op, flood(op, color, gray, is_source), gray, is_source)
    # Drop dark hints on ink, which only repeat the ink; keep light ones, which mark small details.
    is_light = op.GreaterOrEqual(op.ReduceMean(color, [1]), float(INK_BELOW))
    is_kept = op.And(is_hint, op.Or(is_source, is_light))
    encoded = to_unit(op, op.Where(is_kept, color, flowed))
    result: Value = op.Where(has_any(op, is_hint), encoded, 0.0)
    return result


def spread(op: OpBuilder, hint: Value, gray: Value) -> Value:
    """Encode hints at the drawing's size as `hint_maps.spread_hints` does.

    Args:
        op: Operators of the graph.
        hint: Hints, uint8[B, H, W, 4]; height and width are multiples of `diffusion.MULTIPLE`.
        gray: Line drawings, float32[B, 1, H, W], 0..255.
    """
    pixels = op.Cast(op.Transpose(hint, perm=[0, 3, 1, 2]), to=FLOAT)
    is_source = choose_sources(op, op.Greater(op.Slice(pixels, [3], [4], [1]), 0.0), gray)
    number = op.Cast(is_source, to=FLOAT)
    known = op.Mul(op.Div(op.Slice(pixels, [0], [3], [1]), 255.0), number)
    share = halve(op, number)
    is_fixed = op.Greater(share, 0.0)
    half = op.Div(halve(op, known), op.Max(share, 0.25))
    start = flood(op, half, op.Round(halve(op, gray)), is_fixed)
    colors = refine(op, diffuse(op, start, gray, is_fixed), known, gray, is_source)
    colors = op.Where(has_any(op, is_source), op.Clip(colors, 0.0, 1.0), 1.0)
    code = op.Concat(colors, find_hinted(op, gray, is_source), axis=1)
    result: Value = op.Sub(op.Mul(code, 2.0), 1.0)
    return result


GRAPHS: Final[dict[Callable[..., Any], Callable[[OpBuilder, Value, Value], Value]]] = {
    flood_hints: flooded,
    spread_hints: spread,
}
"""`Colorization.encode_hint` -> its graph, for those that torch cannot trace."""


def choose_sources(op: OpBuilder, is_hint: Value, gray: Value) -> Value:
    """Return which hints are on paper, or all hints of a drawing without such ones."""
    is_on_paper = op.And(is_hint, op.GreaterOrEqual(gray, float(INK_BELOW)))
    has_none = op.Not(has_any(op, is_on_paper))
    is_source: Value = op.Or(is_on_paper, op.And(is_hint, has_none))
    return is_source


def find_hinted(op: OpBuilder, gray: Value, is_source: Value) -> Value:
    """Return 1 where an area of paper has a source, 0 elsewhere: float32[B, 1, H, W]."""
    is_paper = op.GreaterOrEqual(gray, float(INK_BELOW))
    paper = op.Cast(is_paper, to=FLOAT)
    costs = []
    for axis in (3, 2):
        is_ink = op.Sub(1.0, op.Mul(*pairs(op, paper, axis)))
        costs += both_ways(op, op.Mul(op.Cast(is_ink, to=DOUBLE), FAR), axis)
    is_far = op.Cast(op.Not(op.And(is_source, is_paper)), to=DOUBLE)
    paths = cheapest_paths(op, op.Mul(is_far, FAR), costs)
    hinted: Value = op.Cast(op.Less(paths, FAR), to=FLOAT)
    return hinted


def has_any(op: OpBuilder, mask: Value) -> Value:
    """Return for each picture whether any pixel of a mask is set."""
    found: Value = op.Cast(op.ReduceMax(op.Cast(mask, to=INT32), [1, 2, 3]), to=BOOL)
    return found


def flood(op: OpBuilder, color: Value, gray: Value, is_source: Value) -> Value:
    """Give every pixel the colour of its source: float32[B, 3, H, W]."""
    height, width = (op.Shape(gray, start=axis, end=axis + 1) for axis in (2, 3))
    pixels = op.Mul(height, width)
    index = op.Range(0, op.Squeeze(pixels), 1)
    index = op.Cast(op.Reshape(index, op.Concat([1, 1], height, width, axis=0)), to=DOUBLE)
    paths = cheapest_paths(op, op.Where(is_source, index, FAR), step_costs(op, gray))
    sources = op.Mod(op.Cast(paths, to=INT64), INDEX)
    count = op.Shape(gray, end=1)
    sources = op.Reshape(sources, op.Concat(count, [1], pixels, axis=0))
    flat = op.Reshape(color, op.Concat(count, [3], pixels, axis=0))
    flat = op.GatherElements(flat, op.Expand(sources, [1, 3, 1]), axis=2)
    result: Value = op.Reshape(flat, op.Shape(color))
    return result


def cheapest_paths(op: OpBuilder, start: Value, costs: list[Value]) -> Value:
    """Find each pixel's cheapest path; return the final states.

    The loop steps from all sources at once until no pixel finds a cheaper path. Of paths with equal
    cost, the one from the source with the lowest index wins.
    """

    def step(op: OpBuilder, state: Value) -> tuple[Value, Value]:
        last = state
        for _ in range(STEPS):
            near = neighbours(op, state, FAR)
            paths = [op.Add(path, cost) for path, cost in zip(near, costs, strict=True)]
            last, state = state, op.Min(state, *paths)
        changed = op.Cast(op.Not(op.Equal(state, last)), to=INT32)
        return op.Cast(op.ReduceMax(changed, keepdims=0), to=BOOL), state

    return loop(op, start, MAX_ROUNDS, step)


def step_costs(op: OpBuilder, gray: Value) -> list[Value]:
    """Return the costs of a step to each pixel from the left, the right, above and below."""
    costs = []
    for axis in (3, 2):
        difference = op.Sub(*pairs(op, gray, axis))
        cost = op.Cast(op.Add(op.Mul(difference, difference), 1.0), to=DOUBLE)
        costs += both_ways(op, op.Mul(cost, float(INDEX)), axis)
    return costs


def flow(op: OpBuilder, color: Value, gray: Value, is_source: Value) -> Value:
    """Diffuse colours between neighbours; see `hint_maps.flow`."""
    ink = op.Sub(1.0, op.Div(gray, 255.0))
    shares = []
    for axis in (3, 2):
        most = op.Max(*pairs(op, ink, axis))
        shares += both_ways(op, op.Exp(op.Mul(most, -CONTRAST)), axis)
    own = 1e-4
    total = op.Sum(own, *shares)

    def step(op: OpBuilder, state: Value) -> tuple[Value, Value]:
        near = neighbours(op, state, 0.0)
        flows = [op.Mul(share, value) for share, value in zip(shares, near, strict=True)]
        mixed = op.Sum(op.Mul(state, own), *flows)
        return op.Identity(True), op.Where(is_source, color, op.Div(mixed, total))

    return loop(op, color, ROUNDS, step)
