"""Samples of colorizing and translating pairs."""

import cv2
import numpy as np
import pytest

from lineart.datasets.samples import (
    NamedPicture,
    Samples,
    SampleSettings,
    Unpaired,
    UnpairedSamples,
    UnpairedSettings,
    cut,
    fit,
)
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
    return Listed((NamedPicture("painted", painted, None), NamedPicture("pair", cel, drawn)))


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


@pytest.mark.parametrize("side", [40, 64, 70, 83])
def test_lines_stay_as_dark_when_a_crop_is_fitted(side: int) -> None:
    """Whatever the crop's side, thin lines keep their share of ink, and a flat colour its level."""
    line = np.full((side, side), 255, np.uint8)
    for angle in range(0, 180, 12):
        turn = np.deg2rad(angle)
        ends = (side / 2 + np.outer((-0.45, 0.45), (np.cos(turn), np.sin(turn))) * side).astype(int)
        cv2.line(line, ends[0].tolist(), ends[1].tolist(), 0, 1, cv2.LINE_AA)
    fitted = fit(line, 64)
    assert fitted.shape == (64, 64)
    assert (255.0 - fitted).mean() == pytest.approx((255.0 - line).mean(), rel=0.03)
    assert (fit(np.full((side, side, 3), (9, 200, 77), np.uint8), 64) == (9, 200, 77)).all()


def test_no_pictures_are_refused() -> None:
    """Samples of no pictures are refused."""
    settings = SampleSettings(crop=32, draft_scale=2, second_stage=False)
    with pytest.raises(ValueError, match="no pictures"):
        Samples(Listed(()), settings, seed=0)


def test_hints_at_full_size_are_those_of_artists(pictures: Listed) -> None:
    """Without a draft: no hints, few or many, of true colours, and none that belongs to the ink."""
    settings = SampleSettings(crop=64, draft_scale=1, second_stage=False)
    counts = []
    for index in range(60):
        sample = Samples(pictures, settings, seed=5)[index]
        is_hint = sample.hint[..., 3] > 0
        counts.append(np.count_nonzero(is_hint))
        clear = is_hint & (cv2.erode(sample.line, np.ones((3, 3))) > 190)
        difference = sample.hint[clear, :3].astype(int) - sample.color[clear]
        assert not clear.any() or np.abs(difference).max() <= 24
    assert counts.count(0) in range(1, 20)
    assert max(counts) > 100


def test_hints_have_the_colors_of_the_sample(pictures: Listed) -> None:
    """A hint has the colour that the network must answer: strokes differ by at most 24 levels."""
    settings = SampleSettings(crop=64, draft_scale=1, second_stage=True)
    for index in range(10):
        sample = Samples(pictures, settings, seed=3)[index]
        is_hint = sample.hint[..., 3] > 0
        is_hint &= cv2.erode(sample.line, np.ones((3, 3))) > 190
        difference = sample.hint[is_hint, :3].astype(int) - sample.color[is_hint]
        assert np.abs(difference).max() <= 24


def photograph(seed: int = 0, size: tuple[int, int] = (48, 64)) -> NamedPicture:
    """Draw blocks whose class and depth follow from their colour."""
    height, width = size
    blocks = np.random.default_rng(seed).integers(0, 8, (height // 8, width // 8), dtype=np.uint8)
    labels = np.kron(blocks, np.ones((8, 8), np.uint8))
    color = np.stack([labels * 30] * 3, axis=-1)
    return NamedPicture(f"{seed}", color, None, labels, labels.astype(np.float32) / 7)


def samples(is_random: bool, **more: int) -> UnpairedSamples:
    """Return samples of five photographs and three other pictures."""
    pictures = Unpaired(
        Listed(tuple(photograph(seed) for seed in range(5))),
        Listed(tuple(photograph(seed) for seed in range(10, 13))),
    )
    return UnpairedSamples(pictures, UnpairedSettings(crop=32, is_random=is_random, **more), seed=3)


def test_a_sample_depends_on_its_number_alone() -> None:
    """The same number gives the same bits; other numbers give others."""
    one, again, other = samples(True)[7], samples(True)[7], samples(True)[8]
    assert np.array_equal(one.source, again.source)
    assert np.array_equal(one.target, again.target)
    assert not np.array_equal(one.source, other.source)


@pytest.mark.parametrize("number", range(12))
def test_maps_stay_with_their_photograph(number: int) -> None:
    """Cut, shrunk and mirrored, a pixel's class and depth are still those of its colour."""
    sample = samples(True)[number]
    inside = sample.source[..., 0] == sample.segmentation.astype(np.uint16) * 30
    # Only at the borders of blocks are colours mixed; classes never are.
    assert inside.mean() > 0.6
    assert set(np.unique(sample.segmentation)) <= set(range(8))
    np.testing.assert_allclose(
        sample.depth[inside], sample.segmentation[inside] / np.float32(7), atol=0.15
    )


def test_mirroring_is_drawn_for_each_sample() -> None:
    """About half of many samples of one picture are mirrored, and places differ."""
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    picture = NamedPicture("ramp", np.stack([ramp] * 3, axis=-1), None)
    rng = np.random.default_rng(0)
    cuts = [cut(picture, 32, rng).color[0, :, 0].astype(int) for _ in range(200)]
    mirrored = sum(row[0] > row[-1] for row in cuts)
    assert 70 < mirrored < 130
    assert len({int(min(row)) for row in cuts}) > 5


def test_samples_without_randomness() -> None:
    """Without randomness, five samples show the centres of five photographs, not mirrored."""
    found = [samples(False)[number].source for number in range(5)]
    shown = {picture.tobytes() for picture in found}
    middles = {cut(photograph(seed), 32, None).color.tobytes() for seed in range(5)}
    assert shown == middles


def test_missing_maps_are_unknown() -> None:
    """Without maps all classes are 255 and no depth is a number."""
    plain = Listed((NamedPicture("plain", photograph().color, None),))
    sample = UnpairedSamples(Unpaired(plain, plain), UnpairedSettings(crop=32), seed=0)[0]
    assert (sample.segmentation == 255).all()
    assert np.isnan(sample.depth).all()


def test_a_class_that_the_recipe_does_not_have_is_named() -> None:
    """Regions of class 7 do not fit 4 classes; 8 classes have them."""
    assert samples(True, classes=8)[0].segmentation.max() <= 7
    with pytest.raises(ValueError, match=r"go up to class 7, but the recipe has 4 classes"):
        assert [samples(True, classes=4)[number] for number in range(5)]


def test_no_pictures_are_an_error() -> None:
    """A side without pictures is refused."""
    full, empty = Listed((photograph(),)), Listed(())
    with pytest.raises(ValueError, match="no target pictures"):
        UnpairedSamples(Unpaired(full, empty), UnpairedSettings(crop=32), seed=0)
