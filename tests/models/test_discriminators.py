import pytest
import torch

from lineart.models.discriminators import ColorDiscriminator, PatchDiscriminator
from tests.models.parameters import count_parameters


def pictures(count: int, size_px: int) -> torch.Tensor:
    """Give pictures of noise in -1..1."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, size_px, size_px, generator=generator) * 2 - 1


def build(size_px: int) -> ColorDiscriminator:
    """Build a narrow discriminator."""
    torch.manual_seed(0)
    return ColorDiscriminator(size_px, width=4)


@pytest.mark.parametrize("size_px", [16, 48, 128])
def test_each_picture_gets_its_own_logit(size_px: int) -> None:
    """One logit a picture, the same alone as in a batch, and different for different pictures."""
    discriminator, color = build(size_px), pictures(3, size_px)
    logits = discriminator(color)
    assert logits.shape == (3,)
    assert len(set(logits.tolist())) == 3
    torch.testing.assert_close(discriminator(color[1:2]), logits[1:2])


@pytest.mark.parametrize(("size_px", "unit"), [(256, 256 * 16 * 16), (128, 256 * 8 * 8)])
def test_the_layers_are_those_of_the_figure(size_px: int, unit: int) -> None:
    """Seven convolutions (channels in, out, side of kernel), none with a bias, and one unit."""
    convolutions = [
        *((3, 32, 4), (32, 32, 3), (32, 64, 4), (64, 64, 3)),
        *((64, 128, 4), (128, 128, 3), (128, 256, 4)),
    ]
    with torch.device("meta"):
        discriminator = ColorDiscriminator(size_px)
    modules = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in modules] == convolutions
    assert [m.stride[0] for m in modules] == [2, 1, 2, 1, 2, 1, 2]
    slopes = [m.negative_slope for m in discriminator.modules() if hasattr(m, "negative_slope")]
    assert slopes == [0.2] * 7
    expected = sum(i * o * k * k for i, o, k in convolutions) + unit + 1
    assert count_parameters(discriminator) == expected


def test_every_parameter_gets_a_gradient() -> None:
    """No layer is left out, and the pictures get a gradient for their generator."""
    discriminator, color = build(32), pictures(2, 32).requires_grad_()
    discriminator(color).square().sum().backward()
    assert color.grad is not None
    assert color.grad.abs().sum() > 0
    for key, parameter in discriminator.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


def test_the_start_keeps_the_strength_of_the_signal() -> None:
    """Kaiming's weights neither fade nor blow up: logits of noise spread over about 1."""
    torch.manual_seed(0)
    with torch.no_grad():
        logits = ColorDiscriminator(64, width=16)(pictures(32, 64) * 3**0.5)
    assert 0.1 < logits.square().mean().sqrt() < 10


@pytest.mark.parametrize("size_px", [0, -16, 8, 100])
def test_a_wrong_side_is_refused(size_px: int) -> None:
    """The side is a positive multiple of 16."""
    with pytest.raises(ValueError, match="not a positive multiple of 16"):
        ColorDiscriminator(size_px)


def test_pictures_of_another_size_are_refused() -> None:
    """The fully connected unit holds for one size, and the error names both."""
    with pytest.raises(ValueError, match="pictures of 48x32 for a discriminator of 32x32"):
        build(32)(torch.zeros(1, 3, 32, 48))


def test_the_patch_discriminator_has_the_references_layers() -> None:
    """Five convolutions of 4 x 4, the middle three with a norm, count 2,764,737 for photographs."""
    with torch.device("meta"):
        discriminator = PatchDiscriminator(3)
    modules = list(discriminator.modules())
    convolutions = [m for m in modules if isinstance(m, torch.nn.Conv2d)]
    assert [m.stride[0] for m in convolutions] == [2, 2, 2, 1, 1]
    assert [m.out_channels for m in convolutions] == [64, 128, 256, 512, 1]
    norms = [m.num_features for m in modules if isinstance(m, torch.nn.InstanceNorm2d)]
    assert norms == [128, 256, 512]
    assert count_parameters(discriminator) == 2_764_737


@pytest.mark.parametrize(("inputs", "size_px", "patches"), [(1, 24, 1), (3, 64, 6)])
def test_each_patch_gets_a_judgement(inputs: int, size_px: int, patches: int) -> None:
    """A map of an eighth of the side less two; the same alone as in a batch."""
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(inputs, width=4)
    picture = pictures(2, size_px)[:, :inputs]
    judgements = discriminator(picture)
    assert judgements.shape == (2, 1, patches, patches)
    torch.testing.assert_close(discriminator(picture[1:]), judgements[1:])


def test_a_patch_is_70_pixels() -> None:
    """One judgement depends on 70 pixels a side, as in the paper that named patches so."""
    torch.manual_seed(0)
    discriminator, picture = PatchDiscriminator(1, width=2), pictures(1, 128)[:, :1]
    # A norm looks at the whole picture.
    discriminator.body = torch.nn.Sequential(
        *(m for m in discriminator.body if not isinstance(m, torch.nn.InstanceNorm2d))
    )
    picture.requires_grad_()
    discriminator(picture)[0, 0, 7, 7].backward()
    assert picture.grad is not None
    for axis in (2, 3):
        seen = picture.grad.abs().amax(dim=(0, 1, axis)).nonzero()
        assert seen.max() - seen.min() + 1 == 70


def test_the_patch_discriminator_learns() -> None:
    """Every weight gets a gradient, the picture too; first weights are N(0, 0.02)."""
    torch.manual_seed(0)
    discriminator, picture = PatchDiscriminator(3, width=16), pictures(1, 32).requires_grad_()
    discriminator(picture).square().sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    for key, parameter in discriminator.named_parameters():
        assert parameter.grad is not None, key
        if key.endswith("weight"):
            assert parameter.grad.abs().max() > 0, key
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15), key
        else:
            assert not parameter.any(), key
