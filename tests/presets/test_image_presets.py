"""The presets for the user's images train at every size, colour or grey, labelled or not."""

from dataclasses import replace

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.presets import images
from latentarium.presets.variants import shrink
from support.tiny import tiny_arrays

NAMES = [preset.__name__ for preset in images.PRESETS]


def brief(name, steps=2, batch_size=4):
    """Return a preset with tiny networks and few steps, and otherwise its own settings."""
    config = shrink(presets.get(name), name)
    settings = replace(
        config.train, steps=steps, batch_size=batch_size, log_every=1, sample_every=0, snapshots=0
    )
    return replace(config, train=settings)


def images_of(shape, classes=3, n=40):
    """Return labelled data of this shape; without labels for 0 classes."""
    pixels, labels = tiny_arrays(n, shape, max(1, classes))
    return la.load_data(pixels, labels if classes else None)


@pytest.mark.parametrize("name", NAMES)
def test_each_preset_trains_samples_and_loads(name, tmp_path):
    data = images_of((3, 20, 24))
    model = la.train(brief(name, steps=4), tmp_path / "run", data).load()
    label = "2" if model.takes_label else None
    samples = model.sample(2, label=label)
    assert samples.shape == (2, 3, 20, 24)
    assert model.takes_label == name.startswith("c")
    assert model.has_encoder == ("gan" not in name)


@pytest.mark.parametrize("name", ["vae_images", "cgan_images"])
@pytest.mark.parametrize(
    "shape",
    [(1, 16, 16), (3, 17, 31), (3, 24, 24), (1, 100, 40), (3, 100, 100), (3, 128, 128),
     (2, 16, 128), (4, 127, 65), (1, 8, 128)],
)  # fmt: skip
def test_every_size_from_16_to_128_fits(name, shape, tmp_path):
    config = brief(name, steps=1)
    run = la.train(config, tmp_path / "run", images_of(shape, n=12))
    assert run.load().sample(1).shape == (1, *shape)


@pytest.mark.parametrize("classes", [1, 2])
def test_conditional_vae_takes_one_or_two_classes(classes, tmp_path):
    run = la.train(brief("cvae_images"), tmp_path / "run", images_of((1, 16, 16), classes))
    model = run.load()
    samples = [model.sample(1, label=str(label), seed=0) for label in range(classes)]
    assert all(bool(sample.isfinite().all()) for sample in samples)
    assert len({sample.numpy().tobytes() for sample in samples}) == classes


@pytest.mark.parametrize("name", ["cvae_images", "cgan_images"])
def test_a_thousand_classes_are_learned_and_sampled(name, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 3, 16, 16)).astype(np.uint8)
    data = la.load_data(pixels, np.arange(2000) % 1000)
    with pytest.warns(UserWarning, match="No training images of"):  # a tenth are test images
        model = la.train(brief(name), tmp_path / "run", data).load()
    assert model.sample(2, label="999").shape == (2, 3, 16, 16)
