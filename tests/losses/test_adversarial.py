import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from lineart.losses import (
    discriminator_loss,
    generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)


def logits(seed: int) -> torch.Tensor:
    """Give a few logits of both signs."""
    return torch.randn(5, generator=torch.Generator().manual_seed(seed)) * 4


def test_losses_are_binary_cross_entropies() -> None:
    """Real is 1 and fake is 0 for the discriminator; the generator wants its fakes to be 1."""
    real, fake = logits(0), logits(1)
    ones, zeros = torch.ones(5), torch.zeros(5)
    entropy = binary_cross_entropy_with_logits
    torch.testing.assert_close(generator_loss(fake), entropy(fake, ones))
    expected = entropy(real, ones) + entropy(fake, zeros)
    torch.testing.assert_close(discriminator_loss(real, fake), expected)


def test_an_undecided_discriminator_costs_log_2_a_side() -> None:
    """Logits of 0 are probabilities of 1/2."""
    undecided = torch.zeros(3)
    assert generator_loss(undecided).item() == pytest.approx(math.log(2))
    assert discriminator_loss(undecided, undecided).item() == pytest.approx(2 * math.log(2))


def test_a_beaten_generator_still_learns() -> None:
    """Non-saturating: the surer the discriminator, the stronger the pull, up to 1 a picture."""
    fake = torch.tensor([-100.0, 0.0, 100.0], requires_grad=True)
    generator_loss(fake).backward()
    assert fake.grad is not None
    torch.testing.assert_close(3 * fake.grad, torch.tensor([-1.0, -0.5, 0.0]))


def test_a_discriminator_learns_from_both_sides() -> None:
    """Real logits are pulled up, fake ones down; a sure and right one is left alone."""
    real = torch.tensor([0.0, 100.0], requires_grad=True)
    fake = torch.tensor([0.0, -100.0], requires_grad=True)
    discriminator_loss(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    torch.testing.assert_close(2 * real.grad, torch.tensor([-0.5, 0.0]))
    torch.testing.assert_close(2 * fake.grad, torch.tensor([0.5, 0.0]))


def test_losses_are_float32_under_autocast() -> None:
    """Half-precision logits, as autocast gives them, cost what they cost in float32."""
    real, fake = logits(0).bfloat16(), logits(1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = generator_loss(fake), discriminator_loss(real, fake)
    assert [value.dtype for value in values] == [torch.float32] * 2
    assert values[0].item() == generator_loss(fake.float()).item()
    assert values[1].item() == discriminator_loss(real.float(), fake.float()).item()


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


def test_least_squares_take_half_precision() -> None:
    """Sums are made in float32."""
    fake = torch.full((4096,), 0.1, dtype=torch.bfloat16)
    for loss in (least_squares_generator_loss(fake), least_squares_discriminator_loss(fake, fake)):
        assert loss.dtype == torch.float32


def test_least_squares_pull_in_opposite_directions() -> None:
    """A fake judged 1/2 is pulled up by the generator and down by the discriminator."""
    fake = torch.tensor([0.5], requires_grad=True)
    least_squares_generator_loss(fake).backward()
    assert fake.grad is not None
    assert fake.grad.item() == -1
    fake.grad = None
    least_squares_discriminator_loss(torch.ones(1), fake).backward()
    assert fake.grad is not None
    assert fake.grad.item() == 1
