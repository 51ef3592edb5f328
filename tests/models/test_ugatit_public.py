"""The reference has the names of the public code's modules and a forward of its own."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models import Translation
from lineart.models.families.ugatit.public import (
    read_public_generators,
    ugatit_public,
    ugatit_public_light,
)
from tests.models.parameters import count_parameters


def padded(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Give reflection padding and a convolution."""
    pad = nn.ReflectionPad2d(kernel // 2)
    return [pad, nn.Conv2d(inputs, outputs, kernel, stride, bias=False)]


def mixed(x: Tensor, rho: Tensor) -> Tensor:
    """Mix instance and layer normalisation with unbiased variances."""

    def normal(*dims: int) -> Tensor:
        return (x - x.mean(dims, True)) / (x.var(dims, keepdim=True) + 1e-5).sqrt()

    return rho * normal(2, 3) + (1 - rho) * normal(1, 2, 3)


class Plain(nn.Module):
    """A residual block of the encoder."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        norm = nn.InstanceNorm2d(channels)
        layers = [*padded(channels, channels), norm, nn.ReLU(), *padded(channels, channels), norm]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Refine features."""
        return x + self.conv_block(x)


class Rho(nn.Module):
    """A norm's parameters, drawn in their bounds."""

    def __init__(self, channels: int, *, own: bool) -> None:
        super().__init__()
        for name in ("rho", "gamma", "beta") if own else ("rho",):
            setattr(self, name, nn.Parameter(torch.rand(1, channels, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, scale and shift."""
        return mixed(x, self.rho) * self.gamma + self.beta


class Adaptive(nn.Module):
    """A residual block behind the attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for index in "12":
            setattr(self, f"conv{index}", padded(channels, channels)[1])
            setattr(self, f"norm{index}", Rho(channels, own=False))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Refine features."""
        deep = self.conv1(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        deep = F.relu(mixed(deep, self.norm1.rho) * gamma + beta)
        deep = self.conv2(F.pad(deep, (1, 1, 1, 1), mode="reflect"))
        return x + mixed(deep, self.norm2.rho) * gamma + beta


class Reference(nn.Module):
    """A generator of the public code; with a size it is a full one."""

    def __init__(self, width: int, blocks: int, size_px: int | None) -> None:
        super().__init__()
        inner = 4 * width
        down: list[nn.Module] = [*padded(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for channels in (width, 2 * width):
            down += padded(channels, 2 * channels, stride=2)
            down += [nn.InstanceNorm2d(2 * channels), nn.ReLU()]
        self.DownBlock = nn.Sequential(*down, *(Plain(inner) for _ in range(blocks)))
        self.gap_fc = nn.Linear(inner, 1, bias=False)
        self.gmp_fc = nn.Linear(inner, 1, bias=False)
        self.conv1x1 = nn.Conv2d(2 * inner, inner, 1)
        self.is_light = size_px is None
        seen = inner if size_px is None else inner * (size_px // 4) ** 2
        linear = [nn.Linear(inputs, inner, bias=False) for inputs in (seen, inner, inner, inner)]
        self.FC = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU())
        self.gamma, self.beta = linear[2:]
        self.num_blocks = blocks
        for index in range(blocks):
            setattr(self, f"UpBlock1_{index + 1}", Adaptive(inner))
        up: list[nn.Module] = []
        for channels in (inner, inner // 2):
            up += [nn.Upsample(scale_factor=2), *padded(channels, channels // 2)]
            up += [Rho(channels // 2, own=True), nn.ReLU()]
        self.UpBlock2 = nn.Sequential(*up, *padded(width, 3, 7), nn.Tanh())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give picture, heat and logits."""
        x = self.DownBlock(x)
        logits = [self.gap_fc(x.mean((2, 3))), self.gmp_fc(x.flatten(2).max(2).values)]
        parts = [x * fc.weight[..., None, None] for fc in (self.gap_fc, self.gmp_fc)]
        x = F.relu(self.conv1x1(torch.cat(parts, 1)))
        heat = x.sum(1, keepdim=True)
        deep = self.FC(x.mean((2, 3)) if self.is_light else x.flatten(1))
        gamma, beta = self.gamma(deep)[..., None, None], self.beta(deep)[..., None, None]
        for index in range(self.num_blocks):
            x = getattr(self, f"UpBlock1_{index + 1}")(x, gamma, beta)
        return self.UpBlock2(x), heat, torch.cat(logits, 1)


def write(path: Path, size_px: int | None) -> dict[str, Reference]:
    """Write a checkpoint of the public layout; give the generators that it holds."""
    torch.manual_seed(0)
    networks = {name: Reference(8, 2, size_px) for name in ("genA2B", "genB2A")}
    others = {f"dis{name}": {"conv.bias": torch.zeros(1)} for name in ("GA", "GB", "LA", "LB")}
    torch.save({name: net.state_dict() for name, net in networks.items()} | others, path)
    return networks


@pytest.mark.parametrize("size_px", [None, 32])
def test_checkpoints_give_what_the_public_code_gives(tmp_path: Path, size_px: int | None) -> None:
    """Picture, heat and logits of both directions are those of the reference."""
    networks = write(tmp_path / "params.pt", size_px)
    pair = read_public_generators(tmp_path / "params.pt")
    assert pair.task == Translation(channels=3, size_px=size_px)
    photo = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for ours, theirs in (("target", "genA2B"), ("source", "genB2A")):
        generator = pair.generators[ours]
        assert not generator.training
        assert not any(parameter.requires_grad for parameter in generator.parameters())
        with torch.no_grad():
            for out, expected in zip(generator(photo), networks[theirs](photo), strict=True):
                torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size_px", [None, 32])
def test_arguments_follow_from_the_tensors(tmp_path: Path, size_px: int | None) -> None:
    """Model, width, blocks and, for a full one, size: the builder makes the same pair of them."""
    write(tmp_path / "params.pt", size_px)
    pair = read_public_generators(tmp_path / "params.pt")
    if size_px is None:
        assert pair.model == "ugatit_public_light"
        again = ugatit_public_light(**pair.arguments)
    else:
        assert pair.model == "ugatit_public"
        again = ugatit_public(**pair.arguments)
    assert again.arguments == pair.arguments
    for name, generator in pair.generators.items():
        again.generators[name].load_state_dict(generator.state_dict())


def test_counts_are_those_of_the_public_code() -> None:
    """The reference, at full size, has as many parameters as our light and full generators."""
    with torch.device("meta"):
        pairs = (ugatit_public_light(), None), (ugatit_public(), 256)
        for pair, size_px in pairs:
            expected = count_parameters(Reference(64, 4, size_px))
            assert count_parameters(pair.generators["target"]) == expected


def test_the_norm_starts_as_in_the_public_code() -> None:
    """The share of instance normalisation is 0.9 and used as it is."""
    norm = (
        ugatit_public_light(width=4, blocks=1)
        .generators["target"]
        .get_submodule("blocks.0.first_norm")
    )
    features = torch.rand(2, 16, 5, 7, generator=torch.Generator().manual_seed(1))
    normal = norm(features, torch.ones(2, 16), torch.zeros(2, 16))
    torch.testing.assert_close(normal, mixed(features, torch.tensor(0.9)), atol=1e-5, rtol=1e-5)


def test_what_is_missing_and_unknown_is_named(tmp_path: Path) -> None:
    """In the checkpoint's own names, with the generator and the file."""
    path = tmp_path / "params.pt"
    states = {name: net.state_dict() for name, net in write(path, None).items()}
    states["genB2A"]["gap_bias"] = states["genB2A"].pop("gap_fc.weight")
    torch.save(states, path)
    wanted = r"genB2A of .*params.pt does not fit: missing \['gap_fc.weight'\], unknown \['gap_b"
    with pytest.raises(ValueError, match=wanted):
        read_public_generators(path)


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    """Both generators have the first one's shapes."""
    path = tmp_path / "params.pt"
    states = {name: net.state_dict() for name, net in write(path, None).items()}
    states["genB2A"]["conv1x1.bias"] = torch.zeros(3)
    torch.save(states, path)
    with pytest.raises(ValueError, match=r"genB2A of .* does not fit: (?s:.)*attention.merge.bias"):
        read_public_generators(path)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"genA2B": {"a": torch.zeros(1)}}, r"lacks the tensors of genB2A, it holds \['genA2B'\]"),
        ([torch.zeros(1)], "lacks the tensors of genA2B, it holds list"),
        ({"genA2B": {"a": torch.zeros(1)}, "genB2A": 3}, "lacks the tensors of genB2A"),
        ({"genA2B": {}, "genB2A": {}}, "genA2B lacks DownBlock.1.weight, FC.0.weight"),
    ],
)
def test_other_files_of_tensors_are_refused(tmp_path: Path, stored: object, message: str) -> None:
    """What is not a checkpoint of this layout says what it is instead."""
    torch.save(stored, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=message):
        read_public_generators(tmp_path / "other.pt")


@pytest.mark.parametrize("data", [b"", b"no tensors at all"])
def test_files_without_tensors_are_refused(tmp_path: Path, data: bytes) -> None:
    """No code in the file is run to find that out."""
    (tmp_path / "broken.pt").write_bytes(data)
    with pytest.raises(ValueError, match=r"broken.pt is not a file of tensors"):
        read_public_generators(tmp_path / "broken.pt")
