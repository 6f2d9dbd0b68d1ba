"""An autoencoder compresses: its reconstruction error is compared with PCA's."""

from typing import ClassVar

import torch
from sklearn.decomposition import PCA

from latentarium import charts
from latentarium.data.dataset import to_float
from latentarium.models.inference import reconstruct
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Images, ImageSet, OtherImageSet, PerSample
from latentarium.stats.intervals import expanded_percentiles
from latentarium.stats.measurement import Interval, Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, first_of_each_class
from latentarium.tour.results import ClaimResult, Condition, Figure

RESAMPLES = 500


@register("claim", "ae-compresses")
class AutoencoderCompresses(Claim):
    """The autoencoder's test error is far below that of PCA with as many dimensions."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae")
    order: ClassVar[float] = 10
    seconds: ClassVar[float] = 4

    def measure(self, tour: TourContext) -> ClaimResult:
        dimensions = tour.model("ae").latent_dim
        test = to_float(tour.data.test.images)
        by_ae = reconstruct(tour.model("ae"), tour.data.test)
        by_pca = _pca_reconstructions(to_float(tour.data.train.images), test, dimensions)
        by_vae = reconstruct(tour.model("vae"), tour.data.test)
        errors = torch.stack([_squared_error(x, test) for x in (by_ae, by_pca, by_vae)], 1)
        mse = errors.double().mean(0)
        labels = tour.data.test.labels
        assert labels is not None
        shown = first_of_each_class(labels, COLUMNS)
        rows = torch.cat([test[shown], by_ae[shown], by_pca[shown]])
        return ClaimResult(
            title="An autoencoder compresses",
            statement=(
                f"From {dimensions} numbers instead of {test[0].numel()} pixels, an autoencoder "
                "reconstructs an image with a far smaller error than the best linear method."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Test error of the autoencoder divided by that of PCA with "
                        f"{dimensions} dimensions",
                        value=float(mse[0] / mse[1]),
                        interval=ratio_interval(errors[:, 0], errors[:, 1], tour.seed),
                        unit="times", n=len(test),
                    ),
                    relation="<=", threshold=0.30,
                ),
            ),
            evidence=(
                Measurement(name="Squared error per pixel, AE", value=float(mse[0]), n=len(test),
                            better="lower", note="pixels in [0, 1]"),
                Measurement(name="Squared error per pixel, PCA", value=float(mse[1]),
                            n=len(test), better="lower"),
                Measurement(name="Squared error per pixel, VAE", value=float(mse[2]),
                            n=len(test), better="lower"),
                Measurement(name="Compression, 8-bit pixels to 32-bit numbers", unit="times",
                            value=8 * test[0].numel() / (32 * dimensions), better="higher"),
            ),
            protocol=(
                "Mean squared error over all 10,000 test images, pixels in [0, 1]; PCA fitted to "
                "the 55,000 training images; bootstrap over images."
            ),
            explanation=(
                "An autoencoder consists of two networks: the encoder maps an image to a few "
                "numbers, its latent, and the decoder reconstructs the image from the latent "
                "alone. PCA is the best linear method with as many numbers."
            ),
            figures=(
                Figure(
                    caption="Top: test images. Middle: reconstructions by the autoencoder. "
                    "Bottom: reconstructions by PCA with as many numbers.",
                    alt="Three rows of ten digits: originals, autoencoder, PCA. The PCA row is "
                    "blurred.",
                    content=charts.image_grid(rows, COLUMNS), wide=True,
                ),
            ),
        )  # fmt: skip


def _pca_reconstructions(train: ImageSet, test: OtherImageSet, dimensions: int) -> OtherImageSet:
    pca = PCA(dimensions, svd_solver="covariance_eigh").fit(train.flatten(1).numpy())
    flat = pca.inverse_transform(pca.transform(test.flatten(1).numpy()))
    return torch.as_tensor(flat, dtype=torch.float32).reshape(test.shape).clamp(-1, 1)


def _squared_error(a: Images, b: Images) -> PerSample:
    """Return the mean squared error per pixel of each image, for pixels in [0, 1]."""
    return ((a - b) / 2).square().flatten(1).mean(1)


def ratio_interval(a: PerSample, b: PerSample, seed: int) -> Interval:
    """Return a 95 % interval of mean(a) / mean(b) by resampling pairs."""
    pick = torch.randint(len(a), (RESAMPLES, len(a)), generator=Noise("ratio", seed).generator)
    ratios = a.double()[pick].mean(1) / b.double()[pick].mean(1)
    return expanded_percentiles(ratios, len(a))
