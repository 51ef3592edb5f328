"""Semantics, geometry and segmentation losses of line drawings: paper 000, eqs. (2), (3), (5)."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models.layers import ColorBatch, LineBatch


def semantics_loss(features: nn.Module, drawing: LineBatch, photo: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared distance of the encodings of drawing and photograph, in float32.

    Gradients flow through the encoder to `drawing`; none to `photo`.

    Args:
        features: Frozen encoder that takes ColorBatch, from `models.pretrained.load_features`.
        drawing: Generated drawing; the encoder gets it in all three channels.
        photo: Photograph from which the drawing was generated.

    Source:
        Paper 000, eq. (3), with CLIP as the encoder. The square and mean are of Chan et al., 2022.
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
    """Compute the cross-entropy of the photograph's depth and the depth predicted from the drawing.

    Computed in float32 over pixels of known depth; 0 if there are none. Gradients flow to `drawing`
    and to the head.

    Args:
        features: Frozen network that maps ColorBatch to feature maps.
        head: Maps feature maps to depth logits (`models.line_drawing.DepthHead`).
        drawing: Generated drawing; the frozen network gets it in all three channels.
        depth: Depth of the photograph, 0..1; NaN where unknown.

    Source:
        Paper 000, eq. (2), which writes a norm; the cross-entropy is Chan et al.'s, 2022.
    """
    logits = head(features(as_color(drawing))).float()
    # Nearest neighbour: measured depth is sparse, and interpolation would spread its NaNs.
    target = F.interpolate(depth.float(), logits.shape[2:], mode="nearest-exact")
    known = ~target.isnan()
    # Eq. 2.
    entropy = F.binary_cross_entropy_with_logits(logits, target.nan_to_num(0), reduction="none")
    return (entropy * known).sum() / known.sum().clamp(min=1)


def segmentation_loss(
    logits: Float[Tensor, "B Classes H W"], labels: Integer[Tensor, "B H W"], ignore: int = 255
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of the photograph's labels and the drawing's segmentation.

    Computed in float32 over labelled pixels; 0 if there are none. Gradients flow to the
    segmentation network and through it to the drawing.

    Args:
        logits: Output of `models.line_drawing.SegmentationUNet` for the drawing.
        labels: True classes of the photograph.
        ignore: Label of pixels to leave out.

    Source:
        Paper 000, eq. (5).
    """
    # Eq. 5.
    entropy = F.cross_entropy(logits.float(), labels.long(), ignore_index=ignore, reduction="sum")
    return entropy / (labels != ignore).sum().clamp(min=1)


def as_color(drawing: LineBatch) -> ColorBatch:
    """Repeat a drawing in three channels."""
    return drawing.expand(-1, 3, -1, -1)
