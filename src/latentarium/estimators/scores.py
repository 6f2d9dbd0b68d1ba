"""Reconstructions of rows and their scores, for estimators with an encoder."""

import torch
from torch import Tensor

from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.models.checked import a_kind
from latentarium.rng import Noise
from latentarium.shapes import Images, PerSample

PAIRS = 8
"""Antithetic pairs of latents with which the ELBO of an image is estimated."""


def require_encoder(config: Config) -> None:
    """Check that a configuration is that of a model which encodes images without their labels.

    Raises:
        UserError: The model has no encoder (code "no-encoder"), or takes labels (code
            "label-not-taken").
    """
    kind = a_kind(config.model.kind)
    if not config.model.has_encoder:
        raise UserError(
            f"{kind} has no encoder: choose an autoencoder or a VAE, such as config='vae'.",
            code="no-encoder",
        )
    if config.model.takes_label:
        raise UserError(
            f"{kind} takes a label for each image, which `transform` and `predict` don't have: "
            "choose an autoencoder or a VAE without labels, such as config='vae'.",
            code="label-not-taken",
        )


@torch.no_grad()
def scores(model: LatentModel, x: Images) -> PerSample:
    """Return the score of each image: the higher, the better the model explains it.

    It is the ELBO in nats, or for a model without likelihood minus the mean squared error of the
    reconstruction. The score of an image does not depend on other images: the ELBO is estimated
    with the same standard normal numbers for each image.
    """
    posterior = model.encode(x)
    if not model.has_likelihood:
        return -(model.decode(posterior.mean) - x).square().flatten(1).mean(1)
    eps = Noise("estimator scores", 0).normal(PAIRS, posterior.mean.shape[1]).to(x.dtype)
    # the error would be that of all images: these numbers have exactly the variance 1
    eps = eps / eps.square().mean(0).sqrt()
    elbos = []
    for number in torch.cat([eps, -eps]):
        z = posterior.unwhiten(number.expand(len(x), -1))
        rate = posterior.kl(model.prior(None, len(x)), z)
        elbos.append(-model.distortion(x, z) - rate)
    return torch.stack(elbos).mean(0)


@torch.no_grad()
def deviances(model: LatentModel, x: Images) -> Tensor:
    """Return for each value of an image how much worse its reconstruction is than the value.

    It is log p(x | x) - log p(x | reconstruction), in nats, which is at least 0 and is 0 for the
    same value. For a model without likelihood, and for a likelihood whose scale varies, it is the
    squared error.
    """
    reconstruction = model.decode(model.encode(x).mean)
    if model.likelihood is None or not model.has_likelihood:
        return (reconstruction - x).square()
    return model.likelihood.deviance(reconstruction, x)
