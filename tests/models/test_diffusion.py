"""Diffusion of colours: exact equations, flat regions, batches; maps that are made of it."""

import cv2
import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse import linalg
from torch.nn import functional as F

from lineart.models import diffusion, hint_maps
from lineart.models.hint_maps import spread_hints

SIZE = 128


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """Draw a circle in a room, a line that ends in the open, and a room without hints."""
    drawn = np.full((SIZE, SIZE), 255, np.uint8)
    cv2.circle(drawn, (40, 64), 24, 0, 2)
    cv2.line(drawn, (90, 0), (90, 80), 60, 2)
    cv2.rectangle(drawn, (100, 100), (120, 120), 0, 2)
    return drawn


@pytest.fixture(scope="module")
def hint() -> np.ndarray:
    """Set a hint in the circle and two beside it."""
    given = np.zeros((SIZE, SIZE, 4), np.uint8)
    given[64, 40] = 200, 30, 30, 255
    given[10, 10] = 20, 200, 40, 255
    given[20, 110] = 30, 60, 220, 255
    return given


def spread(hint: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Return the map of one drawing."""
    code = spread_hints(torch.from_numpy(hint)[None], torch.from_numpy(line)[None])
    return code[0].permute(1, 2, 0).numpy()


def to_levels(code: np.ndarray) -> np.ndarray:
    """Return the colours of a map in levels of 0..255."""
    return np.rint((code[..., :3] + 1) * 127.5).astype(int)


def solve(start: torch.Tensor, line: torch.Tensor, is_fixed: torch.Tensor) -> np.ndarray:
    """Solve the equations of `diffuse` exactly."""
    across, down = diffusion.resistances(line)
    steps = [diffusion.halve(across)[0, 0], diffusion.halve(down.mT).mT[0, 0]]
    height, width = is_fixed.shape[-2:]
    index = np.arange(height * width).reshape(height, width)
    one = np.concatenate((index[:, :-1].ravel(), index[:-1].ravel()))
    other = np.concatenate((index[:, 1:].ravel(), index[1:].ravel()))
    weights = np.concatenate([step.numpy().astype(float).ravel() for step in steps])
    half = sparse.csr_matrix((weights, (one, other)), (index.size, index.size))
    both = half + half.T
    laplacian = (sparse.diags(np.asarray(both.sum(axis=1)).ravel()) - both).tocsr()
    known = is_fixed.numpy().ravel()
    colors = start[0].flatten(1).numpy().T.astype(float)
    rest = laplacian[~known]
    colors[~known] = linalg.spsolve(rest[:, ~known].tocsc(), -(rest[:, known] @ colors[known]))
    return colors.T.reshape(3, height, width)


def test_steps_lead_to_the_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six steps come near to the exact solution from far away; more come to it."""
    drawn = np.full((SIZE, SIZE), 255, np.uint8)
    cv2.line(drawn, (64, 0), (64, 90), 100, 2)
    lines = torch.from_numpy(drawn)[None]
    is_fixed = torch.zeros(1, 1, SIZE // 2, SIZE // 2, dtype=torch.bool)
    start = torch.full((1, 3, SIZE // 2, SIZE // 2), 0.5)
    for y, x, color in ((5, 5, (1.0, 0.0, 0.2)), (30, 60, (0.0, 1.0, 0.4)), (60, 20, (0.3, 0, 1))):
        is_fixed[0, 0, y, x] = True
        start[0, :, y, x] = torch.tensor(color)
    truth = solve(start, lines, is_fixed)
    errors = []
    for steps in (1, 6, 25):
        monkeypatch.setattr(diffusion, "STEPS", steps)
        found = diffusion.diffuse(start, lines, is_fixed)
        errors.append(float(np.abs(found[0].numpy() - truth).mean()))
        assert torch.equal(found[:, :, is_fixed[0, 0]], start[:, :, is_fixed[0, 0]])
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.03
    assert errors[2] < 0.001


def test_a_closed_region_has_the_color_of_its_hint(line: np.ndarray, hint: np.ndarray) -> None:
    """Inside the circle all is nearly the hint's colour, of which nothing is seen outside."""
    levels = to_levels(spread(hint, line))
    y, x = np.mgrid[:SIZE, :SIZE]
    distance = np.hypot(y - 64, x - 40)
    assert np.abs(levels[distance < 22] - (200, 30, 30)).max() <= 8
    assert levels[(distance > 27) & (x < 80)][:, 0].max() < 60


def test_the_fourth_channel_says_where_paper_has_a_hint(line: np.ndarray, hint: np.ndarray) -> None:
    """It is 1 in areas with a hint, and -1 in those without, and on ink."""
    known = spread(hint, line)[..., 3]
    assert set(np.unique(known)) == {-1.0, 1.0}
    assert (known[105:115, 105:115] == -1).all()
    assert (known[line < 100] == -1).all()
    assert known[64, 40] == known[2, 2] == 1


def test_a_drawing_without_hints_is_white(line: np.ndarray) -> None:
    """There is no colour to spread."""
    code = spread(np.zeros((SIZE, SIZE, 4), np.uint8), line)
    assert (code[..., :3] == 1).all()
    assert (code[..., 3] == -1).all()


def test_bits_depend_neither_on_the_batch_nor_on_threads(
    line: np.ndarray, hint: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map is the same alone, among others, and on any number of threads; odd sizes too."""
    other = np.roll(hint, 9, axis=0)
    lines, hints = (
        torch.from_numpy(np.tile(np.stack(two), (1, 2, 3, *([1] * (two[0].ndim - 2)))))
        for two in ((line, line), (hint, other))
    )
    lines, hints = lines[:, :, :291], hints[:, :, :291]
    both = spread_hints(hints, lines)
    assert both.shape == (2, 4, 2 * SIZE, 291)
    monkeypatch.setattr(hint_maps, "PIXELS_AT_ONCE", 1)
    threads = torch.get_num_threads()
    try:
        for number in (1, 2, 3, 7):
            torch.set_num_threads(number)
            assert torch.equal(spread_hints(hints, lines), both)
    finally:
        torch.set_num_threads(threads)


def test_doubling_is_linear_interpolation() -> None:
    """It is that of PyTorch, but for its last bits."""
    planes = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(planes, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(diffusion.double(diffusion.double(planes).mT).mT, expected)


def test_sums_by_halves() -> None:
    """They are sums, also of sides that no power of two divides."""
    planes = torch.rand(2, 3, 7, 13, generator=torch.Generator().manual_seed(0))
    found = diffusion.add_up(diffusion.add_up(planes, axis=2), axis=3)
    torch.testing.assert_close(found, planes.sum(dim=(2, 3), keepdim=True))
