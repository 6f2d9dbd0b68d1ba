"""The systems that the tour trains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """One of the four systems that the report introduces.

    Arguments:
        name: The name in the report.
        description: One or two sentences about the system.
    """

    name: str
    description: str


SYSTEMS = {
    "ae": System(
        "Autoencoder",
        "Encodes an image as 16 numbers and decodes the image from them. Nothing in its training "
        "controls the space between the latents of the data.",
    ),
    "vae": System(
        "VAE",
        "Encodes each image as a small Gaussian. These fill the latent space with few gaps, so it "
        "can be sampled. Its images are blurred.",
    ),
    "gan": System(
        "GAN",
        "A generator makes images and a discriminator distinguishes them from real images; each "
        "is trained against the other. The class of an image can't be chosen.",
    ),
    "cgan": System(
        "Conditional GAN",
        "Both players see the label: an image must look real and show the requested digit.",
    ),
}
"""The systems of the report, by the name of their run folder."""

TRAINED = {
    "ae": "ae_mnist",
    "vae": "vae_mnist",
    "gan": "gan_mnist",
    "cgan": "cgan_mnist",
    "vae_flow": "vae_flow_mnist",
    "vae_class": "vae_class_mnist",
    "gan_grid": "gan_grid",
    "gan_ring": "gan_ring",
    "vae_ring": "vae_ring",
    "vae_grid": "vae_grid",
}
"""The preset of each run that a claim can need, in the order of training: first the systems of the
report, then the longest trainings and those that long measurements need, so that all processor
cores are busy until the end."""

SHORTER = {"gan_ring": 3000}
"""Training steps of runs that are shorter than those of their presets. The GAN of the ring finds
all modes; more steps only bring its samples nearer to them."""
