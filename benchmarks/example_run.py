"""Train one side of a comparison with the examples of PyTorch: `example_run.py SIDE DATA.npz`.

The loops are re-created from the settings that the examples publish, as people copy them, without
torchvision: its data set makes a PIL image of each item and converts it to a tensor.

VAE: 784 - 400 - 20 - 400 - 784 with ReLU, Adam at 1e-3, batches of 128, ten passes, and the loss
of all held-out images after each pass. "vae-in-memory" is the same without PIL images and without
that loss.

DCGAN: ngf = ndf = 64, 100 latent dimensions, batch normalization, weights from N(0, 0.02), binary
cross-entropy, Adam at 2e-4 with betas of 0.5 and 0.999, batches of 64. The published network is
for 64 x 64 pixels. As in many copies for MNIST, this one has its last two stages: the generator
has 128 channels at 7 x 7 and 64 at 14 x 14 pixels, the discriminator has the same in reverse. An
image grid, which the examples save from time to time, is left out.

The other sides are presets of latentarium, trained step by step. The quality is measured at
intervals, and the time of measuring is not counted. The result is JSON: a list of seconds of
training, step and quality.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from training_run import clock, elbo, latentarium_functions

Measure = Callable[[], float]
NUM_SAMPLES = 10_000
SAMPLE_BATCH = 500


@dataclass(frozen=True)
class Task:
    """What is trained on, and when to stop.

    Arguments:
        train: Training images, as uint8 (N, 28, 28).
        held_out: Held-out images, as uint8 (N, 28, 28).
        goal: The quality at which a training stops; higher is better. None trains to the end.
        passes: Passes of an example over the training images.
        interval: Steps between two measurements.
        seed: The seed of weights, order and noise.
    """

    train: np.ndarray
    held_out: np.ndarray
    goal: float | None
    passes: int
    interval: int
    seed: int


class PILImages(Dataset[Tensor]):
    """Images that are converted one by one, as torchvision's data sets do.

    Arguments:
        pixels: Images as uint8 (N, H, W).
        centred: Whether the values are in [-1, 1] instead of [0, 1].
    """

    def __init__(self, pixels: np.ndarray, *, centred: bool) -> None:
        self.pixels, self.centred = torch.from_numpy(pixels), centred

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        image = Image.fromarray(self.pixels[index].numpy())
        tensor = torch.from_numpy(np.array(image))[None].to(torch.get_default_dtype()).div(255)
        return tensor.sub(0.5).div(0.5) if self.centred else tensor


class Stopwatch:
    """Measures a quality at intervals, and the time of training between these measurements.

    Arguments:
        task: When to measure, and when to stop.
        measure: Returns the quality.
    """

    def __init__(self, task: Task, measure: Measure) -> None:
        self.task, self.measure = task, measure
        self.rows: list[tuple[float, int, float]] = []
        self.seconds, self.step = 0.0, 0
        self.started = clock()

    def step_done(self, *, last: bool = False) -> bool:
        """Count a step, and return whether the training is to stop."""
        self.step += 1
        if self.step % self.task.interval and not last:
            return False
        return self.look()

    def look(self) -> bool:
        """Measure the quality, and return whether it has reached the goal."""
        self.seconds += clock() - self.started
        with torch.random.fork_rng():
            value = self.measure()
        self.rows.append((round(self.seconds, 3), self.step, value))
        self.started = clock()
        return self.task.goal is not None and value >= self.task.goal


class ExampleVAE(nn.Module):
    """The network of the VAE example."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
        self.expand, self.output = nn.Linear(20, 400), nn.Linear(400, 784)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.hidden(x))
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.output(F.relu(self.expand(z))))

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        std = torch.exp(0.5 * log_variance)
        reconstruction = self.decode(mean + torch.randn_like(std) * std)
        distortion = F.binary_cross_entropy(reconstruction, x, reduction="sum")
        rate = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return distortion + rate


def train_vae(task: Task, *, in_memory: bool) -> Stopwatch:
    """Train the VAE of the examples."""
    torch.manual_seed(task.seed)
    model = ExampleVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    watch = Stopwatch(task, lambda: elbo(model.encode, model.decode, task.held_out))
    if in_memory:
        images = torch.from_numpy(task.train).flatten(1)
        held_out = None
    else:
        images = DataLoader(PILImages(task.train, centred=False), batch_size=128, shuffle=True)
        held_out = DataLoader(PILImages(task.held_out, centred=False), batch_size=128)
    for _ in range(task.passes):
        for batch in _shuffled(images) if isinstance(images, Tensor) else images:
            optimizer.zero_grad()
            loss = model.loss(batch.view(-1, 784))
            loss.backward()
            loss.item()  # the example sums it up for its log
            optimizer.step()
            if watch.step_done():
                return watch
        if held_out is not None:
            with torch.no_grad():
                for batch in held_out:
                    model.loss(batch.view(-1, 784)).item()
    watch.look()
    return watch


def _shuffled(images: Tensor, batch_size: int = 128) -> Iterator[Tensor]:
    for rows in torch.randperm(len(images)).split(batch_size):
        yield images[rows].float() / 255


def dcgan_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Return generator and discriminator of the DCGAN for 28 x 28 pixels."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, 128, 7, 1, 0, bias=False), nn.BatchNorm2d(128), nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(128, 1, 7, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    for module in (*generator, *discriminator):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return generator, discriminator


def train_dcgan(task: Task) -> Stopwatch:
    """Train the DCGAN of the examples."""
    torch.manual_seed(task.seed)
    generator, discriminator = dcgan_networks()
    loss = nn.BCELoss()
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    of_discriminator = torch.optim.Adam(discriminator.parameters(), **adam)
    of_generator = torch.optim.Adam(generator.parameters(), **adam)
    loader = DataLoader(PILImages(task.train, centred=True), batch_size=64, shuffle=True)
    distance = frechet_to(task.held_out)

    def samples() -> Tensor:
        torch.manual_seed(0)
        with torch.no_grad():  # with the statistics of the batch, as the example's grids
            parts = [generator(torch.randn(SAMPLE_BATCH, 100, 1, 1)) for _ in range(20)]
        return torch.cat(parts)

    watch = Stopwatch(task, lambda: -distance(samples()))
    for _ in range(task.passes):
        for real in loader:
            discriminator.zero_grad()
            ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
            loss_real = loss(discriminator(real).view(-1), ones)
            loss_real.backward()
            fake = generator(torch.randn(len(real), 100, 1, 1))
            loss_fake = loss(discriminator(fake.detach()).view(-1), zeros)
            loss_fake.backward()
            of_discriminator.step()
            generator.zero_grad()
            loss_generator = loss(discriminator(fake).view(-1), ones)
            loss_generator.backward()
            of_generator.step()
            for value in (loss_real, loss_fake, loss_generator):
                value.item()  # the example prints them
            if watch.step_done():
                return watch
    watch.look()
    return watch


def frechet_to(pixels: np.ndarray) -> Callable[[Tensor], float]:
    """Return a function from images in [-1, 1] to their Fréchet distance from given ones, in the
    features of latentarium's classifier."""
    from latentarium.classifier.classifier import load_classifier
    from latentarium.metrics.distances import FeatureStatistics, frechet_distance

    classifier = load_classifier()
    real = FeatureStatistics.of(classifier.features(torch.from_numpy(pixels)[:, None]))
    return lambda images: frechet_distance(real, FeatureStatistics.of(classifier.features(images)))


def train_preset(task: Task, name: str) -> Stopwatch:
    """Train a preset of latentarium with its own number of steps."""
    from speed_parts.common import with_settings
    from speed_parts.steps import TrainingSteps

    from latentarium import presets
    from latentarium.data.arrays import RawData, to_data
    from latentarium.models.autoencoder import Autoencoder

    train, held_out = (pixels[:, None] for pixels in (task.train, task.held_out))
    images: dict[str, object] = {"train": train, "validation": held_out, "test": held_out}
    data = to_data(RawData(source="mnist", images=images, labels={}))
    config = with_settings(presets.get(name), seed=task.seed)
    training = TrainingSteps(config, data)
    distance = None if config.model.has_encoder else frechet_to(task.held_out)

    def quality() -> float:
        model = training.state.ema_model()
        if distance is not None:
            return -distance(model.sample(NUM_SAMPLES, seed=0))
        assert isinstance(model, Autoencoder)
        return elbo(*latentarium_functions(model), task.held_out)

    watch = Stopwatch(task, quality)
    steps = config.train.steps
    for step in range(steps):
        training.step()
        if watch.step_done(last=step + 1 == steps):
            break
    return watch


SIDES: dict[str, Callable[[Task], Stopwatch]] = {
    "vae": lambda task: train_vae(task, in_memory=False),
    "vae-in-memory": lambda task: train_vae(task, in_memory=True),
    "vae_mnist": lambda task: train_preset(task, "vae_mnist"),
    "dcgan": train_dcgan,
    "gan_mnist": lambda task: train_preset(task, "gan_mnist"),
}


def main() -> None:
    """Train one side, and print its seconds, steps and qualities as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=list(SIDES))
    parser.add_argument("data", help="an .npz file with uint8 images: train, held_out")
    parser.add_argument("--goal", type=float, help="the quality at which to stop")
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--interval", type=int, default=100, help="steps between measurements")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with np.load(options.data) as data:
        settings: dict[str, Any] = {name: data[name] for name in ("train", "held_out")}
    task = Task(
        **settings, goal=options.goal, passes=options.passes,
        interval=options.interval, seed=options.seed,
    )  # fmt: skip
    print(json.dumps(SIDES[options.side](task).rows))


if __name__ == "__main__":
    main()
