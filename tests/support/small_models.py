"""Small autoencoders, and a batch of images for them."""

from dataclasses import replace

from latentarium import presets
from latentarium.config import AutoencoderConfig
from latentarium.data.batches import Batch, Batches
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from support.tiny import tiny_data


def one_batch(shape=(1, 12, 10)) -> Batch:
    return Batches(tiny_data(shape=shape).train, 16, 0).draw(0)


def autoencoder(preset: str, **changes: object) -> Autoencoder:
    config = presets.get(preset).model
    assert isinstance(config, AutoencoderConfig)
    model = build(replace(config, **changes), tiny_data().card)
    assert isinstance(model, Autoencoder)
    return model
