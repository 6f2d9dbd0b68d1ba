"""evaluate, compare and bench as a person calls them."""

import json

import pytest

from conftest import refused
from latentarium.cli import main

pytestmark = pytest.mark.usefixtures("short_of_training")


def call(capsys, *arguments):
    capsys.readouterr()
    main([str(a) for a in arguments])
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    import numpy as np

    from conftest import tiny_arrays

    images, labels = tiny_arrays(1600)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory, npz):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("ae", "gan", "cgan"):
        main(["train", f"{name}_debug", "--data", str(npz), "--run", str(folder / name)])
    return folder


def test_evaluate_prints_a_table_and_keeps_it_beside_the_run(runs, capsys, tmp_path):
    out = call(capsys, "evaluate", runs / "cgan", "--json", tmp_path / "m.json")
    for word in ("value", "95 % interval", "reference", "n", "seed", "extractor", "protocol",
                 "GAN-test", "GAN-train", "Fréchet distance", "classifier-tiny.npz"):  # fmt: skip
        assert word in out
    kept = json.loads((runs / "cgan" / "metrics.json").read_text())
    assert kept == json.loads((tmp_path / "m.json").read_text())
    assert kept["measurements"]["gan_test"]["n"] == 160
    assert kept["versions"]["torch"]


def test_compare_evaluates_what_is_missing_and_sets_models_side_by_side(runs, capsys):
    (runs / "ae" / "metrics.json").unlink(missing_ok=True)
    out = call(capsys, "compare", runs / "ae", runs / "cgan")
    assert (runs / "ae" / "metrics.json").exists()
    values, how = [line for line in out.splitlines() if line.startswith("Coverage  ")]
    assert values.count("%") == 2 + 1  # two values, and the floor
    assert values.count("[") == 2
    assert "classifier-tiny.npz" in how


def test_compare_refuses_unlike_protocols_and_says_which(runs, capsys):
    call(capsys, "evaluate", runs / "ae")
    call(capsys, "evaluate", runs / "gan", "--n", 150)
    sentence = refused(capsys, "compare", runs / "ae", runs / "gan")
    assert "n 160 against 150" in sentence
    assert "Fréchet distance" in sentence


def test_a_run_trained_on_since_is_evaluated_again(runs, capsys):
    path = runs / "ae" / "metrics.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "weights": "0" * 64, "measurements": {}}))
    call(capsys, "evaluate", runs / "gan")
    assert "Coverage" in call(capsys, "compare", runs / "ae", runs / "gan")
    assert json.loads(path.read_text())["measurements"]


@pytest.mark.parametrize("extractor", ["random", "pca"])
def test_an_extractor_of_ones_choice(runs, capsys, extractor):
    out = call(capsys, "evaluate", runs / "ae", "--extractor", extractor)
    name = {"random": "random-convolutions", "pca": "pca"}[extractor]
    (line,) = [x for x in out.splitlines() if x.startswith("Coverage ")]
    assert name in line


def test_mistakes_are_one_sentence(runs, capsys, tmp_path, npz):
    assert "is not a run folder" in refused(capsys, "evaluate", tmp_path)
    assert "config.json" in refused(capsys, "evaluate", tmp_path / "nothing")
    assert "same kind" in refused(capsys, "evaluate", runs / "ae", "--data", "mnist")
    assert "two runs" in refused(capsys, "compare", runs / "ae")
    assert "too few" in refused(capsys, "evaluate", runs / "ae", "--n", "3")
    assert "grid" in refused(capsys, "bench", "gird")
    assert "number of steps" in refused(capsys, "bench", "ring", "--budget", "huge")
    assert "at least 1" in refused(capsys, "bench", "ring", "--seeds", "0")
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"no weights")
    sentence = refused(capsys, "evaluate", runs / "ae", "--inception-weights", weights)
    assert str(weights) in sentence


def test_data_that_changed_is_noticed(runs, capsys, npz, tmp_path):
    import numpy as np

    content = dict(np.load(npz))
    changed = tmp_path / "tiny.npz"
    np.savez(changed, images=255 - content["images"], labels=content["labels"])
    assert "Coverage" in call(capsys, "evaluate", runs / "ae", "--data", changed)
    before = npz.read_bytes()
    npz.write_bytes(changed.read_bytes())
    try:
        assert "no longer holds" in refused(capsys, "evaluate", runs / "ae")
    finally:
        npz.write_bytes(before)


def test_a_bench_prints_ours_beside_the_published_rows_and_resumes(capsys, tmp_path):
    arguments = ("bench", "ring", "--seeds", 2, "--budget", 30, "--out", tmp_path / "b")
    out = call(capsys, *arguments)
    for word in ("gan_ring", "vae_ring", "PacGAN4", "VEEGAN", "perfect sampling", "98.89 %",
                 "mean of 10 runs", "Student's t"):  # fmt: skip
        assert word in out
    kept = json.loads((tmp_path / "b" / "bench.json").read_text())
    assert [row["name"] for row in kept["rows"]] == ["gan_ring", "vae_ring"]
    assert set(kept["rows"][0]["seeds"]) == {"0", "1"}
    assert kept["published"]
    assert (tmp_path / "b" / "bench.svg").read_text().startswith("<svg")
    again = call(capsys, *arguments)
    assert again.splitlines()[:12] == out.splitlines()[:12]


def test_the_benches_are_listed(capsys):
    out = call(capsys, "bench")
    for name in ("ring", "grid", "stacked-mnist", "stacked-mnist-small-discriminator",
                 "nll-dynamic", "parzen-legacy", "cgan-mnist"):  # fmt: skip
        assert name in out
