"""Models with all operations of the presets, in small, for tests of exporters."""

from dataclasses import fields, replace

import torch

from latentarium import presets
from latentarium.config import DataCard, HierarchicalConfig, NetConfig
from latentarium.models.build import build

CLASSES = ("zero", "one", "二")
TRAINING_ONLY = {
    "prior", "likelihood_std", "beta", "noise_std", "binarize", "loss", "r1", "r2",
    "penalty_every", "wrong_label_weight", "kl_warmup_steps", "objective",
    "discriminator.kind", "discriminator.upsampling", "discriminator.norm",
    "discriminator.activation",
}  # fmt: skip
"""Settings of a model that change neither its decoder nor its encoder."""


def shape_of(name):
    """Return a shape of images for a preset."""
    if name.endswith(("_ring", "_grid", "_wide")):
        return (2, 1, 1)
    if name.endswith("_images"):
        return (3, 24, 16)
    return (3, 28, 28) if "stacked" in name else (1, 28, 28)


def shrunk(config):
    """Return settings with the same operations and small layers."""
    trunks = {
        name: replace(net, width=min(net.width, 8), hidden=min(net.hidden, 16))
        for name in config.trunks
        if isinstance(net := getattr(config, name), NetConfig)
    }
    levels = {"upper_dim": 3, "width": 8} if isinstance(config, HierarchicalConfig) else {}
    return replace(config, latent_dim=min(config.latent_dim, 8), **levels, **trunks)


def features(name):
    """Return the settings that decide which operations a preset's networks have."""
    config = presets.get(name).model
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    for trunk in config.trunks:
        net = values.pop(trunk)
        values |= {f"{trunk}.{key}": getattr(net, key) for key in ("kind", "upsampling", "norm")}
    values["points"] = shape_of(name)[1:] == (1, 1)
    ignored = {"latent_dim", *TRAINING_ONLY}
    return {(key, repr(value)) for key, value in values.items() if key not in ignored}


def covering_presets():
    """Return a small set of presets whose networks have all the operations of all presets."""
    wanted = {name: features(name) for name in sorted(presets.all_presets())}
    chosen, missing = [], set().union(*wanted.values())
    while missing:
        best = max(wanted, key=lambda name: len(wanted[name] & missing))
        chosen.append(best)
        missing -= wanted[best]
    return chosen


def model_of(config, shape, classes=CLASSES):
    """Return a model with random weights."""
    card = DataCard(source="test", fingerprint="0", image_shape=shape, classes=classes)
    model = build(config, card, 0).eval()
    with torch.no_grad():  # some layers start at zero
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=torch.manual_seed(1))
            parameter += 0.3 * noise / max(10, parameter[0].numel()) ** 0.5
    return model
