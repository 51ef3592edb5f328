import numpy as np
import pytest

from lineart.datasets.samples import (
    Picture,
    Unpaired,
    UnpairedSamples,
    UnpairedSettings,
    cut,
)
from tests.datasets.paintings import Listed


def photograph(seed: int = 0, size: tuple[int, int] = (48, 64)) -> Picture:
    """Draw blocks of colour whose class and depth are told by their colour."""
    height, width = size
    blocks = np.random.default_rng(seed).integers(0, 8, (height // 8, width // 8), dtype=np.uint8)
    labels = np.kron(blocks, np.ones((8, 8), np.uint8))
    color = np.stack([labels * 30] * 3, axis=-1)
    return Picture(f"{seed}", color, None, labels, labels.astype(np.float32) / 7)


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
    picture = Picture("ramp", np.stack([ramp] * 3, axis=-1), None)
    rng = np.random.default_rng(0)
    cuts = [cut(picture, 32, rng).color[0, :, 0].astype(int) for _ in range(200)]
    mirrored = sum(row[0] > row[-1] for row in cuts)
    assert 70 < mirrored < 130
    assert len({int(min(row)) for row in cuts}) > 5


def test_for_looking_each_picture_comes_once_as_it_is() -> None:
    """Five samples show five photographs, their middle, not mirrored."""
    found = [samples(False)[number].source for number in range(5)]
    shown = {picture.tobytes() for picture in found}
    middles = {cut(photograph(seed), 32, None).color.tobytes() for seed in range(5)}
    assert shown == middles


def test_what_is_not_known_is_marked() -> None:
    """Without maps all classes are 255 and no depth is a number."""
    plain = Listed((Picture("plain", photograph().color, None),))
    sample = UnpairedSamples(Unpaired(plain, plain), UnpairedSettings(crop=32), seed=0)[0]
    assert (sample.segmentation == 255).all()
    assert np.isnan(sample.depth).all()


def test_a_class_that_the_recipe_does_not_have_is_named() -> None:
    """Regions of class 7 do not fit 4 classes; 8 classes have them."""
    assert samples(True, classes=8)[0].segmentation.max() <= 7
    with pytest.raises(ValueError, match=r"go up to class 7, but the recipe has 4 classes"):
        assert [samples(True, classes=4)[number] for number in range(5)]


def test_no_pictures_are_an_error() -> None:
    """Both sides need pictures."""
    full, empty = Listed((photograph(),)), Listed(())
    with pytest.raises(ValueError, match="no target pictures"):
        UnpairedSamples(Unpaired(full, empty), UnpairedSettings(crop=32), seed=0)
