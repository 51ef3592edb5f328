"""Colours that meet on bare paper in a drawing, and whether a key shows that they do."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lineart.image import pack_colors
from lineart.keys import Key, PreparedKey, prepare_key
from lineart.keys.contacts import find_contacts, join_contacts
from lineart.keys.drawing import Drawing, find_paper, measure_small

SKY, SHADE, COAT = (90, 150, 230), (60, 100, 180), (40, 120, 60)
PALETTE = np.array([SKY, SHADE, COAT], np.uint8)
SIZE = (120, 240)


def draw_key(*, alpha: int | None = None) -> PreparedKey:
    """Draw a sky whose lower half is shaded, without a line, and a coat with an outline on it."""
    line = np.full(SIZE, 255, np.uint8)
    paint = np.empty((*SIZE, 3), np.uint8)
    paint[:60], paint[60:] = SKY, SHADE
    cv2.rectangle(paint, (80, 30), (160, 90), COAT, cv2.FILLED)
    cv2.rectangle(line, (80, 30), (160, 90), 0, 2)
    if alpha is not None:
        paint = np.dstack((paint, np.full(SIZE, alpha, np.uint8)))
        paint[:, 120:] = 0
    return prepare_key(Key(line, paint))


def draw_cut(width: int = 240) -> Drawing:
    """Draw an empty page that is cut in two; the cut has a line but for its first pixels."""
    line = np.full(SIZE, 255, np.uint8)
    line[60, width:] = 0
    labels = np.ones(SIZE, np.int32)
    labels[60:] = 2
    labels[line == 0] = 0
    areas = np.bincount(labels.ravel(), minlength=3)[1:].astype(np.float64)
    return measure_small(find_paper(line, SIZE), labels, areas)


def contact(contacts: np.ndarray, *colors: tuple[int, int, int]) -> bool:
    """Return whether two colours may meet."""
    packed = pack_colors(PALETTE).tolist()
    one, other = (packed.index(pack_colors(np.array([color], np.uint8))[0]) for color in colors)
    assert contacts[one, other] == contacts[other, one]
    return bool(contacts[one, other])


def test_colors_with_a_line_between_them_do_not_meet() -> None:
    """A sky and its shade meet; a coat meets neither, and what has no colour meets all."""
    contacts = find_contacts([draw_key()], PALETTE)
    assert contact(contacts, SKY, SHADE)
    assert not contact(contacts, SKY, COAT)
    assert not contact(contacts, SHADE, COAT)
    assert contacts.diagonal().all()
    assert contacts[-1].all()


def test_dabs_do_not_say_what_meets() -> None:
    """A key that colours parts says nothing of colours that it does not show beside each other."""
    assert find_contacts([draw_key(alpha=255)], PALETTE).all()


@pytest.mark.parametrize("other", [COAT, SHADE])
def test_a_region_hears_what_it_touches(other: tuple[int, int, int]) -> None:
    """A part of a sky that is as probably coat is sky, and may well be its shade."""
    place = [SKY, SHADE, COAT].index(other)
    shares = np.full((2, 4), 0.01, np.float32)
    shares[0, 0] = 0.97
    shares[1, [0, place]] = 0.43, 0.55
    contacts = find_contacts([draw_key()], PALETTE)
    joined = join_contacts(shares, draw_cut(), contacts)
    assert_allclose(joined.sum(axis=1), 1, rtol=1e-5)
    assert joined[0].argmax() == 0
    assert joined[1].argmax() == (0 if other == COAT else place)


def test_a_gap_in_a_line_says_little() -> None:
    """Lines are open here and there: a contact of a few pixels does not change a clear match."""
    shares = np.array([[0.97, 0.01, 0.01, 0.01], [0.15, 0.01, 0.83, 0.01]], np.float32)
    contacts = find_contacts([draw_key()], PALETTE)
    wide, gap = (join_contacts(shares, draw_cut(width), contacts) for width in (240, 8))
    assert wide[1].argmax() == 0
    assert gap[1].argmax() == 2
    assert_array_equal(join_contacts(shares, draw_cut(0), contacts), shares)
