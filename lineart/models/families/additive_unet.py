"""Paper 002: U-Net with additive skip connections, and a concatenating one for comparison."""

from torch import nn

from lineart.models.hint_maps import flood_hints, point_hints
from lineart.models.join_unet import DOWNSAMPLING, SMALL, JoinUNet
from lineart.models.layers import ADD, CONCATENATE, Join
from lineart.models.pair import Colorization, Pair, Small

DRAFT_SCALE = 4


def additive_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the pair of paper 002.

    The draft generator runs at a quarter of the side. One skip connection is not in the paper: from
    input colours to output colours. The networks thus start from the flooded hints, or the draft,
    and learn corrections to them. It adds no parameters.

    Args:
        width: Channels of the draft generator's first convolution.
        color_width: Those of the color generator; 0 means `width`.
    """
    pair = build_pair(
        "additive_unet",
        ADD,
        (width, color_width),
        Colorization(encode_hint=flood_hints, draft_scale=DRAFT_SCALE),
    )
    for generator in pair.generators.values():
        assert isinstance(generator, JoinUNet)
        nn.init.normal_(generator.out.weight, std=SMALL)
    return pair


def concat_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the pair that paper 002 compares with: concatenated skips, hints not flooded."""
    task = Colorization(encode_hint=point_hints, draft_scale=DRAFT_SCALE)
    return build_pair("concat_unet", CONCATENATE, (width, color_width), task)


def build_pair(model: str, join: Join, widths: tuple[int, int], task: Colorization) -> Pair:
    """Build a pair of U-Nets of these widths; a second width of 0 means the first one."""
    width, color_width = widths[0], widths[1] or widths[0]
    multiple = DRAFT_SCALE * DOWNSAMPLING
    return Pair(
        model=model,
        arguments={"width": width, "color_width": color_width},
        generators={
            "draft": JoinUNet(1 + 3, width, join),
            "color": JoinUNet(1 + 3, color_width, join),
        },
        multiple=multiple,
        # So the draft's deepest maps have 2x2 pixels: BatchNorm needs more than one, where a batch
        # is a single picture.
        small=Small({"width": 4, "color_width": 8}, 2 * multiple),
        task=task,
    )
