"""Define a custom model family, trunk, prior and adversarial loss.

Run this file as a script to train three models with these components, evaluate the models, and ask
the studio's server for images:

    python examples/own_model.py

Or import this file from the command line:

    latentarium train own_wae --import examples/own_model.py --run runs/own_wae
    latentarium studio runs/own_wae --import examples/own_model.py

The family is the Wasserstein autoencoder with the MMD penalty (Tolstikhin et al., 2018,
https://arxiv.org/abs/1711.01558), the trunk a small residual network (He et al., 2016,
https://arxiv.org/abs/1512.03385), the prior a mixture of learned Gaussians (Dilokthanakul et al.,
2016, https://arxiv.org/abs/1611.02648), and the loss that of least-squares GANs (Mao et al., 2017,
https://arxiv.org/abs/1611.04076).
"""

import math
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

import latentarium as la
from latentarium.config import (
    AutoencoderConfig,
    GANConfig,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
)
from latentarium.data.batches import Batch
from latentarium.distributions import Point, StandardNormal
from latentarium.nn import build_decoder, build_encoder

# ------------------------------------------------------------------------------------ a trunk


@dataclass(frozen=True, kw_only=True)
class ResidualConfig(la.TrunkConfig):
    """Settings of a residual network at a quarter of the image's resolution."""

    kind: str = "residual"
    width: int = 8
    """Number of channels."""
    blocks: int = 1
    """Number of residual blocks."""


class Block(nn.Module):
    """x + f(x), with two convolutions in f."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.2), nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class ResidualEncoder(la.EncoderTrunk):
    """A residual network from images to features."""

    def __init__(self, config: ResidualConfig, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, config.width, 4, stride=4),
            *(Block(config.width) for _ in range(config.blocks)),
            nn.Flatten(),
        )
        self.num_features = config.width * (height // 4) * (width // 4)

    def forward(self, x: Tensor, extra: Tensor | None = None) -> Tensor:
        features = self.layers(x)
        return features if extra is None else torch.cat([features, extra], 1)


class ResidualDecoder(la.DecoderTrunk):
    """A residual network from features to images."""

    def __init__(
        self, config: ResidualConfig, num_inputs: int, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.size = (height, width)
        self.coarse = (config.width, math.ceil(height / 4), math.ceil(width / 4))
        self.dense = nn.Linear(num_inputs, math.prod(self.coarse))
        self.layers = nn.Sequential(
            *(Block(config.width) for _ in range(config.blocks)),
            nn.ConvTranspose2d(config.width, channels, 4, stride=4),
        )

    def forward(self, features: Tensor) -> Tensor:
        images = self.layers(self.dense(features).unflatten(1, self.coarse))
        return images[..., : self.size[0], : self.size[1]]


@la.register("trunk", "residual", settings=ResidualConfig)
class Residual(la.Trunk):
    """A residual network."""

    @staticmethod
    def encoder(
        config: la.TrunkConfig, image_shape: tuple[int, int, int], extra: int = 0
    ) -> ResidualEncoder:
        encoder = ResidualEncoder(cast(ResidualConfig, config), image_shape)
        encoder.num_features += extra
        return encoder

    @staticmethod
    def decoder(
        config: la.TrunkConfig, num_inputs: int, image_shape: tuple[int, int, int]
    ) -> ResidualDecoder:
        return ResidualDecoder(cast(ResidualConfig, config), num_inputs, image_shape)


# ------------------------------------------------------------------------------------ a prior


@dataclass(frozen=True, kw_only=True)
class MixtureConfig(la.PriorConfig):
    """Settings of a mixture of Gaussians with equal weights, which is trained with the model."""

    kind: str = "own_mixture"
    components: int = 10


@dataclass(frozen=True)
class Mixture(la.Distribution):
    """A batch of n equal mixtures of Gaussians.

    Arguments:
        means: The means of the Gaussians, of shape (components, dimensions).
        log_variances: The logarithms of their variances, of the same shape.
        n: Number of latents.
    """

    means: Tensor
    log_variances: Tensor
    n: int

    @property
    def mean(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.means.mean(0).expand(self.n, -1)

    def sample(self, noise: la.Noise, scale: float = 1.0) -> Tensor:
        chosen = noise.integers(len(self.means), self.n)
        std = (0.5 * self.log_variances[chosen]).exp()
        return self.means[chosen] + scale * std * noise.normal(*std.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        normal = torch.distributions.Normal(self.means, (0.5 * self.log_variances).exp())
        per_component = normal.log_prob(z[:, None]).sum(2)
        return per_component.logsumexp(1) - math.log(len(self.means))


@la.register("prior", "own_mixture", settings=MixtureConfig)
class MixturePrior(la.Prior):
    """p(z) = 1/K sum over k of N(m_k, diag(v_k)). The KL divergence is estimated from samples."""

    def __init__(self, latent_dim: int, num_classes: int, settings: MixtureConfig) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.randn(settings.components, latent_dim))
        self.log_variances = nn.Parameter(torch.zeros(settings.components, latent_dim))

    def forward(self, y: Tensor | None, n: int) -> Mixture:
        return Mixture(self.means, self.log_variances, n)


# ------------------------------------------------------------------------ an adversarial loss


@la.register("adversarial_loss", "least_squares")
class LeastSquares(la.AdversarialLoss):
    """(D(real) - 1)^2 + D(fake)^2 for the discriminator, (D(fake) - 1)^2 for the generator."""

    equilibrium = {"discriminator": 0.5, "generator": 0.25}  # noqa: RUF012

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (real - 1).square() + fake.square()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square()


# ----------------------------------------------------------------------------------- a family


@dataclass(frozen=True, kw_only=True)
class WAEConfig(la.ModelConfig):
    """Settings of a Wasserstein autoencoder, with the loss squared error + weight * MMD."""

    family: str = "wae"
    latent_dim: int = 8
    mmd_weight: float = 10.0
    encoder: la.TrunkConfig = field(default_factory=ResidualConfig)
    decoder: la.TrunkConfig = field(default_factory=ResidualConfig)

    @property
    def kind(self) -> str:
        return "Wasserstein autoencoder"

    @property
    def has_encoder(self) -> bool:
        return True


@la.register("family", "wae", settings=WAEConfig)
class WAE(la.LatentModel):
    """A Wasserstein autoencoder, whose loss moves the distribution of latents to the prior."""

    config: WAEConfig

    def __init__(self, config: WAEConfig, data: la.DataCard) -> None:
        super().__init__(config, data)
        self.encoder = build_encoder(config.encoder, data.image_shape)
        self.to_latent = nn.Linear(self.encoder.num_features, config.latent_dim)
        self.decoder = build_decoder(config.decoder, config.latent_dim, data.image_shape)
        self.prior = StandardNormal(config.latent_dim)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Point:
        return Point(self.to_latent(self.encoder(x)))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.tanh(self.decoder(z))

    def players(self) -> list[la.Player]:
        return [la.Player("autoencoder", self, self.loss)]

    def loss(self, batch: Batch, noise: la.Noise) -> la.Loss:
        """Return the squared error per image + weight * MMD."""
        z = self.encode(batch.x).mean
        error = (self.decode(z) - batch.x).square().flatten(1).sum(1).mean()
        penalty = mmd(z, noise.normal(*z.shape))
        terms = {"distortion": error.detach(), "mmd": penalty.detach()}
        return la.Loss(error + self.config.mmd_weight * penalty, terms)


def mmd(a: Tensor, b: Tensor) -> Tensor:
    """Return the unbiased squared MMD with the inverse multiquadric kernel."""
    scale = 2.0 * a.shape[1]

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return scale / (scale + (x[:, None] - y[None]).square().sum(2))

    n = len(a)
    off_diagonal = 1 - torch.eye(n, device=a.device)
    within = ((kernel(a, a) + kernel(b, b)) * off_diagonal).sum() / (n * (n - 1))
    return within - 2 * kernel(a, b).mean()


# ------------------------------------------------------------------------------------ presets

TRAIN = TrainConfig(steps=60, batch_size=64, checkpoint_every=60, sample_every=0, snapshots=3)


@la.register("preset", "own_wae")
def own_wae() -> la.Config:
    """Wasserstein autoencoder with residual networks: an example."""
    return la.Config(name="own_wae", model=WAEConfig(), train=TRAIN)


@la.register("preset", "own_vae")
def own_vae() -> la.Config:
    """VAE with a mixture of learned Gaussians as its prior: an example."""
    net = NetConfig(kind="mlp", width=64, depth=1)
    model = AutoencoderConfig(
        latent_dim=8, prior=MixtureConfig(components=10), encoder=net, decoder=net
    )
    return la.Config(name="own_vae", model=model, train=TRAIN)


@la.register("preset", "own_gan")
def own_gan() -> la.Config:
    """Least-squares GAN with residual networks: an example."""
    model = GANConfig(
        latent_dim=16, loss="least_squares", r1=0.3, r2=0.3,
        generator=ResidualConfig(width=16), discriminator=ResidualConfig(width=8),
    )  # fmt: skip
    optimizer = OptimizerConfig(learning_rate=2e-3, beta1=0.0, beta2=0.99)
    return la.Config(name="own_gan", model=model, optimizer=optimizer, train=TRAIN)


# --------------------------------------------------------------------------------- the script


def main(folder: Path) -> None:
    """Train and evaluate the three models, then ask the studio for images of each."""
    data = la.load_data("mnist")
    train = data.train
    assert train.labels is not None
    few = la.load_data(train.images[:4000], train.labels[:4000])  # evaluated in seconds
    runs = []
    for preset in (own_wae, own_vae, own_gan):
        run = la.train(preset(), folder / preset.__name__, data)
        model = la.load(run.folder)
        report = la.evaluate(model, few, classifier=None, n=400, nll_samples=20, response_steps=10)
        frechet = report["frechet"]
        print(f"{run.config.name}: {len(report.measurements)} measurements, among them")
        print(f"  {frechet.name} {frechet.value:.1f} (real images: {frechet.reference:.1f})")
        runs.append(run.folder)
    for name, pixels in images_from_studio(runs).items():
        print(f"{name}: the studio sent 4 images, mean brightness {pixels.mean():.0f} of 255")


def images_from_studio(folders: list[Path]) -> dict[str, np.ndarray]:
    """Start the studio's server, ask it for four images of each run, and stop the server."""
    command = [
        sys.executable, "-m", "latentarium", "studio", *map(str, folders),
        "--import", __file__, "--port", "0", "--no-browse",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folders[0]) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()  # "The studio is at http://127.0.0.1:PORT/ ..."
            address = next(word for word in line.split() if word.startswith("http"))
            images = {}
            for index, folder in enumerate(folders):
                url = f"{address}api/models/{index}/samples/pixels?n=4"
                with urllib.request.urlopen(url, timeout=120) as reply:
                    images[folder.name] = np.frombuffer(reply.read(), np.uint8)
            return images
        finally:
            server.terminate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
