"""Priors are fitted to the latents of a run, kept with it, and replace its prior on request."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import MultivariateNormal

import latentarium as la
from latentarium import presets
from latentarium.config import DataCard
from latentarium.distributions import Point
from latentarium.latent import flow_fit
from latentarium.latent.gaussians import ClassGaussians
from latentarium.latent.prior_fit import CANDIDATES, fit_prior, fit_to_latents
from latentarium.models.inference import encode
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.run.priors import PRIOR_KINDS, prior_kinds, prior_path
from support.errors import raises_code
from support.tiny import ModelStub, tiny_arrays, tiny_data


@pytest.fixture(autouse=True)
def short_flow(monkeypatch):
    monkeypatch.setattr(flow_fit, "FLOW_STEPS", 60)
    monkeypatch.setattr(flow_fit, "FLOW", replace(flow_fit.FLOW, transforms=1, width=16))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Runs of an autoencoder, a VAE with class Gaussians and a conditional VAE."""
    folder, data = tmp_path_factory.mktemp("runs"), tiny_data()
    for name in ("ae_debug", "vae_class_debug"):
        la.train(presets.get(name), folder / name, data)
    vae = presets.vae_debug()
    conditional = replace(vae, model=replace(vae.model, conditional=True))
    la.train(conditional, folder / "cvae", data)
    return folder


@pytest.fixture
def use_tiny_data(monkeypatch):
    monkeypatch.setattr(Run, "load_data", lambda run, source=None: tiny_data())


@pytest.mark.parametrize("name", ["ae_debug", "vae_class_debug", "cvae"])
@pytest.mark.parametrize("kind", PRIOR_KINDS)
def test_every_kind_fits_every_model_with_an_encoder(folders, use_tiny_data, name, kind):
    run = Run(folders / name)
    fit = fit_prior(run, kind)
    model = la.load(run, prior=kind)
    trained = la.load(run, prior="trained")
    assert kind in prior_kinds(run.folder)
    assert model.takes_label == (kind.startswith("class-") or name == "cvae")
    z, labels = model.latents(2000, seed=3)
    assert (labels is None) != model.takes_label
    data = encode(trained, tiny_data().train)
    torch.testing.assert_close(
        z.mean(0), data.mean(0), rtol=0, atol=0.5 * float(data.std(0).max())
    )
    assert model.sample(3, seed=1).shape == (3, 1, 12, 10)
    assert (fit.trained_prior is None) == (name == "ae_debug")
    default = la.load(run)
    if name == "ae_debug":  # it was trained without a prior
        assert default.fitted_prior in prior_kinds(run.folder)
    else:
        assert torch.equal(trained.sample(3, seed=1), default.sample(3, seed=1))


def test_an_autoencoder_samples_from_the_fitted_prior_with_the_largest_density(
    use_tiny_data, tmp_path
):
    run = la.train(presets.ae_debug(), tmp_path / "r", tiny_data())
    assert la.load(run).fitted_prior is None
    fit_prior(run, "class-mixture")
    assert la.load(run).fitted_prior == "class-mixture"
    densities = {kind: fit_prior(run, kind).held_out for kind in ("gaussian", "mixture", "flow")}
    best = max(densities, key=lambda kind: densities[kind])
    assert la.load(run).fitted_prior == best
    assert run.load(run.snapshots()[-1]).fitted_prior is None


def test_the_class_gaussian_is_the_gaussian_of_the_classs_latents(folders, use_tiny_data):
    run = Run(folders / "ae_debug")
    fit_prior(run, "class-gaussian")
    model, data = la.load(run, prior="class-gaussian"), tiny_data()
    assert data.train.labels is not None
    z = encode(model, data.train)
    known = ClassGaussians.fit(z, data.train.labels, 3)
    labels = torch.tensor([0, 1, 2])
    scores = model.prior(labels, 3).log_prob(z[:3]).double()
    torch.testing.assert_close(scores, known.log_prob(z[:3]).diagonal(), rtol=1e-3, atol=1e-2)
    drawn, _ = model.latents(4000, label=2, seed=0)
    deviation = (drawn.mean(0) - known.means[2]) / known.covariances[2].diagonal().sqrt()
    assert float(deviation.abs().max()) < 0.1


class MixtureModel(ModelStub):
    """Encodes every image as its first pixels, so that the latents are known."""

    def __init__(self, data: DataCard) -> None:
        super().__init__(replace(presets.ae_debug().model, latent_dim=2), data)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def encode(self, x, y=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        return Point(x.flatten(1)[:, :2])


def test_the_number_of_components_is_chosen_by_the_held_out_density():
    centres = torch.cartesian_prod(torch.linspace(-0.9, 0.9, 3), torch.linspace(-0.9, 0.9, 3))
    noise = Noise("modes")
    points = centres[noise.integers(9, 4000)] + 0.03 * noise.normal(4000, 2)
    pixels = torch.zeros(4000, 64, dtype=torch.uint8)
    pixels[:, :2] = (points.clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)
    data = la.load_data(pixels.view(-1, 1, 8, 8).numpy())
    model = MixtureModel(data.card)
    fit = fit_to_latents(model, data, "mixture")
    assert max(fit.candidates, key=lambda number: fit.candidates[number]) == "10"
    assert list(fit.candidates) == ["1", "2", "5", "10", "20"]
    assert fit.held_out == max(fit.candidates.values())
    chosen = fit_to_latents(model, data, "mixture", components=9)
    assert chosen.candidates == {}
    with torch.no_grad():
        drawn = chosen.prior(None, 1000).sample(Noise(1))
    near = torch.cdist(drawn, centres).amin(1)
    assert float((near < 0.12).double().mean()) > 0.97


def test_a_flow_of_few_latents_does_not_learn_them_by_heart(monkeypatch):
    monkeypatch.setattr(flow_fit, "FLOW", replace(flow_fit.FLOW, transforms=2, width=64))
    monkeypatch.setattr(flow_fit, "FLOW_STEPS", 1500)
    monkeypatch.setattr(flow_fit, "PATIENCE", 300)
    z, held_out = Noise("few").normal(30, 2), Noise("others").normal(200, 2)
    seen = []
    prior, score = flow_fit.fit_flow(z, held_out, 0, lambda *report: seen.append(report))
    gaussian = MultivariateNormal(z.mean(0), z.T.cov()).log_prob(held_out).mean()
    assert score > float(gaussian) - 0.1
    assert score == pytest.approx(float(prior(None, 200).log_prob(held_out).mean()), abs=1e-4)
    assert 300 <= seen[-2][0] < 1500  # it ends when the held-out density no longer rises
    assert float(seen[-2][2].split()[0]) < score - 0.1


def test_the_density_of_a_prior_with_classes_is_that_of_all_classes(folders, use_tiny_data):
    data = tiny_data()
    assert data.train.labels is not None
    shares = data.train.labels.bincount() / len(data.train.labels)
    for name in ("ae_debug", "vae_class_debug"):
        run = Run(folders / name)
        fit = fit_prior(run, "class-gaussian")
        trained = la.load(run, prior="trained")
        z = encode(trained, data.validation)
        known = ClassGaussians.fit(encode(trained, data.train), data.train.labels, 3)
        density = (known.log_prob(z) + shares.log()).logsumexp(1).mean()
        assert fit.held_out == pytest.approx(float(density), rel=1e-3)
        if name == "ae_debug":
            assert fit.trained_prior is None
            continue
        of_class = [trained.prior(torch.full((len(z),), c), len(z)).log_prob(z) for c in range(3)]
        density = (torch.stack(of_class, 1).detach() + shares.log()).logsumexp(1).mean()
        assert fit.trained_prior == pytest.approx(float(density), rel=1e-4)


def test_a_class_with_one_image_is_named_with_what_to_do():
    images, _ = tiny_arrays(n=120)
    data = la.load_data(images, ["dogs"] + 119 * ["cats"])
    with pytest.raises(la.UserError, match=r"'dogs'.*choose the kind 'mixture'"):
        fit_to_latents(MixtureModel(data.card), data, "class-gaussian")


def test_few_latents_allow_few_components():
    images, labels = tiny_arrays(n=60)
    data = la.load_data(images, labels)
    model = MixtureModel(data.card)
    fit = fit_to_latents(model, data, "mixture")
    assert max(map(int, fit.candidates)) <= len(data.train) // 4 < max(CANDIDATES)
    with pytest.raises(la.UserError, match=r"of the class '0' have .*choose fewer components"):
        fit_to_latents(model, data, "class-mixture", components=1000)
    with pytest.raises(la.UserError, match="at least 1,000: choose fewer components"):
        fit_to_latents(model, data, "mixture", components=1000)


def test_the_progress_names_each_number_of_components(folders, use_tiny_data):
    seen = []
    fit_prior(Run(folders / "ae_debug"), "mixture", progress=lambda *part: seen.append(part))
    assert seen[0] == (0, len(CANDIDATES), "encode the images")
    assert [done for done, _, _ in seen] == list(range(len(seen)))


def test_the_same_seed_gives_the_same_prior(folders, use_tiny_data):
    run = Run(folders / "ae_debug")
    for kind in ("mixture", "flow"):
        fit_prior(run, kind)
        before = prior_path(run.folder, kind).read_bytes()
        fit_prior(run, kind)
        assert prior_path(run.folder, kind).read_bytes() == before


def test_a_prior_of_other_weights_or_a_damaged_one_is_refused(use_tiny_data, tmp_path):
    run = la.train(presets.ae_debug(), tmp_path / "r", tiny_data())
    with raises_code("no-fitted-prior"):
        run.load(prior="gaussian")
    with raises_code("unknown-prior"):
        run.load(prior="gausian")
    fit_prior(run, "gaussian")
    identity = run.weights_hash("gaussian")
    assert identity != run.weights_hash()
    path = prior_path(run.folder, "gaussian")
    content = path.read_bytes()
    for damaged in (content[:-3], content[:20], b"", b"{}" * 50):
        path.write_bytes(damaged)
        with raises_code("damaged-prior"):
            run.load(prior="gaussian")
    path.write_bytes(content)
    config = replace(run.config, train=replace(run.config.train, steps=50))
    la.train(config, tmp_path / "r", tiny_data())
    with raises_code("outdated-prior"):
        Run(tmp_path / "r").load(prior="gaussian")


def test_what_cant_be_fitted_is_refused_before_data_are_loaded(tmp_path, monkeypatch):
    gan = la.train(presets.gan_debug(), tmp_path / "gan", tiny_data())
    plain = la.train(presets.ae_debug(), tmp_path / "ae", tiny_data(labelled=False))
    monkeypatch.delattr(Run, "load_data")
    with raises_code("no-encoder"):
        fit_prior(gan, "mixture")
    with raises_code("labels-missing"):
        fit_prior(plain, "class-gaussian")
    with raises_code("invalid-components"):
        fit_prior(plain, "gaussian", components=3)
    with raises_code("invalid-components"):
        fit_prior(plain, "mixture", components=0)
    with raises_code("shipped-run"):
        fit_prior("shipped:ae", "gaussian")
