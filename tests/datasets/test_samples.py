import cv2
import numpy as np
import pytest

from lineart.datasets.samples import Picture, Samples, SampleSettings


@pytest.fixture
def pictures() -> list[Picture]:
    """Give a painted picture and a pair of drawing and cel."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    painted = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
    drawn = np.full((96, 96), 255, np.uint8)
    drawn[40:44, 10:80] = 0
    cel = np.full((96, 96, 3), 255, np.uint8)
    cel[44:, 10:80] = 90, 160, 220
    return [Picture("painted", painted, None, 3.0), Picture("pair", cel, drawn, 1.0)]


@pytest.mark.parametrize("many_hints", [False, True])
def test_samples_have_the_sizes_of_the_settings(pictures: list[Picture], many_hints: bool) -> None:
    """Line and colours have the crop's side, hints the draft's; every value is in its range."""
    settings = SampleSettings(crop=64, draft_scale=4, many_hints=many_hints)
    samples = Samples(pictures, settings, seed=0)
    counts = []
    for index in range(40):
        sample = samples[index]
        assert sample.line.shape == (64, 64)
        assert sample.color.shape == (64, 64, 3)
        assert sample.hint.shape == (16, 16, 4)
        assert set(np.unique(sample.hint[..., 3])) <= {0, 255}
        counts.append(int((sample.hint[..., 3] > 0).sum()))
    assert (min(counts) > 0) == many_hints


def test_a_sample_depends_on_seed_and_index_alone(pictures: list[Picture]) -> None:
    """Whatever was made before, the n-th sample is the same; another seed gives another."""
    settings = SampleSettings(crop=64, draft_scale=4, many_hints=True)
    samples = Samples(pictures, settings, seed=1)
    first = samples[7]
    samples[3]
    again = samples[7]
    np.testing.assert_array_equal(first.line, again.line)
    np.testing.assert_array_equal(first.color, again.color)
    np.testing.assert_array_equal(first.hint, again.hint)
    other = Samples(pictures, settings, seed=2)[7]
    assert not np.array_equal(first.hint, other.hint)


def test_pictures_are_drawn_by_weight(pictures: list[Picture]) -> None:
    """A picture without weight never appears."""
    only = [pictures[0], Picture("never", pictures[1].color, pictures[1].line, 0.0)]
    settings = SampleSettings(crop=32, draft_scale=4, many_hints=False)
    samples = Samples(only, settings, seed=0)
    assert all(not np.array_equal(samples[i].line, np.full((32, 32), 255)) for i in range(10))


def test_hints_have_the_colors_of_the_sample(pictures: list[Picture]) -> None:
    """What the network is told is what it must answer: strokes differ little, points not at all."""
    settings = SampleSettings(crop=64, draft_scale=1, many_hints=True)
    for index in range(10):
        sample = Samples(pictures, settings, seed=3)[index]
        is_hint = sample.hint[..., 3] > 0
        is_hint &= cv2.erode(sample.line, np.ones((3, 3))) > 190
        difference = sample.hint[is_hint, :3].astype(int) - sample.color[is_hint]
        assert np.abs(difference).max() <= 24
