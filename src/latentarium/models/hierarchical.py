"""A VAE with two levels of latents.

    p(x, z1, z2) = p(x | z1, z2) p(z1 | z2) p(z2)
    q(z1, z2 | x) = q(z1 | x, z2) q(z2 | x)

References:
    VAE with a VampPrior (Tomczak and Welling, 2018), section 4, https://arxiv.org/abs/1705.07120
"""

from functools import partial
from typing import cast

from torch import nn
from torch.nn.functional import linear

from latentarium.config import DataCard, HierarchicalConfig
from latentarium.distributions import (
    DiagonalGaussian,
    Distribution,
    Prior,
    PriorContext,
    TwoLevel,
    build_prior,
)
from latentarium.models.autoencoder import LOG_VARIANCE_BOUND, Autoencoder
from latentarium.nn import EncoderTrunk, build_encoder, dense_stack, in_trunk_type
from latentarium.registry import register
from latentarium.shapes import Features, Images, Labels, Latents, SoftLabels


@register("family", "hierarchical_vae", settings=HierarchicalConfig)
class HierarchicalVAE(Autoencoder):
    """A VAE whose latent is z1, on which images depend most, followed by z2, on which z1 depends.

    The settings of the prior are those of p(z2); p(z1 | z2) is a Gaussian that is learned with it.
    """

    config: HierarchicalConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, config: HierarchicalConfig, data: DataCard) -> None:
        super().__init__(config, data)
        upper, lower, width = config.upper_dim, config.latent_dim - config.upper_dim, config.width
        layers = partial(dense_stack, activation=config.activation)
        label_size = self.num_classes if config.conditional else 0
        self.to_posterior: nn.Linear = nn.Linear(self.encoder.num_features, 2 * upper)
        self.lower_encoder: EncoderTrunk = build_encoder(
            config.encoder, self.image_shape, label_size
        )
        self.of_upper: nn.Sequential = layers([upper, width])
        self.to_lower: nn.Sequential = nn.Sequential(
            *layers([self.lower_encoder.num_features + width, width]),
            nn.Linear(width, 2 * lower),
        )
        context = PriorContext(upper, self.num_classes, self.image_shape, self._encode_upper)
        self.prior: Prior = TwoLevelPrior(
            build_prior(config.prior, context),
            nn.Sequential(*layers([upper, width, width]), nn.Linear(width, 2 * lower)),
        )

    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Distribution:
        features = self.lower_encoder(self._network_input(x), self._class_weights(y))
        # the first layer's product with the features is the same for all latents of an image
        first, activation, last = self.to_lower
        weight, bias = cast(nn.Linear, first).weight, cast(nn.Linear, first).bias
        size = self.lower_encoder.num_features
        of_image = in_trunk_type(linear, features, weight[:, :size], bias)

        def lower(z2: Latents, count: int) -> DiagonalGaussian:
            def hidden(z2: Latents) -> Features:
                of_sets = of_image if count == 1 else of_image.repeat(count, 1)
                return activation(of_sets + linear(self.of_upper(z2), weight[:, size:]))

            return gaussian_of(last(in_trunk_type(hidden, z2)))

        return TwoLevel(self._encode_upper(x, y), lower)

    def _encode_upper(self, x: Images, y: Labels | SoftLabels | None = None) -> DiagonalGaussian:
        """Return q(z2 | x)."""
        features = self.encoder(self._network_input(x), self._class_weights(y))
        return gaussian_of(self.to_posterior(features))


class TwoLevelPrior(Prior):
    """p(z2) and p(z1 | z2).

    Arguments:
        upper: p(z2).
        lower: Network from z2 to the mean and the log-variance of z1.
    """

    def __init__(self, upper: Prior, lower: nn.Sequential) -> None:
        super().__init__()
        self.upper, self.lower = upper, lower
        self.takes_label = upper.takes_label  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, y: Labels | SoftLabels | None, n: int) -> TwoLevel:
        *hidden, last = self.lower
        between = nn.Sequential(*hidden)
        return TwoLevel(
            self.upper(y, n), lambda z2, _: gaussian_of(last(in_trunk_type(between, z2)))
        )


def gaussian_of(output: Features) -> DiagonalGaussian:
    """Return the Gaussian whose means and log-variances a network returns."""
    mean, log_variance = output.chunk(2, 1)
    return DiagonalGaussian(mean, log_variance.clamp(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND))
