"""The evaluation classifier: trained on real images, applied to generated ones."""

from latentarium.classifier.classifier import (
    CONFIDENT,
    Classifier,
    as_pixels,
    load_classifier,
    quantize,
    save_classifier,
)
from latentarium.classifier.lookup import CacheWarning, classifier_for
from latentarium.classifier.training import train_classifier

__all__ = [
    "CONFIDENT",
    "CacheWarning",
    "Classifier",
    "as_pixels",
    "classifier_for",
    "load_classifier",
    "quantize",
    "save_classifier",
    "train_classifier",
]
