"""Methods that carry the colours of keys: ours, and the baselines it is compared with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Int64, UInt8
from scipy.optimize import linear_sum_assignment

from lineart.evaluation.key_scores import NONE, Prediction
from lineart.image import Line
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import find_regions
from lineart.keys import CarriedColors, Matched, PreparedKey, carry
from lineart.keys.align import resize_key
from lineart.keys.drawing import Drawing, measure
from lineart.keys.flow import find_flow, target_positions
from lineart.keys.network import Network


def number_colors(
    colors: UInt8[np.ndarray, "N 3"], palette: UInt8[np.ndarray, "K 3"]
) -> Int64[np.ndarray, " N"]:
    """Return the number of the nearest colour of a palette to each colour."""
    distances = np.abs(colors[:, np.newaxis].astype(np.int64) - palette).sum(axis=2)
    numbers: Int64[np.ndarray, " N"] = distances.argmin(axis=1)
    return numbers


def carry_keys(
    line: Line,
    keys: Sequence[PreparedKey],
    palette: UInt8[np.ndarray, "K 3"],
    adjacent: Sequence[Line | Matched] = (),
    network: Network | None = None,
) -> Prediction:
    """Carry the colours as `lineart colorize --keys` does; by default with the included network."""
    return prediction_of(carry(line, keys, adjacent=adjacent, network=network), palette)


def prediction_of(carried: CarriedColors, palette: UInt8[np.ndarray, "K 3"]) -> Prediction:
    """Return carried colours as a prediction, pixel by pixel."""
    colors = np.append(number_colors(carried.palette, palette), NONE)[carried.index]
    return Prediction(colors[carried.labels].astype(np.int32), carried.confidence[carried.labels])


# Baselines: each gives the regions of a drawing the colours of a single key.


def _static(drawing: Drawing, key: PreparedKey) -> Int64[np.ndarray, " N"]:
    """Give each region the colour of most of its pixels in the key."""
    return _vote(drawing, key, key.drawing.spread)


def _flow_vote(drawing: Drawing, key: PreparedKey) -> Int64[np.ndarray, " N"]:
    """Give each region the colour of most of the places to which the optical flow leads."""
    flow, _ = find_flow(drawing.ink, key.drawing.ink)
    spread = key.drawing.spread.astype(np.float32)
    mode = cv2.BORDER_REPLICATE
    carried = cv2.remap(spread, target_positions(flow), None, cv2.INTER_NEAREST, borderMode=mode)
    return _vote(drawing, key, carried.astype(np.int32))


def _vote(drawing: Drawing, key: PreparedKey, places: RegionMap) -> Int64[np.ndarray, " N"]:
    is_inside = (drawing.labels > 0) & (places > 0)
    colors = key.index[places[is_inside] - 1]
    count = len(key.palette)
    codes = (drawing.labels[is_inside].astype(np.int64) - 1) * count + colors
    votes = np.bincount(codes, minlength=drawing.total * count).reshape(-1, count)
    chosen: Int64[np.ndarray, " N"] = votes.argmax(axis=1)
    return chosen


def _nearest_centroid(drawing: Drawing, key: PreparedKey) -> Int64[np.ndarray, " N"]:
    """Give each region the colour of the key's region with the nearest centre."""
    return _nearest(_differences(drawing.center, key.drawing.center).sum(axis=2), key)


def _differences(
    one: Float32[np.ndarray, "T D"], other: Float32[np.ndarray, "K D"]
) -> Float32[np.ndarray, "T K D"]:
    differences: Float32[np.ndarray, "T K D"] = np.abs(one[:, np.newaxis] - other)
    return differences


def _nearest(cost: Float32[np.ndarray, "T K"], key: PreparedKey) -> Int64[np.ndarray, " T"]:
    colors: Int64[np.ndarray, " T"] = key.index[cost.argmin(axis=1)].astype(np.int64)
    return colors


MAX_DIFFERENT = 3.0
PLACE_WEIGHT = 4.0


def _hungarian(drawing: Drawing, key: PreparedKey) -> Int64[np.ndarray, " N"]:
    """Assign regions by shape and place, one to one; those left over take the most similar."""
    shape = np.minimum(
        _differences(drawing.shape_features, key.drawing.shape_features), MAX_DIFFERENT
    )
    place = _differences(drawing.relative_center, key.drawing.relative_center)
    cost = shape.sum(axis=2) + PLACE_WEIGHT * place.sum(axis=2)
    colors = _nearest(cost, key)
    rows, columns = linear_sum_assignment(cost)
    colors[rows] = key.index[columns]
    return colors


SIGMAS = (2.0, 4.0, 8.0, 16.0)
"""Widths of the filters of the embedding, in pixels of the working size."""


def _embedding(drawing: Drawing, key: PreparedKey) -> Int64[np.ndarray, " N"]:
    """Give each region the colour of the key's region with the nearest descriptor, by cosine.

    The idea of DACoN, with fixed filters in the place of a trained network: each picture is
    described alone, descriptors are averaged over each region.
    """
    one, other = (_describe(one) for one in (drawing, key.drawing))
    mean, spread = other.mean(axis=0), other.std(axis=0) + 1e-3
    one, other = (_unit((values - mean) / spread) for values in (one, other))
    return _nearest(-(one @ other.T), key)


def _describe(drawing: Drawing) -> Float32[np.ndarray, "N D"]:
    """Return mean responses of edge and blob filters in each region, and its shape."""
    ink = drawing.ink.fine.astype(np.float32) / 255
    maps = []
    for sigma in SIGMAS:
        blurred = cv2.GaussianBlur(ink, (0, 0), sigma)
        x, y = (cv2.Sobel(blurred, cv2.CV_32F, *way) * sigma for way in ((1, 0), (0, 1)))
        maps += [blurred, *(part.clip(0) for part in (x, -x, y, -y, x + y, -x - y, x - y, y - x))]
    flat = drawing.spread.ravel() - 1
    is_inside = flat >= 0
    area = np.maximum(np.bincount(flat[is_inside], minlength=drawing.total), 1)
    means = [
        np.bincount(flat[is_inside], one.ravel()[is_inside], drawing.total) / area for one in maps
    ]
    return np.concatenate((np.stack(means, axis=1), drawing.shape_features), axis=1).astype(
        np.float32
    )


def _unit(values: np.ndarray) -> Float32[np.ndarray, "N D"]:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Float32[np.ndarray, "N D"] = (values / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit


OURS, FLOW_VOTE = "keys", "flow vote"

KEY_BASELINES: Final[Mapping[str, Callable[[Drawing, PreparedKey], Int64[np.ndarray, " N"]]]] = {
    "static copy": _static,
    FLOW_VOTE: _flow_vote,
    "nearest centroid": _nearest_centroid,
    "Hungarian": _hungarian,
    "embedding": _embedding,
}
"""Name -> function that returns the number of the key's colour of each region."""


def run_baselines(
    names: Sequence[str], line: Line, key: PreparedKey, palette: UInt8[np.ndarray, "K 3"]
) -> dict[str, Prediction]:
    """Give the regions of a drawing a key's colours by each baseline; all are sure."""
    labels = find_regions(line)
    drawing = measure(line, labels)
    fitted = resize_key(key, drawing.size)
    numbers = number_colors(key.palette, palette)
    sure = np.ones(line.shape, np.float32)
    predictions = {}
    for name in names:
        colors = numbers[KEY_BASELINES[name](drawing, fitted)]
        predictions[name] = Prediction(np.append(0, colors)[labels].astype(np.int32), sure)
    return predictions
