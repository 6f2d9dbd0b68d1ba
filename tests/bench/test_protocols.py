"""What each bench measures, on models and data small enough for a test."""

import pytest

from latentarium import presets
from latentarium.bench import protocols
from latentarium.bench.protocols import PROTOCOLS
from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, to_float
from latentarium.data.sources import load_data
from latentarium.data.stacked_mnist import stacked_mnist
from latentarium.data.toy import PERFECT_SHARE, grid, toy_scale
from latentarium.evaluation.likelihood import elbo
from latentarium.models.build import build
from support.tiny import ModelStub, tiny_data


class Perfect(ModelStub):
    """Samples from the data's own distribution."""

    def __init__(self, card: DataCard, draw) -> None:
        super().__init__(presets.gan_debug().model, card)
        self._draw = draw

    def sample(self, n, label=None, seed=0, **_):
        return self._draw(n, seed)


def measured(name, model, data, watch=lambda done, of: None):
    found = PROTOCOLS[name].measure(model, data, 0, watch)
    assert set(found) >= {column.key for column in PROTOCOLS[name].columns}
    for m in found.values():
        assert m.n, m.name
        assert m.protocol, m.name
        assert m.split, m.name
    return found


def test_points_of_the_mixture_itself_get_what_the_table_calls_perfect():
    data = load_data("grid")
    found = measured("grid", Perfect(data.card, to_plane), data)
    columns = {c.key: c for c in PROTOCOLS["grid"].columns}
    assert found["modes"].value == columns["modes"].ideal == 25
    assert found["high_quality"].value == pytest.approx(PERFECT_SHARE, abs=0.008)
    assert found["reverse_kl"].value == pytest.approx(columns["reverse_kl"].ideal, abs=0.004)


def to_plane(n, seed):
    mixture = grid()
    return (mixture.sample(n, seed) / toy_scale(mixture))[:, :, None, None]


def triples(card) -> Perfect:
    return Perfect(card, lambda n, seed: to_float(stacked_mnist(1, n, seed=seed + 1).test.images))


def test_triples_of_digits_are_nothing_above_real_triples():
    seen = []
    card = stacked_mnist(10, 10).card
    found = protocols.measure_stacked(
        3000, triples(card), stacked_mnist(10, 10), 0, lambda done, of: seen.append((done, of))
    )
    assert seen == [(2000, 3000), (3000, 3000)]
    assert found["modes"].value == pytest.approx(found["modes"].reference, abs=30)
    interval = found["excess"].interval
    assert interval is not None
    assert interval[0] < 0 < interval[1]


@pytest.mark.slow
def test_triples_of_digits_get_what_the_table_calls_perfect():
    data = stacked_mnist(10, 10)
    found = measured("stacked-mnist", triples(data.card), data)
    columns = {c.key: c for c in PROTOCOLS["stacked-mnist"].columns}
    assert found["modes"].value == columns["modes"].ideal == 1000
    assert found["reverse_kl"].value == pytest.approx(columns["reverse_kl"].ideal, rel=0.15)


def test_more_importance_samples_tighten_the_bound_of_every_test_image(monkeypatch):
    monkeypatch.setattr(protocols, "NLL_SAMPLES", 300)
    whole = load_data("mnist-dynamic")
    data = Data(whole.card, whole.train, whole.validation, first(whole.test, 60))
    config = presets.vae_dynamic_mnist()
    model = build(config.model, data.card)
    found = measured("nll-dynamic", model, data)
    assert found["nll"].value < found["nll_100"].value < found["nll_1"].value
    assert found["nll"].n == 60
    assert "mnist-dynamic" in found["nll"].protocol
    assert found["nll_1"].value == pytest.approx(
        -elbo(model, data.test.images, samples=50).elbo, rel=0.01
    )


def first(split: Split, n: int) -> Split:
    return Split(split.images[:n], None if split.labels is None else split.labels[:n])


def test_training_images_as_samples_score_what_the_parzen_ceiling_says(monkeypatch):
    monkeypatch.setattr(protocols, "CENTRES", 150)
    data = tiny_data()
    real = Perfect(data.card, lambda n, seed: to_float(data.train.images[:n]))
    found = measured("parzen-legacy", real, data)
    assert found["parzen"].value == pytest.approx(found["real"].value, rel=0.05)
    assert found["parzen"].reference == found["real"].value


@pytest.mark.slow
def test_the_conditional_bench_measures_a_model_that_knows_nothing(monkeypatch):
    data = load_data("mnist")
    model = build(presets.cgan_debug().model, data.card)
    found = measured("cgan-mnist", model, data)
    assert found["gan_test"].value < 0.3
    assert 0.3 < found["wrong_label"].value < 0.7
