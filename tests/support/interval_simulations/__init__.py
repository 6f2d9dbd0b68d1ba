"""Simulations of the coverage of every interval in reports; see `registry`."""

from support.interval_simulations import (
    distances,
    features,
    game,
    latents,
    means,
    plane,
    references,
    shares,
    wrong_label,
)
from support.interval_simulations.registry import SIMULATIONS, covered, simulation_of

__all__ = [
    "SIMULATIONS", "covered", "distances", "features", "game", "latents", "means", "plane",
    "references", "shares", "simulation_of", "wrong_label",
]  # fmt: skip
