"""The models of the lab: one Gaussian, a VAE and a GAN, each trained as a game of players."""

import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal

from latentarium.config import AutoencoderConfig, GANConfig, NetConfig, OptimizerConfig
from latentarium.data.batches import Batch
from latentarium.models.game import Loss, Player
from latentarium.optimizers import Adam
from latentarium.rng import Noise
from latentarium.shapes import LatentMatrix, PerPoint, Points
from latentarium.training.game import play_move
from latentarium.training.schedule import learning_rate

DECAY_STEPS = 2500
"""Steps over which the learning rates decay; they are constant afterwards."""

_SMALL = NetConfig(kind="mlp", width=64, depth=3)
VAE = AutoencoderConfig(
    latent_dim=2, likelihood="gaussian", likelihood_std=0.05, encoder=_SMALL, decoder=_SMALL
)
"""The likelihood's standard deviation is a little larger than that of the ring's modes."""
GAN = GANConfig(
    latent_dim=2,
    loss="non_saturating",
    r1=0.05,
    r2=0.05,
    bounded=False,
    generator=_SMALL,
    discriminator=NetConfig(kind="mlp", width=64, depth=3, fourier=1.0),
)
"""With the loss of Goodfellow et al. (2014), sigmoid(D) is 1/2 everywhere at the equilibrium."""
OPTIMIZERS = {
    "gaussian": OptimizerConfig(learning_rate=3e-2, final_fraction=0.02),
    "vae": OptimizerConfig(learning_rate=2e-3, final_fraction=0.1),
    "gan": OptimizerConfig(learning_rate=5e-3, beta1=0.0, beta2=0.99, final_fraction=0.1),
}


class Gaussian(nn.Module):
    """A Gaussian on the plane, N(mean, L L^T), fitted by maximum likelihood.

    It starts narrow and off-centre, so that its convergence is visible.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean: nn.Parameter = nn.Parameter(torch.tensor([-0.6, 0.6]))
        self.log_scale: nn.Parameter = nn.Parameter(torch.full((2,), math.log(0.15)))
        self.slant: nn.Parameter = nn.Parameter(torch.zeros(()))

    def factor(self) -> LatentMatrix:
        """Return L (2, 2), lower triangular with a positive diagonal."""
        scale = self.log_scale.exp()
        corner = torch.stack([torch.zeros(()), self.slant * scale[1]])
        return torch.diag(scale) + torch.stack([torch.zeros(2), corner.flip(0)])

    def log_prob(self, points: Points) -> PerPoint:
        """Return log p(x) per point, in nats."""
        return MultivariateNormal(self.mean, scale_tril=self.factor()).log_prob(points)

    def sample(self, n: int, seed: int = 0) -> Points:
        """Draw n points; the same seed gives the same points."""
        with torch.no_grad():
            return self.mean + Noise("sample", seed).normal(n, 2) @ self.factor().T

    def players(self) -> list[Player]:
        """Return the game: one player that minimizes -log p(x)."""
        return [Player("gaussian", self, self.loss)]

    def loss(self, batch: Batch, noise: Noise) -> Loss:
        """Return the mean of -log p(x) over the batch, in nats."""
        nll = -self.log_prob(batch.x.flatten(1)).mean()
        return Loss(nll, {"nll": nll.detach()})


class Learner:
    """A model with one optimizer per player.

    Arguments:
        model: The model.
        players: Its players, in the order of their moves.
        optimizer: The settings of the optimizers.
        seed: The seed of the noise in the moves.
    """

    def __init__(
        self, model: nn.Module, players: list[Player], optimizer: OptimizerConfig, seed: int
    ) -> None:
        self.model: nn.Module = model.train()
        self.players = players
        self.settings = optimizer
        self.seed = seed
        betas = (optimizer.beta1, optimizer.beta2)
        self._optimizers = {
            p.name: Adam(p.part.parameters(), lr=optimizer.learning_rate, betas=betas, fused=True)
            for p in players
        }
        self.losses: dict[str, float] = {}
        """Loss of each player at its last step."""

    def move(self, batch: Batch, step: int, only: str = "") -> None:
        """Train each player for one step; if `only` names a player, train only that player."""
        rate = learning_rate(self.settings, min(step, DECAY_STEPS), DECAY_STEPS)
        for player in self.players:
            if only in ("", player.name):
                optimizer = self._optimizers[player.name]
                optimizer.param_groups[0]["lr"] = rate
                noise = Noise(self.seed, step, player.name)
                loss = play_move(player, self.model, optimizer, batch, noise)
                self.losses[player.name] = float(loss.total.detach())
