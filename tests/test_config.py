"""Configuration is data: it survives JSON, and a mistake says its mend."""

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
    to_dict,
)
from latentarium.errors import UserError
from latentarium.training.schedule import learning_rate, snapshot_steps


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_survive_json(name):
    config = presets.get(name)
    assert config.name == name
    assert from_dict(Config, json.loads(json.dumps(to_dict(config)))) == config


def test_an_unknown_key_is_named_with_its_neighbour():
    values = to_dict(presets.ae_debug())
    values["model"]["latent_dims"] = 3
    with pytest.raises(UserError, match=r"config.model has no key 'latent_dims'.*'latent_dim'"):
        from_dict(Config, values)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("steps", "many", "must be a int"),
        ("steps", True, "must be a int"),
        ("seed", 1.5, "must be a int"),
        ("device", 3, "must be a str"),
    ],
)
def test_a_wrong_type_is_an_error(key, value, words):
    values = to_dict(presets.ae_debug())
    values["train"][key] = value
    with pytest.raises(UserError, match=words):
        from_dict(Config, values)


def test_a_number_that_no_float_holds_is_an_error():
    values = to_dict(presets.ae_debug())
    values["optimizer"]["beta1"] = 10**400
    with pytest.raises(UserError, match="must be a float"):
        from_dict(Config, values)


def test_a_missing_model_and_an_unknown_family_are_errors():
    with pytest.raises(UserError, match="incomplete"):
        from_dict(Config, {"name": "x"})
    with pytest.raises(UserError, match="family"):
        from_dict(Config, {"model": {"family": "flow"}})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AutoencoderConfig(latent_dim=0), "latent_dim is 0"),
        (lambda: AutoencoderConfig(posterior="point", prior="class_gaussian"), "posterior"),
        (lambda: AutoencoderConfig(beta=-1.0), "beta"),
        (lambda: GANConfig(wrong_label_weight=1.0), "needs labels"),
        (lambda: GANConfig(r1=-0.1), "r1"),
        (lambda: GANConfig(discriminator=NetConfig(norm="batch")), "penalty"),
        (lambda: OptimizerConfig(learning_rate=0.0), "learning_rate"),
        (lambda: OptimizerConfig(beta2=1.0), "beta2"),
        (lambda: TrainConfig(steps=0), "steps"),
        (lambda: NetConfig(width=0), "width"),
        (lambda: NetConfig(kind="mlp", fourier=-1.0), "fourier is -1"),
        (lambda: NetConfig(kind="conv", fourier=1.0), "flat input"),
    ],
)
def test_a_value_that_cannot_work_says_so(make, words):
    with pytest.raises(UserError, match=words):
        make()


def test_the_rate_warms_up_and_falls_to_its_end():
    config = OptimizerConfig(learning_rate=2.0, warmup_steps=10, final_fraction=0.1)
    rates = [learning_rate(config, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[100] == pytest.approx(0.2)
    assert all(a >= b for a, b in pairwise(rates[10:]))
    constant = replace(config, decay="constant")
    assert learning_rate(constant, 99, 100) == 2.0


def test_snapshots_span_the_run():
    steps = snapshot_steps(1000, 8)
    assert {0, 1, 1000} <= steps
    assert len(steps) == 8
    assert snapshot_steps(1000, 0) == set()
