"""Whether a line drawing still says what its photograph shows: eq. (2), (3), (5) of paper 000."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models.layers import ColorBatch, LineBatch


def semantics_loss(features: nn.Module, drawing: LineBatch, photo: ColorBatch) -> Float[Tensor, ""]:
    """Give the mean squared distance of drawing and photograph as an encoder sees them.

    Gradients go through the encoder to `drawing`; `photo` is a target and gets none. In float32.

    Args:
        features: A frozen network that takes ColorBatch, from `models.pretrained.load_features`.
        drawing: A generator's; the encoder sees it in all three channels.
        photo: What was drawn.

    Source:
        Paper 000, eq. (3), with CLIP as the encoder. The norm's square and mean: Chan et al., 2022.
    """
    with torch.no_grad():
        target = features(photo).float()
    # Eq. 3.
    difference: Tensor = features(as_color(drawing)).float() - target
    return difference.square().mean()


def geometry_loss(
    features: nn.Module,
    head: nn.Module,
    drawing: LineBatch,
    depth: Float[Tensor, "B 1 DepthH DepthW"],
) -> Float[Tensor, ""]:
    """Give the cross-entropy of the photograph's depth and the one found in the drawing.

    Gradients go to `drawing` and to the head. In float32; 0 where no depth is known.

    Args:
        features: A frozen network that takes ColorBatch and gives maps.
        head: Maps -> logits of depth (`models.line_drawing.DepthHead`).
        drawing: A generator's; the frozen network sees it in all three channels.
        depth: Of the photograph, 0..1, not a number where it is unknown.

    Source:
        Paper 000, eq. (2), which writes a norm; the cross-entropy is Chan et al.'s, 2022.
    """
    logits = head(features(as_color(drawing))).float()
    # The nearest pixel: measured depth is sparse, and blending would spread what is unknown.
    target = F.interpolate(depth.float(), logits.shape[2:], mode="nearest-exact")
    known = ~target.isnan()
    # Eq. 2.
    entropy = F.binary_cross_entropy_with_logits(logits, target.nan_to_num(0), reduction="none")
    return (entropy * known).sum() / known.sum().clamp(min=1)


def segmentation_loss(
    logits: Float[Tensor, "B Classes H W"], labels: Integer[Tensor, "B H W"], ignore: int = 255
) -> Float[Tensor, ""]:
    """Give the cross-entropy of the photograph's labels and what was found in the drawing.

    Gradients go to the network that gave the logits and through it to the drawing. In float32;
    0 where no pixel has a label.

    Args:
        logits: From `models.line_drawing.SegmentationUNet`.
        labels: The photograph's true classes.
        ignore: The label of pixels that count nothing.

    Source:
        Paper 000, eq. (5).
    """
    # Eq. 5.
    entropy = F.cross_entropy(logits.float(), labels.long(), ignore_index=ignore, reduction="sum")
    return entropy / (labels != ignore).sum().clamp(min=1)


def as_color(drawing: LineBatch) -> ColorBatch:
    """Give a drawing three equal channels."""
    return drawing.expand(-1, 3, -1, -1)
