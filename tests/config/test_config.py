"""Configurations convert to JSON and back, and reject impossible values."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from latentarium import presets
from latentarium.config import (
    AutoencoderConfig,
    Config,
    GANConfig,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
    from_dict,
    setting,
    to_dict,
)
from latentarium.training.schedule import learning_rate, snapshot_steps
from support.errors import raises_code


@pytest.mark.parametrize("name", presets.all_presets())
def test_presets_round_trip_through_json(name):
    config = presets.get(name)
    assert config.name == name
    assert from_dict(Config, json.loads(json.dumps(to_dict(config)))) == config


def test_an_unknown_key_is_reported_with_the_closest_known_one():
    values = to_dict(presets.ae_debug())
    values["model"]["latent_dims"] = 3
    with raises_code("invalid-setting") as caught:
        from_dict(Config, values)
    assert "config.model" in str(caught.value)
    assert "'latent_dim'" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"), [("steps", "many"), ("steps", True), ("seed", 1.5), ("device", 3)]
)
def test_a_wrong_type_is_an_error(key, value):
    values = to_dict(presets.ae_debug())
    values["train"][key] = value
    with raises_code("invalid-setting"):
        from_dict(Config, values)


def test_an_integer_beyond_the_range_of_floats_is_an_error():
    values = to_dict(presets.ae_debug())
    values["optimizer"]["beta1"] = 10**400
    with raises_code("invalid-setting"):
        from_dict(Config, values)


def test_a_missing_model_and_an_unknown_family_are_errors():
    with raises_code("invalid-setting"):
        from_dict(Config, {"name": "x"})
    with raises_code("unknown-component"):
        from_dict(Config, {"model": {"family": "flow"}})


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: AutoencoderConfig(latent_dim=0), "latent_dim"),
        (lambda: AutoencoderConfig(posterior="point", prior="class_gaussian"), "posterior"),
        (lambda: AutoencoderConfig(beta=-1.0), "beta"),
        (lambda: AutoencoderConfig(likelihood="gaussian", binarize=True), "binarize"),
        (lambda: GANConfig(wrong_label_weight=1.0), "conditional"),
        (lambda: GANConfig(r1=-0.1), "r1"),
        (lambda: GANConfig(discriminator=NetConfig(norm="batch")), "discriminator.norm"),
        (lambda: OptimizerConfig(learning_rate=0.0), "learning_rate"),
        (lambda: OptimizerConfig(beta2=1.0), "beta2"),
        (lambda: TrainConfig(steps=0), "steps"),
        (lambda: NetConfig(width=0), "width"),
        (lambda: NetConfig(kind="mlp", fourier=-1.0), "fourier"),
        (lambda: NetConfig(kind="conv", fourier=1.0), "fourier"),
    ],
)
def test_an_impossible_value_is_an_error_that_names_the_setting(make, named):
    with raises_code("invalid-setting") as caught:
        make()
    assert named in str(caught.value)


def test_unknown_components_are_errors():
    for make in (lambda: AutoencoderConfig(prior="vine"), lambda: GANConfig(loss="wgan")):
        with raises_code("unknown-component"):
            make()


def test_a_setting_is_found_by_its_full_name():
    config = presets.gan_debug()
    assert setting(config, "model.discriminator.width") == 4
    assert setting(config, "model.beta", 7) == 7


def test_the_learning_rate_warms_up_and_decays_to_its_final_value():
    config = OptimizerConfig(learning_rate=2.0, warmup_steps=10, final_fraction=0.1)
    rates = [learning_rate(config, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[100] == pytest.approx(0.2)
    assert all(a >= b for a, b in pairwise(rates[10:]))
    constant = replace(config, decay="constant")
    assert learning_rate(constant, 99, 100) == 2.0


def test_snapshot_steps_span_the_run():
    steps = snapshot_steps(1000, 8)
    assert {0, 1, 1000} <= steps
    assert len(steps) == 8
    assert snapshot_steps(1000, 0) == set()
