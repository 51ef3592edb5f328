"""Loss functions of the papers; each computes one number in float32."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models.layers import ColorBatch, LineBatch

Pictures = Float[Tensor, "B C H W"]
"""Colour pictures or drawings, -1..1."""
UNLABELLED = 255
"""Label of pixels without a class."""


def l1(fake: Pictures, real: Pictures) -> Float[Tensor, ""]:
    """Compute the mean absolute difference."""
    return (fake.float() - real.float()).abs().mean()


def l1_at(fake: ColorBatch, real: ColorBatch, mask: Float[Tensor, "B 1 H W"]) -> Float[Tensor, ""]:
    """Compute the mean absolute difference where `mask` is 1; 0 for an empty mask."""
    difference = (fake.float() - real.float()).abs().mean(dim=1, keepdim=True) * mask
    return difference.sum() / mask.sum().clamp(min=1)


def l1_on_paper(fake: ColorBatch, real: ColorBatch, line: LineBatch) -> Float[Tensor, ""]:
    """Compute the mean absolute difference, weighted by what the composed picture shows.

    Ink hides what lies below it; it has `BELOW_INK` of the weight of paper.
    """
    weight = see_through(line)
    return ((fake.float() - real.float()).abs() * weight).mean() / weight.mean()


def l2_where_hinted(
    fake: ColorBatch, real: ColorBatch, line: LineBatch, hint: Float[Tensor, "B C H W"]
) -> Float[Tensor, ""]:
    """Compute the mean squared difference on paper that has a hint, weighted as `l1_on_paper`.

    Where no hint says anything, a squared error would be least for grey. 0 without hints.

    Args:
        fake: Generated colours.
        real: True colours.
        line: Drawings, which hide what lies below them.
        hint: Maps of hints, whose last channel is above 0 where the paper has one
            (`models.hint_maps.spread_hints`).

    Raises:
        ValueError: The maps have no fourth channel, such as those of `additive_unet`.
    """
    if hint.shape[1] < 4:
        raise ValueError(
            "this model's hint maps do not say where hints are; leave out the loss term hinted"
        )
    weight = see_through(line) * (hint[:, 3:] > 0)
    error = (fake.float() - real.float()).square().mean(dim=1, keepdim=True) * weight
    return error.sum() / weight.sum().clamp(min=1)


def dissimilarity(fake: ColorBatch, real: ColorBatch, line: LineBatch) -> Float[Tensor, ""]:
    """Compute 1 - SSIM of composed pictures, in uniform windows of 7 x 7 pixels, 0..2.

    Where the true colours are flat, slight clouds cost much, which they do not in `l1`.

    Source:
        Wang et al., "Image quality assessment: from error visibility to structural similarity",
        2004, eq. 13.
    """
    paper = (line.float() + 1) / 2
    fake, real = ((color.float() + 1) / 2 * paper for color in (fake, real))
    means = [_mean(plane) for plane in (fake, real, fake * fake, real * real, fake * real)]
    one, other = means[:2]
    spread, true_spread = means[2] - one * one, means[3] - other * other
    common = means[4] - one * other
    first = (2 * one * other + SSIM_C1) / (one * one + other * other + SSIM_C1)
    second = (2 * common + SSIM_C2) / (spread + true_spread + SSIM_C2)
    return 1 - (first * second).mean()


def _mean(planes: Pictures) -> Float[Tensor, "B C Rows Columns"]:
    """Return the mean of each window; windows are `SSIM_STEP_PX` apart and cover all pixels."""
    return F.avg_pool2d(planes, SSIM_WINDOW_PX, SSIM_STEP_PX)


def edge_loss(fake: ColorBatch, real: ColorBatch, line: LineBatch) -> Float[Tensor, ""]:
    """Compute the mean absolute difference of steps between neighbours, weighted alike.

    It is the sum over pictures of full, half and quarter size. Soft clouds and missing or false
    edges cost more than with a difference of colours alone.
    """
    difference, weight = fake.float() - real.float(), see_through(line)
    loss = difference.new_zeros(())
    for _ in range(EDGE_SIZES):
        for axis in (2, 3):
            step = difference.diff(dim=axis).abs()
            pair = torch.minimum(
                *(part.narrow(axis, i, step.shape[axis]) for i, part in ((0, weight), (1, weight)))
            )
            loss = loss + (step * pair).mean() / pair.mean()
        difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
    return loss


def see_through(line: LineBatch) -> Float[Tensor, "B 1 H W"]:
    """Return how much of the colour below a drawing is seen, `BELOW_INK` to 1."""
    return BELOW_INK + (1 - BELOW_INK) * (line.float() + 1) / 2


BELOW_INK = 0.1
"""Weight of colours below ink."""
SSIM_WINDOW_PX, SSIM_C1, SSIM_C2 = 7, 0.01**2, 0.03**2
"""Side of the windows, and the constants for values 0..1, as in `metrics.ssim`."""
SSIM_STEP_PX = 4
"""Distance of the windows. At 1 the term takes longer than `hint_unet`: 250 ms for a batch of 8 at
256 px on one core of an AMD EPYC (Zen 4), at 4 it takes 35."""
EDGE_SIZES = 3
"""Number of sizes of the edge loss, each half of the one before."""


def l2(fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared difference."""
    return (fake.float() - real.float()).square().mean()


def entropy_generator_loss(fake_logits: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Compute the generator's non-saturating loss: -E[log D(G(l, h))].

    The literal form of eq. (2), E[log(1 - D(G(l, h)))], has the same fixed point, but nearly no
    gradient while the discriminator recognises every fake.

    Source:
        Paper 001, eq. (2); Goodfellow et al., "Generative adversarial nets", 2014, section 3.
    """
    # -log(sigmoid(x)) = softplus(-x), which avoids a sigmoid rounded to 0 or 1.
    return F.softplus(-fake_logits.float()).mean()


def entropy_discriminator_loss(
    real_logits: Float[Tensor, "..."], fake_logits: Float[Tensor, "..."]
) -> Float[Tensor, ""]:
    """Compute the discriminator's loss: -E[log D(c)] - E[log(1 - D(G(l, h)))].

    It is the sum of both cross-entropies, not their mean. Fake pictures must be detached from their
    generator.

    Source:
        Paper 001, eq. (2), negated.
    """
    # -log(1 - sigmoid(x)) = softplus(x).
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()


def least_squares_generator_loss(fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Compute the generator's least-squares loss.

    Args:
        fake: Discriminator output for generated pictures: a map or a number per picture.

    Source:
        Paper 000, eq. (1), second and fourth term; Mao et al., "Least squares GAN", 2017.
    """
    return (1 - fake.float()).square().mean()


def least_squares_discriminator_loss(
    real: Float[Tensor, "..."], fake: Float[Tensor, "..."]
) -> Float[Tensor, ""]:
    """Compute the discriminator's least-squares loss.

    It is the sum of both terms; Chan et al.'s code takes half of it. Fake pictures must be detached
    from their generator.

    The labels are 1 for real and 0 for fake, as in Mao et al. and in Chan et al.'s code. The
    literal eq. (1) is E[D(real)^2] + E[(1 - D(fake))^2]. For the discriminator that is the same
    with the labels exchanged (1 - D for D), but its second term could not be the generator's loss.

    Args:
        real: Discriminator output for real pictures: a map or a number per picture.
        fake: Discriminator output for generated pictures; the shape may differ from `real`.

    Source:
        Mao et al., "Least squares generative adversarial networks", 2017; paper 000, eq. (1).
    """
    return (1 - real.float()).square().mean() + fake.float().square().mean()


def cam_loss(
    source_logits: Float[Tensor, "B Logits"], identity_logits: Float[Tensor, "Identities Logits"]
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of a generator's classifier of the input's domain.

    It is the sum of both cross-entropies, not their mean.

    Args:
        source_logits: Logits for inputs of the generator's source domain, label 1.
        identity_logits: Logits for inputs that already are of its target domain, label 0.

    Source:
        Paper 004, `cam_loss`; its authors' code.
    """
    return entropy_discriminator_loss(source_logits, identity_logits)


def content_loss(features: nn.Module, fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared difference of feature maps.

    Gradients flow through the feature network to `fake`; none to `real`.

    Args:
        features: Frozen network that takes ColorBatch, from `models.pretrained.load_features`.
        fake: Generated pictures.
        real: Target pictures.

    Source:
        Paper 001, eq. (4); eq. (1) writes this term as a second "L_recon".
    """
    with torch.no_grad():
        target = features(real).float()
    # Eq. 4.
    difference: Tensor = features(fake).float() - target
    return difference.square().mean()


def semantics_loss(features: nn.Module, drawing: LineBatch, photo: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared distance of the encodings of drawing and photograph.

    Gradients flow through the encoder to `drawing`; none to `photo`.

    Args:
        features: Frozen encoder that takes ColorBatch, from `models.pretrained.load_features`.
        drawing: Generated drawing; the encoder gets it in all three channels.
        photo: Photograph from which the drawing was generated.

    Source:
        Paper 000, eq. (3), with CLIP as the encoder. The square and mean are of Chan et al., 2022.
    """
    return content_loss(features, as_color(drawing), photo)


def geometry_loss(
    features: nn.Module,
    head: nn.Module,
    drawing: LineBatch,
    depth: Float[Tensor, "B 1 DepthH DepthW"],
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of the photograph's depth and the depth predicted from the drawing.

    Computed over pixels of known depth; 0 if there are none. Gradients flow to `drawing` and to the
    head.

    Args:
        features: Frozen network that maps ColorBatch to feature maps.
        head: Maps feature maps to depth logits (`models.families.line_drawing.DepthHead`).
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
    logits: Float[Tensor, "B Classes H W"], labels: Integer[Tensor, "B H W"]
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of the photograph's labels and the drawing's segmentation.

    Computed over labelled pixels; 0 if there are none. Gradients flow to the segmentation network
    and through it to the drawing.

    Args:
        logits: Output of `models.families.line_drawing.SegmentationUNet` for the drawing.
        labels: True classes of the photograph; `UNLABELLED` for those to leave out.

    Source:
        Paper 000, eq. (5).
    """
    # Eq. 5.
    entropy = F.cross_entropy(
        logits.float(), labels.long(), ignore_index=UNLABELLED, reduction="sum"
    )
    return entropy / (labels != UNLABELLED).sum().clamp(min=1)


def as_color(drawing: LineBatch) -> ColorBatch:
    """Repeat a drawing in three channels."""
    return drawing.expand(-1, 3, -1, -1)
