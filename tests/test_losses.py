import math
from collections.abc import Callable

import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.nn import functional as F

from lineart import losses
from lineart.losses import (
    cam_loss,
    content_loss,
    dissimilarity,
    edge_loss,
    entropy_discriminator_loss,
    entropy_generator_loss,
    geometry_loss,
    l1,
    l1_on_paper,
    l2,
    l2_where_hinted,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    segmentation_loss,
    semantics_loss,
)
from lineart.models.families.line_drawing import SegmentationUNet

NAN = float("nan")
Loss = Callable[..., Tensor]


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Draw noise in -1..1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def logits(seed: int, *shape: int) -> Tensor:
    """Draw logits of both signs."""
    return torch.randn(shape or 5, generator=torch.Generator().manual_seed(seed)) * 4


def gradients(loss: Loss, *inputs: Tensor) -> list[Tensor]:
    """Return the gradient of a loss with respect to each input."""
    inputs = tuple(tensor.clone().requires_grad_() for tensor in inputs)
    return list(torch.autograd.grad(loss(*inputs), inputs))


class Encoder(nn.Module):
    """Stands for a frozen network: one convolution, then maps or their means."""

    def __init__(self, pool: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)
        self.pool = pool
        nn.init.normal_(self.conv.weight, generator=torch.Generator().manual_seed(0))
        self.requires_grad_(False)

    def forward(self, color: Tensor) -> Tensor:
        """Return maps of half the side, or an embedding."""
        maps: Tensor = self.conv(color)
        return maps.mean((2, 3)) if self.pool else maps


@pytest.mark.parametrize(("loss", "expected"), [(l1, 0.5), (l2, 0.25)])
def test_distances_are_means_with_gradients(loss: Loss, expected: float) -> None:
    """Half a unit everywhere costs 1/2 or 1/4, in half precision too, and pulls at every value."""
    fake = torch.zeros(2, 3, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    value = loss(fake, torch.full((2, 3, 4, 4), 0.5))
    assert (value.dtype, value.item()) == (torch.float32, expected)
    value.backward()
    assert fake.grad is not None
    assert (fake.grad < 0).all()


def test_entropies_are_binary_cross_entropies() -> None:
    """Real is 1 and fake is 0 for the discriminator; the generator wants its fakes to be 1.

    For the classifier of attention, source is 1 and identity 0; the batches may differ in size.
    """
    entropy = F.binary_cross_entropy_with_logits
    real, fake = logits(0), logits(1)
    ones, zeros = torch.ones(5), torch.zeros(5)
    torch.testing.assert_close(entropy_generator_loss(fake), entropy(fake, ones))
    expected = entropy(real, ones) + entropy(fake, zeros)
    torch.testing.assert_close(entropy_discriminator_loss(real, fake), expected)
    source, identity = logits(0, 3, 2), logits(1, 2, 2)
    expected = entropy(source, torch.ones(3, 2)) + entropy(identity, torch.zeros(2, 2))
    torch.testing.assert_close(cam_loss(source, identity), expected)


def test_undecided_logits_cost_log_2_a_side() -> None:
    """Logits of 0 are probabilities of 1/2."""
    undecided, several = torch.zeros(3), torch.zeros(3, 2)
    assert entropy_generator_loss(undecided).item() == pytest.approx(math.log(2))
    both = entropy_discriminator_loss(undecided, undecided).item()
    assert both == cam_loss(several, several).item() == pytest.approx(2 * math.log(2))


def test_gradients_of_entropies() -> None:
    """A beaten generator still learns, with a pull up to 1 a picture; a sure judge is left alone.

    Real logits are pulled up, fake ones down; likewise those of sources and identities.
    """
    (fake,) = gradients(entropy_generator_loss, torch.tensor([-100.0, 0.0, 100.0]))
    torch.testing.assert_close(3 * fake, torch.tensor([-1.0, -0.5, 0.0]))
    sure = torch.tensor([0.0, 100.0])
    real, fake = gradients(entropy_discriminator_loss, sure, -sure)
    torch.testing.assert_close(2 * real, torch.tensor([-0.5, 0.0]))
    torch.testing.assert_close(2 * fake, torch.tensor([0.5, 0.0]))
    source, identity = gradients(cam_loss, logits(0, 3, 2), logits(1, 3, 2))
    assert (source < 0).all()
    assert (identity > 0).all()


def test_least_squares_are_distances_from_1_and_0() -> None:
    """Real is 1 and fake is 0 for the discriminator; the generator wants its fakes to be 1."""
    real, fake = torch.tensor([[1.0, 3.0]]), torch.tensor([[[0.0, 2.0, -1.0, 1.0]]])
    assert least_squares_generator_loss(fake).item() == pytest.approx((1 + 1 + 4 + 0) / 4)
    expected = (0 + 4) / 2 + (0 + 4 + 1 + 1) / 4
    assert least_squares_discriminator_loss(real, fake).item() == pytest.approx(expected)


def test_least_squares_are_eq_1_with_the_labels_exchanged() -> None:
    """What eq. (1) says of D is what ours says of 1 - D."""
    real, fake = logits(0), logits(1)
    equation = real.square().mean() + (1 - fake).square().mean()
    torch.testing.assert_close(least_squares_discriminator_loss(1 - real, 1 - fake), equation)


def test_least_squares_pull_in_opposite_directions() -> None:
    """A fake judged 1/2 is pulled up by the generator and down by the discriminator."""
    fake = torch.tensor([0.5])
    assert gradients(least_squares_generator_loss, fake)[0].item() == -1
    assert gradients(least_squares_discriminator_loss, torch.ones(1), fake)[1].item() == 1


def test_content_is_the_mean_squared_difference_of_the_maps() -> None:
    """Equal pictures cost nothing; features that double a difference of 1/2 cost 1."""
    fake = draw(2, 3, 8, 8) / 2
    assert content_loss(Encoder(), fake, fake).item() == 0
    double = nn.Conv2d(3, 3, 1, groups=3, bias=False)
    nn.init.constant_(double.weight, 2.0)
    torch.testing.assert_close(content_loss(double, fake + 0.5, fake), torch.tensor(1.0))


def test_content_teaches_the_fake_alone() -> None:
    """The fake's gradient leads to the real picture; real and frozen weights have none.

    Under autocast, features in half precision are compared in float32.
    """
    features, fake, real = Encoder(), draw(2, 3, 8, 8).requires_grad_(), draw(2, 3, 8, 8, seed=1)
    real.requires_grad_()
    loss = content_loss(features, fake, real)
    loss.backward()
    assert fake.grad is not None
    assert (fake.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
    assert content_loss(features, fake - fake.grad, real) < loss
    assert real.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())
    fake.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert features(fake).dtype == torch.bfloat16
        loss = content_loss(features, fake, real)
    loss.backward()
    assert fake.grad is not None
    assert fake.grad.any()


@pytest.mark.parametrize("pool", [True, False])
def test_semantics_are_a_mean_square(pool: bool) -> None:
    """Eq. (3): the drawing in three channels against the photograph, embeddings or maps.

    The photograph is a target; a grey one that equals the drawing costs nothing.
    """
    encoder, drawing, photo = Encoder(pool), draw(2, 1, 8, 8), draw(2, 3, 8, 8, seed=1)
    drawing.requires_grad_()
    photo.requires_grad_()
    gray = torch.cat((drawing, drawing, drawing), dim=1)
    loss = semantics_loss(encoder, drawing, photo)
    torch.testing.assert_close(loss, F.mse_loss(encoder(gray), encoder(photo)))
    assert semantics_loss(encoder, drawing, gray) == 0
    loss.backward()
    assert drawing.grad is not None
    assert drawing.grad.any()
    assert photo.grad is None


def head() -> nn.Conv2d:
    """Return a head of depth: maps -> logits."""
    torch.manual_seed(0)
    return nn.Conv2d(4, 1, 1)


def test_geometry_is_a_cross_entropy_with_the_depth() -> None:
    """Eq. (2): -(d log p + (1 - d) log(1 - p)) where the head says p and the depth is d.

    A depth map in blocks of 2 x 2 counts as the map of the blocks.
    """
    encoder, depths, drawing = Encoder(), head(), draw(2, 1, 8, 8)
    depth = draw(2, 1, 4, 4, seed=1).abs()
    p = torch.sigmoid(depths(encoder(drawing.expand(-1, 3, -1, -1))))
    expected = -(depth * p.log() + (1 - depth) * (1 - p).log()).mean()
    torch.testing.assert_close(geometry_loss(encoder, depths, drawing, depth), expected)
    large = depth.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(geometry_loss(encoder, depths, drawing, large), expected)


def test_unknown_depth_counts_nothing() -> None:
    """A picture, or a half of one, without depth is as if it were not there."""
    encoder, depths, drawings = Encoder(), head(), draw(2, 1, 8, 8)
    depth = draw(2, 1, 4, 4, seed=1).abs()
    depth[1] = NAN
    alone = geometry_loss(encoder, depths, drawings[:1], depth[:1])
    torch.testing.assert_close(geometry_loss(encoder, depths, drawings, depth), alone)
    depth[0, :, 2:] = NAN
    known = depths(encoder(drawings.expand(-1, 3, -1, -1)))[0, 0, :2]
    expected = F.binary_cross_entropy_with_logits(known, depth[0, 0, :2])
    torch.testing.assert_close(geometry_loss(encoder, depths, drawings, depth), expected)


@pytest.mark.parametrize(("value", "is_known"), [(0.9, True), (NAN, False)])
def test_geometry_trains_drawing_and_head(value: float, is_known: bool) -> None:
    """Both learn, the frozen network does not; with no depth known all gradients are zero."""
    encoder, depths, drawing = Encoder(), head(), draw(1, 1, 8, 8).requires_grad_()
    loss = geometry_loss(encoder, depths, drawing, torch.full((1, 1, 4, 4), value))
    loss.backward()
    assert (loss > 0) == is_known
    for tensor in (drawing, *depths.parameters()):
        assert tensor.grad is not None
        assert bool(tensor.grad.any()) == is_known
        assert tensor.grad.isfinite().all()
    assert encoder.conv.weight.grad is None


@pytest.mark.parametrize("dtype", [torch.uint8, torch.long])
def test_segmentation_is_a_cross_entropy(dtype: torch.dtype) -> None:
    """Eq. (5): the mean of -log softmax at the true class, over pixels that have one."""
    scores, labels = draw(2, 3, 4, 4) * 5, torch.randint(0, 3, (2, 4, 4))
    labels[0, :2] = 255
    chosen = scores.softmax(1).gather(1, labels.clamp(max=2)[:, None])[:, 0]
    expected = -chosen.log()[labels != 255].mean()
    torch.testing.assert_close(segmentation_loss(scores, labels.to(dtype)), expected)


def test_equal_logits_cost_the_log_of_the_classes() -> None:
    """Not knowing among 7 classes costs log 7, however many pixels are ignored."""
    labels = torch.full((1, 4, 4), 255)
    labels[0, 0, 0] = 6
    loss = segmentation_loss(torch.zeros(1, 7, 4, 4), labels)
    torch.testing.assert_close(loss, torch.tensor(7.0).log())


@pytest.mark.parametrize("is_labelled", [True, False])
def test_segmentation_trains_network_and_drawing(is_labelled: bool) -> None:
    """Both learn from a single labelled pixel; without one the loss and all gradients are zero."""
    torch.manual_seed(0)
    unet, drawing = SegmentationUNet(3, width=2), draw(1, 1, 16, 16).requires_grad_()
    labels = torch.full((1, 16, 16), 255)
    if is_labelled:
        labels[0, 8, 8] = 1
    loss = segmentation_loss(unet(drawing), labels)
    loss.backward()
    assert (loss > 0) == is_labelled
    for tensor in (drawing, unet.out.weight, *(() if is_labelled else unet.parameters())):
        assert tensor.grad is not None
        assert bool(tensor.grad.any()) == is_labelled


def test_losses_are_float32() -> None:
    """Half precision goes in, as autocast gives it; sums are made in float32."""
    half, labels = torch.bfloat16, torch.zeros(1, 4, 4, dtype=torch.long)
    encoder, depths = Encoder().to(half), head().to(half)
    drawing, photo = draw(1, 1, 8, 8).to(half), draw(1, 3, 8, 8).to(half)
    real, fake, pair = logits(0).to(half), logits(1).to(half), logits(2, 3, 2).to(half)
    for loss, inputs in (
        (entropy_generator_loss, (fake,)),
        (entropy_discriminator_loss, (real, fake)),
        (least_squares_generator_loss, (fake,)),
        (least_squares_discriminator_loss, (real, fake)),
        (cam_loss, (pair, -pair)),
    ):
        with torch.autocast("cpu", dtype=half):
            value = loss(*inputs)
        assert value.dtype == torch.float32
        assert value.item() == loss(*(tensor.float() for tensor in inputs)).item()
    for value in (
        content_loss(encoder, photo, photo),
        semantics_loss(encoder, drawing, photo),
        geometry_loss(encoder, depths, drawing, torch.zeros(1, 1, 4, 4)),
        segmentation_loss(draw(1, 3, 4, 4).to(half), labels),
    ):
        assert value.dtype == torch.float32


def test_dissimilarity_is_that_of_the_composed_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every window it is 1 - `metrics.ssim`; what lies below ink does not count."""
    monkeypatch.setattr(losses, "SSIM_STEP_PX", 1)
    line = draw(1, 1, 32, 32).sign()
    fake, real = draw(1, 3, 32, 32), draw(1, 3, 32, 32, seed=1)
    composed = [((color + 1) * 127.5 * (line > 0))[0].permute(1, 2, 0) for color in (fake, real)]
    truth = structural_similarity(
        *(picture.double().numpy() for picture in composed), win_size=7, channel_axis=2,
        data_range=255, use_sample_covariance=False,
    )  # fmt: skip
    assert float(dissimilarity(fake, real, line)) == pytest.approx(1 - truth, abs=1e-4)
    below = torch.where(line > 0, fake, -fake)
    assert float(dissimilarity(below, fake, line)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", [l1_on_paper, edge_loss])
def test_losses_on_paper_hardly_count_what_ink_hides(loss: Loss) -> None:
    """A wrong colour costs 10 times less below ink than on paper; right colours nothing."""
    real = torch.zeros(1, 3, 32, 32)
    line = torch.ones(1, 1, 32, 32)
    line[..., 16:] = -1
    on_paper, below = real.clone(), real.clone()
    on_paper[..., 4:12, 4:12] = 1
    below[..., 4:12, 20:28] = 1
    assert float(loss(real, real, line)) == 0
    assert float(loss(on_paper, real, line)) == pytest.approx(
        10 * float(loss(below, real, line)), rel=0.02
    )


def test_squared_error_counts_only_paper_that_has_a_hint() -> None:
    """Its mean is over the hinted paper; without any hint it is 0."""
    real, line = torch.zeros(2, 3, 8, 8), torch.ones(2, 1, 8, 8)
    hint = torch.full((2, 4, 8, 8), -1.0)
    hint[0, 3, :, :4] = 1
    fake = real.clone()
    fake[0, ..., :4], fake[0, ..., 4:], fake[1] = 0.5, 0.9, 0.9
    assert float(l2_where_hinted(fake, real, line, hint)) == pytest.approx(0.25)
    assert float(l2_where_hinted(fake, real, line, hint.clamp(max=-1))) == 0
    with pytest.raises(ValueError, match="leave out the loss term hinted"):
        l2_where_hinted(fake, real, line, hint[:, :3])


def test_clouds_cost_more_than_shifted_colours() -> None:
    """`edge_loss` is 0 for a picture whose colours are all shifted, and not for a gradient."""
    real, line = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    ramp = torch.linspace(-0.2, 0.2, 32).expand(1, 3, 32, 32)
    assert float(edge_loss(real + 0.1, real, line)) == pytest.approx(0, abs=1e-6)
    assert float(edge_loss(ramp, real, line)) > 0.01
    assert float(dissimilarity(ramp, real, line)) > float(dissimilarity(real + 0.1, real, line))
