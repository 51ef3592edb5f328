from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lineart.models.families.line_drawing import (
    DepthHead,
    DrawingGenerator,
    SegmentationUNet,
    line_drawing,
)
from tests.models.parameters import count_parameters


def noise(channels: int, height: int, width: int, count: int = 1) -> Tensor:
    """Give pictures of noise in -1..1."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, height, width, generator=generator) * 2 - 1


def test_the_generator_has_the_references_parameters() -> None:
    """Photograph to drawing counts 4,290,945; the way back differs by its first and last layer."""
    with torch.device("meta"):
        pair = line_drawing()
    assert count_parameters(pair.generators["target"]) == 4_290_945
    first_and_last = 49 * 64 * (1 + 3) + 64 + 3
    assert count_parameters(pair.generators["source"]) == (
        4_290_945 - (49 * 64 * (3 + 1) + 64 + 1) + first_and_last
    )


def test_the_pair_translates_both_ways() -> None:
    """Three channels become one and one becomes three, at any multiple of 4, within -1..1."""
    torch.manual_seed(0)
    pair = line_drawing(width=4, blocks=2)
    assert pair.arguments == {"width": 4, "blocks": 2}
    assert pair.translation.channels == 1
    assert pair.translation.size_px is None
    photo = noise(3, 5 * pair.multiple, 9 * pair.multiple, count=2)
    drawing = pair.generators["target"](photo)
    back = pair.generators["source"](drawing.picture)
    assert drawing.picture.shape == (2, 1, 20, 36)
    assert back.picture.shape == photo.shape
    assert (drawing.heat, drawing.logits) == (None, None)
    for picture in (drawing.picture, back.picture):
        assert picture.abs().max() < 1


def test_the_last_step_is_a_sigmoid_brought_to_pictures() -> None:
    """Where the last convolution says b, the picture is 2 * sigmoid(b) - 1: 0 is middle grey."""
    generator = DrawingGenerator(3, 1, width=4, blocks=1)
    last = generator.body[-1]
    nn.init.zeros_(last.weight)
    for bias, value in ((0.0, 0.0), (3.0, 0.9051483), (-200.0, -1.0)):
        nn.init.constant_(last.bias, bias)
        picture = generator(noise(3, 8, 8)).picture
        torch.testing.assert_close(picture, torch.full((1, 1, 8, 8), value))


def test_brightness_and_contrast_are_normalised_away() -> None:
    """Instance norm behind the first convolution: inside, a photograph's exposure is gone."""
    torch.manual_seed(0)
    generator, photo = DrawingGenerator(3, 1, width=4), noise(3, 16, 16)
    torch.testing.assert_close(
        generator(photo).picture, generator(photo * 0.5 + 0.3).picture, atol=1e-3, rtol=0
    )


def test_first_weights_are_small_and_normal() -> None:
    """N(0, 0.02) for all convolutions, and no bias."""
    torch.manual_seed(0)
    for key, parameter in DrawingGenerator(3, 1, width=16).named_parameters():
        if key.endswith("bias"):
            assert not parameter.any()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1), key


def test_the_depth_head_enlarges_inceptions_maps_to_the_picture() -> None:
    """Maps of 14 x 14, from a picture of 256 px, become 256 x 256; 3 x 3 is enough."""
    torch.manual_seed(0)
    head = DepthHead(inputs=6, width=2, blocks=1)
    assert head(noise(6, 14, 14)).shape == (1, 1, 256, 256)
    logits = head(noise(6, 3, 5, count=2))
    assert logits.shape == (2, 1, 80, 112)
    torch.testing.assert_close(logits[1:], head(noise(6, 3, 5, count=2)[1:]))


def test_the_depth_head_has_the_references_layers() -> None:
    """Convolutions from 768 to 512, 256, nine blocks, 128, 64, 64 and one map of logits."""
    with torch.device("meta"):
        convolutions = [
            (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
            for m in DepthHead().modules()
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
        ]
    assert convolutions == [
        *((768, 512, 7, 1), (512, 256, 4, 2), *[(256, 256, 3, 1)] * 18),
        *((256, 128, 3, 2), (128, 64, 3, 2), (64, 64, 3, 2), (64, 1, 7, 1)),
    ]


def test_depth_is_a_logit() -> None:
    """The head's answer is not squashed: it can be far above 1."""
    head = DepthHead(inputs=6, width=2, blocks=1)
    nn.init.constant_(head.body[-1].bias, 50)
    assert head(noise(6, 3, 3)).min() > 10


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 48)])
def test_the_unet_labels_each_pixel(height: int, width: int) -> None:
    """Logits of all classes stand at the drawing's size, whatever the neighbours."""
    torch.manual_seed(0)
    unet, drawings = SegmentationUNet(5, width=2), noise(1, height, width, count=2)
    logits = unet(drawings)
    assert logits.shape == (2, 5, height, width)
    torch.testing.assert_close(logits[1:], unet(drawings[1:]))


def test_the_unet_sees_near_and_far() -> None:
    """A pixel's answer depends on its neighbour and, through the four levels, on the far corner."""
    torch.manual_seed(0)
    unet, drawing = SegmentationUNet(3, width=4), noise(1, 64, 64).requires_grad_()
    unet(drawing)[0, 0, 0, 0].backward()
    assert drawing.grad is not None
    assert drawing.grad[0, 0, 0, 0].abs() > 0
    assert drawing.grad[0, 0, 30:33, 30:33].abs().sum() > 0


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (lambda: DepthHead(inputs=6, width=2, blocks=2), noise(6, 4, 4)),
        (lambda: SegmentationUNet(3, width=4), noise(1, 32, 32)),
    ],
)
def test_every_parameter_of_the_judges_gets_a_gradient(
    network: Callable[[], nn.Module], inputs: Tensor
) -> None:
    """No layer is left out, and what goes in gets a gradient for the drawing's generator."""
    torch.manual_seed(0)
    judge, seen = network(), inputs.clone().requires_grad_()
    judge(seen).square().sum().backward()
    for key, parameter in judge.named_parameters():
        assert parameter.grad is not None, key
    assert seen.grad is not None
    assert seen.grad.abs().sum() > 0


def test_the_unet_learns_to_fill_a_drawn_square() -> None:
    """It fits one outline: inside, line and outside are told apart."""
    torch.manual_seed(0)
    drawing, labels = torch.ones(1, 1, 32, 32), torch.zeros(1, 32, 32, dtype=torch.long)
    drawing[:, :, 8:24, 8:24] = -1
    drawing[:, :, 9:23, 9:23] = 1
    labels[:, 8:24, 8:24] = 1
    labels[:, 9:23, 9:23] = 2
    unet = SegmentationUNet(3, width=8)
    optimizer = torch.optim.Adam(unet.parameters(), lr=0.01)
    for _ in range(90):
        optimizer.zero_grad()
        nn.functional.cross_entropy(unet(drawing), labels).backward()
        optimizer.step()
    assert (unet(drawing).argmax(1) == labels).float().mean() > 0.97
