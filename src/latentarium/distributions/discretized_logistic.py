"""The discretized logistic distribution of 8-bit pixels.

References:
    Improving variational inference with inverse autoregressive flow (Kingma et al., 2016),
    https://arxiv.org/abs/1606.04934
    PixelCNN++ (Salimans et al., 2017), https://arxiv.org/abs/1701.05517, which mixes several
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from latentarium.distributions.likelihoods import Likelihood
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import ConstantOutput, DecoderOutput, Images, PerSample

HALF_BIN = 1 / 255
"""Half the distance between neighbouring values of 8-bit pixels in [-1, 1]."""
MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 5.0
"""Limits of log s: s is between a quarter of a bin and 150 times the half range of pixels."""


@register("likelihood", "discretized_logistic")
class DiscretizedLogistic(Likelihood):
    """A logistic distribution per value, rounded to the 256 values of 8-bit pixels.

    The decoder returns the location m and log s for each value. The probability of a value is that
    of its bin, F((x + b - m) / s) - F((x - b - m) / s), where F is the sigmoid and b half a bin.
    The bins of 0 and 255 extend to infinity, so the probabilities sum to 1. The mean image is m,
    limited to [-1, 1].
    """

    name = "discretized-logistic"
    discrete = True
    eight_bit = True
    outputs_per_value = 2
    protocols: ClassVar[Mapping[str, str]] = {
        "8-bit": "A probability of 8-bit pixels: comparable, on the same images, with all such "
        "likelihoods, also in bits per dimension."
    }

    def mean(self, output: DecoderOutput) -> Images:
        return _parameters(output)[0].clamp(-1, 1)

    def nll(self, output: DecoderOutput, x: Images) -> PerSample:
        location, log_scale = _parameters(output)
        level = ((x + 1) * 127.5).round()
        centred, inverse = level / 127.5 - 1 - location, (-log_scale).exp()
        # F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)), each factor of which has an accurate logarithm
        below = functional.logsigmoid((centred + HALF_BIN) * inverse)
        above = functional.logsigmoid((HALF_BIN - centred) * inverse)
        inside = (-torch.expm1(-2 * HALF_BIN * inverse)).log()
        lowest, highest = level <= 0, level >= 255
        log_p = below.masked_fill(highest, 0) + above.masked_fill(lowest, 0)
        log_p = log_p + inside.masked_fill(lowest | highest, 0)
        return -log_p.flatten(1).sum(1)

    def sample(self, output: DecoderOutput, noise: Noise) -> Images:
        location, log_scale = _parameters(output)
        logistic = torch.logit(noise.uniform(*location.shape), eps=1e-6)
        x = location + log_scale.exp() * logistic.to(location.dtype)
        return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1

    def constant_output(self, images: Images) -> ConstantOutput:
        deviation = images.std(0, keepdim=True, correction=0).clamp_min(HALF_BIN)
        scale = deviation * math.sqrt(3) / math.pi
        return torch.cat([images.mean(0, keepdim=True), scale.log()], 1)

    def protocol(self, binary: bool) -> str:
        return "8-bit"


def _parameters(output: DecoderOutput) -> tuple[Tensor, Tensor]:
    """Return the locations and the logarithms of the scales."""
    location, log_scale = output.chunk(2, 1)
    return location, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)
