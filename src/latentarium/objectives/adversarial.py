"""The adversarial games' formulas: logits in, per-sample values out.

D is the discriminator's logit. Each loss is what that player minimizes; at the equilibrium of the
first two, where D can tell nothing, the values are those in `EQUILIBRIUM`.

References:
    Generative adversarial nets (Goodfellow et al., 2014), https://arxiv.org/abs/1406.2661
    The relativistic discriminator (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734
    The GAN is dead; long live the GAN! (Huang et al., 2025), https://arxiv.org/abs/2501.05441
    Geometric GAN (Lim and Ye, 2017), https://arxiv.org/abs/1705.02894
    Which training methods for GANs do actually converge? (Mescheder et al., 2018),
    https://arxiv.org/abs/1801.04406
    Generative adversarial text to image synthesis (Reed et al., 2016),
    https://arxiv.org/abs/1605.05396
"""

import math

import torch
import torch.nn.functional as F

from latentarium.shapes import Images, Logits, PerSample

LN2 = math.log(2)

EQUILIBRIUM = {
    "relativistic": {"discriminator": LN2, "generator": LN2},
    "non_saturating": {"discriminator": 2 * LN2, "generator": LN2},
    "hinge": {"discriminator": 2.0, "generator": 0.0},
}
"""Each player's adversarial loss where real and generated can't be told apart."""


def discriminator_loss(kind: str, real: Logits, fake: Logits) -> PerSample:
    """What the discriminator minimizes; the i-th real is paired with the i-th fake."""
    match kind:
        case "relativistic":
            return F.softplus(-(real - fake))
        case "non_saturating":
            return F.softplus(-real) + F.softplus(fake)
        case "hinge":
            return F.relu(1 - real) + F.relu(1 + fake)
    raise ValueError(f"no adversarial loss {kind!r}")


def generator_loss(kind: str, real: Logits, fake: Logits) -> PerSample:
    """What the generator minimizes; only the relativistic one looks at the reals."""
    match kind:
        case "relativistic":
            return F.softplus(-(fake - real))
        case "non_saturating":
            return F.softplus(-fake)
        case "hinge":
            return -fake
    raise ValueError(f"no adversarial loss {kind!r}")


def squared_gradient(logits: Logits, x: Images) -> PerSample:
    """|grad_x D(x)|^2: R1 where x is real, R2 where it is generated.

    Summed over channels and pixels, differentiable once more; the caller gives it its weight
    gamma / 2. Each logit must depend on its own image only.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1)
