"""Who learns in the lab: one Gaussian, a VAE and a GAN, each a game of players that move one by
one."""

import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal
from torch.optim import Adam

from latentarium.config import AutoencoderConfig, GANConfig, NetConfig, OptimizerConfig
from latentarium.data.batches import Batch
from latentarium.models.game import Loss, Player
from latentarium.rng import Noise
from latentarium.shapes import LatentMatrix, PerPoint, Points
from latentarium.training.game import play_move
from latentarium.training.schedule import learning_rate

PATIENCE = 2500
"""Steps over which the rates fall; after them they stay."""

_SMALL = NetConfig(kind="mlp", width=64, depth=3)
VAE = AutoencoderConfig(
    latent_dim=2, likelihood="gaussian", likelihood_std=0.05, encoder=_SMALL, decoder=_SMALL
)
"""Its deviation is a little wider than the modes of the ring."""
GAN = GANConfig(
    latent_dim=2,
    loss="non_saturating",
    r1=0.05,
    r2=0.05,
    bounded=False,
    generator=_SMALL,
    discriminator=NetConfig(kind="mlp", width=64, depth=3, fourier=1.0),
)
"""The loss of 2014: at its equilibrium sigmoid(D) is one half everywhere."""
RATES = {
    "gaussian": OptimizerConfig(learning_rate=3e-2, final_fraction=0.02),
    "vae": OptimizerConfig(learning_rate=2e-3, final_fraction=0.1),
    "gan": OptimizerConfig(learning_rate=5e-3, beta1=0.0, beta2=0.99, final_fraction=0.1),
}


class Gaussian(nn.Module):
    """One Gaussian of the plane, N(mean, L L^T), fitted by maximum likelihood: a game of one
    player, who minimizes -log p(x). It begins narrow and beside the middle, so that one sees it
    move."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor([-0.6, 0.6]))
        self.log_scale = nn.Parameter(torch.full((2,), math.log(0.15)))
        self.slant = nn.Parameter(torch.zeros(()))

    def factor(self) -> LatentMatrix:
        """L, lower triangular with a positive diagonal."""
        scale = self.log_scale.exp()
        corner = torch.stack([torch.zeros(()), self.slant * scale[1]])
        return torch.diag(scale) + torch.stack([torch.zeros(2), corner.flip(0)])

    def log_prob(self, points: Points) -> PerPoint:
        """log p(x), in nats."""
        return MultivariateNormal(self.mean, scale_tril=self.factor()).log_prob(points)

    def sample(self, n: int, seed: int = 0) -> Points:
        """Draws n points; the same seed gives the same points."""
        with torch.no_grad():
            return self.mean + Noise("sample", seed).normal(n, 2) @ self.factor().T

    def players(self) -> list[Player]:
        """The game."""
        return [Player("gaussian", self, self.loss)]

    def loss(self, batch: Batch, noise: Noise) -> Loss:
        """-log p(x), in nats for each point."""
        nll = -self.log_prob(batch.x.flatten(1)).mean()
        return Loss(nll, {"nll": nll.detach()})


class Learner:
    """A model and one optimizer for each of its players.

    Arguments:
        model: Whose game it is.
        players: Its players, in the order in which they move.
        rates: How they step.
        seed: Of the noise in their moves.
    """

    def __init__(
        self, model: nn.Module, players: list[Player], rates: OptimizerConfig, seed: int
    ) -> None:
        self.model, self.players, self.rates, self.seed = model.train(), players, rates, seed
        betas = (rates.beta1, rates.beta2)
        self._optimizers = {
            p.name: Adam(p.part.parameters(), lr=rates.learning_rate, betas=betas, fused=True)
            for p in players
        }
        self.losses: dict[str, float] = {}
        """Of each player, at its last move."""

    def move(self, batch: Batch, step: int, only: str = "") -> None:
        """Each player moves once, or only the one of this name."""
        rate = learning_rate(self.rates, min(step, PATIENCE), PATIENCE)
        for player in self.players:
            if only in ("", player.name):
                optimizer = self._optimizers[player.name]
                optimizer.param_groups[0]["lr"] = rate
                noise = Noise(self.seed, step, player.name)
                loss = play_move(player, self.model, optimizer, batch, noise)
                self.losses[player.name] = float(loss.total.detach())
