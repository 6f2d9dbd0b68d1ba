"""What can't be told is said for each check, with its reason, and is no clean bill of health."""

from dataclasses import replace

import pytest

from latentarium import presets
from latentarium.config import Config, GANConfig
from latentarium.data.dataset import Data
from latentarium.data.subsets import first
from latentarium.diagnostics.examine import Diagnosis, diagnose, examine
from latentarium.diagnostics.learning import MIN_IMAGES
from latentarium.diagnostics.log_rules import WINDOW
from latentarium.diagnostics.maturity import first_judged_step
from latentarium.training import train
from support.failing_runs import Replay, config, images


@pytest.fixture(scope="module")
def data() -> Data:
    """Return images of which enough are held out for every check."""
    return images(1200)


@pytest.fixture(scope="module")
def trained(data) -> tuple[Config, Replay]:
    """Return a GAN that samples as well as it can: images of the data, but none of its training
    split."""
    settings = replace(presets.gan_mnist(), model=presets.gan_debug().model)
    assert isinstance(settings.model, GANConfig)
    half = len(data.train) // 2
    labels = data.train.labels
    others = replace(data.train, images=data.train.images[half:], labels=labels[half:])
    model = Replay(settings.model, replace(data, train=others), len(others)).eval()
    return settings, model


@pytest.fixture(scope="module")
def first_half(data) -> Data:
    """Return the data with the training images that `trained` does not replay."""
    return replace(data, train=first(data.train, len(data.train) // 2))


def healthy_rows(*steps: int) -> list[dict]:
    """Return rows of the log of a healthy relativistic GAN."""
    discriminator = {"total": 0.62, "adversarial": 0.57, "r1": 0.16, "r2": 0.16, "held_out": 0.62}
    generator = {"total": 0.87, "gradient": 0.4, "weights": 60.0, "diversity": 0.95}
    return [
        {"step": step, "discriminator": discriminator, "generator": generator} for step in steps
    ]


def require_undecided(diagnosis: Diagnosis, code: str) -> None:
    """Check the status and its reason, and that nothing is prescribed."""
    status = diagnosis.status
    assert status.name == "can't tell", diagnosis.lines()
    assert [reason.code for reason in status.reasons] == [code]
    assert status.advice is None
    assert diagnosis.issues == ()
    assert diagnosis.not_checked
    text = "\n".join(diagnosis.lines())
    assert text.startswith("Can't tell: ")
    assert "Not checked: " in text
    assert "Fix:" not in text


LATE = range(2000, 2050, 10)


def test_nothing_is_open_for_a_model_and_a_log_that_show_everything(trained, first_half):
    settings, model = trained
    diagnosis = diagnose(settings, model, first_half, healthy_rows(*LATE))
    assert diagnosis.status.name == "no issues found", diagnosis.lines()
    assert diagnosis.not_checked == {}


LOG_ONLY = {"discriminator has won", "vanishing generator gradient", "exploding penalty"}


def test_a_log_with_few_rows_leaves_its_checks_open(trained, first_half):
    settings, model = trained
    rows = healthy_rows(*LATE)[: WINDOW - 1]
    diagnosis = diagnose(settings, model, first_half, rows)
    require_undecided(diagnosis, "open")
    assert {name: why.code for name, why in diagnosis.not_checked.items()} == dict.fromkeys(
        LOG_ONLY, "few rows"
    )
    assert diagnosis.status.reasons[0].values == {"open": 3, "all": 6}


def test_a_log_without_gradients_leaves_one_check_open(trained, first_half):
    settings, model = trained
    rows = healthy_rows(*LATE)
    for row in rows:
        row["generator"] = {"total": 0.87}
    diagnosis = diagnose(settings, model, first_half, rows)
    require_undecided(diagnosis, "open")
    assert {name: why.code for name, why in diagnosis.not_checked.items()} == {
        "vanishing generator gradient": "old log"
    }


def test_a_log_that_ends_early_leaves_its_checks_open(trained, first_half):
    """The weights are from a later step than the log, whose end is lost."""
    settings, model = trained
    rows = healthy_rows(*range(50, 260, 50))
    diagnosis = diagnose(settings, model, first_half, rows, step=settings.train.steps)
    require_undecided(diagnosis, "open")
    assert {why.code for why in diagnosis.not_checked.values()} == {"warm-up"}


@pytest.mark.parametrize("step", [60, 100, 279])
def test_a_model_that_has_learned_something_early_is_not_judged_yet(trained, first_half, step):
    settings, model = trained
    assert first_judged_step(settings) == 280
    rows = healthy_rows(*range(step - 40, step + 1, 10))
    diagnosis = diagnose(settings, model, first_half, rows)
    require_undecided(diagnosis, "young")
    assert {why.code for why in diagnosis.not_checked.values()} == {"early"}
    assert diagnosis.checked == ()
    judged = diagnose(settings, model, first_half, healthy_rows(*range(240, 281, 10)))
    assert judged.status.name == "no issues found"


def test_a_collapsed_model_is_not_judged_in_the_first_steps(data):
    """Its samples repeat ten images: an issue after a training, but not at its start."""
    settings = replace(presets.gan_mnist(), model=presets.gan_debug().model)
    assert isinstance(settings.model, GANConfig)
    model = Replay(settings.model, data, 1).eval()
    late = diagnose(settings, model, data, healthy_rows(*LATE))
    assert "mode collapse" in [issue.name for issue in late.issues]
    early = diagnose(settings, model, data, healthy_rows(*range(100, 150, 10)))
    assert early.issues == ()
    assert early.status.name != "no issues found"


def test_few_samples_leave_checks_open(trained, first_half):
    settings, model = trained
    diagnosis = diagnose(settings, model, first_half, healthy_rows(*LATE), n=5)
    require_undecided(diagnosis, "open")
    assert diagnosis.not_checked["mode collapse"].code == "few samples"


def test_few_held_out_images_leave_memorization_open(trained, first_half):
    settings, model = trained
    small = replace(
        first_half,
        validation=first(first_half.validation, 10),
        test=first(first_half.test, 10),
    )
    diagnosis = diagnose(settings, model, small, healthy_rows(*LATE))
    require_undecided(diagnosis, "open")
    assert diagnosis.not_checked["memorization"].code == "few held out"


def test_few_images_leave_overfitting_open(trained, first_half):
    settings, model = trained
    small = replace(first_half, validation=first(first_half.validation, 3))
    diagnosis = diagnose(settings, model, small, healthy_rows(*LATE))
    require_undecided(diagnosis, "open")
    assert diagnosis.not_checked["overfit"].code == "few images"


def test_a_fine_tuned_model_is_not_judged_by_its_first_steps(tmp_path):
    """Its initial weights are those of a trained model, so it is trained after 20 steps."""
    source = train(config("ae_debug", 400), tmp_path / "source", images())
    tuned = train(config("ae_debug", 20), tmp_path / "tuned", images(), init_from=source.folder)
    diagnosis = examine(tuned, images())
    require_undecided(diagnosis, "young")
    share = diagnosis.status.evidence["share of the variation of images reconstructed"]
    assert share > 0.5


@pytest.mark.parametrize("n", [12, 20])
def test_of_a_handful_of_images_nothing_is_claimed(n, tmp_path):
    """Too few to measure whether anything was learned; only the number of steps is known."""
    data, settings = images(n), config("vae_debug", 20)
    settings = replace(settings, train=replace(settings.train, batch_size=2))
    diagnosis = examine(train(settings, tmp_path / "r", data), data)
    assert len(data.train) < MIN_IMAGES
    assert diagnosis.status.name == "not trained yet"
    assert diagnosis.status.reasons[-1].code == "few steps"
    assert "share of the variation of images reconstructed" not in diagnosis.status.evidence
