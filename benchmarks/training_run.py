"""Train the same VAE once, in a separate process: `training_run.py SIDE IMAGES.npy`.

The network is 784 - 512 - 16 - 512 - 784, fully connected, with a Bernoulli likelihood; Adam at
1e-3, batches of 128, five passes over 50,000 images. The side "tuned" is latentarium with another
learning-rate schedule and three passes. The time runs from the first step to the
trained model, so it includes what a library does between steps (data loading, logging, evaluation,
saving) but no imports. Afterwards the ELBO of the held-out images is measured in the same way for
all, since a library must not be fast by learning less. With --curve, it is measured after each
pass instead, and the time means nothing. With one thread (OMP_NUM_THREADS=1), the time is that of
the processor, which other programs hardly change. The images come from a file, so that pythae's
side imports nothing of latentarium.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch._dynamo  # otherwise the first optimizer imports it while the time runs
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from latentarium.config import OptimizerConfig
    from latentarium.models.autoencoder import Autoencoder

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
Decode = Callable[[Tensor], Tensor]
BATCH_SIZE, LATENT_DIM, HIDDEN = 128, 16, 512
TUNED_SHARE = 3 / 5
"""Number of passes of the side "tuned", divided by that of the other sides."""


@dataclass(frozen=True)
class Task:
    """What is trained on.

    Arguments:
        pixels: Training images, then held-out images, as uint8 (N, 1, 28, 28).
        images: The number of training images.
        epochs: Passes over the training images.
        seed: The seed of weights, order and noise.
        curve: Whether to measure the ELBO after each pass, not only after the last one.
    """

    pixels: np.ndarray
    images: int
    epochs: int
    seed: int = 0
    curve: bool = False

    @property
    def train(self) -> np.ndarray:
        return self.pixels[: self.images]

    @property
    def held_out(self) -> np.ndarray:
        return self.pixels[self.images :]


def main() -> None:
    """Train one side and print its results as JSON."""
    sides = {
        "ours": train_latentarium,
        "tuned": train_tuned,
        "bare": train_bare_loop,
        "pythae": train_pythae,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=list(sides))
    parser.add_argument("pixels", help="an .npy file of uint8 images")
    parser.add_argument("--images", type=int, default=50_000, help="training images")
    parser.add_argument("--held-out", type=int, default=10_000, help="held-out images")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", action="store_true", help="the ELBO after each pass")
    options = parser.parse_args()
    pixels = np.load(options.pixels)[: options.images + options.held_out]
    task = Task(pixels, options.images, options.epochs, options.seed, options.curve)
    results = sides[options.side](task)
    images_seen = (
        results.pop("epochs", options.epochs) * (options.images // BATCH_SIZE) * BATCH_SIZE
    )
    results["images_per_second"] = images_seen / results["seconds"]
    results["clock"] = "processor" if torch.get_num_threads() == 1 else "wall"
    print(json.dumps({"side": options.side, **results}))


def clock() -> float:
    """Return CPU seconds with one thread, wall-clock seconds otherwise."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def train_tuned(task: Task) -> dict[str, Any]:
    """Train with latentarium for fewer passes, at a higher learning rate that falls to 0."""
    from latentarium.config import OptimizerConfig

    fewer = replace(task, epochs=max(1, round(TUNED_SHARE * task.epochs)), curve=False)
    return train_latentarium(fewer, OptimizerConfig(learning_rate=5e-3, warmup_steps=50))


def train_latentarium(task: Task, optimizer: "OptimizerConfig | None" = None) -> dict[str, Any]:
    """Train with latentarium, including its log, held-out losses, sample grids and checkpoints.

    Arguments:
        task: What is trained on.
        optimizer: The optimizer; None for the one that all sides share.
    """
    from latentarium.config import (
        AutoencoderConfig,
        Config,
        NetConfig,
        OptimizerConfig,
        TrainConfig,
    )
    from latentarium.data.arrays import RawData, to_data
    from latentarium.data.batches import Batches
    from latentarium.models.autoencoder import Autoencoder
    from latentarium.presets.mnist import SMALL_OUTPUT
    from latentarium.rng import Noise
    from latentarium.training import train

    held_out = task.held_out
    images: dict[str, object] = {"train": task.train, "validation": held_out, "test": held_out}
    data = to_data(RawData(source="mnist", images=images, labels={}))
    net = NetConfig(kind="mlp", width=HIDDEN, depth=1, activation="silu")
    total = task.epochs * task.images // BATCH_SIZE

    def config(steps: int) -> Config:
        return Config(
            name="fit",
            model=AutoencoderConfig(
                latent_dim=LATENT_DIM,
                posterior="gaussian",
                encoder_range="unit",
                encoder=net,
                decoder=replace(net, output_scale=SMALL_OUTPUT),
            ),
            optimizer=optimizer or OptimizerConfig(learning_rate=1e-3, decay="constant"),
            train=TrainConfig(
                steps=steps, batch_size=BATCH_SIZE, log_every=total // task.epochs,
                sample_every=total, checkpoint_every=total, device="cpu", seed=task.seed,
            ),
        )  # fmt: skip

    # with a constant learning rate, extending a run changes nothing
    passes = range(1, task.epochs + 1) if task.curve else (task.epochs,)
    elbos, seconds, model = [], 0.0, None
    with tempfile.TemporaryDirectory() as folder:
        started = clock()
        for epoch in passes:
            run = train(config(epoch * task.images // BATCH_SIZE), Path(folder) / "run", data)
            seconds = clock() - started
            model = run.load()
            assert isinstance(model, Autoencoder)
            elbos.append(elbo(*latentarium_functions(model), held_out))
    # as much evaluation as pythae's pipeline does: all held-out images after each pass
    assert isinstance(model, Autoencoder)
    started = clock()
    batches = Batches(data.validation, BATCH_SIZE, 0)
    with torch.no_grad():
        for k in range(task.epochs * batches.per_epoch):
            model.loss(batches.draw(k), Noise(k))
    evaluation = clock() - started
    return {
        "seconds": seconds,
        "evaluation": evaluation,
        "elbo": elbos[-1],
        "elbos": elbos,
        "epochs": task.epochs,
    }


def latentarium_functions(model: "Autoencoder") -> tuple[Encode, Decode]:
    """Return encoder and decoder for images in [0, 1]."""
    from latentarium.distributions import DiagonalGaussian

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = model.encode((2 * x - 1).unflatten(1, (1, 28, 28)))
        assert isinstance(posterior, DiagonalGaussian)
        return posterior.mean, posterior.log_variance

    def decode(z: Tensor) -> Tensor:
        return ((model.decode(z) + 1) / 2).flatten(1)

    return encode, decode


def train_bare_loop(task: Task) -> dict[str, Any]:
    """Train with a minimal loop that does nothing else: the practical upper limit."""
    from torch import nn

    torch.manual_seed(task.seed)
    images = torch.from_numpy(task.train).flatten(1)
    encoder = nn.Sequential(
        nn.Linear(784, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 2 * LATENT_DIM)
    )
    decoder = nn.Sequential(
        nn.Linear(LATENT_DIM, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 784)
    )
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = encoder(x).chunk(2, 1)
        return mean, log_variance

    def measure() -> float:
        return elbo(encode, lambda z: decoder(z).sigmoid(), task.held_out)

    elbos = []
    started = clock()
    for _ in range(task.epochs):
        order = torch.randperm(task.images)
        for start in range(0, task.images - BATCH_SIZE + 1, BATCH_SIZE):
            x = images[order[start : start + BATCH_SIZE]].float() / 255
            mean, log_variance = encoder(x).chunk(2, 1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            logits = decoder(z)
            distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            rate = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
            optimizer.zero_grad(set_to_none=True)
            ((distortion + rate) / BATCH_SIZE).backward()
            optimizer.step()
        if task.curve:
            elbos.append(measure())
    seconds = clock() - started
    elbos = elbos or [measure()]
    return {"seconds": seconds, "elbo": elbos[-1], "elbos": elbos}


def train_pythae(task: Task) -> dict[str, Any]:
    """Train with the pipeline of pythae 0.1.2 and its default network, which has these layers."""
    from pythae.models import VAE, VAEConfig  # pyright: ignore[reportMissingImports]
    from pythae.pipelines import TrainingPipeline  # pyright: ignore[reportMissingImports]
    from pythae.trainers import BaseTrainerConfig  # pyright: ignore[reportMissingImports]
    from pythae.trainers.training_callbacks import (  # pyright: ignore[reportMissingImports]
        TrainingCallback,
    )

    x = task.pixels.astype(np.float32) / 255
    torch.manual_seed(task.seed)
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_DIM, reconstruction_loss="bce"))
    elbos: list[float] = []

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        output = model.encoder(x.unflatten(1, (1, 28, 28)))
        return output.embedding, output.log_covariance

    def decode(z: Tensor) -> Tensor:
        return model.decoder(z).reconstruction.flatten(1)

    class Curve(TrainingCallback):
        def on_epoch_end(self, training_config: object, **_: object) -> None:
            elbos.append(elbo(encode, decode, task.held_out))

    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=task.epochs, learning_rate=1e-3, no_cuda=True,
            per_device_train_batch_size=BATCH_SIZE, per_device_eval_batch_size=BATCH_SIZE,
            seed=8 + task.seed,  # 8 is its default
        )  # fmt: skip
        pipeline = TrainingPipeline(model=model, training_config=settings)
        callbacks = [Curve()] if task.curve else None
        started = clock()
        pipeline(train_data=x[: task.images], eval_data=x[task.images :], callbacks=callbacks)
        seconds = clock() - started
    model.eval()
    elbos = elbos or [elbo(encode, decode, task.held_out)]
    return {"seconds": seconds, "elbo": elbos[-1], "elbos": elbos}


def elbo(encode: Encode, decode: Decode, pixels: np.ndarray) -> float:
    """Return the mean ELBO in nats, with one draw per image.

    A pixel's intensity is the probability of a 1, as in training. The random numbers of a training
    that goes on are left as they are.
    """
    x = torch.from_numpy(pixels).flatten(1).float() / 255
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        mean, log_variance = encode(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        distortion = F.binary_cross_entropy(decode(z), x, reduction="sum")
        rate = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
    return -float(distortion + rate) / len(x)


if __name__ == "__main__":
    main()
