import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import FrechetInceptionDistance

from lineart.evaluation import distances
from lineart.evaluation.distances import Distances, choose, frechet, kernel
from lineart.evaluation.types import Estimate, Feature, TableCell


@pytest.fixture
def file() -> Iterator[BinaryIO]:
    """A file for features."""
    with tempfile.TemporaryFile() as opened:
        yield opened


def draw(seed: int, number: int, shift: float = 0.0) -> np.ndarray:
    """Draw correlated features."""
    rng = np.random.default_rng(seed)
    return (rng.normal(shift, 1.0, (number, 6)) @ rng.normal(0, 1, (6, 6))).astype(np.float32)


def kid(truth: np.ndarray, made: np.ndarray, seed: int) -> Estimate:
    """Give the kernel distance."""
    both = np.concatenate((truth, made))
    numbers = range(len(both))
    ((_, found),) = kernel(both, numbers[: len(truth)], {"made": numbers[len(truth) :]}, seed)
    assert isinstance(found, Estimate)
    return found


def closed_form(x: np.ndarray, y: np.ndarray) -> float:
    """Give the distance of two Gaussians from all features at once, with scipy's square root."""
    x, y = x.astype(float), y.astype(float)
    a, b = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(a @ b).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root))


@pytest.mark.parametrize("number", [300, 700])
def test_frechet_distance_is_the_closed_form(number: int) -> None:
    """Features that come in blocks give what all features at once give; sets stay apart."""
    x, y = draw(0, number), draw(1, 400, shift=0.5)
    xs, ys = range(number), range(number, number + 400)
    found = dict(frechet(np.concatenate((x, y)), xs, {"y": ys, "x": xs, "y again": ys}))
    first, same, again = (one for one in found.values() if isinstance(one, Estimate))
    assert first.mean == pytest.approx(closed_form(x, y), rel=1e-6)
    assert (first.number, first.low) == (min(number, 400), None)
    assert same.mean == pytest.approx(0, abs=1e-6)
    assert again == first


def polynomial_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Give the unbiased squared MMD by its sums, pair by pair."""
    n = len(x)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    same = sum(k(s[i], s[j]) for s in (x, y) for i in range(n) for j in range(n) if i != j)
    return same / (n * (n - 1)) - 2 * sum(k(a, b) for a in x for b in y) / n**2


def test_kernel_distance_is_the_mean_of_polynomial_mmds() -> None:
    """Over the same subsets, pair by pair, the mean and deviation come out."""
    x, y = draw(0, 12), draw(1, 9, shift=0.5)
    found = kid(x, y, seed=5)
    torch.manual_seed(5)
    expected = []
    for _ in range(distances.SUBSETS):
        first, second = torch.randperm(12)[:4].numpy(), torch.randperm(9)[:4].numpy()
        expected.append(100 * polynomial_mmd(x[first].astype(float), y[second].astype(float)))
    assert found.mean == pytest.approx(np.mean(expected), rel=1e-6)
    assert found.over_subsets == pytest.approx(np.std(expected), rel=1e-6)


def test_kernel_distance_leaves_the_random_state_alone() -> None:
    """Who draws numbers afterwards draws the same."""
    torch.manual_seed(1)
    before = torch.rand(2)
    torch.manual_seed(1)
    kid(draw(0, 8), draw(1, 8), seed=5)
    torch.testing.assert_close(torch.rand(2), before)


def test_of_many_pictures_the_kernel_distance_takes_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice is even, repeatable and no larger than allowed."""
    monkeypatch.setattr(distances, "MAX_FOR_KERNEL", 100)
    vectors = np.arange(1000, dtype=np.float32)[:, None]
    chosen = choose(range(1000), 0)
    assert chosen == choose(range(1000), 0)
    assert len(set(chosen)) == 100
    assert np.mean(chosen) == pytest.approx(500, abs=100)
    assert kid(vectors, vectors + 9, seed=0).number == 1000


def test_every_way_is_compared_with_the_truth_of_its_set(file: BinaryIO) -> None:
    """Sets and methods stay apart, and a set that is too small is named."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, 0, file)
    truth, near, far = draw(0, 40), draw(1, 40), draw(0, 40, shift=3.0)
    for vectors, method in ((truth, None), (near, "near"), (far, "far")):
        collected.add([Feature("a", vector, method) for vector in vectors])
    collected.add([Feature("small", truth[0]), Feature("small", near[0], "near")])
    found = {(place, name): estimate.mean for place, name, estimate in collected.results()}
    assert len(found) == 4
    for name in ("fid", "kid"):
        assert found[TableCell("a", None, "far"), name] > found[TableCell("a", None, "near"), name]
    expected = closed_form(truth, near)
    assert found[TableCell("a", None, "near"), "fid"] == pytest.approx(expected, rel=1e-6)
    assert collected.too_small == {
        "small: a Fréchet distance needs two pictures at least",
        "small: a kernel distance needs four pictures at least",
    }


@pytest.mark.parametrize("broken", [None, "ours"])
def test_a_distance_of_what_is_no_number_is_none(broken: str | None, file: BinaryIO) -> None:
    """One picture whose features are not finite takes its set out, and a note says why."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, 0, file)
    for method in (None, "ours", "other"):
        vectors = draw(0, 9)
        if method == broken:
            vectors[3, 2] = np.nan
        collected.add([Feature("a", vector, method) for vector in vectors])
    found = {place.method for place, _, _ in collected.results()}
    assert found == (set() if broken is None else {"other"})
    assert collected.too_small == {f"a: features of {broken or 'the truth'} are not finite"}


def test_a_distance_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features whose squares are too large give no distance: it would be the best of all."""
    monkeypatch.setattr(FrechetInceptionDistance, "compute", lambda _: torch.tensor(torch.nan))
    ((_, found),) = frechet(draw(1, 9), range(4), {"made": range(4, 9)})
    assert found == "the Fréchet distance is nan: the features are too large"


def test_without_truth_there_is_no_distance(file: BinaryIO) -> None:
    """Where no picture of the truth could be read, a note says so."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, 0, file)
    collected.add([Feature("a", vector, "ours") for vector in draw(0, 9)])
    assert list(collected.results()) == []
    assert collected.too_small == {"a: there is no readable truth"}
