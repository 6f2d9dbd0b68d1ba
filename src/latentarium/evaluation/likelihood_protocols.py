"""Names for likelihoods: only likelihoods with the same name can be compared."""

from latentarium.config import setting
from latentarium.data.binarized_mnist import DYNAMIC, STATIC, is_binary, is_published
from latentarium.data.dataset import Data
from latentarium.distributions import Likelihood
from latentarium.evaluation.joint_density import require_likelihood
from latentarium.models.base import LatentModel
from latentarium.registry import registered
from latentarium.shapes import Images, Pixels

BINARY = "binary"
OTHER = "other"
GIVEN_LABEL = "-given-label"
PUBLISHED = {
    DYNAMIC: "Dynamically binarized MNIST: comparable with published numbers of that protocol.",
    STATIC: "Larochelle's fixed binarization of MNIST: comparable with numbers of that protocol.",
}
"""Descriptions of protocols of binary images, by name."""


def likelihood_protocol(
    model: LatentModel, images: Images | Pixels, data: Data | None = None
) -> str:
    """Return a name for the likelihood of these images. Likelihoods can be compared only if they
    have the same name.

        mnist-dynamic     a model trained on "mnist-dynamic" with `binarize`, and images that are
                          bit for bit from its validation or test split
        mnist-static      the same with "mnist-static" (any training)
        binary            Bernoulli likelihood of other binary images
        grey-bce          binary cross-entropy of grey images, which is not a likelihood
        gaussian-density-stdS   Gaussian likelihood with standard deviation S, a density
        8-bit             a probability of the 256 values of pixels
        other-NAME        a custom likelihood

    A model that takes labels gives p(x | y), and the name ends in "-given-label".
    `describe_protocol` explains each name in a sentence.

    Arguments:
        model: A model with a likelihood.
        images: The images that are measured.
        data: The data that the images are from. If None, the images are compared with
            "mnist-dynamic" only, because the files of "mnist-static" don't ship with the package.

    Raises:
        UserError: The model has no likelihood (code "no-likelihood").
    """
    require_likelihood(model)
    source, binary = model.data.source, is_binary(images)
    name = OTHER if model.likelihood is None else model.likelihood.protocol(binary)
    if name == BINARY:
        trained = setting(model.config, "binarize", False) or source != DYNAMIC
        published = trained and is_published(model.data, images, data)
        name = source if published else BINARY
    return name + (GIVEN_LABEL if model.takes_label else "")


def describe_protocol(name: str) -> str:
    """Return a sentence that explains a name from `likelihood_protocol`."""
    texts = {**PUBLISHED, **Likelihood.protocols}
    for entry in registered("likelihood").values():
        texts |= entry.component.protocols
    description = next(text for start, text in texts.items() if name.startswith(start))
    given = (
        " Here it is the likelihood of images given their labels, p(x | y), which is not "
        "comparable with p(x)."
        if name.endswith(GIVEN_LABEL)
        else ""
    )
    return description + given
