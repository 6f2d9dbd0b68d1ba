"""Compute metrics of given features with one library: `metrics_run.py SIDE FEATURES.npz`.

Both sets have the same number of features; the file contains them as `real` and `fake`. The result
is JSON: the value and the seconds of each metric. Neighbours are the third nearest for precision
and recall and the fifth nearest for density and coverage; the kernel distance is the mean of 100
random subsets of 1,000. torch-fidelity and prdc are those of requirements.lock, since the tests
compare with them, too.
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from training_run import clock

Values = dict[str, float]
Metrics = dict[str, Callable[[np.ndarray, np.ndarray], Values]]
K_PRECISION, K_DENSITY = 3, 5
NUM_SUBSETS, SUBSET_SIZE = 100, 1000
WARMUP_ROWS = 2500


def latentarium_metrics() -> Metrics:
    """Return the metrics of latentarium, whose functions also compute intervals."""
    from latentarium.metrics.distances import frechet, kernel_distance
    from latentarium.metrics.fidelity import density_coverage, precision_recall

    def precision(real: np.ndarray, fake: np.ndarray) -> Values:
        result = precision_recall(torch.from_numpy(real), torch.from_numpy(fake), K_PRECISION)
        return {"precision": result.precision, "recall": result.recall}

    def density(real: np.ndarray, fake: np.ndarray) -> Values:
        result = density_coverage(torch.from_numpy(real), torch.from_numpy(fake), K_DENSITY)
        return {"density": result.density, "coverage": result.coverage}

    def kernel(real: np.ndarray, fake: np.ndarray) -> Values:
        tensors = (torch.from_numpy(real), torch.from_numpy(fake))
        result = kernel_distance(*tensors, subsets=NUM_SUBSETS, subset_size=SUBSET_SIZE)
        return {"kernel": result.value}

    return {
        "frechet": lambda real, fake: {
            "frechet": frechet(torch.from_numpy(real), torch.from_numpy(fake))
        },
        "kernel": kernel,
        "precision": precision,
        "density": density,
    }


def torch_fidelity_metrics() -> Metrics:
    """Return the metrics of torch-fidelity from features, at its default settings."""
    from latentarium.metrics import inception

    inception._torch_fidelity()  # imports it without torchvision
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    def frechet(real: np.ndarray, fake: np.ndarray) -> Values:
        a, b = (fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake))
        return {"frechet": next(iter(fid_statistics_to_metric(a, b, False).values()))}

    def kernel(real: np.ndarray, fake: np.ndarray) -> Values:
        tensors = (torch.from_numpy(real), torch.from_numpy(fake))
        result = kid_features_to_metric(
            *tensors, kid_subsets=NUM_SUBSETS, kid_subset_size=SUBSET_SIZE, verbose=False
        )
        return {"kernel": result["kernel_inception_distance_mean"]}

    def precision(real: np.ndarray, fake: np.ndarray) -> Values:
        tensors = (torch.from_numpy(fake), torch.from_numpy(real))
        result = prc_features_to_metric(*tensors, prc_neighborhood=K_PRECISION, verbose=False)
        return {name: result[name] for name in ("precision", "recall")}

    return {"frechet": frechet, "kernel": kernel, "precision": precision}


def prdc_metrics() -> Metrics:
    """Return the metrics of prdc, which computes all four at once."""
    from prdc import compute_prdc

    def density(real: np.ndarray, fake: np.ndarray) -> Values:
        result = compute_prdc(real, fake, K_DENSITY)
        return {name: float(result[name]) for name in ("density", "coverage")}

    def precision(real: np.ndarray, fake: np.ndarray) -> Values:
        result = compute_prdc(real, fake, K_PRECISION)
        return {name: float(result[name]) for name in ("precision", "recall")}

    return {"precision": precision, "density": density}


def sklearn_metrics() -> Metrics:
    """Return metrics that are composed of scikit-learn's functions in a few lines."""
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.metrics.pairwise import polynomial_kernel
    from sklearn.neighbors import NearestNeighbors

    def radii(x: np.ndarray, k: int) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1]

    def kernel(real: np.ndarray, fake: np.ndarray) -> Values:
        rng, values = np.random.default_rng(0), []
        for _ in range(NUM_SUBSETS):
            x, y = (s[rng.choice(len(s), SUBSET_SIZE, replace=False)] for s in (real, fake))
            kernels = (polynomial_kernel(x), polynomial_kernel(y))
            within = [(k.sum() - k.trace()) / SUBSET_SIZE / (SUBSET_SIZE - 1) for k in kernels]
            values.append(sum(within) - 2 * polynomial_kernel(x, y).mean())
        return {"kernel": float(np.mean(values))}

    def precision(real: np.ndarray, fake: np.ndarray) -> Values:
        around_real, around_fake = radii(real, K_PRECISION), radii(fake, K_PRECISION)
        precise: list[bool] = []
        recalled = np.zeros(len(real), dtype=bool)
        for part in pairwise_distances_chunked(fake, real):
            rows = slice(len(precise), len(precise) + len(part))
            precise.extend(np.any(part <= around_real, axis=1))
            recalled |= (part <= around_fake[rows, None]).any(0)
        return {"precision": float(np.mean(precise)), "recall": float(recalled.mean())}

    def density(real: np.ndarray, fake: np.ndarray) -> Values:
        around_real = radii(real, K_DENSITY)
        inside, covered = 0, np.zeros(len(real), dtype=bool)
        for part in pairwise_distances_chunked(fake, real):
            hits = part < around_real
            inside += int(hits.sum())
            covered |= hits.any(0)
        return {
            "density": inside / len(fake) / K_DENSITY,
            "coverage": float(covered.mean()),
        }

    return {"kernel": kernel, "precision": precision, "density": density}


SIDES: dict[str, Callable[[], Metrics]] = {
    "latentarium": latentarium_metrics,
    "torch-fidelity": torch_fidelity_metrics,
    "prdc": prdc_metrics,
    "scikit-learn": sklearn_metrics,
}


def main() -> None:
    """Compute the metrics of one side, and print values and seconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=list(SIDES))
    parser.add_argument("features", help="an .npz file with the sets: real, fake")
    options = parser.parse_args()
    with np.load(options.features) as file:
        real, fake = file["real"], file["fake"]
    results = {}
    for name, compute in SIDES[options.side]().items():
        compute(real[:WARMUP_ROWS], fake[:WARMUP_ROWS])
        started = clock()
        values = compute(real, fake)
        results[name] = {"seconds": clock() - started, "values": values}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
