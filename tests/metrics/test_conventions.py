"""Compare distances with independent implementations of the same papers: torch-fidelity and prdc.

Conventions in which they differ:

    order      torch-fidelity takes the generated set first, prdc and latentarium the real one
    boundary   precision and recall: torch-fidelity and latentarium `<=` (the paper), prdc `<`
    k          all three use the k-th nearest other point, not counting the point itself
    subsets    kernel distance: each draws other subsets from the same seed
"""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from prdc import compute_prdc

from latentarium.metrics import inception
from latentarium.metrics.distances import frechet, kernel_distance
from latentarium.metrics.extractors import Extractor
from latentarium.metrics.fidelity import density_coverage, precision_recall
from latentarium.metrics.inception import Inception
from support.errors import raises_code


@pytest.fixture(scope="module")
def fidelity():
    """torch-fidelity's modules by name."""
    inception._torch_fidelity()  # imports it without torchvision
    return {n: sys.modules[f"torch_fidelity.metric_{n}"] for n in ("fid", "kid", "prc")}


def normal(n, size, seed):
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def real_and_fake(n=600, m=500, size=12, seed=0):
    """Return sets that differ in mean, covariance and coverage, so that all measures differ."""
    mix = normal(size, size, seed + 9) / size**0.5
    real = normal(n, size, seed) @ mix
    fake = 0.7 * normal(m, size, seed + 1) @ mix + 0.2
    return real, fake


def lattice(n, seed):
    """Return points with many equal distances, on the boundaries of each other's balls."""
    return torch.randint(4, (n, 2), generator=torch.Generator().manual_seed(seed)).double()


def prdc(real, fake, k, capsys):
    result = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
    capsys.readouterr()  # it prints
    return result


# ----------------------------------------------------------------------------------- distances


@pytest.mark.parametrize("size", [3, 40])
def test_frechet_agrees_with_torch_fidelity(fidelity, size):
    """torch-fidelity takes eigenvalues of the unsymmetric product of the covariances."""
    real, fake = real_and_fake(size=size)
    fid = fidelity["fid"]
    theirs = fid.fid_statistics_to_metric(
        fid.fid_features_to_statistics(fake), fid.fid_features_to_statistics(real), verbose=False
    )
    assert frechet(real, fake) == pytest.approx(theirs[fid.KEY_METRIC_FID], rel=1e-8)
    # float32 features, as extractors return them, are converted to float64 before summing
    assert frechet(real.float(), fake.float()) == pytest.approx(
        theirs[fid.KEY_METRIC_FID], rel=1e-5
    )


def test_unbiased_kernel_estimate_agrees_with_torch_fidelity_on_equal_subsets(fidelity):
    real, fake = real_and_fake()
    generator, theirs = torch.Generator().manual_seed(3), []
    for _ in range(7):
        r = torch.randperm(len(real), generator=generator)[:100]
        f = torch.randperm(len(fake), generator=generator)[:100]
        theirs.append(fidelity["kid"].kernel_mmd(fake[f].numpy(), real[r].numpy()))
    ours = kernel_distance(real, fake, subsets=7, subset_size=100, seed=3)
    assert ours.value == pytest.approx(float(np.mean(theirs)), rel=1e-9)


def test_kernel_distance_agrees_with_torch_fidelity_within_the_error_of_subsets(fidelity):
    real, fake = real_and_fake()
    kid = fidelity["kid"]
    theirs = kid.kid_features_to_metric(
        fake, real, kid_subsets=100, kid_subset_size=100, verbose=False
    )
    ours = kernel_distance(real, fake, subsets=100, subset_size=100)
    mean, std = theirs[kid.KEY_METRIC_KID_MEAN], theirs[kid.KEY_METRIC_KID_STD]
    assert ours.value == pytest.approx(mean, abs=4 * std * (2 / 100) ** 0.5)
    assert mean > 10 * std * (2 / 100) ** 0.5  # otherwise the check above could not fail


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("sets", ["smooth", "lattice"])
@pytest.mark.parametrize("save_cpu_ram", [False, True])
def test_precision_and_recall_agree_with_torch_fidelity(fidelity, k, sets, save_cpu_ram):
    real, fake = real_and_fake() if sets == "smooth" else (lattice(23, 1), lattice(9, 2) + 1)
    theirs = fidelity["prc"].prc_features_to_metric(
        fake, real, prc_neighborhood=k, save_cpu_ram=save_cpu_ram, verbose=False
    )
    ours = precision_recall(real, fake, k=k)
    assert ours.precision == pytest.approx(theirs["precision"], abs=1e-6)  # theirs is float32
    assert ours.recall == pytest.approx(theirs["recall"], abs=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_measures_agree_with_prdc_without_ties(k, capsys):
    real, fake = real_and_fake()
    theirs = prdc(real, fake, k, capsys)
    pr, dc = precision_recall(real, fake, k=k), density_coverage(real, fake, k=k)
    assert pr.precision == pytest.approx(theirs["precision"], abs=1e-12)
    assert pr.recall == pytest.approx(theirs["recall"], abs=1e-12)
    assert dc.density == pytest.approx(theirs["density"], rel=1e-12)
    assert dc.coverage == pytest.approx(theirs["coverage"], abs=1e-12)
    assert len({round(v, 3) for v in theirs.values()}) == 4  # so a mix-up is detected


def test_with_ties_density_and_coverage_agree_with_prdc_and_precision_with_the_paper(capsys):
    """prdc excludes the boundary for precision and recall too, so its values are lower."""
    real, fake = lattice(23, 1), lattice(9, 2) + 1
    theirs = prdc(real, fake, 3, capsys)
    pr, dc = precision_recall(real, fake, k=3), density_coverage(real, fake, k=3)
    assert dc.density == pytest.approx(theirs["density"], rel=1e-12)
    assert dc.coverage == pytest.approx(theirs["coverage"], abs=1e-12)
    assert pr.precision > theirs["precision"]
    assert pr.recall >= theirs["recall"]


def test_swapped_arguments_change_the_result_as_in_the_libraries(fidelity, capsys):
    real, fake = real_and_fake()
    right, wrong = precision_recall(real, fake), precision_recall(fake, real)
    assert (wrong.precision, wrong.recall) == (right.recall, right.precision)
    assert abs(right.precision - right.recall) > 0.05
    right, wrong = density_coverage(real, fake), density_coverage(fake, real)
    assert abs(right.density - wrong.density) > 0.05
    assert abs(right.coverage - wrong.coverage) > 0.05
    swapped = prdc(fake, real, 5, capsys)
    assert wrong.coverage == pytest.approx(swapped["coverage"])
    theirs = fidelity["prc"].prc_features_to_metric(real, fake, verbose=False)  # swapped
    assert theirs["precision"] == pytest.approx(precision_recall(real, fake).recall, abs=1e-6)


# ----------------------------------------------------------------------------------- Inception


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in torch-fidelity's format, and its own network with them."""
    fidelity = inception._torch_fidelity()
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    cls = fidelity.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(cls, "load_state_dict", lambda self, state: None)
        patch.setattr(torch, "load", lambda *a, **k: {})
        network = cls("made", ["2048"], str(path))
    torch.save(network.state_dict(), path)
    return path, cls("theirs", ["2048"], str(path))


@pytest.mark.parametrize(
    ("channels", "height"), [(3, 32), pytest.param(1, 28, marks=pytest.mark.slow)]
)
def test_inception_features_agree_with_torch_fidelity(weights, channels, height):
    path, theirs = weights
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (3, channels, height, 30), generator=generator).to(torch.uint8)
    ours = Inception(path, device="cpu")
    assert isinstance(ours, Extractor)
    result = ours.features(pixels)
    assert result.shape == (3, ours.num_features)
    assert float(result.std(0).mean()) > 0
    with torch.no_grad():
        expected = theirs(pixels.repeat(1, 3 // channels, 1, 1))[0]
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    # the same images as floats in [-1, 1], and in another batch size
    images = pixels.float() / 127.5 - 1
    torch.testing.assert_close(ours.features(images, batch_size=2), expected, rtol=1e-4, atol=1e-5)


def test_inception_has_the_hash_of_its_weights_file(weights, tmp_path):
    path, theirs = weights
    first = Inception(path, device="cpu")
    state = theirs.state_dict()
    state["fc.bias"] = state["fc.bias"] + 1
    torch.save(state, tmp_path / "other.pth")
    assert first.hash == inception.hashlib.sha256(path.read_bytes()).hexdigest()
    assert Inception(tmp_path / "other.pth").hash != first.hash
    with raises_code("unsupported-channels"):
        first.features(torch.zeros(1, 2, 8, 8))
    with raises_code("not-finite"):
        first.features(torch.full((1, 3, 8, 8), torch.nan))


class CodeWhenUnpickled:
    """Runs code when unpickled."""

    executed = False

    def __reduce__(self):
        return (setattr, (CodeWhenUnpickled, "executed", True))


@pytest.mark.parametrize("content", ["text", "empty", "other", "list", "code", "folder", "none"])
def test_wrong_weights_are_refused_without_running_code(content, tmp_path):
    path = tmp_path / "weights.pth"
    if content == "text":
        path.write_text("not weights")
    elif content == "empty":
        path.write_bytes(b"")
    elif content == "folder":
        path.mkdir()
    elif content != "none":
        contents = {
            "other": {"head.bias": torch.zeros(2)},
            "list": [1, 2],
            "code": CodeWhenUnpickled(),
        }
        torch.save(contents[content], path)
    unreadable = content in ("folder", "none")
    with raises_code("unreadable-weights" if unreadable else "wrong-weights") as caught:
        Inception(path)
    assert str(path) in str(caught.value)
    assert inception.WEIGHTS_FILE in str(caught.value)
    assert not CodeWhenUnpickled.executed


def test_missing_package_is_reported_and_leaves_no_stand_in(monkeypatch, tmp_path):
    loaded = [n for n in sys.modules if n.split(".")[0] in ("torch_fidelity", "torchvision")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(
        sys,
        "meta_path",
        [FailingImport("torch_fidelity"), FailingImport("torchvision"), *sys.meta_path],
    )
    with raises_code("missing-package"):
        Inception(tmp_path / "weights.pth")
    assert not [n for n in sys.modules if n.split(".")[0] == "torchvision"]


@pytest.mark.parametrize("error", [RuntimeError, ImportError])
def test_torch_fidelity_is_imported_despite_a_broken_torchvision(error, monkeypatch):
    """A torchvision built for another torch raises RuntimeError and leaves modules behind."""
    for name in [n for n in sys.modules if n.split(".")[0] == "torch_fidelity"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision.extension", ModuleType("torchvision.extension"))
    monkeypatch.setattr(sys, "meta_path", [FailingImport("torchvision", error), *sys.meta_path])
    assert hasattr(inception._torch_fidelity(), "FeatureExtractorInceptionV3")
    assert not [n for n in sys.modules if n.split(".")[0] == "torchvision"]
    for name in [n for n in sys.modules if n.split(".")[0] == "torch_fidelity"]:
        monkeypatch.delitem(sys.modules, name)  # monkeypatch restores the modules of other tests


class FailingImport:
    """An import finder that fails for one package."""

    def __init__(self, package, error=ModuleNotFoundError):
        self.package, self.error = package, error

    def find_spec(self, name, path=None, target=None):
        if name == self.package:
            raise self.error(f"no {name} here")
