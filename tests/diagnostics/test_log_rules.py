"""The rules over a log, on rows written by hand: what decides, and what must stay silent."""

import copy
from dataclasses import replace

import pytest

from latentarium import presets
from latentarium.config import GANConfig
from latentarium.diagnostics.issue import settings
from latentarium.diagnostics.log_rules import WINDOW, examine_log, not_shown


def game(**changes) -> dict:
    """A healthy row of a relativistic game; `d_` and `g_` say whose value is changed."""
    row = {
        "discriminator": {
            "total": 0.62, "adversarial": 0.57, "r1": 0.16, "r2": 0.16, "pair_accuracy": 0.8,
            "gradient": 1.0, "weights": 20.0, "held_out": 0.62,
        },
        "generator": {
            "total": 0.87, "adversarial": 0.87, "gradient": 0.4, "weights": 60.0,
            "held_out": 0.87, "diversity": 0.95,
        },
    }  # fmt: skip
    for name, value in changes.items():
        player, key = name.split("_", 1)
        row[{"d": "discriminator", "g": "generator"}[player]][key] = value
    return row


def rows(*parts: dict) -> list[dict]:
    last = presets.gan_mnist().train.steps
    return [{"step": last - 50 * (len(parts) - 1 - i), **part} for i, part in enumerate(parts)]


def named(found) -> list[str]:
    return [finding.disease for finding in found]


SIGNS = {
    "discriminator has won": {"d_adversarial": 0.03, "d_told_apart": 0.999},
    "vanishing generator gradient": {"g_gradient": 1e-4},
    "exploding penalty": {"d_r1": 400.0, "d_r2": 500.0},
    "mode collapse": {"g_diversity": 0.02},
    "overfit": {"d_held_out": 1.4},
}


@pytest.mark.parametrize("disease", SIGNS)
def test_each_sign_names_its_disease_and_only_while_it_lasts(disease):
    config, ill = presets.gan_mnist(), game(**SIGNS[disease])
    assert examine_log(config, rows(*[game()] * 9)) == ()
    found = examine_log(config, rows(*[game()] * 4, *[ill] * WINDOW))
    assert named(found) == [disease]
    assert found[0].step == config.train.steps
    assert examine_log(config, rows(*[ill] * 4, *[game()] * WINDOW)) == ()
    assert examine_log(config, rows(*[game()] * 8, ill)) == ()  # one row is noise


@pytest.mark.parametrize("disease", SIGNS)
def test_too_few_or_too_early_rows_say_nothing(disease):
    config, ill = presets.gan_mnist(), game(**SIGNS[disease])
    assert examine_log(config, rows(*[ill] * (WINDOW - 1))) == ()
    early = [{**row, "step": 10 * (i + 1)} for i, row in enumerate([ill] * 8)]
    assert examine_log(config, early) == ()


def test_rows_of_an_older_version_are_read_and_what_they_lack_is_said():
    old = game(d_adversarial=0.03)
    for player in ("discriminator", "generator"):
        for key in ("gradient", "weights", "held_out", "diversity"):
            old[player].pop(key, None)
    log = rows(*[old] * 6)
    assert named(examine_log(presets.gan_mnist(), log)) == ["discriminator has won"]
    assert not_shown(presets.gan_mnist(), log).keys() == {"vanishing generator gradient"}
    assert not_shown(presets.gan_mnist(), rows(*[game()] * 6)) == {}
    broken = [{**row, "generator": {"total": None, "gradient": None}} for row in log]
    assert named(examine_log(presets.gan_mnist(), broken)) == ["discriminator has won"]


def test_the_rows_are_not_changed():
    log = rows(*[game(d_adversarial=0.01, g_diversity=0.0)] * 6)
    before = copy.deepcopy(log)
    assert len(examine_log(presets.gan_mnist(), log)) == 2
    assert log == before


def test_the_cure_is_a_setting_of_this_run():
    config = presets.gan_mnist()
    won = rows(*[game(d_adversarial=0.03)] * 6)
    assert examine_log(config, won)[0].cure.endswith("--model.r1 1.2 --model.r2 1.2")
    assert isinstance(config.model, GANConfig)
    free = replace(config, model=replace(config.model, r1=0.0, r2=0.0))
    assert examine_log(free, won)[0].cure.endswith("--model.r1 0.3 --model.r2 0.3")
    normed = replace(free.model, discriminator=replace(config.model.discriminator, norm="batch"))
    cure = examine_log(replace(free, model=normed), won)[0].cure
    assert "--model.discriminator.norm none" in cure
    alike = rows(*[game(g_diversity=0.0)] * 6)
    hinge = replace(config, model=replace(config.model, loss="hinge"))
    assert "--model.loss relativistic" in examine_log(hinge, alike)[0].cure
    assert settings({"optimizer.learning_rate": 0.00025}) == "--optimizer.learning-rate 0.00025"


def coder(total: float, held_out: float, rate: float = 20.0) -> dict:
    return {"autoencoder": {"total": total, "held_out": held_out, "rate": rate}}


def curve(turn: int, slope: float, n: int = 60) -> list[dict]:
    """Both losses fall; from a row on the held-out one rises again. It wobbles as batches do."""
    parts = []
    for i in range(n):
        wobble = (0.4, -0.3, 0.2, -0.4, 0.1)[i % 5]
        fall = 100 + 100 * 0.9**i
        parts.append(coder(fall - 0.2 * i, fall + wobble + slope * max(0, i - turn)))
    last = presets.vae_mnist().train.steps
    return [{"step": last * (i + 1) // n, **part} for i, part in enumerate(parts)]


def test_a_held_out_loss_that_turns_is_overfit_and_says_when():
    assert examine_log(presets.vae_mnist(), curve(turn=60, slope=0.0)) == ()
    found = examine_log(presets.vae_mnist(), curve(turn=40, slope=0.3))
    assert named(found) == ["overfit"]
    best = found[0].evidence["step of the best held-out loss"]
    assert 0.55 < best / presets.vae_mnist().train.steps < 0.8
    assert f"--train.steps {best}" in found[0].cure


def test_a_gap_that_never_turned_is_overfit_too():
    steps = presets.vae_mnist().train.steps
    log = [{"step": steps - 9 + i, **coder(200 - 15.0 * i, 202 - 8.0 * i)} for i in range(10)]
    assert named(examine_log(presets.vae_mnist(), log)) == ["overfit"]
    healthy = [{"step": steps - 9 + i, **coder(200 - 15.0 * i, 202 - 15.0 * i)} for i in range(10)]
    assert examine_log(presets.vae_mnist(), healthy) == ()


def test_a_latent_that_says_nothing_has_collapsed():
    steps = presets.vae_mnist().train.steps
    log = [{"step": steps - 9 + i, **coder(200.0, 200.0, 0.01)} for i in range(10)]
    found = examine_log(presets.vae_mnist(), log)
    assert named(found) == ["posterior collapse"]
    assert "--model.beta 0.25" in found[0].cure
