"""How built-in measurements are read: which direction is better, and which intervals are
conservative.

A section of one's own sets `Measurement.better` and `conservative`. The built-in measurements are
listed here by key, so that reports of earlier versions have directions too.
"""

from dataclasses import replace

from latentarium.stats.measurement import Measurement

DIRECTIONS: dict[str, str] = {
    "frechet": "lower",
    "kernel": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "coverage": "higher",
    "gan_test": "higher",
    "gan_train": "higher",
    "wrong_label": "higher",
    "classes.rarest": "higher",
    "classes.commonest": "lower",
    "mse": "lower",
    "psnr": "higher",
    "ssim": "higher",
    "reconstruction": "lower",
    "elbo": "higher",
    # only their sum, the negative ELBO, is judged: each can be lowered at the cost of the other
    "rate": "neither",
    "distortion": "neither",
    "nll": "lower",
    "bits": "lower",
    "active_units": "neither",
    "gaps": "lower",
    "prior_distance": "lower",
    "round_trip": "lower",
    "neighbours": "higher",
    "game": "lower",
    # below the reference, samples are farther from training images than new real images are
    "memorization": "reference",
    "near_copies": "reference",
    "modes": "higher",
    # above the reference, samples are more concentrated than those of the true density
    "high_quality": "reference",
    "mode_masses": "lower",
    "density_distance": "lower",
    "reverse_kl": "lower",
}
"""Directions by key, or by its leading parts."""
CONSERVATIVE = frozenset(
    {
        # simultaneous over classes or pairs
        "gan_test.worst", "coverage.worst", "classes.rarest", "classes.commonest",
        # also the mean over pairs, if nearly all comparisons are right
        "wrong_label", "wrong_label.worst",
        # counts, whose intervals have whole numbers or exact bounds as ends
        "modes", "active_units",
        # if both distributions are nearly equal
        "frechet", "kernel", "density_distance", "prior_distance",
        # with few images, or near 100 %
        "precision", "recall", "density", "coverage",
        # if a part of the prior is far from the data
        "gaps",
        # without copies, or with many of them
        "memorization", "near_copies",
    }
)  # fmt: skip
"""Measurements whose intervals can contain the true value more often than in 99 of 100 cases, by
key or its leading parts; see the simulations in docs/measuring.md."""
PHRASES = {
    "higher": "higher",
    "lower": "lower",
    "reference": "near the reference",
    "neither": "neither",
}
"""How a direction is shown in tables."""


def direction_of(key: str) -> str:
    """Return the direction of a measurement by its key; empty if it is not built in."""
    return next((DIRECTIONS[part] for part in _leading_parts(key) if part in DIRECTIONS), "")


def interpreted(key: str, measurement: Measurement) -> Measurement:
    """Return a measurement with the direction of its key, unless it has its own, and with whether
    its interval is conservative."""
    conservative = any(part in CONSERVATIVE for part in _leading_parts(key))
    return replace(
        measurement,
        better=measurement.better or direction_of(key),
        conservative=measurement.conservative or conservative,
    )


def _leading_parts(key: str) -> list[str]:
    """Return the key and its leading parts, the longest first: "a.b.c", "a.b", "a"."""
    parts = key.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
