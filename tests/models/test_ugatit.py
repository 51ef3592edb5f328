from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from lineart.models import Pair
from lineart.models.families.ugatit import Discriminator, UgatitGenerator, ugatit, ugatit_light
from lineart.models.families.ugatit.blocks import (
    AUTHORS,
    AdaLIN,
    Attention,
    LayerInstanceNorm,
    Mixing,
)
from lineart.models.layers import Constrained
from tests.models.parameters import count_parameters

PLAIN = Mixing(rho=1.0, smoothing=0.0, correction=0)


def noise(*shape: int, seed: int = 1) -> Tensor:
    """Give noise in -1..1."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def full() -> Pair:
    """Build a small full pair for pictures of 32x32."""
    torch.manual_seed(0)
    return ugatit(width=4, blocks=2, size_px=32)


def light() -> Pair:
    """Build a small light pair."""
    torch.manual_seed(0)
    return ugatit_light(width=4, blocks=2)


def discriminator() -> Discriminator:
    """Build a small discriminator, for pictures from 24x24 on."""
    torch.manual_seed(0)
    return Discriminator(width=4, layers=4)


def adalin(rho: float, mixing: Mixing = PLAIN) -> AdaLIN:
    """Give AdaLIN of 6 channels with one rho for all."""
    norm = AdaLIN(6, mixing)
    nn.init.constant_(norm.rho, rho)
    return norm


def apply(norm: AdaLIN, features: Tensor) -> Tensor:
    """Apply AdaLIN with scale 1 and offset 0."""
    return norm(features, torch.ones(len(features), 6), torch.zeros(len(features), 6))


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (ugatit_light, 10_589_888),
        # The first linear layer sees 64 x 64 x 256 values and not 256.
        (ugatit, 10_589_888 + (64 * 64 - 1) * 256 * 256),
    ],
)
def test_generators_count_as_stated(build: Callable[[], Pair], count: int) -> None:
    """The light generator has 10,589,888 parameters, the full one about 279 million."""
    with torch.device("meta"):
        pair = build()
    counts = [count_parameters(generator) for generator in pair.generators.values()]
    assert counts == [count, count]
    assert count in (10_589_888, pytest.approx(279e6, abs=0.5e6))


def test_discriminators_have_the_layers_of_the_paper() -> None:
    """Local: three strided convolutions and one more, to 512 channels; global: five, to 2048."""
    with torch.device("meta"):
        network = Discriminator()
    for part, channels in (
        (network.local_part, [64, 128, 256, 512]),
        (network.global_part, [64, 128, 256, 512, 1024, 2048]),
    ):
        layers = [m for m in part.body if isinstance(m, nn.Conv2d)]
        assert [m.out_channels for m in layers] == channels
        assert [m.stride[0] for m in layers] == [2] * (len(channels) - 1) + [1]
        assert part.attention.classifier.weight.shape == (1, channels[-1])


@pytest.mark.parametrize("size", [(8, 12), (20, 36), (28, 44)])
def test_the_light_generator_takes_any_multiple_of_four(size: tuple[int, int]) -> None:
    """Pictures keep their size, heat has a quarter of it, logits are two a picture."""
    height, width = size
    picture, heat, logits = light().generators["target"](noise(2, 3, height, width))
    assert picture.shape == (2, 3, height, width)
    assert heat.shape == (2, 1, height // 4, width // 4)
    assert logits.shape == (2, 2)
    assert picture.abs().max() <= 1
    assert heat.min() >= 0


def test_the_full_generator_takes_its_size_alone() -> None:
    """Welded to 32x32, it says so."""
    generator = full().generators["target"]
    assert generator(noise(1, 3, 32, 32)).picture.shape == (1, 3, 32, 32)
    with pytest.raises(ValueError, match=r"takes 32x32 pictures alone, and these are 36x32"):
        generator(noise(1, 3, 32, 36))


@pytest.mark.parametrize("size_px", [0, -4, 30])
def test_a_wrong_side_is_refused(size_px: int) -> None:
    """The side is a positive multiple of 4."""
    with pytest.raises(ValueError, match=f"size_px {size_px} is not a positive multiple of 4"):
        ugatit(width=4, blocks=1, size_px=size_px)


def test_every_parameter_of_the_discriminators_gets_a_gradient() -> None:
    """From patches and the classifier, also after a second pass, and so do the pictures."""
    network, picture = discriminator(), noise(2, 3, 24, 24).requires_grad_()
    judged = [network(picture), network(-picture)]
    answers = [a for j in judged for a in (*j.logits, *j.cam_logits)]
    torch.stack([answer.square().sum() for answer in answers]).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("build", [full, light])
def test_a_picture_does_not_depend_on_its_neighbours(build: Callable[[], Pair]) -> None:
    """Alone or in a batch, generators and discriminators give a picture the same."""
    generator, network = build().generators["target"], discriminator().eval()
    color = noise(3, 3, 32, 32)
    for batch, alone in zip(generator(color), generator(color[1:2]), strict=True):
        torch.testing.assert_close(alone, batch[1:2])
    for batches, ones in zip(network(color), network(color[1:2]), strict=True):
        for batch, alone in zip(batches, ones, strict=True):
            torch.testing.assert_close(alone, batch[1:2])


@pytest.mark.parametrize(("rho", "dims"), [(1.0, (2, 3)), (0.0, (1, 2, 3))])
def test_rho_chooses_instance_or_layer_norm(rho: float, dims: tuple[int, ...]) -> None:
    """At 1 each channel has mean 0 and variance 1, at 0 each picture; population variance."""
    features = 3 * noise(2, 6, 5, 7) + torch.arange(6.0).view(6, 1, 1)
    normal = apply(adalin(rho), features)
    centred = features - features.mean(dims, keepdim=True)
    expected = centred / (centred.square().mean(dims, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(normal, expected, atol=1e-5, rtol=1e-5)
    reference = F.instance_norm(features) if rho else F.layer_norm(features, features.shape[1:])
    torch.testing.assert_close(normal, reference, atol=1e-5, rtol=1e-5)


def test_adalin_mixes_scales_and_shifts() -> None:
    """The result is gamma (rho IN + (1 - rho) LN) + beta, with a rho a channel."""
    features, norm = 2 * noise(2, 6, 5, 7) + 1, adalin(1.0)
    gamma, beta, rho = noise(2, 6, seed=2), noise(2, 6, seed=3), torch.linspace(0, 1, 6)
    norm.rho.data.copy_(rho.view(1, 6, 1, 1))
    rho = rho.view(6, 1, 1)
    mixed = rho * F.instance_norm(features) + (1 - rho) * F.layer_norm(features, (6, 5, 7))
    expected = gamma[..., None, None] * mixed + beta[..., None, None]
    torch.testing.assert_close(norm(features, gamma, beta), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("stored", "used"), [(1.0, 0.9), (0.5, 0.4), (0.1, 0.0), (0.03, 0.0)])
def test_smoothing_lowers_rho_by_a_tenth(stored: float, used: float) -> None:
    """What is used is 0.1 below what is stored, and never below 0."""
    features = 2 * noise(2, 6, 5, 7) + 1
    smoothed = apply(adalin(stored, AUTHORS), features)
    torch.testing.assert_close(smoothed, apply(adalin(used), features))


def test_norms_start_as_in_the_authors_code() -> None:
    """AdaLIN with rho 1, layer-instance norm with rho 0, scale 1, offset 0."""
    modules = list(light().generators["target"].modules())
    adaptive = [m for m in modules if isinstance(m, AdaLIN)]
    fixed = [m for m in modules if isinstance(m, LayerInstanceNorm)]
    assert (len(adaptive), len(fixed)) == (4, 2)
    assert all((m.rho == 1).all() for m in adaptive)
    assert all((m.rho == 0).all() and (m.gamma == 1).all() for m in fixed)
    features = 2 * noise(2, 8, 5, 7) + 1
    expected = F.layer_norm(features, (8, 5, 7))
    torch.testing.assert_close(fixed[0](features), expected, atol=1e-5, rtol=1e-5)


def test_constrain_keeps_rho_between_0_and_1() -> None:
    """Whatever a step of the optimizer did, and in every norm that has a rho."""
    generator = light().generators["target"]
    with_rho = [m for m in generator.modules() if hasattr(m, "rho")]
    assert len(with_rho) == 6
    for module in with_rho:
        assert isinstance(module, Constrained)
        nn.init.uniform_(module.rho, -1, 2)
        before = module.rho.detach().clone()
        module.constrain()
        assert torch.equal(module.rho, before.clamp(0, 1))
        assert not torch.equal(module.rho, before)
        assert module.rho.requires_grad


def test_norms_compute_in_float32() -> None:
    """A channel far from 0 keeps its spread in bfloat16: only input and output are rounded."""
    features = (noise(2, 6, 32, 32) + 50).bfloat16()
    for norm in (adalin(0.5), LayerInstanceNorm(6, correction=0)):
        run = apply if isinstance(norm, AdaLIN) else lambda module, x: module(x)
        normal = run(norm, features)
        assert normal.dtype == torch.bfloat16
        exact = run(norm, features.float())
        torch.testing.assert_close(normal.float(), exact, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("outputs", [1, 2])
def test_attention_weighs_features_by_its_classifier(outputs: int) -> None:
    """Logits and merged features follow from the weights, shared by both poolings or not."""
    attention = Attention(nn.Linear(6, outputs, bias=outputs == 1))
    with torch.no_grad():
        features = noise(2, 6, 5, 7)
        merged, logits = attention(features)
        weight, bias = attention.classifier.weight, attention.classifier.bias
        average, largest = weight[0], weight[-1]
        shift = 0 if bias is None else bias
        pooled = F.adaptive_avg_pool2d(features, 1).flatten(1) @ average + shift
        torch.testing.assert_close(logits[:, 0], pooled)
        pooled = F.adaptive_max_pool2d(features, 1).flatten(1) @ largest + shift
        torch.testing.assert_close(logits[:, 1], pooled)
        weights = torch.cat((average, largest)).view(12, 1, 1)
        expected = attention.merge(torch.cat((features, features), 1) * weights)
        torch.testing.assert_close(merged, expected)


@pytest.mark.parametrize("size", [(24, 24), (64, 64), (30, 50)])
def test_discriminators_judge_every_patch(size: tuple[int, int]) -> None:
    """Logits and heat have half the side (local) and an eighth (global), cam logits are two."""
    height, width = size
    sides = [(height // 2, width // 2), (height // 8, width // 8)]
    judged = discriminator()(noise(2, 3, height, width))
    assert [tuple(patches.shape) for patches in judged.logits] == [(2, 1, *s) for s in sides]
    assert [tuple(heat.shape) for heat in judged.heats] == [(2, 1, *s) for s in sides]
    assert [tuple(cam.shape) for cam in judged.cam_logits] == [(2, 2)] * 2


def test_pictures_too_small_for_the_strides_are_refused() -> None:
    """The least side is named; so is the least number of layers."""
    with pytest.raises(ValueError, match=r"pictures of 40x23 are too small .* least side is 24"):
        discriminator()(noise(1, 3, 23, 40))
    with pytest.raises(ValueError, match="layers 3 is below 4"):
        Discriminator(width=4, layers=3)


def test_spectral_norm_bounds_the_layers() -> None:
    """After some passes the largest singular value of each normed layer is about 1."""
    network = discriminator()
    with torch.no_grad():
        for _ in range(20):
            network(noise(1, 3, 24, 24))
    network.eval()
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    normed = [m for m in layers if hasattr(m, "parametrizations")]
    # All but the 1x1 convolutions behind the attention.
    assert len(normed) == len(layers) - 2
    for module in normed:
        largest = torch.linalg.matrix_norm(module.weight.flatten(1), 2)
        assert largest.item() == pytest.approx(1, abs=0.02)


def test_spectral_norm_stays_in_float32() -> None:
    """Its power iteration runs outside of autocast, once a pass, in training and in evaluation."""
    under_autocast: list[bool] = []

    class Spy(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            under_autocast.append(torch.is_autocast_enabled("cpu"))
            return weight

    network = discriminator()
    normed = [module for module in network.modules() if is_parametrized(module)]
    for module in normed:
        register_parametrization(module, "weight", Spy())
    under_autocast.clear()
    for is_training in (True, False):
        network.train(is_training)
        with torch.autocast("cpu", torch.bfloat16):
            network(noise(1, 3, 24, 24))
    assert under_autocast == [False] * 2 * len(normed)


def test_weights_are_drawn_with_a_deviation_of_a_fiftieth() -> None:
    """As in the authors' code, biases at 0."""
    torch.manual_seed(0)
    generator = ugatit_light(width=16, blocks=1).generators["target"]
    assert isinstance(generator, UgatitGenerator)
    weights = generator.blocks[0].get_parameter("first.1.weight")
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)
    assert (generator.attention.merge.bias == 0).all()
