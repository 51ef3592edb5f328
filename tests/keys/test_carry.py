import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.imaging.regions import find_regions
from lineart.keys import CarriedColors, Key, carry, pairs, prepare_key, prepare_keys, shot
from lineart.keys.carry import join_scores
from lineart.keys.drawing import measure
from lineart.keys.key import NoColorError
from lineart.keys.patches import Patches, compare_turned
from tests.keys.figures import PAINT, Figure, draw_figure


def fill(carried: CarriedColors) -> np.ndarray:
    """Return the carried colours; ink and unknown regions are black."""
    colors = np.concatenate((carried.palette, np.zeros((1, 3), np.uint8)))
    return colors[carried.index[carried.labels]]


def share_right(carried: CarriedColors, truth: Figure) -> float:
    """Return the share of pixels in regions that have the true colour."""
    is_region = carried.labels > 0
    return float((fill(carried) == truth.paint).all(axis=2)[is_region].mean())


@pytest.mark.parametrize(
    "change",
    [{"move": (60, 20)}, {"scale": 1.3}, {"bend": 12.0}, {"move": (-150, 10), "bend": 6.0}],
)
def test_colors_follow_the_figure(change: dict[str, object]) -> None:
    """A figure that moved, grew or bent has all its colours from one key, exactly."""
    key, target = draw_figure(), draw_figure(**change)  # type: ignore[arg-type]
    carried = carry(target.line, [Key(key.line, key.paint)])
    assert share_right(carried, target) > 0.995
    assert carried.labels.shape == target.line.shape
    assert len(carried.index) == len(carried.confidence) == carried.labels.max() + 1
    assert {tuple(color) for color in carried.palette.tolist()} == set(PAINT.values()) - {
        PAINT["hat"]
    }
    assert carried.index[0] == -1
    assert (carried.second[1:] != carried.index[1:]).all()


def test_own_drawing_is_the_key() -> None:
    """The key's own drawing has the key's colours pixel by pixel, gradients and dots included."""
    key = draw_figure()
    paint = key.paint.copy()
    paint[:, :, 1] = np.linspace(0, 255, paint.shape[1]).astype(np.uint8)
    paint[200:202, 240:242] = (1, 2, 3)
    other = draw_figure(move=(30, 0))
    carried = carry(key.line.copy(), [(other.line, other.paint), (key.line, paint)])
    is_region = carried.labels > 0
    assert is_region.mean() > 0.9
    assert (fill(carried)[is_region] == paint[is_region]).all()
    assert (carried.confidence[1:] == 1).all()


def test_own_drawing_of_a_key_with_open_regions() -> None:
    """What the drawing's own key leaves open has the other keys' colours, and their confidence."""
    key, other = draw_figure(), draw_figure(move=(30, 0))
    hint = np.dstack((key.paint, np.full(key.line.shape, 255, np.uint8)))
    hint[(key.paint == PAINT["hair"]).all(axis=2)] = (10, 20, 30, 255)
    is_open = np.isin(key.paint, (PAINT["coat"], PAINT["pocket"])).all(axis=2)
    hint[is_open] = 0
    carried = carry(key.line, [Key(*other), Key(key.line, hint)])
    is_region = carried.labels > 0
    assert (fill(carried)[is_region & ~is_open] == hint[is_region & ~is_open, :3]).all()
    assert (fill(carried)[is_region & is_open] == key.paint[is_region & is_open]).mean() > 0.99
    sure = np.unique(carried.labels[is_region & ~is_open])
    assert (carried.confidence[sure] == 1).all()
    assert (carried.confidence[np.unique(carried.labels[is_region & is_open])] < 1).all()
    assert carried.labels.max() + 1 == len(carried.index) == len(carried.second)
    alone = carry(key.line, [Key(key.line, hint)])
    assert (alone.index[np.unique(alone.labels[is_region & is_open])] == -1).all()


def test_own_drawing_of_a_dab_and_of_a_finished_picture() -> None:
    """What the dab leaves open has the picture's colours, pixel by pixel, not another drawing's."""
    line, paint = draw_figure()
    paint[:, :, 1] = np.linspace(0, 255, paint.shape[1]).astype(np.uint8)
    dab = np.zeros((*line.shape, 4), np.uint8)
    dab[265:275, 275:285] = (10, 20, 30, 255)
    is_pocket = np.zeros(line.shape, bool)
    is_pocket[252:289, 262:299] = True
    keys = [Key(line, dab), Key(line, paint)]
    other = draw_figure(move=(30, 0))._replace(paint=np.full_like(paint, 90))
    for carried in (carry(line, keys), carry(line, [*keys, Key(*other)])):
        is_region = carried.labels > 0
        filled = fill(carried)
        assert (filled[is_region & is_pocket] == (10, 20, 30)).all()
        assert_array_equal(filled[is_region & ~is_pocket], paint[is_region & ~is_pocket])
        assert (carried.confidence[1:] == 1).all()


def test_key_and_drawing_have_the_same_areas() -> None:
    """A key's regions are measured as the same regions of a grey drawing are."""
    line = np.full((120, 200), 255, np.uint8)
    cv2.rectangle(line, (40, 30), (150, 90), 0, 2)
    color = np.dstack([line, line, line])
    key = prepare_key(Key(line, color))
    assert_array_equal(key.drawing.area, measure(line, find_regions(line)).area)


def test_all_keys_together() -> None:
    """What one key lacks is taken from another, and the palette has each colour once."""
    bare, hatted = draw_figure(move=(-30, 0)), draw_figure(move=(30, 10), hat=True)
    target = draw_figure(hat=True)
    carried = carry(target.line, [Key(*bare), Key(*hatted)])
    assert share_right(carried, target) > 0.995
    assert len(np.unique(carried.palette, axis=0)) == len(carried.palette) == len(PAINT)


def test_keys_with_open_regions_complete_each_other() -> None:
    """What a key leaves open, another key shows, whatever the first is sure to leave open."""
    keys = []
    for move, names in ((-20, ("head", "coat", "eye")), (20, ("hair", "mouth", "pocket"))):
        line, paint = draw_figure(move=(move, 0))
        is_given = np.any([(paint == PAINT[one]).all(axis=2) for one in names], axis=0)
        alpha = np.where(is_given, np.uint8(255), np.uint8(0))
        keys.append(Key(line, np.dstack((paint, alpha))))
    line, paint = draw_figure()
    filled = fill(carry(line, keys))
    for name in PAINT.keys() - {"background", "hat"}:
        is_part = (paint == PAINT[name]).all(axis=2) & (line == 255)
        assert (filled[is_part] == PAINT[name]).all(axis=1).mean() > 0.99, name


def test_an_open_region_of_one_key_does_not_outvote_another_key() -> None:
    """However sure a match with an open region is, it says nothing about the colour."""
    first = np.array([[3.0, -2.0, 0.0]], np.float32)
    dab = np.array([[-np.inf, -4.0, 9.0]], np.float32)
    red, _, none = join_scores([first, dab])[0]
    assert red > 0.94
    assert none < 0.06
    # What no key shows is none, and one sure correction counts.
    assert join_scores([dab, dab])[0, 2] > 0.99
    correction = np.array([[-np.inf, 9.0, 0.0]], np.float32)
    assert join_scores([first, correction])[0, 1] > 0.95


def test_the_first_key_that_is_sure_counts_alone() -> None:
    """However high the score of a later one; what no key is sure of, all say together."""
    scores = [
        np.array([[5.0, 0.0, 0.0], [1.0, 0.0, 0.0]], np.float32),
        np.array([[0.0, 9.0, 0.0], [0.0, 2.0, 0.0]], np.float32),
    ]
    assert join_scores(scores).argmax(axis=1).tolist() == [0, 1]
    assert join_scores(scores[::-1]).argmax(axis=1).tolist() == [1, 1]


def test_a_key_that_fits_far_worse_does_not_count_alone() -> None:
    """Its drawing is of something else, however sure it is."""
    near = np.array([[9.0, 0.0, 0.0]] * 2, np.float32)
    far = np.array([[0.0, 9.0, 0.0]] * 2, np.float32)
    misfits = np.array([[55.0, 12.0], [7.0, 7.0]])
    assert join_scores([near, far], misfits=misfits).argmax(axis=1).tolist() == [1, 0]
    assert join_scores([near, far]).argmax(axis=1).tolist() == [0, 0]


def test_a_region_that_is_corrected_has_the_colour_of_the_nearest_key() -> None:
    """It need only be about sure; a farther key that is surer does not count there."""
    near = np.array([[0.0, 4.0, 2.0], [0.0, 0.0, 4.0]], np.float32)
    far = np.array([[9.0, 0.0, 0.0], [9.0, 0.0, 0.0]], np.float32)
    joined = join_scores([near, far], is_correction=[True, False])
    assert joined.argmax(axis=1).tolist() == [1, 0]
    assert join_scores([near, far]).argmax(axis=1).tolist() == [0, 0]


def test_of_keys_that_disagree_the_nearer_one_counts() -> None:
    """Hair of another colour from some drawing on follows the key nearer in time."""
    line, paint = draw_figure()
    other, later = draw_figure(move=(2, 0))
    is_hair = (later == PAINT["hair"]).all(axis=2)
    later[is_hair] = (150, 0, 0)
    target = draw_figure(move=(1, 0))
    place = tuple(np.argwhere((target.paint == PAINT["hair"]).all(axis=2))[200])
    keys = [Key(line, paint), Key(other, later)]
    assert tuple(fill(carry(target.line, keys))[place]) == PAINT["hair"]
    assert tuple(fill(carry(target.line, keys[::-1]))[place]) == (150, 0, 0)


@pytest.mark.parametrize("points", [50, 10])
def test_what_enters_is_doubted(points: int) -> None:
    """A ball or a star that no key has is none, or unsure; all else keeps its colours."""
    key, target = draw_figure(), draw_figure(move=(40, 10), bend=4)
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    reach = np.where((np.arange(points) % 2 == 0) & (points == 10), 18, 40)[:, np.newaxis]
    ball = np.stack((np.cos(angles), np.sin(angles)), axis=1) * reach + (70, 260)
    shape = np.rint(ball).astype(np.int32)[np.newaxis]
    cv2.fillPoly(target.paint, shape, PAINT["hat"])
    cv2.polylines(target.line, shape, isClosed=True, color=0, thickness=2)
    carried = carry(target.line, [Key(*key)])
    entered = carried.labels[260, 70]
    assert carried.index[entered] == -1 or carried.confidence[entered] < 0.75
    is_known = (target.paint != PAINT["hat"]).any(axis=2) & (carried.labels > 0)
    assert (fill(carried) == target.paint).all(axis=2)[is_known].mean() > 0.99


def test_sheets_serve_wherever_the_figure_is() -> None:
    """A sheet gives its colours to a figure elsewhere, at another size, and to no flow."""
    sheet = draw_figure(move=(-100, 0), scale=0.8)
    target = draw_figure(move=(120, 20), scale=1.1)
    carried = carry(target.line, [Key(*sheet, same_shot=False)])
    assert share_right(carried, target) > 0.97


def test_drawings_in_color_on_gray_paper() -> None:
    """A drawing in colour, a trace line in it and paper of a scan change nothing else."""
    key, target = draw_figure(), draw_figure(move=(20, 5))
    colored = cv2.cvtColor(target.line, cv2.COLOR_GRAY2RGB)
    colored[target.line < 128] = (60, 30, 20)
    colored[target.line == 255] = (236, 236, 236)
    split = draw_figure(move=(20, 5))
    colored[285:287, 210:300] = (255, 0, 0)
    carried = carry(colored, [Key(*key)])
    assert share_right(carried, split) > 0.99


def draw_grid(cells: int) -> Figure:
    """Draw a grid of cells of uneven sizes, in six colours at random."""
    rng = np.random.default_rng(3)
    colors = rng.integers(0, 256, (6, 3), np.uint8)
    edges = np.cumsum(rng.integers(7, 14, (2, cells - 1)), axis=1)
    line = np.full((int(edges[0, -1]) + 9, int(edges[1, -1]) + 9), 255, np.uint8)
    line[edges[0]], line[:, edges[1]] = 0, 0
    numbers = rng.integers(0, 6, (cells, cells))
    rows = np.searchsorted(edges[0], np.arange(line.shape[0]))
    columns = np.searchsorted(edges[1], np.arange(line.shape[1]))
    return Figure(line, colors[numbers[rows[:, np.newaxis], columns]])


def test_thousands_of_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense drawings are coloured right, and each region costs as much as in smaller ones."""
    compared: list[tuple[int, int]] = []

    def count(one: Patches, rows: np.ndarray, other: Patches) -> tuple[np.ndarray, np.ndarray]:
        compared.append((len(rows), len(other.mask)))
        return compare_turned(one, rows, other)

    monkeypatch.setattr(pairs, "compare_turned", count)
    key = draw_grid(61)
    target = Figure(np.roll(key.line, 3, axis=1), np.roll(key.paint, 3, axis=1))
    carried = carry(target.line, [Key(*key)])
    assert len(carried.index) > 3000
    assert share_right(carried, target) > 0.9
    assert sum(rows for rows, _ in compared) == len(carried.index) - 1
    assert max(columns for _, columns in compared) == pairs.MAX_COMPARED


def test_thousands_of_regions_of_a_sheet() -> None:
    """Without motion, regions are compared with the largest ones of a sheet."""
    sheet = draw_grid(61)
    carried = carry(draw_figure().line, [Key(*sheet, same_shot=False), Key(*draw_figure())])
    assert share_right(carried, draw_figure()) == 1


def test_open_outline_is_cut() -> None:
    """Where a line is open, a region of two colours is cut as the key shows."""
    key, target = draw_figure(gap=True), draw_figure(gap=True, move=(25, 5))
    carried = carry(target.line, [Key(*key)])
    assert share_right(carried, target) > 0.97


def test_cuts_without_a_line_are_smooth() -> None:
    """At full size, the border of a shade that no line shows has no steps of the working size."""
    figures = []
    for move in (0, 25):
        line = np.full((1080, 1440), 255, np.uint8)
        paint = np.full((1080, 1440, 3), PAINT["background"], np.uint8)
        at = np.arange(300, 1140)
        shade = 560 + 0.25 * (at - 700) + 50 * np.sin(at / 110)
        top = np.stack((at, shade), axis=1)
        box = np.array([(300, 260), (1139, 260), (1139, 820), (300, 820)])
        shapes = [np.rint(one + move).astype(np.int32)[np.newaxis] for one in (box, top)]
        cv2.fillPoly(paint, shapes[0], PAINT["head"])
        low = np.concatenate((shapes[1][0], shapes[0][0, 2:]))
        cv2.fillPoly(paint, low[np.newaxis], PAINT["hair"])
        cv2.polylines(line, shapes[0], isClosed=True, color=0, thickness=4)
        for x, y in ((400, 330), (900, 400), (500, 760), (1000, 720), (1250, 150), (150, 900)):
            cv2.circle(line, (x + move, y + move), 40, 0, 4)
        figures.append(Figure(line, paint))
    key, target = figures
    carried = carry(target.line, [Key(*key)])
    is_shade = (fill(carried) == PAINT["hair"]).all(axis=2)
    border = is_shade[:760, 340:1120].argmax(axis=0).astype(int)
    true = (target.paint == PAINT["hair"]).all(axis=2)[:760, 340:1120].argmax(axis=0)
    assert np.quantile(np.abs(border - true), 0.95) < 10
    bend = np.abs(border[16:] - 2 * border[8:-8] + border[:-16])
    assert np.quantile(bend, 0.97) <= 2


def test_hints_are_a_key() -> None:
    """Dabs in some regions serve as a key; the regions without are unknown, or white outside."""
    key, target = draw_figure(), draw_figure(move=(40, 0), scale=1.1)
    hints = np.zeros((*key.line.shape, 4), np.uint8)
    for (x, y), name in (((240, 150), "head"), ((200, 300), "coat"), ((280, 270), "pocket")):
        cv2.circle(hints, (x, y), 5, (*PAINT[name], 255), -1)
    carried = carry(target.line, [Key(key.line, hints)])
    filled = fill(carried)
    for name in ("head", "coat", "pocket"):
        is_part = (target.paint == PAINT[name]).all(axis=2) & (carried.labels > 0)
        assert (filled[is_part] == PAINT[name]).all()
    assert (filled[2, 2] == 255).all()


def test_a_shaded_iris_does_not_have_the_colour_of_its_highlight() -> None:
    """A small region without an even place takes its median, not the pixel in its middle."""
    line = np.full((200, 200), 255, np.uint8)
    cv2.circle(line, (100, 100), 8, 0, 2)
    paint = np.full((200, 200, 3), (240, 190, 160), np.uint8)
    rows, columns = np.mgrid[:200, :200]
    shade = 20 * (np.hypot(rows - 100, columns - 100) - 4)
    iris = np.hypot(rows - 100, columns - 100) < 9
    paint[iris] = np.clip(shade[iris, np.newaxis] + (80, 50, 30), 0, 255).astype(np.uint8)
    paint[99:102, 99:102] = 255
    prepared = prepare_key(Key(line, paint))
    ((color,),) = (
        prepared.palette[prepared.index[prepared.parent == region]]
        for region in np.unique(find_regions(line)[97:104, 97:104])
    )
    assert color.max() < 160


def test_a_dab_does_not_say_what_is_around() -> None:
    """A key that corrects one colour leaves the background to the key that shows it."""
    first, later, target = (draw_figure(move=(x, 0)) for x in (0, 10, 20))
    dab = np.zeros((*later.line.shape, 4), np.uint8)
    place = np.argwhere((later.paint == PAINT["pocket"]).all(axis=2) & (later.line == 255))
    y, x = np.median(place, axis=0).astype(int)
    dab[y - 3 : y + 3, x - 3 : x + 3] = (0, 200, 0, 255)
    keys = [Key(*first), Key(later.line, dab)]
    for line, paint in (later, target):
        filled = fill(carry(line, keys))
        for name in ("background", "head", "hair", "eye", "mouth", "coat"):
            is_part = (paint == PAINT[name]).all(axis=2) & (line == 255)
            assert (filled[is_part] == PAINT[name]).all(axis=1).mean() > 0.99, name
    assert fill(carry(later.line, keys))[y, x].tolist() == [0, 200, 0]
    # Where no key shows what is around, it is white.
    filled = fill(carry(target.line, [Key(later.line, dab)]))
    assert filled[2, 2].tolist() == [255, 255, 255]


def test_a_dab_stays_in_what_another_key_shows_as_one() -> None:
    """Where the outline is open, a dab on the coat does not colour the paper around."""
    first, later, target = (draw_figure(move=(x, 0), gap=True) for x in (0, 10, 20))
    dab = np.zeros((*later.line.shape, 4), np.uint8)
    cv2.circle(dab, (220, 230), 5, (0, 200, 0, 255), -1)
    keys = [Key(later.line, dab), Key(*first)]
    for line, paint in (later, target):
        filled = fill(carry(line, keys))
        for name, color in (("background", PAINT["background"]), ("coat", (0, 200, 0))):
            is_part = (paint == PAINT[name]).all(axis=2) & (line == 255)
            assert (filled[is_part] == color).all(axis=1).mean() > 0.97, name


def test_what_a_fill_spills_over_a_cut_does_not_count() -> None:
    """A fill of the coat runs a little over its open outline; the paper there stays."""
    first, later, target = (draw_figure(move=(x, 0), gap=True) for x in (0, 10, 20))
    is_coat = (later.paint == PAINT["coat"]).all(axis=2).astype(np.uint8)
    is_filled = (cv2.dilate(is_coat, np.ones((5, 5), np.uint8)) > 0) & (later.line == 255)
    fill_key = np.zeros((*later.line.shape, 4), np.uint8)
    fill_key[is_filled] = (0, 200, 0, 255)
    for line, paint in (later, target):
        filled = fill(carry(line, [Key(later.line, fill_key), Key(*first)]))
        is_back = (paint == PAINT["background"]).all(axis=2) & (line == 255)
        assert (filled[is_back] == PAINT["background"]).all(axis=1).mean() > 0.97


def test_a_cel_that_stops_short_of_lines_has_no_white_rim() -> None:
    """What it leaves out beside lines has the colour of its region."""
    line, paint = draw_figure()
    is_coat = (paint == PAINT["coat"]).all(axis=2) & (line == 255)
    alpha = cv2.erode(is_coat.astype(np.uint8), np.ones((5, 5), np.uint8))
    cel = np.dstack((paint, 255 * alpha))
    filled = fill(carry(line, [Key(line, cel)]))
    assert (filled[is_coat] == PAINT["coat"]).all(axis=1).mean() > 0.99


def test_a_finished_cel_is_a_key() -> None:
    """Lines on transparency are no hints of black: what is not painted is unknown, or white."""
    key, target = draw_figure(), draw_figure(move=(8, 2))
    strokes = key.line.copy()
    for one in (strokes, target.line):
        cv2.line(one, (20, 30), (50, 40), 0, 3, cv2.LINE_AA)
    is_painted = (key.paint != PAINT["background"]).any(axis=2)
    is_painted &= (key.paint != PAINT["coat"]).any(axis=2)
    alpha = np.where(is_painted, 255, 255 - strokes).astype(np.uint8)
    cel = np.dstack((np.where((strokes < 255)[:, :, None], 0, key.paint), alpha))
    prepared = prepare_key(Key(strokes, cel))
    for line, paint in ((strokes, key.paint), (target.line, target.paint)):
        carried = carry(line, [prepared])
        filled = fill(carried)
        assert filled[30, 400].tolist() == [255, 255, 255]
        is_coat = (paint == PAINT["coat"]).all(axis=2) & (line == 255)
        assert (carried.index[carried.labels[is_coat]] < 0).all()
        is_head = (paint == PAINT["head"]).all(axis=2) & (line == 255)
        assert (filled[is_head] == PAINT["head"]).all(axis=1).mean() > 0.99


def cut_out(figure: Figure, line: np.ndarray) -> np.ndarray:
    """Return a finished cel: paint and lines, transparent around the figure."""
    is_figure = (figure.paint != PAINT["background"]).any(axis=2)
    colors = figure.paint * (line[:, :, np.newaxis] / 255)
    return np.dstack((colors.astype(np.uint8), np.where(is_figure, 255, 255 - line)))


@pytest.mark.parametrize("change", ["wider", "beside"])
def test_lines_of_a_cel_that_differ_are_lines(change: str) -> None:
    """Lines a pixel wider than the drawing's, or a pixel beside them, are no black background."""
    key, target = draw_figure(), draw_figure(move=(8, 2))
    if change == "wider":
        cel = cut_out(key, cv2.erode(key.line, np.ones((3, 3), np.uint8)))
    else:
        cel = np.roll(cut_out(key, key.line), 1, axis=1)
    prepared = prepare_key(Key(key.line, cel))
    for figure in (key, target):
        carried = carry(figure.line, [prepared])
        filled = fill(carried)
        assert filled[5, 5].tolist() == [255, 255, 255]
        inside = (figure.paint != PAINT["background"]).any(axis=2) & (figure.line == 255)
        assert (filled[inside] == figure.paint[inside]).all(axis=1).mean() > 0.9


def test_a_shaded_cel_is_its_own_drawing() -> None:
    """A gradient of a finished cel stays as it is, as that of a picture without transparency."""
    key = draw_figure()
    shade = np.linspace(0.5, 1, key.paint.shape[1])[np.newaxis, :, np.newaxis]
    is_figure = (key.paint != PAINT["background"]).any(axis=2)
    paint = np.where(is_figure[:, :, np.newaxis], key.paint * shade, key.paint).astype(np.uint8)
    cel = cut_out(key._replace(paint=paint), key.line)
    cel[~is_figure & (key.line == 255)] = 0
    carried = carry(key.line, [prepare_key(Key(key.line, cel))])
    inside = is_figure & (cv2.erode(key.line, np.ones((9, 9), np.uint8)) == 255)
    assert_array_equal(fill(carried)[inside], paint[inside])


def test_grain_leaves_a_region_its_main_colour() -> None:
    """Where noise is clipped, as on white, there is none, but the rest of the region counts."""
    key, target = (draw_figure(move=move) for move in ((0, 0), (8, 2)))
    for figure, left in ((key, 205), (target, 213)):
        figure.paint[280:310, left : left + 40] = 255
    picture = key.paint * (key.line[:, :, np.newaxis] / 255)
    noise = np.random.default_rng(1).normal(0, 3, picture.shape)
    picture = (picture + noise).clip(0, 255).astype(np.uint8)
    carried = carry(target.line, [prepare_key(Key(key.line, picture))])
    is_coat = (target.paint == PAINT["coat"]).all(axis=2) & (target.line == 255)
    distance = np.abs(fill(carried).astype(int) - PAINT["coat"]).max(axis=2)
    assert (distance[is_coat] <= 8).mean() > 0.95


def test_pencil_over_paint_is_not_laid_twice() -> None:
    """The finished picture of a pencil drawing has its lines, mixed with the paint."""
    key = draw_figure()
    soft = cv2.GaussianBlur(key.line, (0, 0), 1.0)
    pencil = (255 - (255 - soft.astype(int)) * 0.45).astype(np.uint8)
    picture = (key.paint * (pencil[:, :, np.newaxis] / 255)).astype(np.uint8)
    carried = carry(pencil, [prepare_key(Key(pencil, picture))])
    is_edge = (carried.labels > 0) & (pencil < 235)
    darker = key.paint.astype(int) - fill(carried)
    assert darker.max(axis=2)[is_edge].mean() < 6


def test_noise_makes_no_new_colors() -> None:
    """A JPEG of the paint has no more colours than the paint, and near ones."""
    key, target = draw_figure(), draw_figure(move=(20, 5))
    _, jpeg = cv2.imencode(".jpg", key.paint, [cv2.IMWRITE_JPEG_QUALITY, 95])
    carried = carry(target.line, [Key(key.line, cv2.imdecode(jpeg, cv2.IMREAD_COLOR))])
    assert len(carried.palette) == len(PAINT) - 1
    apart = np.abs(fill(carried).astype(int) - target.paint).max(axis=2)
    assert (apart[carried.labels > 0] <= 8).mean() > 0.995


def test_own_drawing_of_a_finished_picture() -> None:
    """Where lines are soft, a finished picture gives the colour beside them, to be lined again."""
    key = draw_figure()
    soft = cv2.GaussianBlur(key.line, (0, 0), 1.0)
    inked = np.rint(key.paint * (soft[..., np.newaxis] / 255)).astype(np.uint8)
    carried = carry(soft, [Key(soft, inked)])
    is_region = carried.labels > 0
    again = np.rint(fill(carried) * (soft[..., np.newaxis] / 255)).astype(np.uint8)
    assert (again[is_region] == inked[is_region]).all(axis=1).mean() > 0.99
    assert len(carried.palette) == len(PAINT) - 1


def test_finished_picture_with_lines_gives_the_same_colors() -> None:
    """Lines in the key's picture, soft edges and the noise of a JPEG make no new colours."""
    key, target = draw_figure(), draw_figure(move=(20, 5))
    inked = (key.paint * (cv2.GaussianBlur(key.line, (0, 0), 1.0)[..., np.newaxis] / 255)).astype(
        np.uint8
    )
    carried = carry(target.line, [Key(key.line, inked)])
    assert share_right(carried, target) > 0.995


def test_other_sizes() -> None:
    """A key at another resolution serves; one of another aspect ratio does, without motion."""
    key, target = draw_figure(), draw_figure(move=(20, 0))
    for size in ((1440, 1080), (960, 720)):
        large = [
            cv2.resize(one, size, interpolation=cv2.INTER_NEAREST) for one in (key.line, key.paint)
        ]
        assert share_right(carry(target.line, [Key(*large)]), target) > 0.99
    wide = draw_figure(size=(360, 700))
    assert share_right(carry(target.line, [Key(*wide)]), target) > 0.8


@pytest.mark.parametrize("level", [0, 255])
def test_drawings_without_regions_or_ink(level: int) -> None:
    """A black drawing has no regions; an empty one has one, which any key can colour."""
    key = draw_figure()
    empty = np.full(key.line.shape, level, np.uint8)
    carried = carry(empty, [Key(*key)])
    assert len(carried.index) == (1 if level == 0 else 2)
    paper = Key(np.full_like(key.line, 255), np.full_like(key.paint, 200))
    assert carry(key.line, [paper]).index.max() == 0


def test_same_bits_whatever_the_threads() -> None:
    """The number of OpenCV's threads changes nothing."""
    key, target = draw_figure(), draw_figure(bend=9.0)
    threads, results = cv2.getNumThreads(), []
    try:
        for count in (1, 3):
            cv2.setNumThreads(count)
            results.append(carry(target.line, [prepare_key(Key(*key))]))
    finally:
        cv2.setNumThreads(threads)
    for one, other in zip(*(vars(result).values() for result in results), strict=True):
        np.testing.assert_array_equal(one, other)


def test_refusals() -> None:
    """Keys that cannot serve are refused with the rule and the way out."""
    key = draw_figure()
    with pytest.raises(ValueError, match="no key"):
        carry(key.line, [])
    with pytest.raises(ValueError, match="scale the colours to the drawing"):
        prepare_key(Key(key.line, key.paint[:-1]))
    with pytest.raises(ValueError, match="neither RGB nor RGBA"):
        prepare_key(Key(key.line, key.paint[:, :, :1]))
    with pytest.raises(ValueError, match="no region of its drawing a colour"):
        prepare_key(Key(np.zeros_like(key.line), key.paint))


def test_hints_that_colour_no_part_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other fault of a key is one."""
    key = draw_figure()
    dab = np.zeros((*key.line.shape, 4), np.uint8)
    dab[250:260, 230:240] = (*PAINT["hat"], 255)
    hints, picture = prepare_key(Key(key.line, dab)), prepare_key(Key(key.line, key.paint))
    faults: list[type[ValueError]] = [NoColorError, ValueError]

    def refuse(*_: object) -> None:
        raise faults.pop(0)("no colours")

    monkeypatch.setattr(shot, "prepare_key", refuse)
    prepared = prepare_keys([hints, picture])
    assert prepared.keys[0].drawing is hints.drawing
    with pytest.raises(ValueError, match="no colours"):
        prepare_keys([hints, picture])
    assert not faults
