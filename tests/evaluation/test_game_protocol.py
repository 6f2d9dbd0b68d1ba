"""The tour, `evaluate` and `duality-gap` measure the same weights in the same way."""

import math
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.evaluation import measure_duality_gap
from latentarium.evaluation.evaluate import evaluate
from latentarium.evaluation.game_protocol import (
    GameProtocol,
    comparable_snapshots,
    is_current,
    spread_evenly,
)
from latentarium.evaluation.report import Report, compare
from latentarium.models.build import build
from latentarium.progress import console_progress
from latentarium.run import Run
from latentarium.stats.measurement import Measurement
from latentarium.tour.claims.equilibrium import ApproachesEquilibrium
from latentarium.tour.context import TourContext
from latentarium.training import train
from support.errors import raises_code
from support.tiny import tiny_arrays

STEPS = 4


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(1600)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Run:
    return train(presets.gan_debug(), tmp_path_factory.mktemp("gan") / "r", data)


@pytest.fixture
def measured(run, data, monkeypatch):
    monkeypatch.setattr("latentarium.evaluation.runs.RESPONSE_STEPS", STEPS)
    monkeypatch.setattr(Run, "load_data", lambda self, source=None: data)
    with console_progress() as progress:
        return measure_duality_gap(run.folder, display=progress)


def without_kind(path) -> None:
    """Rewrite a snapshot as earlier versions did, with raw weights."""
    save_file(load_file(path), path)


def test_the_last_snapshot_has_the_weights_of_the_trained_model(run):
    last, model = run.load(40).state_dict(), run.load().state_dict()
    assert all(last[name].equal(tensor) for name, tensor in model.items())
    assert run.weights_kind() == run.weights_kind(0) == run.weights_kind(40) == "ema"
    raw = load_file(run.folder / "checkpoints" / "000000040.safetensors")
    assert any(not raw[f"model.{name}"].equal(tensor) for name, tensor in model.items())


def test_all_three_report_the_same_duality_gap(run, data, measured):
    report = evaluate(run, data, classifier=None, n=100, response_steps=STEPS, gan_train_steps=1)
    last = measured["snapshots"]["40"]
    ours = report["game.gap.relativistic.ema"]
    assert ours.value == last["total"]
    assert ours.interval == (last["at_least"], math.inf)
    assert ours.protocol == measured["protocol"]["name"]
    context = TourContext(
        data=data, classifier=load_classifier(), runs={"gan": run}, seed=0, n=100,
        response_steps=STEPS,
    )  # fmt: skip
    claim = ApproachesEquilibrium().measure(context)
    evidence = claim.evidence[0]
    assert (evidence.value, evidence.interval) == (ours.value, ours.interval)
    assert evidence.protocol == ours.protocol
    ratio = claim.conditions[0].number
    assert ratio.interval is None
    peak = max(gap["total"] for gap in measured["snapshots"].values())
    assert ratio.value == pytest.approx(last["total"] / peak)


def test_the_name_of_the_protocol_tells_the_weights(run, data, tmp_path):
    config = presets.gan_debug()
    plain = replace(config, train=replace(config.train, ema_halflife=0, steps=2))
    raw = train(plain, tmp_path / "raw", data)
    models = {
        "ema-weights": run.load(),
        "raw-weights": raw.load(),
        "given-weights": build(config.model, data.card),
    }
    protocols = {name: GameProtocol.of(model, data, seed=0) for name, model in models.items()}
    for name, protocol in protocols.items():
        assert name in protocol.name.split()
    # the rates are relative to those of the training, if it is known
    assert protocols["ema-weights"].optimizer == config.optimizer
    assert protocols["given-weights"].optimizer == config.model.response_optimizer
    assert "rates-0.1-to-10" in protocols["ema-weights"].name


def test_choosing_and_measuring_use_different_images(data):
    for size in (20, 100, 1600):
        images, labels = tiny_arrays(size)
        few = la.load_data(images, labels)
        protocol = GameProtocol.of(build(presets.gan_debug().model, few.card), few, seed=0)
        if len(few.validation) >= 4:
            assert 2 * protocol.n <= len(few.validation)


def test_snapshots_of_earlier_versions_are_not_mixed_with_new_ones(run, data, tmp_path):
    old = train(presets.gan_debug(), tmp_path / "r", data)
    paths = sorted((old.folder / "snapshots").iterdir())
    without_kind(paths[0])
    assert old.weights_kind(0) == "raw"
    assert comparable_snapshots(old) == [1, 40]
    for path in paths[1:]:
        without_kind(path)
    assert comparable_snapshots(old) == [0, 1, 40]
    assert "raw-weights" in GameProtocol.of(old.load(40), data, seed=0).name
    assert "ema-weights" in GameProtocol.of(old.load(), data, seed=0).name


def test_results_of_another_version_are_measured_again(run, data, measured, monkeypatch):
    content = Run(run.folder).duality_gap()
    assert content is not None
    assert is_current(content)
    old = {
        "protocol": {"response_steps": STEPS, "seed": 0}, "wanted": [0, 1, 40],
        "snapshots": {"0": {"total": 9.0, "interval": [8.0, 10.0], "gains": []}},
    }  # fmt: skip
    run.save_duality_gap(old)
    assert not is_current(run.duality_gap() or {})
    with console_progress() as progress:
        again = measure_duality_gap(run.folder, display=progress)
    totals = {step: gap["total"] for step, gap in again["snapshots"].items()}
    assert totals == {step: gap["total"] for step, gap in content["snapshots"].items()}


def test_reports_of_other_weights_are_compared_without_joining_their_duality_gaps():
    def report(weights: str) -> Report:
        gap = Measurement(
            name="Duality gap", value=0.5, unit="nats", interval=(0.4, math.inf),
            protocol=f"{weights}-weights",
        )  # fmt: skip
        return Report(
            model="GAN", data="d", fingerprint="f", seed=0,
            measurements={f"game.gap.relativistic.{weights}": gap},
        )  # fmt: skip

    rows = compare({"a": report("ema"), "b": report("raw")}).rows
    assert [[bool(cell) for cell in row[1:3]] for row in rows] == [[True, False], [False, True]]
    assert "at least 0.4" in rows[0][1]


def test_too_few_images_are_refused():
    images, labels = tiny_arrays(20)
    few = la.load_data(images, labels)
    model = build(presets.gan_debug().model, few.card)
    with raises_code("too-few-batches"):
        replace(GameProtocol.of(model, few, seed=0), num_batches=1).measure(model, few)


@pytest.mark.parametrize(("length", "count"), [(14, 5), (24, 12), (6, 5), (5, 5), (2, 5), (0, 5)])
def test_evenly_spread_steps_contain_the_ends_and_no_step_twice(length, count):
    steps = [3 * i for i in range(length)]
    chosen = spread_evenly(steps, count)
    assert len(chosen) == min(length, count)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(steps)
    assert chosen[:1] == steps[:1]
    assert chosen[-1:] == steps[-1:]


def test_responses_are_trained_in_the_precision_of_the_training_and_measured_in_float32(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr("latentarium.training.precision.bfloat16_speedup", lambda: 2.0)
    config = presets.gan_debug()
    config = replace(config, train=replace(config.train, precision="bfloat16"))
    model = train(config, tmp_path / "r", data).load()
    protocol = GameProtocol.of(model, data, seed=0, response_steps=STEPS)
    assert protocol.precision == protocol.to_dict()["precision"] == "bfloat16"
    gaps = [
        replace(protocol, precision=precision).measure(model, data)
        for precision in ("bfloat16", "float32")
    ]
    for rounded, exact in zip(*(gap.gains for gap in gaps), strict=True):
        assert rounded.before == exact.before  # the unchanged players have the same losses
        assert rounded.after != exact.after
        assert rounded.gain == pytest.approx(exact.gain, rel=0.05, abs=1e-3)
