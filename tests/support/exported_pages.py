"""Pages of small models, opened from the disk in a browser."""

CLASSES = ("zero", "one", "二")
TRAINING_ONLY = {
    "prior", "likelihood_std", "beta", "noise_std", "binarize", "loss", "r1", "r2",
    "wrong_label_weight", "discriminator.kind", "discriminator.upsampling", "discriminator.norm",
}  # fmt: skip
