import cv2
import numpy as np
import pytest

from lineart.datasets.samples import Picture, Samples, SampleSettings
from tests.datasets.paintings import Listed


@pytest.fixture
def pictures() -> Listed:
    """Return a painted picture and a pair of drawing and cel."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    painted = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
    drawn = np.full((96, 96), 255, np.uint8)
    drawn[40:44, 10:80] = 0
    cel = np.full((96, 96, 3), 255, np.uint8)
    cel[44:, 10:80] = 90, 160, 220
    return Listed((Picture("painted", painted, None), Picture("pair", cel, drawn)))


@pytest.mark.parametrize("second_stage", [False, True])
def test_samples_have_the_sizes_of_the_settings(pictures: Listed, second_stage: bool) -> None:
    """Line and colours have the crop's side, hints the draft's; every value is in its range."""
    settings = SampleSettings(crop=64, draft_scale=4, second_stage=second_stage)
    samples = Samples(pictures, settings, seed=0)
    counts = []
    for index in range(40):
        sample = samples[index]
        assert sample.line.shape == (64, 64)
        assert sample.color.shape == (64, 64, 3)
        assert sample.hint.shape == (16, 16, 4)
        assert set(np.unique(sample.hint[..., 3])) <= {0, 255}
        counts.append(int((sample.hint[..., 3] > 0).sum()))
    assert (min(counts) > 0) == second_stage


def test_a_sample_depends_on_seed_and_index_alone(pictures: Listed) -> None:
    """Whatever was made before, the n-th sample is the same; another seed gives another."""
    settings = SampleSettings(crop=64, draft_scale=4, second_stage=True)
    samples = Samples(pictures, settings, seed=1)
    first = samples[7]
    samples[3]
    again = samples[7]
    np.testing.assert_array_equal(first.line, again.line)
    np.testing.assert_array_equal(first.color, again.color)
    np.testing.assert_array_equal(first.hint, again.hint)
    other = Samples(pictures, settings, seed=2)[7]
    assert not np.array_equal(first.hint, other.hint)


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_sources_are_balanced(balance: float, share: float, pictures: Listed) -> None:
    """Nine pictures of one source and one of another: the one is drawn as often as asked for."""
    painted, pair = pictures.pictures
    settings = SampleSettings(crop=32, draft_scale=4, second_stage=False, balance=balance)
    samples = Samples(Listed((painted,) * 9 + (pair,)), settings, seed=0)
    first = samples.cumulative[0]
    np.testing.assert_allclose(samples.cumulative[:9], first * np.arange(1, 10))
    assert 1 - samples.cumulative[8] == pytest.approx(share)


def test_the_second_stage_has_faults_and_true_drafts(pictures: Listed) -> None:
    """About the asked share of drafts is the truth; the first stage has neither."""
    second = SampleSettings(crop=32, draft_scale=2, second_stage=True, true_drafts=0.25)
    samples = [Samples(pictures, second, seed=0)[index] for index in range(80)]
    assert all(sample.artifacts is not None for sample in samples)
    assert 10 <= sum(sample.has_true_draft for sample in samples) <= 32
    first = Samples(pictures, SampleSettings(crop=32, draft_scale=2, second_stage=False), seed=0)[0]
    assert first.artifacts is None
    assert not first.has_true_draft


def test_no_pictures_are_refused() -> None:
    """Samples of nothing cannot be made."""
    settings = SampleSettings(crop=32, draft_scale=2, second_stage=False)
    with pytest.raises(ValueError, match="no pictures"):
        Samples(Listed(()), settings, seed=0)


def test_hints_have_the_colors_of_the_sample(pictures: Listed) -> None:
    """A hint has the colour that the network must answer: strokes differ by at most 24 levels."""
    settings = SampleSettings(crop=64, draft_scale=1, second_stage=True)
    for index in range(10):
        sample = Samples(pictures, settings, seed=3)[index]
        is_hint = sample.hint[..., 3] > 0
        is_hint &= cv2.erode(sample.line, np.ones((3, 3))) > 190
        difference = sample.hint[is_hint, :3].astype(int) - sample.color[is_hint]
        assert np.abs(difference).max() <= 24
