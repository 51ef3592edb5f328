from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.codec import encode_png
from lineart.datasets.flat_truth import flatten_exact
from lineart.datasets.sequences import find_sequences, is_held_out, is_learned, read_sequence
from lineart.image import Frame, Hint, Line
from lineart.storage import Storage

SIZE = (240, 320)
RED, SKIN, SHADE, BLUE = (200, 40, 30), (245, 188, 157), (193, 149, 123), (70, 90, 200)
WHITE = (255, 255, 255)


def cel(x: int) -> Hint:
    """Return a painted cut-out: a red disc with soft edges and shading, with a blue square."""
    color = np.zeros((*SIZE, 3), np.float32)
    color[:] = np.array(RED) + np.linspace(-9, 9, SIZE[1])[np.newaxis, :, np.newaxis]
    cv2.rectangle(color, (x - 20, 100), (x + 20, 140), BLUE, -1)
    alpha = np.zeros(SIZE, np.uint8)
    cv2.circle(alpha, (x, 120), 70, 255, -1, cv2.LINE_AA)
    return np.dstack((color.clip(0, 255).astype(np.uint8), alpha))


def head(x: int) -> tuple[Line, Frame, Frame]:
    """Return lines, shaded colours and base colours of a head with an open neck.

    Half of the face is in shade without a line; one ear lies wholly in shade.
    """
    base = np.full((*SIZE, 3), 255, np.uint8)
    line = np.full(SIZE, 255, np.uint8)
    for center, radius, color in (((x - 62, 120), 20, SKIN), ((x, 120), 60, SKIN)):
        cv2.circle(base, center, radius, color, -1)
        cv2.circle(line, center, radius, 255, -1)
        cv2.circle(line, center, radius, 0, 2, cv2.LINE_AA)
    cv2.ellipse(base, (x, 120), (60, 60), 0, 180, 360, BLUE, -1)
    cv2.line(line, (x - 60, 120), (x + 60, 120), 0, 2, cv2.LINE_AA)
    # A gap of the outline, through which face and background are one area of paper.
    cv2.rectangle(line, (x - 8, 174), (x + 8, 186), 255, -1)
    shaded = base.copy()
    is_skin = (base == SKIN).all(axis=2)
    columns = np.arange(SIZE[1])[np.newaxis]
    shaded[is_skin & ((columns > x + 20) | (columns < x - 60))] = SHADE
    return line, shaded, base


def write(folder: Path, name: str, *pictures: np.ndarray) -> None:
    """Write pictures as PNG below a folder, one name each in turn."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, start=8):
        (folder / name / f"{number}.png").write_bytes(encode_png(picture))


def right(found: np.ndarray, true: np.ndarray, where: np.ndarray) -> float:
    """Return the share of pixels in `where` whose colours differ by at most 12 levels."""
    return float((np.abs(found.astype(int) - true).max(axis=2) <= 12)[where].mean())


def test_cycle(tmp_path: Path) -> None:
    """Cut-outs give flat colours of their parts, white paper, and a line where colours meet."""
    cels = [cel(x) for x in (100, 110, 120)]
    write(tmp_path, "hero", *cels)
    storage = Storage.at(str(tmp_path))
    (place,) = find_sequences(storage)
    # By number, not by letters.
    assert place.colors == ("hero/8.png", "hero/9.png", "hero/10.png")
    sequence = read_sequence(storage, place)
    assert (sequence.name, sequence.kind) == ("hero", "cycle")
    assert len(sequence.palette) <= 10
    scale = 512 / SIZE[1]
    for number, one in enumerate(cels):
        true = np.where(one[:, :, 3:] > 127, one[:, :, :3], np.uint8(255))
        large = cv2.resize(true, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        found = sequence.colors(number)[8:-8, 8:-8]
        assert right(found, large, np.ones(large.shape[:2], bool)) > 0.98
        line, truth = sequence.lines[number], sequence.truth[number]
        assert set(np.unique(line)) == {0, 255}
        # Each area of paper has one colour: the lines part them.
        _, areas = cv2.connectedComponents((line > 0).view(np.uint8), connectivity=4)
        assert all(np.unique(truth[areas == area]).size == 1 for area in range(1, areas.max() + 1))
        assert (cv2.Laplacian(truth, cv2.CV_16S)[line > 0] == 0).mean() > 0.97
    again = read_sequence(storage, place)
    for one, other in zip(sequence[2:], again[2:], strict=True):
        assert_array_equal(one, other)


def test_drawn(tmp_path: Path) -> None:
    """Shades become their colours, in open drawings and in parts that lie wholly in shade."""
    lines, shaded, bases = zip(*(head(x) for x in (150, 156, 162)), strict=True)
    write(tmp_path, "heads/front/line", *lines)
    noise = np.random.default_rng(0).integers(-2, 3, (*SIZE, 3))
    inked = [
        np.where(line[:, :, np.newaxis] < 255, line[:, :, np.newaxis], color)
        for line, color in zip(lines, shaded, strict=True)
    ]
    noisy = [(one + noise).clip(0, 255).astype(np.uint8) for one in inked]
    write(tmp_path, "heads/front/color", *noisy)
    storage = Storage.at(str(tmp_path))
    (place,) = find_sequences(storage)
    sequence = read_sequence(storage, place)
    assert (sequence.name, sequence.kind, len(sequence.palette)) == ("heads/front", "drawn", 3)
    assert_array_equal(sequence.palette[0], WHITE)
    for number, (line, base) in enumerate(zip(lines, bases, strict=True)):
        assert right(sequence.colors(number), base, line >= 150) > 0.99
        assert_array_equal(sequence.lines[number], line)
    # The folder of one sequence can be given itself, too.
    below = Storage.at(str(tmp_path / "heads/front"))
    assert [one.name for one in find_sequences(below)] == ["front"]


def test_exact(tmp_path: Path) -> None:
    """Flat colours drawn by code stay exact; soft edges add none; shades can be kept."""
    lines, shaded, bases = zip(*(head(x) for x in (150, 156)), strict=True)
    soft = [cv2.GaussianBlur(one, (3, 3), 0.6) for one in shaded]
    write(tmp_path, "s01_walk-4/line", *lines)
    write(tmp_path, "s01_walk-4/flat", *soft)
    storage = Storage.at(str(tmp_path))
    sequence = read_sequence(storage, find_sequences(storage)[0])
    assert sequence.kind == "sample"
    assert {tuple(one) for one in sequence.palette} <= {WHITE, SKIN, SHADE, BLUE}
    for number, (line, base) in enumerate(zip(lines, bases, strict=True)):
        is_head = (line >= 150) & (base != 255).any(axis=2)
        is_ear = is_head & (np.arange(SIZE[1])[np.newaxis] < 150 + 6 * number - 62)
        assert right(sequence.colors(number), base, is_head & ~is_ear) > 0.98
    kept = flatten_exact(lines, soft, shaded=False)
    assert len(kept.palette) == 4
    for number, color in enumerate(shaded):
        assert right(kept.palette[kept.truth[number]], color, lines[number] >= 150) > 0.99


def test_broken_folders(tmp_path: Path) -> None:
    """Folders without sequences, drawings without colours and unequal sizes are named."""
    storage = Storage.at(str(tmp_path))
    with pytest.raises(ValueError, match="no sequence; give"):
        find_sequences(storage)
    line, shaded, _ = head(150)
    write(tmp_path, "one/line", line, line)
    with pytest.raises(ValueError, match="one/line has drawings, but beside it"):
        find_sequences(storage)
    write(tmp_path, "one/color", shaded)
    with pytest.raises(ValueError, match=r"one/line/9\.png has no picture of its name"):
        find_sequences(storage)
    write(tmp_path, "one/color", shaded, shaded[:100])
    with pytest.raises(
        ValueError, match=r"color/9\.png is 320x100, but one/line/8\.png is 320x240"
    ):
        read_sequence(storage, find_sequences(storage)[0])


def test_opaque_cycle(tmp_path: Path) -> None:
    """Drawings without alpha and colours are no cycle; one cel may fill its picture."""
    storage = Storage.at(str(tmp_path))
    line, shaded, _ = head(150)
    write(tmp_path, "drawings", line, shaded)
    with pytest.raises(ValueError, match=r"drawings/8\.png and the pictures beside .* no alpha"):
        read_sequence(storage, find_sequences(storage)[0])
    full = cel(100)
    full[:, :, 3] = 255
    write(tmp_path, "drawings", cel(100), full)
    assert read_sequence(storage, find_sequences(storage)[0]).kind == "cycle"


def test_held_out() -> None:
    """Sequences are for training or for validation by name alone, wherever they are."""
    kept = (
        "chicken",
        "chars/chicken",
        "synfig_pairs/m_head-45-left",
        "s01_walk-4",
        "s01_walk-shades-4",
        "s03_flight-12",
        "t01_turn-4",
    )
    own = ("studio/s01-012", "s01_c003-7", "t002-10", "c012")
    assert all(map(is_held_out, kept))
    assert not any(map(is_held_out, own))
    assert not any(map(is_learned, (*kept, *own)))
    assert all(map(is_learned, ("chars/ranger", "m_head-0", "s01_walk-3", "t04_entering-0")))
    assert not any(
        map(is_held_out, ("ranger", "m_head-0", "m_head-90-left", "s01_walk-3", "t04_entering-0"))
    )
