"""Suggested presets fit the data, and a preset that does not fit is recognized."""

from dataclasses import replace

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.config import NetConfig
from latentarium.presets.fit import DataSummary, find_misfit
from latentarium.presets.suggestions import Suggestion
from support.tiny import tiny_arrays, tiny_data


def summary(shape=(3, 64, 64), classes=10, count=3000, source="pictures"):
    return DataSummary(source=source, image_shape=shape, num_classes=classes, num_train=count)


def names(data):
    return [suggestion.preset for suggestion in presets.suggest(data)]


def code_of(name, data, **settings):
    """Return why a preset does not fit, as a code; None if it fits."""
    config = presets.get(name)
    misfit = find_misfit(replace(config, train=replace(config.train, **settings)), data)
    return misfit.code if misfit else None


def test_labelled_images_get_conditional_presets_first():
    assert names(summary())[:2] == ["cgan_images", "cvae_images"]
    assert set(names(summary())) == {
        "ae_images", "vae_images", "cvae_images", "gan_images", "cgan_images"
    }  # fmt: skip


@pytest.mark.parametrize("classes", [0, 1])
def test_images_without_a_choice_of_class_get_unconditional_presets(classes):
    assert names(summary(classes=classes)) == ["vae_images", "gan_images", "ae_images"]


def test_few_images_per_class_put_unconditional_presets_first():
    assert names(summary(classes=1000))[0] == "vae_images"
    assert "cgan_images" in names(summary(classes=1000))


@pytest.mark.parametrize(
    ("source", "first"),
    [("mnist", "cgan_mnist"), ("mnist-dynamic", "vae_dynamic_mnist"), ("ring", "gan_ring"),
     ("grid", "gan_grid"), ("stacked-mnist", "gan_stacked_mnist")],
)  # fmt: skip
def test_built_in_data_gets_its_own_presets(source, first):
    data = la.load_data(source)
    assert names(data)[0] == first
    assert all(
        find_misfit(presets.get(name), DataSummary.of(data)) is None for name in names(data)
    )


def test_own_images_of_a_built_in_name_are_judged_by_their_shape():
    assert names(summary(source="ring"))[0] == "cgan_images"
    assert names(summary(source="stacked-mnist"))[0] == "cgan_images"
    assert names(summary(shape=(1, 28, 28), source="letters"))[0] == "cgan_mnist"


def test_large_images_are_to_be_fitted_to_64_pixels():
    (best, *_) = presets.suggest(summary(shape=(3, 480, 640)))
    assert best.image_size == best.config.train.image_size == 64
    assert best.options == ["--image-size", "64"]
    assert all(s.image_size == 0 for s in presets.suggest(summary(shape=(3, 128, 16))))


@pytest.mark.parametrize(("count", "batch"), [(10, 8), (1, 1), (63, 32), (64, 0)])
def test_few_images_get_a_smaller_batch(count, batch):
    (best, *_) = presets.suggest(summary(count=count))
    assert best.batch_size == batch
    assert best.config.train.batch_size == (batch or 64)


def test_suggested_configurations_train(tmp_path):
    pixels, _ = tiny_arrays(12, (1, 16, 16))
    data = la.load_data(pixels)
    (best, *_) = presets.suggest(data)
    config = best.config
    small = replace(config, train=replace(config.train, steps=1, sample_every=0, snapshots=0))
    assert la.train(small, tmp_path / "run", data).load().image_shape == (1, 16, 16)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("cgan_mnist", summary(classes=0), "labels-missing"),
        ("vae_class_mnist", summary(shape=(1, 28, 28), classes=0), "labels-missing"),
        ("cgan_images", summary(classes=1), "too-few-classes"),
        ("cvae_images", summary(classes=1), None),
        ("vae_mnist", summary(), "preset-mismatch"),
        ("vae_mnist", summary(shape=(3, 32, 32)), None),
        ("gan_mnist", summary(), None),
        ("gan_ring", summary(), "preset-mismatch"),
        ("vae_mnist", summary(shape=(2, 1, 1)), "preset-mismatch"),
        ("vae_images", summary(shape=(2, 1, 1)), "image-too-small"),
        ("vae_images", summary(shape=(3, 129, 64)), "preset-mismatch"),
        ("vae_images", summary(count=63), "batch-too-large"),
        ("vae_debug", summary(), None),
        ("gan_grid", summary(shape=(2, 1, 1), classes=25, source="ring"), None),
    ],
)
def test_a_preset_that_does_not_fit_is_recognized(name, data, code):
    assert code_of(name, data) == code


def test_deliberate_settings_are_respected():
    assert code_of("vae_images", summary(shape=(3, 256, 256)), image_size=256) is None
    config = presets.vae_mnist()
    conv = replace(config.model, encoder=NetConfig(), decoder=NetConfig())
    assert find_misfit(replace(config, model=conv), summary()) is None
    wide = NetConfig(kind="mlp", width=1024)
    wide_model = replace(config.model, encoder=wide, decoder=wide)
    assert find_misfit(replace(config, model=wide_model), summary()) is None
    assert find_misfit(replace(config, name="own"), summary()) is None


@pytest.mark.parametrize("name", ["cgan_debug", "cgan_images"])
def test_training_refuses_for_the_same_reason(name, tmp_path):
    """The codes of what no model can do are those of `train`."""
    single = la.load_data(
        *(np.random.default_rng(0).integers(0, 255, (90, 16, 16), np.uint8), [0] * 90)
    )
    few = la.load_data(tiny_arrays(12)[0], tiny_arrays(12)[1])
    config = presets.get(name)
    for data in (tiny_data(labelled=False), single, few, la.load_data("ring")):
        misfit = find_misfit(config, DataSummary.of(data))
        assert misfit is not None
        with pytest.raises(la.UserError) as refused:
            la.train(config, tmp_path / "run", data)
        assert refused.value.code == misfit.code
    assert not (tmp_path / "run").exists()


def test_a_suggestion_is_a_configuration_and_options():
    suggestion = Suggestion(preset="vae_images", batch_size=8)
    assert suggestion.options == ["--train.batch-size", "8"]
    settings = replace(presets.vae_images().train, batch_size=8)
    assert suggestion.config == replace(presets.vae_images(), train=settings)
