"""The built-in sections of the evaluation report.

    plane           modes and high-quality samples; 2-D mixtures only
    samples         Fréchet and kernel distance, precision, recall, density, coverage
    labels          adherence to labels, GAN-train, wrong labels; needs a classifier
    reconstruction  squared error, PSNR, SSIM, distance in features; needs an encoder
    likelihood      ELBO, rate, distortion, importance-weighted NLL; needs a likelihood
    latent          gaps, neighbours, round trip, aggregate posterior; needs an encoder
    game            duality gap, or optimality gap of a single player
    memorization    copies of training images

Importing a module registers its section; the order of the imports is the order of the report.
"""

# ruff: noqa: F401, I001
from latentarium.evaluation.sections import plane
from latentarium.evaluation.sections import samples
from latentarium.evaluation.sections import labels
from latentarium.evaluation.sections import reconstruction
from latentarium.evaluation.sections import likelihood
from latentarium.evaluation.sections import latent
from latentarium.evaluation.sections import game
from latentarium.evaluation.sections import memorization
