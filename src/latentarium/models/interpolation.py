"""Interpolation between two latents.

    lerp     (1 - t) a + t b
    slerp    rotates from a's direction to b's at a constant rate; the norm changes linearly

References:
    Animating rotation with quaternion curves (Shoemake, 1985)
"""

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import LatentPath, LatentVector

PARALLEL = 1e-6
"""Angle, in radians, below which slerp and lerp are equal up to rounding."""


def lerp(a: LatentVector, b: LatentVector, steps: int = 16) -> LatentPath:
    """Interpolate linearly, both ends included.

    Raises:
        UserError: There are fewer than two steps (code "too-few-steps").
    """
    t = path_times(steps, a)
    return (1 - t) * a + t * b


def slerp(a: LatentVector, b: LatentVector, steps: int = 16) -> LatentPath:
    """Interpolate spherically (Shoemake, 1985), both ends included.

    If both latents have the same norm, so do all latents on the path. Nearly parallel latents are
    interpolated linearly.

    Raises:
        UserError: A latent has norm zero (code "zero-latent"), the latents are opposite, so that
            there is no unique shortest arc (code "opposite-latents"), or there are fewer than two
            steps (code "too-few-steps").
    """
    t = path_times(steps, a)
    norm_a, norm_b = float(a.double().norm()), float(b.double().norm())
    if norm_a == 0 or norm_b == 0:
        raise UserError(
            "A latent has norm zero and therefore no direction: use linear interpolation.",
            code="zero-latent",
        )
    u, v = a.double() / norm_a, b.double() / norm_b
    # atan2 of the half angle is exact for small angles, arccos is not
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    if float(angle) < PARALLEL:
        return lerp(a, b, steps)
    if float(angle) > torch.pi - PARALLEL:
        raise UserError(
            "The two latents are opposite, so every arc between them is equally short: go through "
            "a third latent, or use linear interpolation.",
            code="opposite-latents",
        )
    t = t.double()
    rotated = (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / angle.sin()
    path = (((1 - t) * norm_a + t * norm_b) * rotated).to(a.dtype)
    path[0], path[-1] = a, b
    return path


METHODS = {"linear": lerp, "spherical": slerp}
"""The methods that need nothing but the two latents, by name."""


def path_times(steps: int, a: Tensor) -> Tensor:
    """Return `steps` times from 0 to 1 as a column, with the type and the device of a.

    Raises:
        UserError: There are fewer than two steps (code "too-few-steps").
    """
    if steps < 2:
        raise UserError(f"steps is {steps}; it must be at least 2.", code="too-few-steps")
    return torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)[:, None]
