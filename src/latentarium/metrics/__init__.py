"""Metrics: images or features in, numbers out."""

from latentarium.metrics.aggregate_posterior import (
    AggregateKL,
    GaussianKL,
    SlicedDistance,
    aggregate_kl,
    gaussian_kl,
    prior_sliced_distance,
    sliced_wasserstein,
)
from latentarium.metrics.conditional import (
    Confusion,
    LabelHistogram,
    PerClassDensityCoverage,
    confusion,
    expected_coverage,
    label_histogram,
    per_class_density_coverage,
)
from latentarium.metrics.coverage import (
    MixtureQuality,
    ModeCoverage,
    ModeMasses,
    mixture_quality,
    mode_coverage,
    mode_masses,
)
from latentarium.metrics.density_distance import DensityDistance, density_distance
from latentarium.metrics.distances import (
    FeatureStatistics,
    FrechetReference,
    KernelDistance,
    frechet,
    frechet_distance,
    frechet_interval,
    frechet_reference,
    kernel_distance,
)
from latentarium.metrics.extractors import Extractor, PixelPCA, RandomConvolutions, describe
from latentarium.metrics.fidelity import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from latentarium.metrics.inception import Inception
from latentarium.metrics.memorization import (
    Memorization,
    NearerToTraining,
    measure_memorization,
    nearer_to_training,
    nearest_images,
    pixel_distances,
)
from latentarium.metrics.parzen import ParzenEstimate, parzen_log_likelihood
from latentarium.metrics.reconstruction import (
    ImageMean,
    Reconstruction,
    measure_reconstruction,
    structural_similarity,
)
from latentarium.metrics.wrong_label import WrongLabelAUC, wrong_label_auc

__all__ = [
    "AggregateKL",
    "Confusion",
    "DensityCoverage",
    "DensityDistance",
    "Extractor",
    "FeatureStatistics",
    "FrechetReference",
    "GaussianKL",
    "ImageMean",
    "Inception",
    "KernelDistance",
    "LabelHistogram",
    "Memorization",
    "MixtureQuality",
    "ModeCoverage",
    "ModeMasses",
    "NearerToTraining",
    "ParzenEstimate",
    "PerClassDensityCoverage",
    "PixelPCA",
    "PrecisionRecall",
    "RandomConvolutions",
    "Reconstruction",
    "SlicedDistance",
    "WrongLabelAUC",
    "aggregate_kl",
    "confusion",
    "density_coverage",
    "density_distance",
    "describe",
    "expected_coverage",
    "frechet",
    "frechet_distance",
    "frechet_interval",
    "frechet_reference",
    "gaussian_kl",
    "kernel_distance",
    "label_histogram",
    "measure_memorization",
    "measure_reconstruction",
    "mixture_quality",
    "mode_coverage",
    "mode_masses",
    "nearer_to_training",
    "nearest_images",
    "parzen_log_likelihood",
    "per_class_density_coverage",
    "pixel_distances",
    "precision_recall",
    "prior_sliced_distance",
    "sliced_wasserstein",
    "structural_similarity",
    "wrong_label_auc",
]
