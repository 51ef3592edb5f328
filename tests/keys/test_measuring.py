import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lineart.imaging.regions import find_regions
from lineart.keys import Key, carry, pairs, prepare_key
from lineart.keys.border_matrix import find_borders
from lineart.keys.drawing import find_paper, measure, shrink_regions
from lineart.keys.flow import find_flow, make_soft_ink
from lineart.keys.key_colors import split_by_color
from lineart.keys.patches import compare_turned
from lineart.keys.runs import count_pairs, find_moments, find_row_runs
from tests.keys.figures import PAINT, draw_figure, make_dense


def test_sums_over_runs_are_those_over_pixels() -> None:
    """Areas, moments, sums and maxima of regions equal those of their pixels."""
    rng = np.random.default_rng(0)
    labels = cv2.resize(rng.integers(0, 9, (12, 9), np.int32), (70, 50), interpolation=0)
    values = rng.random(labels.shape, np.float32)
    runs = find_row_runs(labels, 9)
    moments = find_moments(runs, (35.0, 25.0))
    for region in range(1, 9):
        y, x = np.nonzero(labels == region)
        spread = np.linalg.eigvalsh(np.cov(x, y, bias=True) + np.eye(2) / 12)
        assert_allclose(moments.center[region - 1], (x.mean(), y.mean()))
        assert_allclose((moments.short[region - 1], moments.long[region - 1]), spread, rtol=1e-6)
        assert_allclose(runs.sum_pixels(values)[region - 1], values[y, x].sum(), rtol=1e-5)
        assert runs.highest(values)[region - 1] == values[y, x].max()
    assert_array_equal(moments.center[8], (35, 25))


@pytest.mark.parametrize("columns", [40, 4_000_000])
def test_pairs_are_counted(columns: int) -> None:
    """Pairs are counted the same, with counters and by sorting."""
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 30, (2, 200), np.int32)
    found = count_pairs(one, other, columns)
    expected = np.zeros((30, 30), int)
    np.add.at(expected, (one, other), 1)
    assert_array_equal(np.stack((found.rows, found.columns)), np.nonzero(expected))
    assert_array_equal(found.counts, expected[expected > 0])


def test_borders_multiply_like_the_matrix() -> None:
    """Products with the sparse borders equal those with the dense matrix."""
    rng = np.random.default_rng(2)
    labels = cv2.resize(rng.integers(0, 30, (9, 9), np.int32), (90, 60), interpolation=0)
    shares = find_borders(labels, 32).shares()
    values = rng.random((32, 5), np.float32)
    assert_allclose(shares.times(values), make_dense(shares) @ values, rtol=1e-5)
    chosen = rng.integers(0, 32, (6, 3), np.int32)
    rows = rng.random((6, 32), np.float32)
    product = rows @ make_dense(shares).T
    expected = np.take_along_axis(product, chosen.astype(np.int64), axis=1)
    assert_allclose(shares.gather(rows, chosen), expected, rtol=1e-5)


def test_shapes_stay_when_a_figure_moves() -> None:
    """The shape of all regions but the background stays when a figure moves and grows."""
    one, other = draw_figure(), draw_figure(move=(30, -10), scale=1.15)
    shapes = [
        measure(figure.line, find_regions(figure.line)).shape_features for figure in (one, other)
    ]
    assert shapes[0].shape == shapes[1].shape
    assert np.abs(shapes[0] - shapes[1])[1:, :6].max() < 0.25


@pytest.mark.parametrize("move", [(90, -40), (-160, 0)])
def test_flow_follows_a_pan(move: tuple[float, float]) -> None:
    """The flow finds a move of the whole drawing that is far larger than its details."""
    one, other = draw_figure(), draw_figure(move=move)
    size = (one.line.shape[0], one.line.shape[1])
    inks = [make_soft_ink(find_paper(figure.line, size)) for figure in (one, other)]
    flow, misfit = find_flow(*inks)
    apart = np.abs(flow - np.array(move)).max(axis=2)
    assert np.median(apart[one.line == 0]) < 1
    assert misfit[inks[0].fine > 200].mean() < 12


def test_flow_of_a_figure_before_a_panning_background() -> None:
    """Where the background pans and the figure stands, the flow has both moves."""
    figure = draw_figure(size=(360, 640), move=(80, 0))
    is_figure = cv2.dilate((figure.paint != PAINT["background"]).any(axis=2).view(np.uint8), None)
    rng = np.random.default_rng(5)
    street = np.full((360, 900), 255, np.uint8)
    for _ in range(40):
        x, y = rng.integers(0, 880), rng.integers(0, 330)
        axes = (int(rng.integers(8, 40)), int(rng.integers(8, 40)))
        cv2.ellipse(street, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, 0, 2)
    inks = []
    for pan in (120, 0):
        scene = np.where(is_figure > 0, figure.line, street[:, pan : pan + 640])
        inks.append(make_soft_ink(find_paper(np.ascontiguousarray(scene), (360, 640))))
    flow, _ = find_flow(*inks)
    is_ink = inks[0].fine > 200
    still = np.median(np.abs(flow[is_ink & (is_figure > 0)]), axis=0)
    panned = np.median(flow[is_ink & (is_figure == 0)], axis=0)
    assert_allclose(still, (0, 0), atol=2)
    assert_allclose(panned, (120, 0), atol=3)


def test_shrinking_keeps_the_smallest_regions() -> None:
    """A region thinner than a pixel of the working size keeps one, and its colour is read."""
    line = np.full((1200, 1600), 255, np.uint8)
    cv2.rectangle(line, (400, 400), (404, 404), 0, 1)
    cv2.rectangle(line, (700, 300), (1200, 900), 0, 3)
    labels = find_regions(line)
    paint = np.full((1200, 1600, 3), PAINT["background"], np.uint8)
    paint[401:404, 401:404] = PAINT["eye"]
    paint[300:900, 700:1200] = PAINT["coat"]
    paper = find_paper(line, (540, 720))
    assert set(np.unique(shrink_regions(labels, paper))) == {0, 1, 2, 3}
    colored = split_by_color(labels, paint, paper)
    found = colored.palette[colored.index[labels[[10, 402, 600], [10, 402, 1000]] - 1]]
    assert_array_equal(found, [PAINT["background"], PAINT["eye"], PAINT["coat"]])


def test_a_gradient_is_one_color_and_a_border_makes_two() -> None:
    """A smooth gradient gives one colour of its own, a sharp border two exact ones."""
    line = np.full((200, 300), 255, np.uint8)
    labels = find_regions(line)
    ramp = np.repeat(np.linspace(40, 90, 300).astype(np.uint8)[np.newaxis], 200, axis=0)
    gradient = np.stack((ramp, ramp // 2, ramp // 3), axis=2)
    colored = split_by_color(labels, gradient, find_paper(line, (200, 300)))
    assert len(colored.index) == 1
    assert (gradient.reshape(-1, 3) == colored.palette[0]).all(axis=1).any()
    halves = np.full((200, 300, 3), PAINT["coat"], np.uint8)
    halves[:, 150:] = PAINT["hat"]
    soft = cv2.GaussianBlur(halves, (0, 0), 1.0)
    colored = split_by_color(labels, soft, find_paper(line, (200, 300)))
    assert {tuple(color) for color in colored.palette.tolist()} == {PAINT["coat"], PAINT["hat"]}
    assert colored.parent.tolist() == [1, 1]


@pytest.mark.parametrize("way", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, "mirrored"])
def test_turned_patches_stay_when_a_drawing_turns(way: int | str) -> None:
    """Each region is most alike to itself, turned or mirrored, and more so than upright."""
    paper = np.full((240, 240), 255, np.uint8)
    cv2.polylines(
        paper, [np.array([(50, 30), (190, 60), (150, 110), (170, 190), (40, 150)])], True, 0, 2
    )
    cv2.line(paper, (50, 100), (160, 120), 0, 2)
    cv2.circle(paper, (120, 75), 12, 0, 2)
    other = paper[:, ::-1] if isinstance(way, str) else cv2.rotate(paper, way)
    drawings = [measure(one, find_regions(one)) for one in (paper, np.ascontiguousarray(other))]
    one, turned = drawings
    inside = np.flatnonzero(one.area < 10_000)
    assert len(inside) == 3
    mask, near = compare_turned(one.patches, inside, turned.patches)
    own = mask.argmax(axis=1)
    assert_allclose(turned.area[own], one.area[inside], rtol=0.05)
    assert mask.max(axis=1).min() > 0.95
    assert np.take_along_axis(near, own[:, np.newaxis], axis=1).min() > 0.8
    upright = (one.patches.near[inside] * turned.patches.near[own]).sum(axis=1)
    is_circle = upright > 0.99
    assert is_circle.sum() == 1
    assert upright[~is_circle].max() < 0.8


def test_a_number_without_pixels_is_no_region() -> None:
    """It has no colour, and the others have theirs."""
    labels = np.ones((40, 40), np.int32)
    labels[:, 20:] = 3
    paint = np.full((40, 40, 3), PAINT["coat"], np.uint8)
    paint[:, 20:] = PAINT["hat"]
    colored = split_by_color(labels, paint, np.ones((40, 40), np.uint8))
    assert colored.parent.tolist() == [1, 3]
    assert_array_equal(colored.palette[colored.index], [PAINT["coat"], PAINT["hat"]])
    assert_array_equal(np.unique(colored.labels), [1, 2])


def test_of_equal_costs_the_first_columns_count() -> None:
    """So it is the same ones on each processor."""
    cost = np.random.default_rng(0).integers(0, 5, (64, 300)).astype(np.float32)
    least = np.sort(np.argsort(cost, axis=1, kind="stable")[:, :32], axis=1)
    assert_array_equal(pairs._least(cost, 32), least)
    assert_array_equal(pairs._least(cost[:0], 32), least[:0])


def test_the_paint_of_a_thin_region_is_that_below_its_lines() -> None:
    """Soft edges darken a part; a colour of the palette explains it, or it is lightened."""
    line, paint = np.full((200, 300), 255, np.uint8), np.full((200, 300, 3), 250, np.uint8)
    paint[20:180, 20:140] = PAINT["coat"]
    for top, color in ((40, PAINT["coat"]), (90, PAINT["eye"])):
        paint[top : top + 6, 160:280] = color
        cv2.rectangle(line, (160, top), (280, top + 6), 0, 2)
    cv2.rectangle(line, (20, 20), (140, 180), 0, 2)
    line = cv2.GaussianBlur(line, (0, 0), 1.2)
    shown = np.rint(paint * (line[:, :, np.newaxis] / 255)).astype(np.uint8)
    labels = find_regions(line, gap_px=0.0)
    thin = labels[[43, 93], [220, 220]]
    assert thin.all()
    assert line[(labels == thin[0]) | (labels == thin[1])].max() < 250
    for picture in (shown, paint):
        key = prepare_key(Key(line, picture, gap=0.0))
        found = key.palette[key.index[np.searchsorted(key.parent, thin)]].astype(int)
        assert_array_equal(found[0], PAINT["coat"])
        assert_allclose(found[1], PAINT["eye"], atol=2)
    own = carry(line, [Key(line, shown, gap=0.0)], gap=0.0)
    is_thin = (labels == thin[0]) & (own.labels > 0)
    assert (own.palette[own.index[own.labels[is_thin]]] == PAINT["coat"]).all()
