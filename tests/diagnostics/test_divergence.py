"""The rule that finds a training whose loss has jumped, on rows written by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latentarium import presets
from latentarium.diagnostics.divergence import MAX_RISE
from latentarium.diagnostics.issue import Issue
from latentarium.diagnostics.log_rules import examine_log
from latentarium.diagnostics.rows import WINDOW

FALLING = [200.0, 150.0, 130.0, 120.0, 110.0, *[100.0] * 2 * WINDOW]


def log(losses, *, first_step=1000, every=50, **values: Any) -> list[dict[str, Any]]:
    """Return rows of an autoencoder with these losses, the same on held-out images."""
    return [
        {
            "step": first_step + every * i,
            "autoencoder": {"total": loss, "held_out": loss, "gradient": 80.0} | values,
        }
        for i, loss in enumerate(losses)
    ]


def examine(rows, config=None) -> Issue | None:
    (issue,) = examine_log(config or presets.ae_mnist(), rows) or (None,)
    return issue


def test_a_loss_that_stays_far_above_its_lowest_level_is_found():
    issue = examine(log([*FALLING, *[300.0] * WINDOW]))
    assert issue is not None
    assert (issue.name, issue.severity) == ("divergence", "severe")
    assert issue.evidence["training loss"] == 300.0
    assert issue.evidence["lowest training loss"] == 100.0
    assert issue.evidence["step of the lowest training loss"] == 1000 + 50 * 9


@pytest.mark.parametrize(
    "losses",
    [
        FALLING,
        [*FALLING, *[100 + 0.9 * MAX_RISE * 100] * WINDOW],  # fluctuations
        [*FALLING, *[300.0] * 2, *[100.0] * (WINDOW - 2)],  # a short peak
        [*FALLING, *[300.0] * WINDOW, *[100.0] * WINDOW],  # the training has recovered
        [50.0] * 3 * WINDOW,
        [50.0, *[74.0] * 3 * WINDOW],
        [-20.0, *[-50.0] * 3 * WINDOW],
    ],
)
def test_healthy_losses_have_no_issue(losses):
    assert examine(log(losses)) is None


@pytest.mark.parametrize("rows", [10, 40, 400])
def test_noise_is_no_divergence(rows):
    for seed in range(20):
        losses = np.random.default_rng(seed).normal(100.0, 1.0, rows)
        assert examine(log(losses.tolist())) is None, seed


@pytest.mark.parametrize("first", [50.0, -50.0])
def test_a_loss_that_only_rose_is_found(first):
    issue = examine(log([first, *[1000.0] * 3 * WINDOW]))
    assert issue is not None
    assert issue.evidence["step of the lowest training loss"] == 1000
    assert "max-gradient-norm" not in str(issue.fix)  # no gradient was ever normal


def test_a_warm_up_of_the_kl_term_is_no_divergence():
    config = presets.vae_mnist()
    warm = replace(config, model=replace(config.model, kl_warmup_steps=1500))
    rising = log(range(60, 160, 5), distortion=60.0)
    for i, row in enumerate(rising):
        row["autoencoder"]["rate"] = 40.0 - i
    assert examine(rising, warm) is None  # although the total rises from 60 to 155
    early = log([*FALLING, *[500.0] * WINDOW], first_step=400)
    assert examine(early, warm) is None
    later = [*early, *log([100.0] * 2 * WINDOW, first_step=1550)]
    assert examine(later, warm) is None
    issue = examine([*later, *log([300.0] * WINDOW, first_step=2100)], warm)
    assert issue is not None
    assert issue.name == "divergence"


def test_the_fix_limits_the_gradient_to_twice_its_usual_norm():
    rows, config = log([*FALLING, *[300.0] * WINDOW]), presets.ae_mnist()
    issue = examine(rows, config)
    assert issue is not None
    assert str(issue.fix).endswith(
        "--optimizer.learning-rate 0.00125 --optimizer.max-gradient-norm 200"
    )
    limited = replace(config, optimizer=replace(config.optimizer, max_gradient_norm=50.0))
    issue = examine(rows, limited)
    assert issue is not None
    assert str(issue.fix).endswith("--optimizer.learning-rate 0.00125")


def test_the_losses_of_a_gan_are_not_compared():
    rows = [
        {"step": 1000 + 50 * i, "generator": {"total": loss}, "discriminator": {"total": 0.6}}
        for i, loss in enumerate([*FALLING, *[300.0] * WINDOW])
    ]
    assert examine(rows, presets.gan_mnist()) is None
