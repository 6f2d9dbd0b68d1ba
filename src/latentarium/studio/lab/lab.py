"""The 2-D lab: one Gaussian, a VAE and a GAN learn a distribution on the plane side by side.

    lab = la.Lab("ring", seed=0)
    lab.advance(500)
    lab.save_picture("lab.svg")

All three see the same batches at the same steps. The state is a function of (distribution, seed,
steps).
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentarium import charts
from latentarium.data.batches import Batches
from latentarium.data.dataset import Data
from latentarium.data.toy import HIGH_QUALITY_SIGMAS, Mixture2D
from latentarium.errors import NonFiniteError, UserError
from latentarium.files import write_atomic
from latentarium.latent.planes import MAX_COORDINATE
from latentarium.metrics.balls import ball_counts
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.objectives import adversarial
from latentarium.rng import Noise
from latentarium.shapes import Points
from latentarium.studio.lab import learners
from latentarium.studio.lab.learners import Gaussian, Learner
from latentarium.studio.lab.targets import MIXTURES, target
from latentarium.texts import Text
from latentarium.training.game import held_out_loss

TRAIN_POINTS = 8000
"""Number of training points. The held-out points are a tenth as many."""
BATCH_SIZE = 256
FRAME_POINTS = 500
"""Points of each kind in a frame."""
FIELD_CELLS = 36
"""Cells per side of the discriminator's field."""
EDGE = 1.2
"""The page shows the square [-EDGE, EDGE]^2."""
GRADIENT_POINTS = 72
"""Generated points whose gradients are in a frame."""
MESH_CELLS = 20
"""Cells per side of the generator's grid."""
NEIGHBOURS = 5
GAN_PLAYERS = ("discriminator", "generator")
DECIMALS = 4
MIN_MODE_SHARE = 0.25
"""A mode counts as found if at least this fraction of (samples / modes) falls within 3 standard
deviations of it."""


class Lab:
    """Three models that learn one distribution.

    A step of all three takes about 5 ms and a frame 10 ms on one core of an x86-64 server. On the
    ring of 8 at seed 0, the Gaussian has converged after 250 steps (3 % of its samples fall in a
    mode), the GAN finds all modes for the first time after 600, and after 2,000 steps 78 % of its
    samples and 48 % of the VAE's fall in one.

    Arguments:
        name: One of `targets.NAMES`.
        drawing: The cells of the distribution "drawn", as `Drawing.to_text` returns them.
        seed: The seed of points, initial weights, batches and noise.

    Raises:
        UserError: See `targets.target`.
    """

    def __init__(self, name: str = "ring", *, drawing: str = "", seed: int = 0) -> None:
        self.data: Data = target(name, drawing, TRAIN_POINTS, seed)
        self.mixture: Mixture2D | None = MIXTURES.get(name)
        self.step: int = 0
        self._seed = seed
        self._batches = Batches(self.data.train, BATCH_SIZE, seed)
        self.gaussian: Gaussian = Gaussian()
        self.vae: LatentModel = build(learners.VAE, self.data.card, seed)
        self.gan: LatentModel = build(learners.GAN, self.data.card, seed)
        self.learners: dict[str, Learner] = {
            name: Learner(model, model.players(), learners.OPTIMIZERS[name], seed)
            for name, model in (
                ("gaussian", self.gaussian),
                ("vae", self.vae),
                ("gan", self.gan),
            )
        }
        self._held_out = Batches(self.data.validation, len(self.data.validation), seed).draw(0)
        self._true_nll = (
            None
            if self.mixture is None
            else -float(self.mixture.log_prob(self._held_out.x.flatten(1)).mean())
        )

    def advance(self, steps: int = 1, only: str = "") -> None:
        """Train all models.

        Arguments:
            steps: The number of steps, at least 1.
            only: "discriminator" or "generator": train only this player of the GAN; "": train all.

        Raises:
            UserError: `steps` or `only` is invalid (codes "invalid-steps", "unknown-player").
            NonFiniteError: A parameter became infinite or NaN.
        """
        if steps < 1:
            raise UserError(
                Text("steps is {steps}; it must be at least 1.", steps=steps), code="invalid-steps"
            )
        if only and only not in GAN_PLAYERS:
            raise UserError(
                Text(
                    "The argument `only` is '{only}'; it must be {gan_players}.",
                    only=only,
                    gan_players=" or ".join(GAN_PLAYERS),
                ),
                code="unknown-player",
            )
        for _ in range(steps):
            batch = self._batches.draw(self.step)
            for name, learner in self.learners.items():
                if not only or name == "gan":
                    learner.move(batch, self.step, only)
            self.step += 1
        for name, learner in self.learners.items():
            if not all(bool(p.isfinite().all()) for p in learner.model.parameters()):
                raise NonFiniteError(
                    Text(
                        "The {name}'s parameters are not finite after step {step}",
                        name=name,
                        step=self.step,
                    ),
                    Text("restart with another seed"),
                )

    # ---------------------------------------------------------------------------- frames

    def real(self) -> dict[str, Any]:
        """Return held-out points and properties of their distribution, as JSON values."""
        points = self._held_out.x.flatten(1)[:FRAME_POINTS]
        labels = self._held_out.y
        return {
            "points": _flat(points),
            "labels": None if labels is None else labels[:FRAME_POINTS].tolist(),
            "modes": len(self.mixture.means) if self.mixture else None,
            "nll": _rounded(self._true_nll),
            "edge": EDGE,
            "equilibrium": learners.GAN.equilibrium,
        }

    def frame(self) -> dict[str, Any]:
        """Return the state of each model as JSON values; points are flat lists x, y, x, y, ..."""
        return {
            "step": self.step,
            "gaussian": self._gaussian_frame(),
            "vae": self._vae_frame(),
            "gan": self._gan_frame(),
        }

    def _gaussian_frame(self) -> dict[str, Any]:
        points = self.samples("gaussian")
        with torch.no_grad():
            factor = self.gaussian.factor()
            nll = -self.gaussian.log_prob(self._held_out.x.flatten(1)).mean()
        return {
            "samples": _flat(points),
            "mean": _flat(self.gaussian.mean),
            "covariance": _flat(factor @ factor.T),
            "losses": {"held_out": _rounded(float(nll))},
            "quality": self.quality(points),
        }

    def _vae_frame(self) -> dict[str, Any]:
        points = self.samples("vae")
        (player,) = self.vae.players()
        bound = held_out_loss(player, self.vae, self._held_out, Noise("held-out", self._seed))
        with torch.no_grad():
            latents = self.vae.encode(self._held_out.x[:FRAME_POINTS]).mean
        return {
            "samples": _flat(points),
            "codes": _flat(latents),
            "losses": {"held_out": _rounded(float(bound.total))},
            "quality": self.quality(points),
        }

    def _gan_frame(self) -> dict[str, Any]:
        points = self.samples("gan")
        return {
            "samples": _flat(points),
            "field": _flat(self.field()),
            "pushes": _flat(self.generator_gradients(points[:GRADIENT_POINTS])),
            "mesh": _flat(self.mesh()),
            "losses": {k: _rounded(v) for k, v in self.learners["gan"].losses.items()},
            "quality": self.quality(points),
        }

    def samples(self, name: str, n: int = FRAME_POINTS) -> Points:
        """Return n points generated from a fixed set of latents.

        Arguments:
            name: gaussian, vae or gan.
            n: The number of points.
        """
        if name == "gaussian":
            return self.gaussian.sample(n, self._seed)
        model = {"vae": self.vae, "gan": self.gan}[name]
        with torch.no_grad():
            z = Noise("sample", self._seed).normal(n, model.latent_dim)
            return model.decode(z).flatten(1)

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Write an SVG of held-out points and of samples of each model, next to each other.

        Circles show 3 standard deviations around the modes of a mixture.

        Raises:
            OSError: The file can't be written.
        """
        real = self._held_out.x.flatten(1)[:FRAME_POINTS].numpy()
        panels = [("data", real, charts.ROLE_COLOURS["real"])]
        panels += [
            (title, self.samples(name).numpy(), colour)
            for name, title, colour in (
                ("gaussian", "one Gaussian", charts.ROLE_COLOURS["generated"]),
                ("vae", "VAE", charts.SYSTEM_COLOURS["vae"]),
                ("gan", "GAN", charts.SYSTEM_COLOURS["gan"]),
            )
        ]
        modes, radius = np.empty((0, 2)), 0.0
        if self.mixture is not None:
            modes, radius = self.mixture.means.numpy(), HIGH_QUALITY_SIGMAS * self.mixture.std
        svg = charts.scatter_panels(panels, modes, EDGE, radius)
        write_atomic(Path(path), charts.standalone(svg).encode())

    def field(self) -> Tensor:
        """Return sigmoid(D(x)) on a grid over the square, the top row first.

        Returns:
            (`FIELD_CELLS`, `FIELD_CELLS`); values above 1/2 mean that the discriminator
            classifies x as real.
        """
        axis = ((torch.arange(FIELD_CELLS) + 0.5) / FIELD_CELLS * 2 - 1) * EDGE
        y, x = torch.meshgrid(axis.flip(0), axis, indexing="ij")
        with torch.no_grad():
            points = torch.stack([x, y], 2).reshape(-1, 2, 1, 1)
            return self.gan.discriminate(points).sigmoid().view(FIELD_CELLS, FIELD_CELLS)

    def generator_gradients(self, points: Points) -> Points:
        """Return the negative gradient of the generator's loss with respect to each point."""
        fakes = points[:, :, None, None].clone().requires_grad_()
        logits = self.gan.discriminate(fakes)
        losses = adversarial.build_adversarial_loss(learners.GAN.loss).generator(
            torch.zeros_like(logits), logits
        )
        (gradient,) = torch.autograd.grad(losses.sum(), fakes)
        return -gradient.flatten(1)

    def mesh(self) -> Points:
        """Map a grid of the prior's quantiles through the generator, row by row.

        All cells have the same probability, so small cells mean high density.

        Returns:
            ((`MESH_CELLS` + 1)^2, 2).
        """
        quantiles = torch.linspace(0.01, 0.99, MESH_CELLS + 1)
        z = math.sqrt(2) * torch.erfinv(2 * quantiles - 1)
        with torch.no_grad():
            return self.gan.decode(torch.cartesian_prod(z, z)).flatten(1)

    def quality(self, points: Points) -> dict[str, Any]:
        """Measure generated points: `near` is a precision, `found` a coverage of modes or data.

        For a mixture, `near` is the fraction of samples within 3 standard deviations of a mode,
        and `found` is the fraction of modes that are found; see `MIN_MODE_SHARE`. VEEGAN
        (Srivastava et al., 2017) requires only a single sample per mode, which a broad Gaussian
        achieves by chance. For other distributions, each held-out point has a ball that reaches to
        its 5th nearest held-out point. `near` is the fraction of samples in at least one ball, and
        `found` is the fraction of balls that contain a sample (Naeem et al., 2020).
        """
        if self.mixture:
            distance, mode = self.mixture.nearest(points)
            high = distance <= HIGH_QUALITY_SIGMAS * self.mixture.std
            modes = len(self.mixture.means)
            counts = mode[high].bincount(minlength=modes)
            found = counts >= MIN_MODE_SHARE * len(points) / modes
            near = float(high.float().mean())
            return {"near": _rounded(near), "found": _rounded(float(found.float().mean()))}
        real = self._held_out.x.flatten(1)
        counts = ball_counts(points, real, NEIGHBOURS, closed=True)
        near = float((counts.balls_per_point > 0).float().mean())
        found = float((counts.points_per_ball > 0).float().mean())
        return {"near": _rounded(near), "found": _rounded(found)}


def _rounded(value: float | None) -> float | None:
    """Round a number; return None for values that JSON can't represent."""
    return None if value is None or not math.isfinite(value) else round(value, DECIMALS)


def _flat(values: Tensor) -> list[float]:
    """Return rounded numbers, clamped to a range that JSON can represent."""
    finite = values.detach().flatten().double().nan_to_num(0, MAX_COORDINATE, -MAX_COORDINATE)
    return finite.clamp(-MAX_COORDINATE, MAX_COORDINATE).numpy().round(DECIMALS).tolist()
