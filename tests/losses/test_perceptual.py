import torch
from torch import nn

from lineart.losses import content_loss


def pictures(seed: int) -> torch.Tensor:
    """Give two pictures of noise in -1..1."""
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def frozen() -> nn.Module:
    """Give a small frozen network."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()).eval().requires_grad_(False)


def test_the_loss_is_the_mean_squared_difference_of_the_maps() -> None:
    """Equal pictures cost nothing; features that double a difference of 1/2 cost 1."""
    fake = pictures(0) / 2
    assert content_loss(frozen(), fake, fake).item() == 0
    double = nn.Conv2d(3, 3, 1, groups=3, bias=False)
    nn.init.constant_(double.weight, 2.0)
    torch.testing.assert_close(content_loss(double, fake + 0.5, fake), torch.tensor(1.0))


def test_gradients_reach_the_fake_alone() -> None:
    """Fake pictures learn; real ones and the frozen weights do not."""
    features, fake, real = frozen(), pictures(0).requires_grad_(), pictures(1).requires_grad_()
    loss = content_loss(features, fake, real)
    assert loss.requires_grad
    loss.backward()
    assert fake.grad is not None
    assert (fake.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
    assert real.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())


def test_the_gradient_leads_to_the_real_picture() -> None:
    """A step against the gradient brings the fake's features nearer to the real ones."""
    features, fake, real = frozen(), pictures(0).requires_grad_(), pictures(1)
    before = content_loss(features, fake, real)
    (gradient,) = torch.autograd.grad(before, fake)
    assert content_loss(features, fake - gradient, real) < before


def test_the_loss_is_float32_under_autocast() -> None:
    """Features in half precision are compared in float32, and the fake still gets its gradient."""
    fake = pictures(0).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert frozen()(fake).dtype == torch.bfloat16
        loss = content_loss(frozen(), fake, pictures(1))
    assert loss.dtype == torch.float32
    loss.backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
