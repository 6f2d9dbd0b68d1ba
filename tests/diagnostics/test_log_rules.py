"""The rules over a log, on rows written by hand."""

import copy
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from latentarium import presets
from latentarium.config import Config, GANConfig, ModelConfig
from latentarium.diagnostics.examine import issues_of
from latentarium.diagnostics.issue import format_settings
from latentarium.diagnostics.log_rules import WINDOW, examine_log, log_reasons


def gan_row(**changes) -> dict:
    """Return a healthy row of a relativistic GAN; `d_NAME` and `g_NAME` change a value of the
    discriminator or the generator."""
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


def as_log(*rows: dict) -> list[dict]:
    """Add steps, of which the last one is the end of the training."""
    last = presets.gan_mnist().train.steps
    return [{"step": last - 50 * (len(rows) - 1 - i), **row} for i, row in enumerate(rows)]


def names(issues) -> list[str]:
    return [issue.name for issue in issues]


SIGNS = {
    "discriminator has won": {"d_adversarial": 0.03, "d_pair_accuracy": 0.999},
    "vanishing generator gradient": {"g_gradient": 1e-4},
    "exploding penalty": {"d_r1": 400.0, "d_r2": 500.0},
    "mode collapse": {"g_diversity": 0.02},
    "overfit": {"d_held_out": 1.4},
}


@pytest.mark.parametrize("name", SIGNS)
def test_an_issue_is_found_only_while_its_sign_lasts(name):
    config, failing = presets.gan_mnist(), gan_row(**SIGNS[name])
    assert examine_log(config, as_log(*[gan_row()] * 9)) == ()
    issues = examine_log(config, as_log(*[gan_row()] * 4, *[failing] * WINDOW))
    assert names(issues) == [name]
    assert issues[0].step == config.train.steps
    assert examine_log(config, as_log(*[failing] * 4, *[gan_row()] * WINDOW)) == ()
    assert examine_log(config, as_log(*[gan_row()] * 8, failing)) == ()  # one row may be noise


@pytest.mark.parametrize("name", SIGNS)
def test_nothing_is_found_in_few_or_early_rows(name):
    config, failing = presets.gan_mnist(), gan_row(**SIGNS[name])
    few = as_log(*[failing] * (WINDOW - 1))
    assert examine_log(config, few) == ()
    assert log_reasons(config, few)[name].code == "few rows"
    early = [{**row, "step": 10 * (i + 1)} for i, row in enumerate([failing] * 8)]
    assert examine_log(config, early) == ()
    assert log_reasons(config, early)[name].code == "warm-up"


def test_logs_of_old_versions_are_read_and_what_they_lack_is_reported():
    old = gan_row(d_adversarial=0.03)
    for player in ("discriminator", "generator"):
        for key in ("gradient", "weights", "held_out", "diversity"):
            old[player].pop(key, None)
    config, log = presets.gan_mnist(), as_log(*[old] * 6)
    assert names(examine_log(config, log)) == ["discriminator has won"]
    reasons = log_reasons(config, log)
    assert {name: reason.code for name, reason in reasons.items()} == {
        "vanishing generator gradient": "old log"
    }
    assert log_reasons(config, as_log(*[gan_row()] * 6)) == {}
    broken = [{**row, "generator": {"total": None, "gradient": None}} for row in log]
    assert names(examine_log(config, broken)) == ["discriminator has won"]


def test_the_rows_are_not_changed():
    log = as_log(*[gan_row(d_adversarial=0.01, g_diversity=0.0)] * 6)
    before = copy.deepcopy(log)
    assert len(examine_log(presets.gan_mnist(), log)) == 2
    assert log == before


def test_fixes_are_settings_relative_to_those_of_the_run():
    config = presets.gan_mnist()
    won = as_log(*[gan_row(d_adversarial=0.03)] * 6)

    def fix(config: Config, log=won) -> str:
        return str(examine_log(config, log)[0].fix)

    assert fix(config).endswith("--model.r1 1.2 --model.r2 1.2")
    assert isinstance(config.model, GANConfig)
    free = replace(config, model=replace(config.model, r1=0.0, r2=0.0))
    assert fix(free).endswith("--model.r1 0.3 --model.r2 0.3")
    normalized = replace(
        free.model, discriminator=replace(config.model.discriminator, norm="batch")
    )
    assert "--model.discriminator.norm none" in fix(replace(free, model=normalized))
    hinge = replace(config, model=replace(config.model, loss="hinge"))
    alike = as_log(*[gan_row(g_diversity=0.0)] * 6)
    assert "--model.loss relativistic" in fix(hinge, alike)
    rate = format_settings({"optimizer.learning_rate": 0.00025})
    assert rate == "--optimizer.learning-rate 0.00025"


def vae_row(total: float, held_out: float, rate: float = 20.0) -> dict:
    return {"autoencoder": {"total": total, "held_out": held_out, "rate": rate}}


def loss_curve(turn: int, slope: float, n: int = 60) -> list[dict]:
    """Return rows whose losses fall and fluctuate; from one row on the held-out loss rises."""
    rows = []
    for i in range(n):
        fluctuation = (0.4, -0.3, 0.2, -0.4, 0.1)[i % 5]
        fall = 100 + 100 * 0.9**i
        rows.append(vae_row(fall - 0.2 * i, fall + fluctuation + slope * max(0, i - turn)))
    last = presets.vae_mnist().train.steps
    return [{"step": last * (i + 1) // n, **row} for i, row in enumerate(rows)]


def last_rows(rows: list[dict]) -> list[dict]:
    """Add the last steps of a training."""
    steps = presets.vae_mnist().train.steps
    return [{"step": steps - len(rows) + 1 + i, **row} for i, row in enumerate(rows)]


def test_a_rising_held_out_loss_is_overfit_with_the_step_of_its_minimum():
    assert examine_log(presets.vae_mnist(), loss_curve(turn=60, slope=0.0)) == ()
    issues = examine_log(presets.vae_mnist(), loss_curve(turn=40, slope=0.3))
    assert names(issues) == ["overfit"]
    best = issues[0].evidence["step of the best held-out loss"]
    assert 0.55 < best / presets.vae_mnist().train.steps < 0.8
    assert f"--train.steps {best}" in str(issues[0].fix)


def test_a_held_out_loss_that_falls_too_little_is_overfit():
    log = last_rows([vae_row(200 - 15.0 * i, 202 - 8.0 * i) for i in range(10)])
    assert names(examine_log(presets.vae_mnist(), log)) == ["overfit"]
    healthy = last_rows([vae_row(200 - 15.0 * i, 202 - 15.0 * i) for i in range(10)])
    assert examine_log(presets.vae_mnist(), healthy) == ()


def test_a_rate_of_zero_is_posterior_collapse():
    log = last_rows([vae_row(200.0, 200.0, 0.01)] * 10)
    issues = examine_log(presets.vae_mnist(), log)
    assert names(issues) == ["posterior collapse"]
    assert "--model.beta 0.25" in str(issues[0].fix)


@dataclass(frozen=True, kw_only=True)
class OwnConfig(ModelConfig):
    """The settings of a family of one's own, with one player and no setting of the rules."""

    family: Literal["own"] = "own"
    latent_dim: int = 8


def test_the_general_rules_apply_to_a_family_of_ones_own():
    config = replace(presets.vae_mnist(), model=OwnConfig())
    assert issues_of(config.model) == ("divergence", "memorization", "overfit")
    rows = [{"own": {"total": 200 - 15.0 * i, "held_out": 202 - 8.0 * i}} for i in range(10)]
    issues = examine_log(config, last_rows(rows))
    assert names(issues) == ["overfit"]
    assert issues[0].signs[0].values == {"player": "own"}
    assert "--model.latent-dim 4" in str(issues[0].fix)
