import cv2
import numpy as np
import pytest

from lineart.evaluation.true_regions import (
    TOLERANCE,
    TrueRegions,
    choose_regions,
    find_true_regions,
    hint_auc,
    place_hints,
    score_regions,
)
from lineart.image import Frame, Line
from lineart.metrics import ciede2000

WHITE, RED, SHADE, BLUE, GREEN = (
    (255, 255, 255),
    (220, 60, 50),
    (150, 30, 20),
    (40, 60, 200),
    (0,) * 3,
)


@pytest.fixture
def drawn() -> tuple[Frame, Line]:
    """White paper; a red box with a shadow that no line divides; a blue box; one of 5 x 5 px."""
    line = np.full((120, 200), 255, np.uint8)
    color = np.full((120, 200, 3), 255, np.uint8)
    for box, fill in (
        ((20, 20, 90, 100), RED),
        ((110, 20, 180, 60), BLUE),
        ((110, 80, 118, 88), RED),
    ):
        color[box[1] : box[3] + 1, box[0] : box[2] + 1] = fill
        cv2.rectangle(line, box[:2], box[2:], 0, 2)
    color[70:100, 20:91] = SHADE
    return np.minimum(color, line[..., None]), line


def region_at(truth: TrueRegions, y: int, x: int) -> int:
    """Give the number of a region."""
    return int(truth.labels[y, x])


def paint(truth: TrueRegions, wrong: dict[int, tuple[int, ...]] | None = None) -> Frame:
    """Paint each region flat in its true colour, or in another one."""
    colors = truth.colors.copy()
    for number, color in (wrong or {}).items():
        colors[number] = color
    return colors[truth.labels]


def test_regions_are_flat_areas_off_lines_and_soft_edges(drawn: tuple[Frame, Line]) -> None:
    """Each area of one colour is one region, at least a pixel from lines and other colours."""
    truth = find_true_regions(*drawn)
    paper, red, shade, blue, tiny = (
        region_at(truth, *place) for place in ((5, 5), (40, 50), (85, 50), (40, 150), (84, 114))
    )
    assert sorted({paper, red, shade, blue, tiny}) == [1, 2, 3, 4, 5]
    assert len(truth.areas) == 6
    expected = {paper: WHITE, red: RED, shade: SHADE, blue: BLUE, tiny: RED}
    assert all(tuple(truth.colors[number]) == color for number, color in expected.items())
    # The lines are 3 px wide; shadow and light lie against each other.
    assert truth.areas[blue] == (70 - 5) * (40 - 5)
    assert truth.labels[69, 50] == truth.labels[70, 50] == 0
    assert truth.labels[68, 50] == red
    assert truth.labels[71, 50] == shade
    assert truth.areas[tiny] <= 10
    np.testing.assert_array_equal(np.flatnonzero(truth.is_background), [paper])
    assert set(np.flatnonzero(truth.is_closed)) == {paper, blue}
    np.testing.assert_array_equal(truth.labels.ravel()[truth.samples[blue]], blue)


def test_compression_and_shading_are_understood(drawn: tuple[Frame, Line]) -> None:
    """A few levels of noise change no region; a gradient is none; nothing flat is refused."""
    color, line = drawn
    clean = find_true_regions(color, line)
    noise = np.random.default_rng(0).integers(-3, 4, color.shape)
    noisy = find_true_regions((color + noise).clip(0, 255).astype(np.uint8), line)
    np.testing.assert_array_equal(noisy.labels > 0, clean.labels > 0)
    assert np.abs(noisy.colors.astype(int) - clean.colors).max() <= 1
    ramp = color.copy()
    ramp[20:61, 110:181, 0] = np.linspace(0, 255, 71).astype(np.uint8)
    ramp = np.minimum(ramp, line[..., None])
    assert region_at(find_true_regions(ramp, line), 40, 150) == 0
    with pytest.raises(ValueError, match="no area of one colour has more than 10 pixels"):
        find_true_regions(np.zeros_like(color), np.zeros_like(line))


def test_hints_lie_deep_in_the_largest_regions(drawn: tuple[Frame, Line]) -> None:
    """Shares are rounded down and tiny regions get none; a dab has its region's colour."""
    truth = find_true_regions(*drawn)
    paper, red = region_at(truth, 5, 5), region_at(truth, 40, 50)
    for share, count in ((0, 0), (24, 0), (25, 1), (50, 2), (99, 3), (100, 4)):
        is_hinted = choose_regions(truth, share)
        assert is_hinted.sum() == count
        hint = place_hints(truth, is_hinted)
        assert (hint[..., 3] == 255).sum() == 9 * count
        assert (truth.labels[hint[..., 3] > 0] > 0).all()
        np.testing.assert_array_equal(
            hint[hint[..., 3] > 0, :3], truth.colors[truth.labels[hint[..., 3] > 0]]
        )
    np.testing.assert_array_equal(np.flatnonzero(choose_regions(truth, 50)), sorted((paper, red)))
    draws = [choose_regions(truth, 50, np.random.default_rng(seed)) for seed in range(9)]
    assert {draw.sum() for draw in draws} == {2}
    assert len({tuple(draw) for draw in draws}) > 1
    y, x = truth.deepest[red]
    assert 40 <= y <= 52
    assert 40 <= x <= 70


def test_scores_are_arithmetic(drawn: tuple[Frame, Line]) -> None:
    """Of known wrong regions each score is the share, or the share of pixels, by hand."""
    truth = find_true_regions(*drawn)
    paper, red, shade, blue, tiny = (
        region_at(truth, *place) for place in ((5, 5), (40, 50), (85, 50), (40, 150), (84, 114))
    )
    is_hinted = np.isin(np.arange(6), (paper, red))
    perfect = score_regions(paint(truth), truth, is_hinted)
    assert perfect == dict.fromkeys(perfect, 1.0) | {"flatness": 0.0}
    found = score_regions(paint(truth, {red: BLUE, tiny: BLUE}), truth, is_hinted)
    areas = truth.areas
    whole = areas.sum()
    assert found == pytest.approx(
        {
            "acc": 3 / 5,
            "acc_thres": 3 / 4,
            "acc_hinted": 1 / 2,
            "acc_unhinted": 1,
            "acc_closed": 1,
            "pix_acc": (whole - areas[red] - areas[tiny]) / whole,
            "pix_f_acc": (areas[shade] + areas[blue]) / (whole - areas[paper]),
            "pix_b_iou": 1,
            "flatness": 0,
        }
    )
    # Painted as background: in the union, not in the intersection.
    found = score_regions(paint(truth, {blue: WHITE}), truth, np.zeros(6, bool))
    assert found["pix_b_iou"] == pytest.approx(areas[paper] / (areas[paper] + areas[blue]))
    assert not {"acc_hinted", "acc_closed"} & found.keys()


def test_a_region_is_right_by_most_of_its_pixels(drawn: tuple[Frame, Line]) -> None:
    """Within the tolerance it is right, a level above it is not; half of the pixels are enough."""
    truth = find_true_regions(*drawn)
    blue = region_at(truth, 40, 150)
    for change, is_right in ((TOLERANCE, True), (TOLERANCE + 1, False)):
        color = (BLUE[0], BLUE[1] + change, BLUE[2])
        found = score_regions(paint(truth, {blue: color}), truth, np.arange(6) == blue)
        assert found["acc_hinted"] == is_right
    # The region lies in columns 113 to 177.
    for left, is_right in ((146, True), (145, False)):
        painted = paint(truth)
        painted[:, left:] = GREEN
        found = score_regions(painted, truth, np.arange(6) == blue)
        assert found["acc_hinted"] == is_right


def test_flatness_is_the_spread_inside_regions(drawn: tuple[Frame, Line]) -> None:
    """Where a third of one of five regions has another colour, a fifteenth of it counts."""
    truth = find_true_regions(*drawn)
    blue = region_at(truth, 40, 150)
    painted = paint(truth)
    striped = (truth.labels == blue) & (np.arange(200) % 3 == 0)
    painted[striped] = RED
    share = float((painted.reshape(-1, 3)[truth.samples[blue]] == RED).all(axis=1).mean())
    apart = float(ciede2000(np.array([BLUE], np.uint8), np.array([RED], np.uint8))[0])
    found = score_regions(painted, truth, np.zeros(6, bool))["flatness"]
    assert share == pytest.approx(1 / 3, abs=0.1)
    assert found == pytest.approx(apart * share / 5, rel=1e-6)


def test_hint_auc_weighs_by_share() -> None:
    """It is the area below straight lines between the shares; a constant is itself."""
    assert hint_auc({0: 2.0, 50: 4.0, 100: 4.0}) == pytest.approx(3.5)
    assert hint_auc({100: 1.0, 0: 0.0}) == pytest.approx(0.5)
    assert hint_auc(dict.fromkeys((0, 1, 3, 5, 10, 25, 50, 100), 7.0)) == pytest.approx(7)


def test_hints_and_area_are_those_of_hintauc() -> None:
    """The package of the protocol's authors chooses the same regions, and has the same area."""
    package = pytest.importorskip("hintauc", exc_type=ImportError)
    widths = np.random.default_rng(0).integers(2, 9, 40)
    labels = np.repeat(np.arange(1, 41, dtype=np.int32), widths)[None].repeat(20, axis=0)
    areas = np.bincount(labels.ravel())
    none, places = np.zeros(41, bool), np.zeros((41, 2), np.int64)
    truth = TrueRegions(labels, np.zeros((41, 3), np.uint8), areas, places, places, none, none)
    ids = np.zeros((*labels.shape, 3), np.uint8)
    ids[..., 2] = labels
    mask = np.full(labels.shape, 255, np.uint8)
    result = package.HintResult(ids, mask, ids, ids, mask, ids)
    curve = {}
    for alpha in package.DEFAULT_ALPHAS:
        _, kept = result.at_ratio(alpha, tie_break="stable")
        chosen = choose_regions(truth, round(100 * alpha))
        np.testing.assert_array_equal(np.unique(labels[kept > 0]), np.flatnonzero(chosen))
        curve[alpha] = float(chosen.sum() ** 0.5)
    ours = hint_auc({round(100 * alpha): value for alpha, value in curve.items()})
    assert ours == pytest.approx(package.hint_auc(curve))
