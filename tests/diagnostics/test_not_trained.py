"""A model that is not trained yet gets no fix, whatever its log and its samples look like."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from latentarium import presets
from latentarium.config import GANConfig
from latentarium.diagnostics.examine import Diagnosis, diagnose, examine, issues_of
from latentarium.diagnostics.live import ConsoleReporter
from latentarium.diagnostics.log_rules import WINDOW
from latentarium.diagnostics.maturity import MIN_MODEL_STEPS, MIN_STEPS
from latentarium.diagnostics.status import log_status
from latentarium.errors import StoppedError
from latentarium.models.build import build
from latentarium.progress import console_progress
from latentarium.run import Run
from latentarium.run.jsonl import append_row
from latentarium.training import finish, train
from latentarium.training.logging import Reporter
from support.errors import raises_code
from support.failing_runs import LARGE, config, images, train_run

DEBUG = [name for name in presets.all_presets() if name.endswith("_debug")]
END = presets.ae_debug().train.steps


def require_not_trained(diagnosis: Diagnosis) -> None:
    """Check that the model is not trained yet, with evidence, and that nothing else is said."""
    status = diagnosis.status
    assert status.name == "not trained yet", diagnosis.lines()
    assert status.reasons
    assert status.evidence
    assert status.advice is not None
    assert diagnosis.issues == diagnosis.checked == ()
    assert {reason.code for reason in diagnosis.not_checked.values()} == {"untrained"}
    text = "\n".join(diagnosis.lines())
    assert text.startswith("Not trained yet: ")
    assert "Fix:" not in text


@pytest.mark.parametrize("name", DEBUG)
@pytest.mark.parametrize("steps", [1, 20, END])
def test_a_debug_preset_is_not_trained_at_any_stop(name, steps, tmp_path):
    """Not even at its planned end."""
    run = train_run(tmp_path / "r", config(name, steps), images())
    diagnosis = examine(run, images())
    require_not_trained(diagnosis)
    assert diagnosis.status.evidence["training steps"] == steps
    assert set(diagnosis.not_checked) == set(issues_of(run.config.model))
    assert str(diagnosis.status.advice).endswith("--train.steps 400")
    assert diagnosis.to_dict()["status"]["name"] == "not trained yet"
    measured = diagnosis.status.evidence.keys() - {
        "training steps", "share of the improvement in the second half"
    }  # fmt: skip
    assert len(measured) == 1, "what the model has learned is measured, not only its steps"


@pytest.mark.parametrize("name", DEBUG)
def test_initial_weights_are_not_trained(name):
    settings, data = presets.get(name), images()
    model = build(settings.model, data.card, 0).eval()
    require_not_trained(diagnose(settings, model, data, [], step=0))
    require_not_trained(diagnose(settings, model, data, []))  # even if nothing is known of it


def test_a_log_that_looks_like_a_failure_is_no_issue_after_20_steps(tmp_path):
    """Without penalties a large discriminator wins within 20 steps, in every row of the log."""
    settings = config("gan_debug", 20, r1=0.0, r2=0.0, discriminator=LARGE)
    settings = replace(settings, optimizer=replace(settings.optimizer, warmup_steps=0))
    run = train_run(tmp_path / "r", settings, images())
    losses = [row["discriminator"]["adversarial"] for row in run.log()[-WINDOW:]]
    assert len(losses) == WINDOW
    assert max(losses) < 0.05
    require_not_trained(examine(run, images()))


class KilledAt(Reporter):
    """Ends a training at a row of its log, as if the process was killed.

    Arguments:
        step: The step of the row.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def update(self, step, row):
        if step == self.step:
            raise StoppedError(9)


def test_an_interrupted_run_is_told_how_many_steps_are_left(tmp_path):
    settings = config("vae_debug", 6000)
    settings = replace(settings, train=replace(settings.train, log_every=20, checkpoint_every=20))
    with pytest.raises(StoppedError):
        train(settings, tmp_path / "r", images(), reporter=KilledAt(40))
    diagnosis = examine(finish(tmp_path / "r"), images())
    require_not_trained(diagnosis)
    advice = diagnosis.status.advice
    assert advice is not None
    assert (advice.code, advice.values) == ("resume", {"left": 5980})


def test_a_held_out_loss_that_still_falls_steeply_is_not_trained(tmp_path):
    """Though the reconstructions are good already, and all the steps of the plan are over."""
    run = train_run(tmp_path / "r", config("ae_debug", MIN_MODEL_STEPS, 2e-3), images())
    diagnosis = examine(run, images())
    require_not_trained(diagnosis)
    assert [reason.code for reason in diagnosis.status.reasons] == ["still improving"]
    evidence = diagnosis.status.evidence
    assert evidence["share of the variation of images reconstructed"] > 0.5
    status, issues = log_status(run.config, run.log())  # and so it is in the studio
    assert (status.name, issues) == ("not trained yet", ())


def test_a_long_training_that_has_learned_nothing_is_not_trained_yet(tmp_path):
    """All steps are taken, but with a learning rate that moves no weight."""
    settings = config("vae_debug", MIN_MODEL_STEPS, 1e-9)
    diagnosis = examine(train_run(tmp_path / "r", settings, images()), images())
    require_not_trained(diagnosis)
    assert diagnosis.status.reasons[0].code == "not reconstructing"


def test_a_generator_with_a_little_noise_on_its_weights_has_learned_nothing():
    settings, data = presets.gan_debug(), images()
    assert isinstance(settings.model, GANConfig)
    model = build(settings.model, data.card, 0).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    require_not_trained(diagnose(settings, model, data, [], step=1000))


def test_a_run_of_20_steps_says_so_at_its_end_and_in_the_doctor(npz, tmp_path, capsys):
    from latentarium.cli import main

    run = tmp_path / "a run"
    main(["train", "gan_debug", "--data", str(npz), "--run", str(run), "--train.steps", "20"])
    assert "Not trained yet: " in capsys.readouterr().err
    main(["doctor", str(run)])
    printed = capsys.readouterr()
    assert printed.out.startswith("Not trained yet: its samples are hardly nearer to real images")
    assert "Evidence: training steps 20, distance from real images" in printed.out
    assert f"latentarium resume '{run}' --train.steps 400" in printed.err


def test_the_status_of_a_log_follows_the_training():
    settings = presets.vae_mnist()
    settings = replace(settings, train=replace(settings.train, steps=6000))

    def rows(*steps: int) -> list[dict]:
        loss = {"total": 200.0, "held_out": 200.0, "rate": 20.0}
        return [{"step": step, "autoencoder": loss} for step in steps]

    def status(*steps: int) -> tuple[str, list[str]]:
        found, issues = log_status(settings, rows(*steps))
        assert issues == ()
        return found.name, [reason.code for reason in found.reasons]

    assert status() == ("not trained yet", ["few steps"])
    assert status(*range(5, MIN_STEPS, 5)) == ("not trained yet", ["few steps"])
    assert status(50, 100) == ("can't tell", ["few rows"])
    assert status(*range(10, 100, 10)) == ("can't tell", ["warm-up"])
    assert status(*range(50, 600, 50)) == ("can't tell", ["warm-up"])
    assert status(*range(50, 700, 50)) == ("no issues found", [])
    falling = rows(*range(100, 700, 100))
    for index, row in enumerate(falling):
        row["autoencoder"] = {"total": 600.0 - 50 * index, "held_out": 600.0 - 50 * index}
    found, _ = log_status(settings, falling)
    assert (found.name, found.reasons[0].code) == ("not trained yet", "still improving")
    assert log_status(settings, rows(20), fine_tuned=True)[0].name == "can't tell"
    assert log_status(settings, falling, fine_tuned=True)[0].name == "no issues found"


def report_resumed(folder: Path, held_out: Callable[[int], object], start: int, end: int) -> None:
    """Report a training that was resumed at `start` and logs every 100 steps."""
    settings = presets.vae_mnist()
    settings = replace(settings, train=replace(settings.train, steps=end))
    run = Run.start(folder, settings, images().card)
    with console_progress() as progress:
        reporter = ConsoleReporter(progress, "r")
        for step in range(100, end + 1, 100):
            value = held_out(step)
            losses = {"total": value, "held_out": value, "rate": 20.0}
            row = {"step": step, "seconds": 1.0, "autoencoder": losses}
            if step == start + 100:
                reporter.start(run, start)
            if step > start:
                reporter.update(step, row)
            append_row(run.log_path, row)
        if start == end:
            reporter.start(run, start)
        reporter.end(0.0)


def test_a_resumed_run_that_is_finished_reports_nothing(tmp_path, capsys):
    report_resumed(tmp_path / "r", lambda step: 1000.0 - step / 10, 6000, 6000)
    assert "ot trained" not in capsys.readouterr().err


@pytest.mark.parametrize("start", [0, 1000, 5900])
def test_a_resumed_run_is_judged_by_its_whole_log(start, tmp_path, capsys):
    """The loss falls steeply in the first steps, and evenly afterwards."""
    report_resumed(tmp_path / "r", lambda step: 90.0 + 4e4 / step - step / 1e3, start, 6000)
    assert "ot trained" not in capsys.readouterr().err


def test_a_resumed_run_that_still_improves_is_not_trained(tmp_path, capsys):
    report_resumed(tmp_path / "r", lambda step: 1000.0 - step / 10, 5000, 6000)
    assert "Not trained yet" in capsys.readouterr().err


@pytest.mark.parametrize("loss", [[1.0], {"total": 2}])
def test_a_training_goes_on_if_the_log_of_an_earlier_session_is_damaged(loss, tmp_path, capsys):
    report_resumed(
        tmp_path / "r", lambda step: loss if step == 100 else 100.0 - step / 1e3, 1000, 2000
    )
    printed = capsys.readouterr().err
    assert printed.count("is damaged") == 1
    assert "ot trained" not in printed


@pytest.mark.parametrize("loss", [[1.0], {"total": 2}])
def test_a_damaged_held_out_loss_is_an_error_even_in_a_short_log(loss, tmp_path):
    run = train_run(tmp_path / "r", config("vae_debug", 20), images())
    rows = [{**row, "autoencoder": {"total": 1.0, "held_out": loss}} for row in run.log()]
    rows[-1]["autoencoder"]["held_out"] = 1.0
    run.log_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with raises_code("damaged-file"):
        examine(run, images())
