import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from lineart.losses import cam_loss


def logits(seed: int, count: int = 3) -> torch.Tensor:
    """Give a few pictures' logits, of both signs."""
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)) * 4


def test_it_is_two_binary_cross_entropies() -> None:
    """Source is 1 and identity is 0; the batches may differ in size."""
    source, identity = logits(0), logits(1, count=2)
    expected = binary_cross_entropy_with_logits(source, torch.ones(3, 2))
    expected += binary_cross_entropy_with_logits(identity, torch.zeros(2, 2))
    torch.testing.assert_close(cam_loss(source, identity), expected)


def test_an_undecided_classifier_costs_log_2_a_side() -> None:
    """Logits of 0 are probabilities of 1/2."""
    undecided = torch.zeros(3, 2)
    assert cam_loss(undecided, undecided).item() == pytest.approx(2 * math.log(2))


def test_both_sides_learn() -> None:
    """Source logits are pulled up, those of identities down."""
    source, identity = logits(0).requires_grad_(), logits(1).requires_grad_()
    cam_loss(source, identity).backward()
    assert source.grad is not None
    assert identity.grad is not None
    assert (source.grad < 0).all()
    assert (identity.grad > 0).all()


def test_it_is_float32_under_autocast() -> None:
    """Half-precision logits, as autocast gives them, cost what they cost in float32."""
    source, identity = logits(0).bfloat16(), logits(1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = cam_loss(source, identity)
    assert value.dtype == torch.float32
    assert value.item() == cam_loss(source.float(), identity.float()).item()
