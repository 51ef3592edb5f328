"""Regions that a key shows to be several, cut where no line is."""

import tracemalloc

import cv2
import numpy as np
import pytest

import lineart.keys.align
from lineart.imaging.regions import find_regions
from lineart.keys import Key, carry, prepare_key
from lineart.keys.align import align
from lineart.keys.cut import cut_regions
from lineart.keys.drawing import measure
from lineart.keys.region_motion import CarriedKey
from tests.keys.figures import PAINT, Figure
from tests.keys.test_carry import draw_grid, fill, share_right

SKY, DUSK = PAINT["eye"], PAINT["pocket"]


def draw_sky(bird: tuple[int, int]) -> Figure:
    """Draw a sky of two colours without a line between them, hills, clouds and a bird."""
    line = np.full((540, 960), 255, np.uint8)
    paint = np.full((540, 960, 3), SKY, np.uint8)
    paint[240:] = DUSK
    at = np.arange(960)
    hills = np.stack((at, 440 + 30 * np.sin(at / 90)), axis=1)
    shapes = [(np.concatenate((hills, [(959, 560), (0, 560)])), "coat")]
    for x, y in ((140, 90), (520, 70), (820, 120)):
        angles = np.linspace(0, 2 * np.pi, 60)
        reach = 34 + 6 * np.sin(7 * angles)
        cloud = np.stack((x + 2 * reach * np.cos(angles), y + reach * np.sin(angles)), axis=1)
        shapes.append((cloud, "background"))
    wing = np.array([(-120, 60), (-40, -50), (0, 0), (40, -50), (120, 60), (0, 80)])
    shapes.append((wing + bird, "hair"))
    for points, name in shapes:
        shape = np.rint(points).astype(np.int32)[np.newaxis]
        cv2.fillPoly(paint, shape, PAINT[name])
        cv2.fillPoly(line, shape, 255)
        cv2.polylines(line, shape, isClosed=True, color=0, thickness=2)
    return Figure(line, paint)


def test_what_is_behind_does_not_follow() -> None:
    """A band of the sky stays where it is when a bird before it flies up."""
    key, target = draw_sky((480, 290)), draw_sky((480, 225))
    carried = carry(target.line, [Key(*key)])
    is_sky = ((target.paint == SKY) | (target.paint == DUSK)).all(axis=2) & (carried.labels > 0)
    wrong = (fill(carried) != target.paint).any(axis=2) & is_sky
    rows, _ = np.nonzero(wrong)
    assert np.abs(rows - 240).max(initial=0) <= 8
    assert share_right(carried, target) > 0.995


def draw_head(y: int) -> Figure:
    """Draw an open head with a light, before a sky of two colours whose clouds stay."""
    drawn = draw_sky((480, 900))
    head = (480, y), (90, 100)
    cv2.ellipse(drawn.paint, *head, 0, 0, 360, PAINT["hair"], -1)
    cv2.ellipse(drawn.line, *head, 0, 0, 360, 255, -1)
    cv2.ellipse(drawn.line, *head, 0, -80, 260, 0, 3)
    cv2.ellipse(drawn.paint, (470, y - 40), (40, 14), 0, 0, 360, PAINT["head"], -1)
    return drawn


def test_an_open_head_moves_before_the_sky() -> None:
    """The sky, which it meets in the gap of its outline, stays; its light moves with it."""
    carried, target = carry(draw_head(268).line, [Key(*draw_head(260))]), draw_head(268)
    wrong = (fill(carried) != target.paint).any(axis=2) & (carried.labels > 0)
    assert np.count_nonzero(wrong[150:390, 370:590]) <= 400


def test_parts_stay_in_their_regions() -> None:
    """Regions that touch without ink between them, as in a closed gap, keep their own parts."""
    line = np.full((200, 300), 255, np.uint8)
    paint = np.full((200, 300, 3), PAINT["background"], np.uint8)
    for left, names in ((20, ("head", "hair")), (150, ("coat", "pocket"))):
        for top, name in zip((20, 100), names, strict=True):
            paint[top : top + 80, left : left + 130] = PAINT[name]
        cv2.rectangle(line, (left, 20), (left + 130, 180), 0, 2)
    key = prepare_key(Key(line, paint))
    labels = np.zeros(line.shape, np.int32)
    labels[24:177, 24:155], labels[24:177, 155:277] = 1, 2
    depth = cv2.distanceTransform((labels > 0).view(np.uint8), cv2.DIST_L2, 3)
    still = np.zeros((*line.shape, 2), np.float32)
    cut = cut_regions(labels, depth, CarriedKey(key, still), np.ones(3, bool)).labels
    assert len(np.unique(cut)) == 5
    for part in range(1, 5):
        assert len(np.unique(labels[cut == part])) == 1


def test_what_opens_keeps_its_colors() -> None:
    """A kite with stripes, closed in the key and open here, is cut off though stripes are lost."""
    figures = []
    for opening in (0, 8):
        drawn = draw_sky((480, 290))
        kite = slice(150, 230), slice(220, 340)
        drawn.paint[kite] = PAINT["head"]
        for first in range(220, 284, 12):
            drawn.paint[150:230, first : first + 6] = PAINT["mouth"]
            drawn.paint[150:230, first + 6 : first + 12] = PAINT["hat"]
        cv2.rectangle(drawn.line, (220, 150), (339, 229), 0, 2)
        drawn.line[148 : 148 + opening, 280:330] = 255
        figures.append(drawn)
    key, target = figures
    colors = fill(carry(target.line, [Key(*key)]))[160:220, 230:330]
    assert ((colors == SKY).all(axis=2)).mean() < 0.1


def test_what_opens_keeps_the_part_that_is_half_hidden() -> None:
    """A house stands before one of the two colours of a tree, which is closed in the key."""
    line = np.full((200, 300), 255, np.uint8)
    paint = np.full((200, 300, 3), SKY, np.uint8)
    paint[60:140, 80:120], paint[60:140, 120:160] = PAINT["coat"], PAINT["pocket"]
    cv2.rectangle(line, (80, 60), (159, 139), 0, 2)
    key = prepare_key(Key(line.copy(), paint))
    line[58:64, 95:125] = 255
    cv2.rectangle(line, (142, 40), (240, 170), 0, 2)
    line[42:168, 144:238] = 255
    labels = find_regions(line)
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    assert labels[100, 100] == labels[20, 20] != labels[100, 200]
    is_asked = np.ones(labels.max() + 1, bool)
    cut = cut_regions(
        labels, depth, CarriedKey(key, np.zeros((*line.shape, 2), np.float32)), is_asked
    )
    places = ((100, 100), (100, 132), (20, 20), (100, 200))
    numbers = [cut.labels[place] for place in places]
    assert len(set(numbers)) == len(numbers)
    assert cut.is_part[numbers].tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("thing", "is_there"),
    [((190, 90, 276, 176), False), ((190, 90, 295, 195), True)],
    ids=["was before it", "opens"],
)
def test_what_was_before_it_is_no_part(thing: tuple[int, int, int, int], *, is_there: bool) -> None:
    """A bay that appears where a smaller thing was in the key is the region's, not the thing's.

    Another key may show what is there.
    """
    labels = np.ones((200, 300), np.int32)
    cv2.rectangle(labels, (188, 88), (320, 220), 0, 2)
    labels[130:145, 186:191] = 1
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    line = np.full(labels.shape, 255, np.uint8)
    paint = np.full((*labels.shape, 3), PAINT["coat"], np.uint8)
    cv2.rectangle(paint, thing[:2], thing[2:], PAINT["hat"], -1)
    cv2.rectangle(line, thing[:2], thing[2:], 0, 2)
    key = prepare_key(Key(line, paint))
    flow = np.zeros((*line.shape, 2), np.float32)
    left, top, right, bottom = thing
    steps = np.arange(110) / 110
    flow[90:, 190:, 0] = left + steps * (right - left) - np.arange(190, 300)
    flow[90:, 190:, 1] = (top + steps * (bottom - top) - np.arange(90, 200))[:, None]
    cut, _, is_settled, _ = cut_regions(labels, depth, CarriedKey(key, flow), np.ones(2, bool))
    assert (cut.max() > 1) == is_there
    assert is_settled[1:].all() == is_there


def test_a_key_that_fits_better_keeps_regions_whole() -> None:
    """A box that the nearest key shows in one colour is not cut by another key."""
    drawings = []
    for move, parts in ((0, 1), (2, 1), (14, 2)):
        line = np.full((300, 400), 255, np.uint8)
        paint = np.full((300, 400, 3), PAINT["background"], np.uint8)
        for left, name in ((60, "coat"), (240, "head")):
            box = slice(80, 220), slice(left + move, left + move + 100)
            paint[box] = PAINT[name]
            cv2.rectangle(line, (left + move, 80), (left + move + 100, 220), 0, 2)
        if parts == 2:
            paint[150:220, 60 + move : 160 + move] = PAINT["pocket"]
            cv2.circle(line, (200, 40), 25, 0, 2)
        drawings.append((line, paint))
    (line, _), near, far = drawings
    keys = [prepare_key(Key(*one)) for one in (far, near)]
    whole = find_regions(line).max()
    assert align(line, keys[:1]).labels.max() > whole
    assert align(line, keys).labels.max() == whole


def test_memory_grows_with_the_regions_alone() -> None:
    """Thousands of regions of a drawing and of a key take no table of both."""
    key, target = draw_grid(80), draw_grid(80)
    prepared, drawn = prepare_key(Key(*key)), measure(target.line, find_regions(target.line))
    flow = np.zeros((*drawn.size, 2), np.float32)
    asked = np.ones(drawn.total + 1, bool)
    tracemalloc.start()
    cut_regions(drawn.labels, drawn.depth, CarriedKey(prepared, flow), asked)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert drawn.total > 6000
    assert peak_bytes < 8 * drawn.total**2 / 2


def draw_cat(x: int) -> Figure:
    """Draw a head with a muzzle and ears of other colours, without lines but for the nose."""
    line = np.full((540, 960), 255, np.uint8)
    paint = np.full((540, 960, 3), PAINT["background"], np.uint8)
    for center, axes, name in (
        ((x, 270), (110, 90), "hair"),
        ((x, 310), (22, 15), "head"),
        ((x - 70, 230), (7, 7), "mouth"),
        ((x + 70, 230), (7, 7), "mouth"),
    ):
        cv2.ellipse(paint, center, axes, 0, 0, 360, PAINT[name], cv2.FILLED)
    cv2.ellipse(line, (x, 270), (110, 90), 0, 0, 360, 0, 2)
    for points in ([(x - 8, 300), (x + 8, 300), (x, 308)], [(x, 308), (x, 318), (x - 12, 322)]):
        cv2.polylines(line, [np.array(points, np.int32)], isClosed=False, color=0, thickness=2)
    return Figure(line, paint)


def test_small_parts_without_lines_are_kept() -> None:
    """A muzzle with the lines of a nose in it, and the pink of ears, move with the head."""
    key, target = draw_cat(460), draw_cat(475)
    carried = carry(target.line, [Key(*key)])
    found = fill(carried)
    for name in ("head", "mouth"):
        is_part = (target.paint == PAINT[name]).all(axis=2) & (carried.labels > 0)
        assert (found == target.paint).all(axis=2)[is_part].mean() > 0.8, name
    assert share_right(carried, target) > 0.995


def test_a_part_may_be_lost_at_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut off at the working size alone, as a speck, is a region without pixels."""
    key, target = draw_cat(460), draw_cat(475)
    monkeypatch.setattr(lineart.keys.align, "enlarge_cut", lambda *maps: maps[0])
    carried = carry(target.line, [Key(*key)])
    assert carried.labels.max() < len(carried.index) - 1


def test_a_dab_leaves_the_rest_to_other_keys() -> None:
    """A part of known colour is settled; what the key leaves open, another key may cut."""
    line = np.full((200, 300), 255, np.uint8)
    cv2.rectangle(line, (100, 60), (200, 140), 0, 2)
    dab = np.zeros((*line.shape, 4), np.uint8)
    dab[65:136, 105:196] = (*PAINT["coat"], 255)
    key = prepare_key(Key(line, dab)).without_paper()
    open_line = line.copy()
    open_line[95:105, 95:105] = 255
    labels = (open_line > 0).astype(np.int32)
    depth = cv2.distanceTransform(labels.astype(np.uint8), cv2.DIST_L2, 3)
    still = np.zeros((*line.shape, 2), np.float32)
    cut, _, is_settled, _ = cut_regions(labels, depth, CarriedKey(key, still), np.ones(2, bool))
    page, part = cut[5, 5], cut[100, 150]
    assert page != part
    assert not is_settled[page]
    assert is_settled[part]


def test_what_is_closed_comes_with_what_has_the_color_around_it() -> None:
    """Ground with a path, closed in the key: the path does not take the ground beside it."""
    line = np.full((200, 300), 255, np.uint8)
    paint = np.full((200, 300, 3), PAINT["coat"], np.uint8)
    paint[:, 180:200] = PAINT["hair"]
    line[:, 160:162] = 0
    key = prepare_key(Key(line, paint))
    line[:40, 160:162] = 255
    labels = find_regions(line)
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    still = np.zeros((*line.shape, 2), np.float32)
    cut = cut_regions(labels, depth, CarriedKey(key, still), np.ones(labels.max() + 1, bool)).labels
    path, *ground = (cut[100, column] for column in (190, 220, 170, 50))
    assert path not in ground
    assert ((cut == path) == (paint == PAINT["hair"]).all(axis=2)).mean() > 0.99


def test_each_region_is_cut_by_the_key_that_fits_there() -> None:
    """Two boxes in two colours without a line; of each key one box is bent out of its shape."""
    drawings = []
    for bent in (None, 0, 1):
        line = np.full((300, 480), 255, np.uint8)
        paint = np.full((300, 480, 3), PAINT["background"], np.uint8)
        for place, (left, names) in enumerate(((50, ("coat", "pocket")), (280, ("head", "hair")))):
            box = np.array([(left, 60), (left + 150, 60), (left + 150, 240), (left, 240)])
            if bent == place:
                box = box + np.array([(40, 60), (-40, 0), (0, -60), (-40, 30)])
            cv2.fillPoly(paint, [box], PAINT[names[0]])
            lower = np.zeros((300, 480), np.uint8)
            cv2.fillPoly(lower, [box], 1)
            # In the bent box, the second colour is somewhere else.
            lower[:, left + 75 :] &= np.uint8(bent == place)
            lower[: 190 if bent == place else 0] = 0
            paint[lower > 0] = PAINT[names[1]]
            cv2.polylines(line, [box], isClosed=True, color=0, thickness=2)
        drawings.append(Figure(line, paint))
    target, *keys = drawings
    prepared = [prepare_key(Key(*one)) for one in keys]
    for order in (prepared, prepared[::-1]):
        carried = carry(target.line, order)
        assert share_right(carried, target) > 0.99


def draw_eye(x: int) -> Figure:
    """Draw an iris of 13 px in three colours without lines, in a face."""
    line, paint = np.full((300, 400), 255, np.uint8), np.full((300, 400, 3), 250, np.uint8)
    for size, name in ((60, "head"), (8, "coat")):
        cv2.circle(paint, (x, 150), size, PAINT[name], -1)
        cv2.circle(line, (x, 150), size, 0, 2)
    cv2.rectangle(paint, (x - 7, 142), (x + 7, 147), PAINT["hair"], -1)
    cv2.rectangle(paint, (x + 1, 145), (x + 5, 150), PAINT["background"], -1)
    return Figure(line, paint)


def test_an_iris_keeps_its_colors() -> None:
    """Its parts are smaller than what is no more than a highlight elsewhere."""
    carried, target = carry(draw_eye(212).line, [Key(*draw_eye(200))]), draw_eye(212)
    iris = fill(carried)[143:157, 205:220]
    wrong = (iris != target.paint[143:157, 205:220]).any(axis=2) & (carried.labels > 0)[
        143:157, 205:220
    ]
    assert np.count_nonzero(wrong) < 30


def test_what_ink_hides_in_a_key_marks_nothing() -> None:
    """The nearest region there is another one; its pixels do not count as those of a thin strip."""
    line = np.full((200, 300), 255, np.uint8)
    line[:, 60:100] = 0
    paint = np.full((200, 300, 3), PAINT["coat"], np.uint8)
    paint[:, :60], paint[100:161, 20:27] = PAINT["head"], PAINT["hair"]
    cv2.rectangle(line, (20, 100), (26, 160), 0, 1)
    key = prepare_key(Key(line, paint))
    labels = np.ones(line.shape, np.int32)
    labels[:, 98:100], labels[:, 100:] = 0, 2
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    still = np.zeros((*line.shape, 2), np.float32)
    cut = cut_regions(labels, depth, CarriedKey(key, still), np.ones(3, bool))
    assert len(np.unique(cut.labels)) == len(cut.is_part)


def test_what_is_thin_has_its_parts() -> None:
    """A strip of 4 px in two colours, in which no window of marks has room, is two parts."""
    line = np.full((200, 300), 255, np.uint8)
    paint = np.full((200, 300, 3), PAINT["background"], np.uint8)
    cv2.rectangle(line, (100, 60), (105, 139), 0, 1)
    paint[60:100, 100:106], paint[100:140, 100:106] = PAINT["coat"], PAINT["hair"]
    key = prepare_key(Key(line, paint))
    labels = find_regions(line)
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    still = np.zeros((*line.shape, 2), np.float32)
    cut = cut_regions(labels, depth, CarriedKey(key, still), np.ones(labels.max() + 1, bool))
    assert len(np.unique(cut.labels[61:139, 101:105])) == 2


@pytest.mark.parametrize(
    ("before", "after", "most"), [((480, 220), (480, 320), 6000), ((480, 240), (420, 200), 600)]
)
def test_what_the_key_hides_is_the_nearest_part(
    before: tuple[int, int], after: tuple[int, int], most: int
) -> None:
    """Where a bird was before the sky, the flow follows it; the sky is not known there."""
    key, target = draw_sky(before), draw_sky(after)
    carried = carry(target.line, [Key(*key)])
    is_sky = ((target.paint == SKY) | (target.paint == DUSK)).all(axis=2) & (carried.labels > 0)
    wrong = (fill(carried) != target.paint).any(axis=2) & is_sky
    assert np.count_nonzero(wrong) < most
