"""The 2-D lab: one Gaussian, a VAE and a GAN learn a distribution of the plane side by side, from
the same batches and by one clock.

    lab = Lab("ring", seed=0)
    lab.advance(500)
    lab.frame()["gan"]["quality"]

A function of (distribution, seed, steps): the same steps give the same frame.
"""

import math
from typing import Any

import torch
from torch import Tensor

from latentarium.data.batches import Batches
from latentarium.data.toy import HIGH_QUALITY_SIGMAS
from latentarium.errors import NonFiniteError, UserError
from latentarium.metrics.balls import ball_counts
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from latentarium.models.gan import GAN
from latentarium.objectives import adversarial
from latentarium.rng import Noise
from latentarium.shapes import Points
from latentarium.studio.lab import learners
from latentarium.studio.lab.learners import Gaussian, Learner
from latentarium.studio.lab.targets import MIXTURES, target
from latentarium.studio.protocol import FARTHEST
from latentarium.training.game import held_out_loss

POINTS = 8000
"""To learn from; a tenth of them is held out."""
BATCH = 256
SHOWN = 500
"""Points of each kind in a frame."""
FIELD = 36
"""Cells of each side of the discriminator's field."""
EDGE = 1.2
"""The square that is shown reaches from -`EDGE` to `EDGE`."""
ARROWS = 72
MESH = 20
"""Cells of each side of the generator's grid."""
BALL = 5
SOLO = ("discriminator", "generator")
DIGITS = 4
FAIR = 0.25
"""Of a mode's share of the samples, what it must get to be found."""


class Lab:
    """Three models that learn one distribution.

    A step of all three takes about 5 ms and a frame 10 ms on one core of an x86-64 server. On the
    ring of 8 at seed 0, the Gaussian has converged after 250 steps (3 % of its samples fall in a
    mode), the GAN finds all modes for the first time after 600, and after 2,000 steps 78 % of its
    samples and 48 % of the VAE's fall in one.

    Arguments:
        name: One of `targets.NAMES`.
        drawing: For "drawn": its cells, as `Drawing.write` gives them.
        seed: Of the points, the initial weights, the batches and the noise.

    Raises:
        UserError: No such distribution, or an empty drawing.
    """

    def __init__(self, name: str = "ring", *, drawing: str = "", seed: int = 0) -> None:
        self.data = target(name, drawing, POINTS, seed)
        self.mixture = MIXTURES.get(name)
        self.step = 0
        self._seed = seed
        self._batches = Batches(self.data.train, BATCH, seed)
        self.gaussian = Gaussian()
        vae, gan = (build(one, self.data.card, seed) for one in (learners.VAE, learners.GAN))
        assert isinstance(vae, Autoencoder)
        assert isinstance(gan, GAN)
        self.vae, self.gan = vae, gan
        self.learners = {
            name: Learner(model, model.players(), learners.RATES[name], seed)
            for name, model in (
                ("gaussian", self.gaussian),
                ("vae", self.vae),
                ("gan", self.gan),
            )
        }
        self._held_out = Batches(self.data.validation, len(self.data.validation), seed).draw(0)
        self._truth = (
            None
            if self.mixture is None
            else -float(self.mixture.log_prob(self._held_out.x.flatten(1)).mean())
        )

    def advance(self, steps: int = 1, only: str = "") -> None:
        """Lets all models learn.

        Arguments:
            steps: At least 1.
            only: discriminator or generator: that player of the GAN alone moves, and nobody else.

        Raises:
            UserError: Other steps or another player.
            NonFiniteError: A model ran away.
        """
        if steps < 1:
            raise UserError(f"The lab goes forwards: give 1 step or more, not {steps}.")
        if only and only not in SOLO:
            raise UserError(f"Only {' or '.join(SOLO)} can move alone, not '{only}'.")
        for _ in range(steps):
            batch = self._batches.draw(self.step)
            for name, learner in self.learners.items():
                if not only or name == "gan":
                    learner.move(batch, self.step, only)
            self.step += 1
        for name, learner in self.learners.items():
            if not all(bool(p.isfinite().all()) for p in learner.model.parameters()):
                raise NonFiniteError(
                    f"The {name}'s parameters are not finite after step {self.step}",
                    "begin anew, with another seed",
                )

    # ------------------------------------------------------------------------- what is to be seen

    def real(self) -> dict[str, Any]:
        """What does not change: real points, and what is known of their distribution."""
        points = self._held_out.x.flatten(1)[:SHOWN]
        labels = self._held_out.y
        return {
            "points": _flat(points),
            "labels": None if labels is None else labels[:SHOWN].tolist(),
            "modes": len(self.mixture.means) if self.mixture else None,
            "nll": _short(self._truth),
            "edge": EDGE,
            "equilibrium": learners.GAN.equilibrium,
        }

    def frame(self) -> dict[str, Any]:
        """What there is to see of each model now, as plain numbers; points are flat lists of x
        and y."""
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
            "losses": {"held_out": _short(float(nll))},
            "quality": self.quality(points),
        }

    def _vae_frame(self) -> dict[str, Any]:
        points = self.samples("vae")
        (player,) = self.vae.players()
        bound = held_out_loss(player, self.vae, self._held_out, Noise("held-out", self._seed))
        with torch.no_grad():
            codes = self.vae.encode(self._held_out.x[:SHOWN]).mean
        return {
            "samples": _flat(points),
            "codes": _flat(codes),
            "losses": {"held_out": _short(float(bound.total))},
            "quality": self.quality(points),
        }

    def _gan_frame(self) -> dict[str, Any]:
        points = self.samples("gan")
        return {
            "samples": _flat(points),
            "field": _flat(self.field()),
            "pushes": _flat(self.pushes(points[:ARROWS])),
            "mesh": _flat(self.mesh()),
            "losses": {k: _short(v) for k, v in self.learners["gan"].losses.items()},
            "quality": self.quality(points),
        }

    def samples(self, name: str, n: int = SHOWN) -> Points:
        """n points of gaussian, vae or gan, of always the same draws from its prior. Unlike
        pixels they may lie anywhere."""
        if name == "gaussian":
            return self.gaussian.sample(n, self._seed)
        model = {"vae": self.vae, "gan": self.gan}[name]
        with torch.no_grad():
            z = Noise("sample", self._seed).normal(n, model.latent_dim)
            return model.decode(z).flatten(1)

    def field(self) -> Tensor:
        """sigmoid(D(x)) over the square, (`FIELD`, `FIELD`), the topmost row first: above one half
        where the discriminator leans to real."""
        axis = ((torch.arange(FIELD) + 0.5) / FIELD * 2 - 1) * EDGE
        y, x = torch.meshgrid(axis.flip(0), axis, indexing="ij")
        with torch.no_grad():
            places = torch.stack([x, y], 2).reshape(-1, 2, 1, 1)
            return self.gan.discriminate(places).sigmoid().view(FIELD, FIELD)

    def pushes(self, points: Points) -> Points:
        """Whereto the generator is told to move its points: minus the gradient of its loss by
        each of them."""
        fakes = points[:, :, None, None].clone().requires_grad_()
        logits = self.gan.discriminate(fakes)
        losses = adversarial.build_adversarial_loss(learners.GAN.loss).generator(
            torch.zeros_like(logits), logits
        )
        (gradient,) = torch.autograd.grad(losses.sum(), fakes)
        return -gradient.flatten(1)

    def mesh(self) -> Points:
        """A grid of the prior's quantiles through the generator, row by row, (`MESH` + 1)^2
        places. Each of its cells has the same mass, so the smaller, the denser."""
        share = torch.linspace(0.01, 0.99, MESH + 1)
        z = math.sqrt(2) * torch.erfinv(2 * share - 1)
        with torch.no_grad():
            return self.gan.decode(torch.cartesian_prod(z, z)).flatten(1)

    def quality(self, points: Points) -> dict[str, Any]:
        """How good samples are.

        Of a known mixture `near` is the share within 3 standard deviations of a mode, and `found`
        the share of modes with at least a quarter (`FAIR`) of the samples that are due to them so
        near. That is stricter than VEEGAN's one sample (Srivastava et al., 2017), which one broad
        Gaussian drops on any mode by chance. Else `near` is the share within the balls that
        reach from each held-out point to its 5th neighbour, and `found` the share of the balls
        that hold a sample (Naeem et al., 2020).
        """
        if self.mixture:
            distance, mode = self.mixture.nearest(points)
            high = distance <= HIGH_QUALITY_SIGMAS * self.mixture.std
            modes = len(self.mixture.means)
            found = mode[high].bincount(minlength=modes) >= FAIR * len(points) / modes
            near = float(high.float().mean())
            return {"near": _short(near), "found": _short(float(found.float().mean()))}
        real = self._held_out.x.flatten(1)
        around, within = ball_counts(points, real, BALL, edge=True)
        near, found = float((around > 0).float().mean()), float((within > 0).float().mean())
        return {"near": _short(near), "found": _short(found)}


def _short(value: float | None) -> float | None:
    """A number of few digits; None for what is not finite, which JSON has no word for."""
    return None if value is None or not math.isfinite(value) else round(value, DIGITS)


def _flat(values: Tensor) -> list[float]:
    """Numbers of few digits, those far out held at the bounds of what JSON can say."""
    held = values.detach().flatten().double().nan_to_num(0, FARTHEST, -FARTHEST)
    return held.clamp(-FARTHEST, FARTHEST).numpy().round(DIGITS).tolist()
