"""Estimators are saved without pickle, and loaded ones give the same results."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportAssignmentType=false, reportCallIssue=false
# pyright: reportOptionalIterable=false
# the stubs of scikit-learn and pandas are narrower than their functions

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

import latentarium as la
from latentarium.estimators import AnomalyDetector, ImageGenerator, LatentEncoder
from latentarium.models.inference import decode
from support.command_line import error_code
from support.errors import raises_code


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(3, 2, (40, 4))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize("data", ["table", "images"])
def test_a_loaded_encoder_gives_the_same_results(data, request, tmp_path):
    x = request.getfixturevalue(data)
    encoder = LatentEncoder(latent_dim=3, steps=5, random_state=0).fit(x)
    loaded = LatentEncoder.load(encoder.save(tmp_path / "run"))
    assert loaded.get_params() == encoder.get_params()
    assert np.array_equal(loaded.transform(x), encoder.transform(x))
    assert np.array_equal(loaded.score_samples(x), encoder.score_samples(x))
    z = encoder.transform(x)
    assert np.array_equal(loaded.inverse_transform(z), encoder.inverse_transform(z))
    assert list(loaded.get_feature_names_out()) == list(encoder.get_feature_names_out())


def test_a_loaded_detector_has_the_same_threshold(table, tmp_path):
    detector = AnomalyDetector("ae", steps=5, random_state=0).fit(table)
    loaded = AnomalyDetector.load(detector.save(tmp_path / "run"))
    assert np.array_equal(loaded.predict(table), detector.predict(table))
    assert np.array_equal(loaded.explain(table), detector.explain(table))
    assert loaded.offset_ == detector.offset_


@pytest.mark.parametrize("prior", ["auto", "flow", "trained"])
@pytest.mark.parametrize("classes", [None, ["a", "bc"], [False, True], [3, 7], [0.0, 2.0]])
def test_a_loaded_generator_gives_the_same_samples(table, classes, prior, tmp_path, monkeypatch):
    monkeypatch.setattr("latentarium.latent.flow_fit.FLOW_STEPS", 3)
    y = None if classes is None else np.array(classes)[np.arange(40) % 2]
    generator = ImageGenerator(prior=prior, steps=3, random_state=0).fit(table, y)
    loaded = ImageGenerator.load(generator.save(tmp_path / "run"))
    assert np.array_equal(loaded.sample(5), generator.sample(5))
    if y is not None:
        assert loaded.classes_.dtype == generator.classes_.dtype
        label = y[0].item()
        assert np.array_equal(loaded.sample(5, y=label), generator.sample(5, y=label))


def test_a_conditional_gan_is_loaded(images, tmp_path):
    generator = ImageGenerator(steps=2, random_state=0).fit(images, np.arange(20) % 2)
    loaded = ImageGenerator.load(generator.save(tmp_path / "run"))
    assert np.array_equal(loaded.sample(4, y=1), generator.sample(4, y=1))


def test_names_of_columns_and_configurations_are_kept(table, tmp_path):
    frame = pd.DataFrame(table, columns=list("abcd"))
    config = LatentEncoder(steps=2, random_state=0).fit(table).config_
    config = replace(config, name="mine")
    encoder = LatentEncoder(config, random_state=0).fit(frame)
    loaded = LatentEncoder.load(encoder.save(tmp_path / "run"))
    assert loaded.config == config
    assert list(loaded.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        loaded.transform(frame.rename(columns={"a": "z"}))


def test_the_folder_is_a_run_without_pickles(images, tmp_path):
    encoder = LatentEncoder(steps=3, random_state=0).fit(images)
    folder = encoder.save(tmp_path / "run")
    model = la.load(folder)
    assert model.sample(2).shape == (2, 1, 8, 8)
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", "", ".md", ".pid"}
    assert json.loads((folder / "estimator.json").read_text())["estimator"] == "LatentEncoder"


def test_commands_that_write_images_refuse_a_table(capsys, table, tmp_path):
    encoder = LatentEncoder(steps=2, random_state=0).fit(table)
    folder, out = encoder.save(tmp_path / "run"), tmp_path / "out.npz"
    latents = tmp_path / "z.csv"
    latents.write_text("z0,z1\n0,1\n")
    for command in (["sample", folder], ["decode", folder, latents],
                    ["interpolate", folder, "seed:0", "seed:1"]):  # fmt: skip
        assert error_code(capsys, *command, "--out", out) == "not-images"
    assert not out.exists()


def test_the_model_of_a_table_is_not_limited_to_the_range_of_pixels(table, tmp_path):
    encoder = LatentEncoder(steps=200, random_state=0).fit(table)
    model = la.load(encoder.save(tmp_path / "run"))
    z = encoder.transform(table)
    rows = encoder.format_.from_model(decode(model, torch.from_numpy(z)))
    assert np.abs((table - table.mean(0)) / table.std(0)).max() > 1.5
    assert np.allclose(rows, encoder.inverse_transform(z), atol=1e-4)
    assert model.reconstruct(encoder.format_.to_model(table)).abs().max() > 1.2


def test_a_random_generator_is_not_saved(table, tmp_path):
    encoder = LatentEncoder(steps=2, random_state=np.random.RandomState(0)).fit(table)
    assert LatentEncoder.load(encoder.save(tmp_path / "run")).random_state is None


def test_only_fitted_estimators_are_saved(tmp_path):
    with pytest.raises(NotFittedError):
        LatentEncoder().save(tmp_path / "run")


def test_other_folders_are_refused(table, tmp_path):
    encoder = LatentEncoder(steps=2, random_state=0).fit(table)
    folder = encoder.save(tmp_path / "run")
    with raises_code("folder-not-empty"):
        encoder.save(folder)
    with raises_code("other-estimator"):
        AnomalyDetector.load(folder)
    with raises_code("not-an-estimator"):
        LatentEncoder.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": None},
        {"parameters": {"unknown": 1}},
        {"data_format": {}},
        {"data_format": {"num_features": 4, "dtype": "float64", "mean": [0], "scale": [1]}},
        {"feature_names": 3},
        {"fitted": 3},
        {"prior": "nothing"},
    ],
)
def test_a_damaged_file_is_refused(table, change, tmp_path):
    encoder = LatentEncoder(steps=2, random_state=0).fit(table)
    path = encoder.save(tmp_path / "run") / "estimator.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(la.UserError):
        LatentEncoder.load(path.parent)
