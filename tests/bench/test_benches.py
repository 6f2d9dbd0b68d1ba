"""What each bench measures, on models and data small enough for a test."""

import json

import pytest
import torch

from latentarium import presets
from latentarium.bench.bench import Bench, Summary
from latentarium.bench.benches.nll_dynamic import DynamicNLL
from latentarium.bench.benches.parzen_legacy import ParzenLegacy
from latentarium.bench.benches.stacked_mnist import StackedMNIST
from latentarium.bench.run import EMPTY, BenchReport
from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, to_float
from latentarium.data.sources import load_data
from latentarium.data.stacked_mnist import stacked_mnist
from latentarium.data.toy import PERFECT_SHARE, grid, ring, toy_scale
from latentarium.evaluation.likelihood import elbo
from latentarium.evaluation.sections.plane import mixture_measurements
from latentarium.models.build import build
from latentarium.registry import component, registered
from support.errors import raises_code
from support.tiny import ModelStub, tiny_data

NAMES = {
    "ring", "grid", "grid-wide", "stacked-mnist", "stacked-mnist-small-discriminator",
    "nll-dynamic", "parzen-legacy", "cgan-mnist",
}  # fmt: skip


class PerfectModel(ModelStub):
    """A model whose samples come from the distribution of the data.

    Arguments:
        card: The data card.
        draw: Returns n images for a seed.
    """

    def __init__(self, card: DataCard, draw) -> None:
        super().__init__(presets.gan_debug().model, card)
        self._draw = draw

    def sample(self, n, label=None, seed=0, **_):  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._draw(n, seed)


def measure(bench: Bench, model, data):
    """Measure, and check that each column has a value with its sample size and protocol."""
    measurements = bench.measure(model, data, 0, lambda done, total: None)
    assert set(measurements) >= {column.key for column in bench.columns}
    for m in measurements.values():
        assert m.n, m.name
        assert m.protocol, m.name
        assert m.split, m.name
    return measurements


def columns_of(bench: Bench):
    return {column.key: column for column in bench.columns}


def test_built_in_benches_are_registered_and_have_known_presets():
    benches = registered("bench")
    assert set(benches) >= NAMES
    for name in NAMES:
        bench = benches[name].component()
        assert bench.title
        assert bench.protocol
        assert set(bench.full) in (set(), set(bench.presets))
        for preset in bench.presets:
            steps = [bench.configure(preset, budget).train.steps for budget in bench.budgets]
            assert steps == sorted(set(steps))


def test_unknown_bench_is_refused():
    with raises_code("unknown-component"):
        component("bench", "gird")


def test_samples_of_the_mixture_reach_the_ideal_values():
    data, bench = load_data("grid"), component("bench", "grid")()
    measurements = measure(bench, PerfectModel(data.card, grid_images), data)
    columns = columns_of(bench)
    assert measurements["modes"].value == columns["modes"].ideal == 25
    assert measurements["high_quality"].value == pytest.approx(PERFECT_SHARE, abs=0.008)
    ideal = columns["reverse_kl"].ideal
    assert measurements["reverse_kl"].value == pytest.approx(ideal, abs=0.004)


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_the_ideals_of_mode_masses_and_distance_are_their_references(mixture):
    images = (mixture.sample(2500) / toy_scale(mixture))[:, :, None, None]
    measurements = mixture_measurements(images, mixture, 0)
    columns = columns_of(component("bench", mixture.name)())
    for key in ("mode_masses", "density_distance"):
        assert measurements[key].reference == pytest.approx(columns[key].ideal, rel=0.02)


def test_a_bench_shows_a_dash_for_what_no_sample_allows_to_measure():
    bench = component("bench", "ring")()
    measurements = mixture_measurements(torch.zeros(50, 2, 1, 1), bench.mixture, 0)
    row = Summary(name="gan_ring", steps=1, seeds={0: measurements}, seconds={0: 1.0})
    report = BenchReport(name="ring", bench=bench, rows=(row,), data="ring", seconds=1.0)
    titles, cells = report.table()
    assert cells[0][titles.index("reverse KL")] == EMPTY
    assert any("gan_ring" in note and "reverse KL" in note for note in report.notes())
    json.dumps(report.to_dict(), allow_nan=False)


def grid_images(n, seed):
    mixture = grid()
    return (mixture.sample(n, seed) / toy_scale(mixture))[:, :, None, None]


def perfect_triples(card) -> PerfectModel:
    return PerfectModel(
        card, lambda n, seed: to_float(stacked_mnist(1, n, seed=seed + 1).test.images)
    )


@pytest.mark.slow
def test_real_triples_have_no_excess_over_real_triples():
    progress = []
    data = stacked_mnist(10, 10)
    measurements = StackedMNIST(samples=3000).measure(
        perfect_triples(data.card), data, 0, lambda done, total: progress.append((done, total))
    )
    assert progress == [(2000, 3000), (3000, 3000)]
    assert measurements["modes"].value == pytest.approx(measurements["modes"].reference, abs=30)
    interval = measurements["excess"].interval
    assert interval is not None
    assert interval[0] < 0 < interval[1]


@pytest.mark.slow
def test_real_triples_reach_the_ideal_values():
    data, bench = stacked_mnist(10, 10), StackedMNIST()
    measurements = measure(bench, perfect_triples(data.card), data)
    columns = columns_of(bench)
    assert measurements["modes"].value == columns["modes"].ideal == 1000
    ideal = columns["reverse_kl"].ideal
    assert measurements["reverse_kl"].value == pytest.approx(ideal, rel=0.15)


def test_more_importance_samples_tighten_the_bound():
    complete = load_data("mnist-dynamic")
    test = complete.test
    labels = None if test.labels is None else test.labels[:24]
    data = Data(
        complete.card, complete.train, complete.validation, Split(test.images[:24], labels)
    )
    model = build(presets.vae_dynamic_mnist().model, data.card)
    measurements = measure(DynamicNLL(samples=300, temperatures=10), model, data)
    nll, nll_100, nll_1 = (measurements[key] for key in ("nll", "nll_100", "nll_1"))
    assert nll.value < nll_100.value < nll_1.value
    assert nll.n == 24
    assert "mnist-dynamic" in nll.protocol
    elbo_50 = elbo(model, data.test.images, samples=50).elbo
    assert nll_1.value == pytest.approx(-elbo_50, rel=0.01)
    annealed, same = measurements["annealed"], measurements["nll_annealed_images"]
    assert annealed.n == same.n == 24
    assert same.value == nll.value  # all images are annealed
    assert annealed.value == pytest.approx(nll.value, rel=0.15)  # 10 temperatures are few


def test_training_images_as_samples_reach_the_parzen_reference():
    data = tiny_data()
    real = PerfectModel(data.card, lambda n, seed: to_float(data.train.images[:n]))
    measurements = measure(ParzenLegacy(centres=150), real, data)
    assert measurements["parzen"].value == pytest.approx(measurements["real"].value, rel=0.05)
    assert measurements["parzen"].reference == measurements["real"].value


@pytest.mark.slow
def test_untrained_conditional_gan_is_at_chance():
    data = load_data("mnist")
    model = build(presets.cgan_debug().model, data.card)
    measurements = measure(component("bench", "cgan-mnist")(), model, data)
    assert measurements["gan_test"].value < 0.3
    assert 0.3 < measurements["wrong_label"].value < 0.7
