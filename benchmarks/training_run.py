"""One whole fit of the same VAE, in a process of its own: `python fits.py ours|bare|pythae`.

784 - 512 - 16 - 512 - 784 fully connected, Bernoulli likelihood, Adam at 1e-3, batches of 128, all
50,000 images five times. The time runs from the first step to the trained model in hand: what the
library does between steps (its loader, log, evaluation, saving) is part of it, imports are not.
Afterwards the ELBO of the held-out images is measured the same way for all: nobody is fast by
learning less. pythae's side imports no latentarium: the images come from a file.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # else the first optimizer imports it, within the time
from torch import Tensor
from torch.nn import functional as F

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
Decode = Callable[[Tensor], Tensor]
BATCH, EPOCHS, LATENT, HIDDEN = 128, 5, 16, 512
IMAGES, HELD_OUT = 50_000, 10_000


def ours(pixels: np.ndarray) -> dict[str, float]:
    """latentarium's `train`, with its log, held-out losses, sample grids and checkpoints."""
    from latentarium.config import (
        AutoencoderConfig,
        Config,
        NetConfig,
        OptimizerConfig,
        TrainConfig,
    )
    from latentarium.data.arrays import RawData, to_data
    from latentarium.data.batches import Batches
    from latentarium.distributions import DiagonalGaussian
    from latentarium.models.autoencoder import Autoencoder
    from latentarium.rng import Noise
    from latentarium.training import train

    data = to_data(
        RawData(
            source="mnist",
            images={
                "train": pixels[:IMAGES],
                "validation": pixels[IMAGES:],
                "test": pixels[IMAGES:],
            },
            labels={},
        )
    )
    net = NetConfig(kind="mlp", width=HIDDEN, depth=1)
    steps = EPOCHS * IMAGES // BATCH
    config = Config(
        name="fit",
        model=AutoencoderConfig(
            latent_dim=LATENT, posterior="gaussian", encoder=net, decoder=net
        ),
        optimizer=OptimizerConfig(learning_rate=1e-3, decay="constant"),
        train=TrainConfig(
            steps=steps, batch_size=BATCH, log_every=steps // EPOCHS,
            sample_every=steps, checkpoint_every=steps, device="cpu",
        ),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = train(config, Path(folder) / "run", data)
        seconds = time.perf_counter() - began
        model = run.load()
    assert isinstance(model, Autoencoder)
    # as much evaluation as pythae's pipeline does: all held-out images after each pass
    began = time.perf_counter()
    held = Batches(data.validation, BATCH, 0)
    with torch.no_grad():
        for k in range(EPOCHS * held.per_epoch):
            model.loss(held.draw(k), Noise(k))
    evaluation = time.perf_counter() - began

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = model.encode((2 * x - 1).unflatten(1, (1, 28, 28)))
        assert isinstance(posterior, DiagonalGaussian)
        return posterior.mean, posterior.log_variance

    def decode(z: Tensor) -> Tensor:
        return ((model.decode(z) + 1) / 2).flatten(1)

    return {"seconds": seconds, "evaluation": evaluation, "elbo": elbo(encode, decode, pixels)}


def bare(pixels: np.ndarray) -> dict[str, float]:
    """The practical limit: a loop by hand that does nothing but train."""
    from torch import nn

    torch.manual_seed(0)
    images = torch.from_numpy(pixels[:IMAGES]).flatten(1)
    encoder = nn.Sequential(
        nn.Linear(784, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 2 * LATENT)
    )
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    began = time.perf_counter()
    for _ in range(EPOCHS):
        order = torch.randperm(IMAGES)
        for start in range(0, IMAGES - BATCH + 1, BATCH):
            x = images[order[start : start + BATCH]].float() / 255
            mean, log_variance = encoder(x).chunk(2, 1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            logits = decoder(z)
            distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            rate = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
            optimizer.zero_grad(set_to_none=True)
            ((distortion + rate) / BATCH).backward()
            optimizer.step()
    seconds = time.perf_counter() - began

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = encoder(x).chunk(2, 1)
        return mean, log_variance

    found = elbo(encode, lambda z: decoder(z).sigmoid(), pixels)
    return {"seconds": seconds, "elbo": found}


def pythae(pixels: np.ndarray) -> dict[str, float]:
    """pythae 0.1.2's pipeline with its default network, which has the same layers."""
    from pythae.models import VAE, VAEConfig  # pyright: ignore[reportMissingImports]
    from pythae.pipelines import TrainingPipeline  # pyright: ignore[reportMissingImports]
    from pythae.trainers import BaseTrainerConfig  # pyright: ignore[reportMissingImports]

    x = pixels.astype(np.float32) / 255
    torch.manual_seed(0)
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"))
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=EPOCHS, learning_rate=1e-3, no_cuda=True,
            per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH,
        )  # fmt: skip
        pipeline = TrainingPipeline(model=model, training_config=settings)
        began = time.perf_counter()
        pipeline(train_data=x[:IMAGES], eval_data=x[IMAGES:])
        seconds = time.perf_counter() - began

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        output = model.encoder(x.unflatten(1, (1, 28, 28)))
        return output.embedding, output.log_covariance

    def decode(z: Tensor) -> Tensor:
        return model.decoder(z).reconstruction.flatten(1)

    model.eval()
    return {"seconds": seconds, "elbo": elbo(encode, decode, pixels)}


def elbo(encode: Encode, decode: Decode, pixels: np.ndarray) -> float:
    """The mean ELBO of the held-out images in nats, one draw each; a grey pixel is the
    probability of being on, as in training."""
    x = torch.from_numpy(pixels[IMAGES:]).flatten(1).float() / 255
    torch.manual_seed(0)
    with torch.no_grad():
        mean, log_variance = encode(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        distortion = F.binary_cross_entropy(decode(z), x, reduction="sum")
        rate = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
    return -float(distortion + rate) / len(x)


if __name__ == "__main__":
    side, source = sys.argv[1:3]
    torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else torch.get_num_threads())
    if len(sys.argv) > 4:  # a smoke test
        EPOCHS, IMAGES, HELD_OUT = 1, int(sys.argv[4]), 1000
    found = {"ours": ours, "bare": bare, "pythae": pythae}[side](
        np.load(source)[: IMAGES + HELD_OUT]
    )
    seen = EPOCHS * (IMAGES // BATCH) * BATCH
    print(json.dumps({"side": side, **found, "images_per_second": seen / found["seconds"]}))
