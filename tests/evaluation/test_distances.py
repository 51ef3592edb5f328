import numpy as np
import pytest
import torch
from scipy import linalg

from lineart.evaluation import distances
from lineart.evaluation.distances import Distances, Moments, Reservoir, frechet, kernel
from lineart.evaluation.types import Feature, TableCell


def draw(seed: int, number: int, shift: float = 0.0) -> np.ndarray:
    """Draw correlated features."""
    rng = np.random.default_rng(seed)
    return (rng.normal(shift, 1.0, (number, 6)) @ rng.normal(0, 1, (6, 6))).astype(np.float32)


def moments(vectors: np.ndarray) -> Moments:
    """Give vectors one by one."""
    found = Moments()
    for vector in vectors:
        found.add(vector)
    return found


def reservoir(vectors: np.ndarray) -> Reservoir:
    """Give vectors one by one."""
    found = Reservoir(0)
    for vector in vectors:
        found.add(vector)
    return found


def closed_form(x: np.ndarray, y: np.ndarray) -> float:
    """Give the distance of two Gaussians from all features at once, with scipy's square root."""
    x, y = x.astype(float), y.astype(float)
    a, b = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(a @ b).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root))


@pytest.mark.parametrize("number", [300, 700])
def test_frechet_distance_is_the_closed_form(number: int) -> None:
    """Sums and products of blocks give what all features at once give."""
    x, y = draw(0, number), draw(1, 400, shift=0.5)
    found = frechet(moments(x), moments(y))
    assert found.mean == pytest.approx(closed_form(x, y), rel=1e-6)
    assert (found.number, found.low) == (min(number, 400), None)
    assert frechet(moments(x), moments(x)).mean == pytest.approx(0, abs=1e-6)


def test_moments_do_not_keep_features() -> None:
    """Whatever came, at most one block of features waits."""
    found = moments(draw(0, 1000))
    assert len(found._waiting) < distances.TOGETHER
    assert found.number == 1000


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
    found = kernel(reservoir(x), reservoir(y), seed=5)
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
    kernel(reservoir(draw(0, 8)), reservoir(draw(1, 8)), seed=5)
    torch.testing.assert_close(torch.rand(2), before)


def test_reservoir_keeps_an_even_sample() -> None:
    """It never holds more than its size, and each picture is as likely to be in it."""
    counts = np.zeros(100)
    for seed in range(400):
        found = Reservoir(seed, size=10)
        for number in range(100):
            found.add(np.array([number], np.float32))
        assert (len(found.kept), found.number) == (10, 100)
        counts[[int(vector[0]) for vector in found.kept]] += 1
    # Each is kept in a tenth of 400 runs: 40, deviation 6.
    assert counts.min() > 15
    assert counts.max() < 65
    assert counts[:10].mean() == pytest.approx(counts[90:].mean(), abs=8)


def test_every_way_is_compared_with_the_truth_of_its_set() -> None:
    """Sets and ways stay apart, and a set that is too small is named."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, seed=0)
    truth, near, far = draw(0, 40), draw(1, 40), draw(0, 40, shift=3.0)
    for vectors, way in ((truth, None), (near, "near"), (far, "far")):
        collected.add([Feature("a", vector, way) for vector in vectors])
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
def test_a_distance_of_what_is_no_number_is_none(broken: str | None) -> None:
    """One picture whose features are not finite takes its set out, and a note says why."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, seed=0)
    for way in (None, "ours", "other"):
        vectors = draw(0, 9)
        if way == broken:
            vectors[3, 2] = np.nan
        collected.add([Feature("a", vector, way) for vector in vectors])
    found = {place.way for place, _, _ in collected.results()}
    assert found == (set() if broken is None else {"other"})
    assert collected.too_small == {f"a: features of {broken or 'the truth'} are not finite"}


def test_sums_that_are_no_number_are_refused() -> None:
    """Features whose squares are too large give no distance: it would be the best of all."""
    found = moments(draw(0, 9))
    found._multiply()
    assert found._products is not None
    found._products[0, 0] = torch.nan
    with pytest.raises(ValueError, match="Fréchet distance is nan"):
        frechet(moments(draw(1, 9)), found)


def test_without_truth_there_is_no_distance() -> None:
    """Where no picture of the truth could be read, a note says so."""
    collected = Distances({"fid": "frechet", "kid": "kernel"}, seed=0)
    collected.add([Feature("a", vector, "ours") for vector in draw(0, 9)])
    assert list(collected.results()) == []
    assert collected.too_small == {"a: there is no readable truth"}
