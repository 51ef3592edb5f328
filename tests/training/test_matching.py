"""Training of the matching network: what it learns, and how it is calibrated."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from lineart.keys.network import color_scores, read_network
from lineart.models import from_files
from lineart.models.matching import color_probabilities
from lineart.storage import Storage
from lineart.training.calibration import Answers, Vote, calibrate, collect, score
from lineart.training.loop import train
from lineart.training.matching import MatchingTraining, to_pair
from lineart.training.recipes import RECIPES, tiny
from tests.key_pairs import list_pairs
from tests.training.conftest import StartRun


def test_training_learns_to_match(start_run: StartRun) -> None:
    """After a short training the colours of held-out pairs are right, in torch and in NumPy."""
    recipe = tiny(RECIPES["keys"]())
    stage = replace(recipe.stages[0], images=240, save_every=120, learning_rate=2e-2)
    run = start_run(replace(recipe, stages=(stage,), ema_decay=0.9))
    train(run)
    output: Storage = run.output
    files = {
        name: output.read(f"weights/{name}") for name in ("config.json", "matching.safetensors")
    }
    assert json.loads(files["config.json"])["temperature"] != 1.0
    pair, network = from_files(files), read_network(files)
    assert network.temperature == pair.task.temperature  # type: ignore[union-attr]
    right, total = 0, 0
    for sample in list_pairs().pairs:
        given = to_pair(sample, torch.device("cpu")).pair
        logits = pair.generators["matching"](given)[-1] / network.temperature
        shares = color_probabilities(given, logits)
        np.testing.assert_allclose(
            softmax(color_scores(sample.seen, network), axis=1), shares, atol=1e-5
        )
        right += int(sample.right[np.arange(len(sample.truth)), shares.argmax(1)].sum())
        total += len(sample.truth)
    assert right / total > 0.9
    # A picture of the result, in the colours of the truth.
    task = MatchingTraining()
    batch = [to_pair(sample, torch.device("cpu")) for sample in list_pairs().pairs[:2]]
    truth = torch.cat([one.shown.truth for one in batch])  # type: ignore[union-attr]
    assert task.distance({"matching": truth}, batch) == 0
    assert task.distance({"matching": -truth}, batch) > 0.5


def votes_of(true_temperature: float) -> list[Vote]:
    """Make logits that are too sure by a factor: the truth is drawn from the divided ones."""
    random = torch.Generator().manual_seed(0)
    votes = []
    for sample in list_pairs().pairs * 20:
        given = to_pair(sample, torch.device("cpu")).pair
        logits = 12 * torch.randn(len(given.area), given.features.shape[1] + 1, generator=random)
        shares = color_probabilities(given, logits / true_temperature)
        drawn = torch.multinomial(shares, 1, generator=random)
        right = torch.zeros_like(shares, dtype=torch.bool).scatter(1, drawn, value=True)
        votes.append(Vote(given, logits, right, torch.ones(len(right), dtype=torch.bool)))
    return votes


def test_calibration_finds_the_temperature() -> None:
    """Probabilities that were too sure become right ones; 98 % above the threshold are right."""
    votes = votes_of(2.0)
    task, scores = calibrate(votes)
    assert task.temperature == pytest.approx(2.0, rel=0.1)
    assert scores.ece < 0.04
    assert scores.precision == pytest.approx(0.98, abs=0.01)
    assert 0 < scores.coverage < scores.right
    found = collect(votes, task.temperature)
    assert score(found, 0.0).coverage == pytest.approx(float(found.is_colored.mean()), abs=0.05)
    assert score(collect(votes, 1.0), 0.0).ece > 1.5 * scores.ece


def test_scores_of_known_answers() -> None:
    """One of three is wrong and the least sure: the order is perfect, the calibration is not."""
    yes, no = np.ones(3, bool), np.zeros(3, bool)
    right = np.array([True, True, False])
    found = Answers(np.array([0.95, 0.85, 0.25]), right, yes, no, np.full(3, 1 / 3))
    scores = score(found, 0.5)
    assert scores.auroc == 1
    assert scores.ece == pytest.approx((0.05 + 0.15 + 0.25) / 3)
    assert scores.right == pytest.approx(2 / 3)
    assert (scores.coverage, scores.precision) == (pytest.approx(2 / 3), 1.0)
