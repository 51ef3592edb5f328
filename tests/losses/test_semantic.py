import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.losses import geometry_loss, segmentation_loss, semantics_loss
from lineart.models.families.line_drawing import SegmentationUNet

NAN = float("nan")


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Give noise in -1..1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Encoder(nn.Module):
    """A frozen stand-in: one convolution, then maps or their means."""

    def __init__(self, pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)
        self.pool = pool
        nn.init.normal_(self.conv.weight, generator=torch.Generator().manual_seed(0))
        self.requires_grad_(False)

    def forward(self, color: Tensor) -> Tensor:
        """Give maps of half the side, or an embedding."""
        maps: Tensor = self.conv(color)
        return maps.mean((2, 3)) if self.pool else maps


@pytest.mark.parametrize("pool", [True, False])
def test_semantics_are_a_mean_square(pool: bool) -> None:
    """Eq. (3): the drawing in three channels against the photograph, embeddings or maps."""
    encoder, drawing, photo = Encoder(pool), draw(2, 1, 8, 8), draw(2, 3, 8, 8, seed=1)
    gray = torch.cat((drawing, drawing, drawing), dim=1)
    expected = F.mse_loss(encoder(gray), encoder(photo))
    torch.testing.assert_close(semantics_loss(encoder, drawing, photo), expected)


def test_semantics_pull_at_the_drawing_alone() -> None:
    """The photograph is a target; a gray one that equals the drawing costs nothing."""
    drawing, photo = draw(1, 1, 8, 8).requires_grad_(), draw(1, 3, 8, 8).requires_grad_()
    semantics_loss(Encoder(pool=True), drawing, photo).backward()
    assert drawing.grad is not None
    assert drawing.grad.abs().sum() > 0
    assert photo.grad is None
    same = drawing.detach().expand(-1, 3, -1, -1)
    assert semantics_loss(Encoder(pool=True), drawing, same) == 0


def head() -> nn.Conv2d:
    """Give a head of depth: maps -> logits."""
    torch.manual_seed(0)
    return nn.Conv2d(4, 1, 1)


def test_geometry_is_a_cross_entropy_with_the_depth() -> None:
    """Eq. (2): -(d log p + (1 - d) log(1 - p)) where the head says p and the depth is d."""
    encoder, depths, drawing = Encoder(pool=False), head(), draw(2, 1, 8, 8)
    depth = draw(2, 1, 4, 4, seed=1).abs()
    p = torch.sigmoid(depths(encoder(drawing.expand(-1, 3, -1, -1))))
    expected = -(depth * p.log() + (1 - depth) * (1 - p).log()).mean()
    torch.testing.assert_close(geometry_loss(encoder, depths, drawing, depth), expected)


def test_depth_comes_at_any_size() -> None:
    """A depth map in blocks of 2 x 2 counts as the map of the blocks."""
    encoder, depths, drawing = Encoder(pool=False), head(), draw(1, 1, 8, 8)
    depth = draw(1, 1, 4, 4, seed=1).abs()
    large = depth.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = geometry_loss(encoder, depths, drawing, depth)
    torch.testing.assert_close(geometry_loss(encoder, depths, drawing, large), expected)


def test_unknown_depth_counts_nothing() -> None:
    """A picture, or a half of one, without depth is as if it were not there."""
    encoder, depths, drawings = Encoder(pool=False), head(), draw(2, 1, 8, 8)
    depth = draw(2, 1, 4, 4, seed=1).abs()
    depth[1] = NAN
    alone = geometry_loss(encoder, depths, drawings[:1], depth[:1])
    torch.testing.assert_close(geometry_loss(encoder, depths, drawings, depth), alone)
    depth[0, :, 2:] = NAN
    logits = depths(encoder(drawings.expand(-1, 3, -1, -1)))[0, 0, :2]
    expected = F.binary_cross_entropy_with_logits(logits, depth[0, 0, :2])
    torch.testing.assert_close(geometry_loss(encoder, depths, drawings, depth), expected)


def test_geometry_pulls_at_drawing_and_head() -> None:
    """Both learn, the frozen network does not; with no depth known all gradients are zero."""
    encoder = Encoder(pool=False)
    for depth, is_known in (
        (torch.full((1, 1, 4, 4), 0.9), True),
        (torch.full((1, 1, 4, 4), NAN), False),
    ):
        depths, drawing = head(), draw(1, 1, 8, 8).requires_grad_()
        loss = geometry_loss(encoder, depths, drawing, depth)
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
    logits, labels = draw(2, 3, 4, 4) * 5, torch.randint(0, 3, (2, 4, 4))
    labels[0, :2] = 255
    chosen = logits.softmax(1).gather(1, labels.clamp(max=2)[:, None])[:, 0]
    expected = -chosen.log()[labels != 255].mean()
    torch.testing.assert_close(segmentation_loss(logits, labels.to(dtype)), expected)


def test_equal_logits_cost_the_log_of_the_classes() -> None:
    """Not knowing among 7 classes costs log 7, however many pixels are ignored."""
    labels = torch.full((1, 4, 4), 99)
    labels[0, 0, 0] = 6
    loss = segmentation_loss(torch.zeros(1, 7, 4, 4), labels, ignore=99)
    torch.testing.assert_close(loss, torch.tensor(7.0).log())


def test_nothing_labelled_is_zero_and_still_a_graph() -> None:
    """Without a label the loss is 0, not NaN, and every parameter gets a gradient of zero."""
    torch.manual_seed(0)
    unet, drawing = SegmentationUNet(3, width=2), draw(1, 1, 16, 16).requires_grad_()
    loss = segmentation_loss(unet(drawing), torch.full((1, 16, 16), 255))
    loss.backward()
    assert loss == 0
    for tensor in (drawing, *unet.parameters()):
        assert tensor.grad is not None
        assert not tensor.grad.any()


def test_segmentation_pulls_at_network_and_drawing() -> None:
    """Both learn from a single labelled pixel."""
    torch.manual_seed(0)
    unet, drawing = SegmentationUNet(3, width=2), draw(1, 1, 16, 16).requires_grad_()
    labels = torch.full((1, 16, 16), 255)
    labels[0, 8, 8] = 1
    segmentation_loss(unet(drawing), labels).backward()
    assert drawing.grad is not None
    assert drawing.grad.abs().sum() > 0
    assert unet.out.weight.grad is not None
    assert unet.out.weight.grad.abs().sum() > 0


def test_losses_are_float32() -> None:
    """Half precision goes in, float32 comes out, as under autocast."""
    half, labels = torch.bfloat16, torch.zeros(1, 4, 4, dtype=torch.long)
    encoder, depths = Encoder(pool=False).to(half), head().to(half)
    drawing, photo = draw(1, 1, 8, 8).to(half), draw(1, 3, 8, 8).to(half)
    for loss in (
        semantics_loss(encoder, drawing, photo),
        geometry_loss(encoder, depths, drawing, torch.zeros(1, 1, 4, 4)),
        segmentation_loss(draw(1, 3, 4, 4).to(half), labels),
    ):
        assert loss.dtype == torch.float32
