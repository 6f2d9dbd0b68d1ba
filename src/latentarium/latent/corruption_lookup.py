"""Find a corruption network for a data set: the shipped one, a cached one, or a new one."""

import hashlib
import warnings
from importlib.resources import as_file, files
from pathlib import Path

import torch

from latentarium.classifier.lookup import CacheWarning
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.files import cache_folder
from latentarium.latent import corruption_training
from latentarium.latent.corruption_network import CorruptionNetwork, load_network, save_network
from latentarium.progress import StepProgress

MIN_IMAGES, MAX_IMAGES, STEPS = 2000, 20_000, 2500
"""Fewest training images with which there is a network, since it would learn fewer by heart; most
that it is trained on; number of steps."""
VERSION = 3
"""Version of the network and its training, part of the names of cached files."""


def corruption_network(
    data: Data,
    *,
    cache: Path | None = None,
    progress: StepProgress | None = None,
) -> CorruptionNetwork | None:
    """Return the network of these data: the shipped network if it was trained on them, or else a
    cached network, or else a newly trained network, which is then cached.

    It is None for fewer than `MIN_IMAGES` training images. If the cache can't be used, there is a
    `CacheWarning`.

    Arguments:
        data: The images; labels are not used.
        cache: Folder of the cached networks; None: the usual one.
        progress: Reports the steps if a network is trained.
    """
    if len(data.train) < MIN_IMAGES:
        return None
    fingerprint = data.card.fingerprint
    with as_file(files("latentarium.latent") / "mnist" / "corruption.safetensors") as shipped:
        known = load_network(shipped, fingerprint=fingerprint) if shipped.is_file() else None
    if known is not None:
        return known
    path = _cached_path(fingerprint, cache)
    if path.is_file():
        try:
            known = load_network(path, fingerprint=fingerprint)
            if known is not None:
                return known
        except UserError as error:
            warnings.warn(str(error), CacheWarning, stacklevel=2)
    network = train(data, progress=progress)
    try:
        save_network(network, path, fingerprint=fingerprint)
    except (OSError, UserError) as error:
        warnings.warn(
            f"The corruption network of {data.card.source} can't be cached ({error}); it will be "
            "trained again next time.",
            CacheWarning,
            stacklevel=2,
        )
    return network


def must_be_trained(data: Data) -> bool:
    """Return whether the network of these data is neither shipped nor cached, and so takes minutes
    to get."""
    if len(data.train) < MIN_IMAGES or _cached_path(data.card.fingerprint).is_file():
        return False
    with as_file(files("latentarium.latent") / "mnist" / "corruption.safetensors") as shipped:
        return load_network(shipped, fingerprint=data.card.fingerprint) is None


def _cached_path(fingerprint: str, cache: Path | None = None) -> Path:
    key = hashlib.sha256(repr((fingerprint, STEPS, VERSION)).encode()).hexdigest()[:16]
    folder = cache or cache_folder("corruption-networks")
    return folder / f"{fingerprint[:16]}-{key}.safetensors"


def train(data: Data, *, progress: StepProgress | None = None) -> CorruptionNetwork:
    """Train a network on the training split."""
    chosen = torch.from_numpy(fixed_permutation(len(data.train))[:MAX_IMAGES])
    images = data.train.images[chosen]
    return corruption_training.train_network(images, steps=STEPS, progress=progress)
