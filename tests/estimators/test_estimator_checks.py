"""The estimators pass scikit-learn's own checks, all of them."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from latentarium.estimators import AnomalyDetector, ImageGenerator, LatentEncoder
from support.errors import untyped

ESTIMATORS = [
    LatentEncoder(),
    LatentEncoder("ae"),
    AnomalyDetector(),
    AnomalyDetector("ae"),
    ImageGenerator(),
]


@parametrize_with_checks(ESTIMATORS)
def test_check(estimator, check):
    with untyped():  # a check gives values of wrong types on purpose
        check(estimator)
