import pytest
import torch

from lineart.losses import l1, l2


@pytest.mark.parametrize(("loss", "expected"), [(l1, 0.5), (l2, 0.25)])
def test_distances_are_means_with_gradients(loss: object, expected: float) -> None:
    """Half a unit everywhere costs 1/2 or 1/4, in half precision too, and pulls at every value."""
    assert callable(loss)
    fake = torch.zeros(2, 3, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    value = loss(fake, torch.full((2, 3, 4, 4), 0.5))
    assert value.dtype == torch.float32
    assert value.item() == expected
    value.backward()
    assert fake.grad is not None
    assert (fake.grad < 0).all()
