"""Estimators work with the tools of scikit-learn: pipelines, searches, clones, DataFrames."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import latentarium as la
from latentarium.estimators import AnomalyDetector, ImageGenerator, LatentEncoder
from support.errors import untyped


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(60, n_features=4, centers=2, random_state=0)


def test_grid_search_over_a_pipeline(blobs):
    x, y = blobs
    pipeline = make_pipeline(LatentEncoder(random_state=0, steps=20), LogisticRegression())
    search = GridSearchCV(pipeline, {"latentencoder__latent_dim": [1, 3]}, cv=2).fit(x, y)
    widths = [clone(pipeline).set_params(**p).fit(x, y)[0] for p in search.cv_results_["params"]]
    assert [encoder.transform(x).shape[1] for encoder in widths] == [1, 3]
    assert search.predict(x).shape == y.shape


def test_search_without_labels_uses_the_score(blobs):
    x, _ = blobs
    search = GridSearchCV(LatentEncoder(random_state=0), {"steps": [1, 200]}, cv=2).fit(x)
    assert search.best_params_ == {"steps": 200}


def test_output_as_dataframe_keeps_the_index(blobs):
    x = pd.DataFrame(blobs[0], columns=list("abcd"), index=range(100, 160))
    encoder = LatentEncoder(latent_dim=2, steps=5, random_state=0).set_output(transform="pandas")
    z = encoder.fit(x).transform(x)
    assert isinstance(z, pd.DataFrame)
    assert list(z.columns) == list(encoder.get_feature_names_out())
    assert list(z.index) == list(x.index)
    assert encoder.inverse_transform(z).shape == x.shape


def test_a_clone_has_the_parameters_and_the_configuration():
    encoder = LatentEncoder(la.presets.vae_debug(), image_shape=(8, 8), random_state=3)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    assert not hasattr(copy, "model_")


@pytest.mark.parametrize("kind", [LatentEncoder, AnomalyDetector, ImageGenerator])
def test_the_same_random_state_gives_the_same_estimator(kind, blobs):
    with untyped():
        weights = [
            kind(steps=5, random_state=state).fit(blobs[0]).model_.state_dict()
            for state in (1, 1, 2)
        ]
    name = next(k for k, v in weights[0].items() if v.ndim == 2)
    assert np.array_equal(weights[0][name], weights[1][name])
    assert not np.array_equal(weights[0][name], weights[2][name])


def test_a_random_generator_is_used_up(blobs):
    generator = np.random.RandomState(0)
    first, second = (
        LatentEncoder(steps=2, random_state=generator).fit(blobs[0]).transform(blobs[0])
        for _ in range(2)
    )
    assert not np.array_equal(first, second)


def test_training_does_not_change_global_random_numbers(blobs):
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    LatentEncoder(steps=2, random_state=1).fit(blobs[0])
    assert np.random.rand() == expected  # noqa: NPY002


def test_a_pickled_estimator_gives_the_same_results(blobs):
    x, y = blobs
    generator = ImageGenerator(steps=5, random_state=0).fit(x, y)
    copy = pickle.loads(pickle.dumps(generator))
    assert np.array_equal(copy.sample(5, y=1), generator.sample(5, y=1))
