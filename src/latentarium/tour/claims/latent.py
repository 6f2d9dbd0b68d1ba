"""The claims about autoencoders and VAEs."""

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from latentarium import charts
from latentarium.config import AutoencoderConfig
from latentarium.data.dataset import to_float
from latentarium.latent.gaussians import ClassGaussians
from latentarium.latent.neighbours import knn_accuracy, nearest
from latentarium.latent.paths import lerp
from latentarium.latent.planes import linear_discriminant_plane
from latentarium.metrics.conditional import Confusion, confusion
from latentarium.models.inference import reconstruct
from latentarium.rng import Noise
from latentarium.shapes import Images, PerSample
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import Evidence

SHOWN = 10


def ae_compresses(e: Evidence) -> Claim:
    """Reconstruction against PCA with as many dimensions."""
    dimensions = e.models["ae"].latent_dim
    test = to_float(e.data.test.images)
    train = to_float(e.data.train.images).flatten(1).numpy()
    pca = PCA(dimensions, svd_solver="covariance_eigh").fit(train)
    linear = pca.inverse_transform(pca.transform(test.flatten(1).numpy()))
    by_pca = torch.as_tensor(linear, dtype=torch.float32).reshape(test.shape).clamp(-1, 1)
    by_ae = reconstruct(e.models["ae"], e.data.test)
    by_vae = reconstruct(e.models["vae"], e.data.test)
    errors = torch.stack([_squared(x, test) for x in (by_ae, by_pca, by_vae)], 1)

    def ratio(sums: Tensor) -> Tensor:
        return sums[..., 0] / sums[..., 1]

    interval = _ratio_interval(errors[:, 0], errors[:, 1], e.seed)
    mse = errors.double().mean(0)
    bits = 8 * test[0].numel() / (32 * dimensions)
    value = float(ratio(mse))
    firsts = _one_of_each(e.data.test.labels, SHOWN)
    rows = torch.cat([test[firsts], by_ae[firsts], by_pca[firsts]])
    return Claim(
        id="ae-compresses",
        title="An autoencoder compresses",
        statement=(
            f"Through {dimensions} numbers instead of {test[0].numel()} pixels, an autoencoder "
            "brings an image back far better than the best linear method."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name=f"Test error against PCA with {dimensions} dimensions",
                    value=value, interval=interval, unit="of PCA's", n=len(test),
                ),
                relation="<=", bar=0.30,
            ),
        ),
        evidence=(
            Measurement(name="Squared error per pixel, AE", value=float(mse[0]), n=len(test),
                        note="pixels from 0 to 1"),
            Measurement(name="Squared error per pixel, PCA", value=float(mse[1]), n=len(test)),
            Measurement(name="Squared error per pixel, VAE", value=float(mse[2]), n=len(test)),
            Measurement(name="Compression, 8-bit pixels to 32-bit numbers", unit="times",
                        value=bits),
        ),
        protocol=(
            "Mean squared error over all 10,000 test images, pixels in [0, 1]; PCA fitted on the "
            "55,000 training images; bootstrap over images."
        ),
        seed=e.seed,
        explanation=(
            "An autoencoder is two networks: the encoder squeezes an image into a few numbers "
            "(its latent), the decoder makes the image again from them alone. PCA is the best "
            "that straight lines can do with as many numbers."
        ),
        figures=(
            Figure(
                caption="Top: originals the models never saw. Middle: through the autoencoder. "
                "Bottom: through PCA with as many numbers.",
                alt="Three rows of ten digits: originals, autoencoder, PCA; PCA's are blurred.",
                content=charts.image_grid(rows, SHOWN), wide=True,
            ),
        ),
    )  # fmt: skip


def latent_useful(e: Evidence) -> Claim:
    """k-NN accuracy on latents, neighbours, an interpolation."""
    train, test = e.data.train, e.data.test
    assert train.labels is not None
    assert test.labels is not None
    codes = e.codes["ae"]
    found = knn_accuracy(codes["train"], train.labels, codes["test"], test.labels)
    pixels = 5000
    raw = knn_accuracy(
        to_float(train.images).flatten(1), train.labels,
        to_float(test.images[:pixels]).flatten(1), test.labels[:pixels],
    )  # fmt: skip
    return Claim(
        id="latent-useful",
        title="No label was used, yet the latent is good for many things",
        statement=(
            "The autoencoder never saw a label, but images of one digit lie close together in its "
            "latent: neighbours name the digit."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Test digits named rightly by their 10 nearest latents",
                    value=found.value, interval=found.interval, unit="share", n=found.n,
                ),
                relation=">=", bar=0.95,
            ),
        ),
        evidence=(
            Measurement(name="The same on raw pixels, 49 times as many numbers", value=raw.value,
                        interval=raw.interval, unit="share", n=raw.n),
            Measurement(name="By chance", value=0.1, unit="share"),
        ),
        protocol="k-nearest neighbours, k = 10, Euclidean, 55,000 training latents, test latents.",
        seed=e.seed,
        explanation=(
            "Search, grouping, finding odd ones out, walking from one image to another: all of "
            "them work in the latent, because near means alike there."
        ),
        figures=_neighbours_and_walks(e),
    )  # fmt: skip


def _neighbours_and_walks(e: Evidence) -> tuple[Figure, ...]:
    train, test, codes = e.data.train, e.data.test, e.codes["ae"]
    firsts = _one_of_each(test.labels, SHOWN)
    near = nearest(codes["train"], codes["test"][firsts[:5]], 9).index
    strips = torch.cat(
        [
            torch.cat([test.images[q : q + 1], train.images[row]])
            for q, row in zip(firsts[:5], near, strict=True)
        ]
    )
    ends = codes["test"][firsts]
    walks = torch.cat(
        [e.decode("ae", lerp(ends[a], ends[b], 10)) for a, b in ((3, 8), (4, 9), (1, 7))]
    )
    return (
        Figure(
            caption="First column: a test digit. Right of it: the nine training images "
            "whose latents are nearest.",
            alt="Five rows; each shows a digit and nine similar ones.",
            content=charts.image_grid(to_float(strips), 10), wide=True,
        ),
        Figure(
            caption="Straight walks through the latent: 3 to 8, 4 to 9, 1 to 7. In the "
            "middle the path may cross a gap.",
            alt="Three rows of ten images that turn one digit into another.",
            content=charts.image_grid(walks, 10), wide=True,
        ),
    )  # fmt: skip


def class_gaussian(e: Evidence) -> Claim:
    """Ten Gaussians, ten rows of samples, how many are judged to be their digit."""
    classes = e.data.card.classes
    labels = e.data.train.labels
    assert labels is not None
    asked = e.asked
    ways, rows = {}, {}
    learned = e.models["vae_class"].sample(e.n, asked, seed=e.seed)
    for way, name in (
        ("AE, fitted", "ae"), ("VAE, fitted", "vae"), ("class VAE, fitted", "vae_class"),
    ):  # fmt: skip
        fitted = ClassGaussians.fit(e.codes[name]["train"], labels, len(classes))
        z = fitted.sample(asked, Noise("class", e.seed).generator)
        rows[way] = e.decode(name, z)
    rows["class VAE, learned"] = learned
    for way, images in rows.items():
        ways[way] = confusion(asked, e.judge.predict(images), len(classes))
    best = max(ways, key=lambda way: ways[way].adherence)
    config = e.models["vae_class"].config
    assert isinstance(config, AutoencoderConfig)
    return Claim(
        id="class-gaussian",
        title="Each digit has its own Gaussian",
        statement=(
            "In the latent each digit is a cloud of its own. Draw from 7's Gaussian, decode, and "
            "a good 7 comes out."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name=f"Samples judged to be their digit, best way ({best})", unit="share",
                    value=ways[best].adherence, interval=ways[best].adherence_interval, n=e.n,
                    extractor=e.judge.name,
                ),
                relation=">=", bar=0.95,
            ),
        ),
        evidence=tuple(
            Measurement(name=f"Judged to be their digit: {way}", value=c.adherence,
                        interval=c.adherence_interval, unit="share", n=c.n, extractor=e.judge.name)
            for way, c in ways.items()
        ),
        protocol=(
            f"{e.n:,} samples, every digit equally often, judged by the shipped classifier. "
            "Fitted: mean and full covariance by maximum likelihood on the training latents of a "
            f"digit. Learned: the VAE's prior is N(mean, variance) per digit, trained with beta = "
            f"{config.beta:g}; the decoder sees no label in any way."
        ),
        seed=e.seed,
        explanation=(
            "Labels are used only to say which latents belong together. That is enough to choose "
            "what is generated, with no conditional network at all."
        ),
        figures=_clouds_and_draws(e, best, rows[best], ways),
    )  # fmt: skip


def _clouds_and_draws(
    e: Evidence, best: str, images: Images, ways: dict[str, Confusion]
) -> tuple[Figure, ...]:
    classes, labels = e.data.card.classes, e.data.train.labels
    assert labels is not None
    codes = e.codes["vae_class"]["train"]
    fitted = ClassGaussians.fit(codes, labels, len(classes))
    plane = linear_discriminant_plane(codes[:6000], labels[:6000])
    ovals = [fitted.ellipses(plane, sigmas) for sigmas in (1.0, 2.0)]
    points = plane.project(codes[:6000]).numpy()
    ten = torch.cat([images[e.asked == c][:SHOWN] for c in range(len(classes))])
    return (
        Figure(
            caption="The class VAE's latent in the plane that separates the digits best, with "
            "each digit's Gaussian at 1 and 2 standard deviations.",
            alt="Ten coloured clouds with their ellipses.",
            content=charts.latent_map(
                points, labels[:6000].numpy(), classes, ovals,
                "first discriminant direction", "second discriminant direction",
            ),
        ),
        Figure(
            caption=f"One row for each digit's Gaussian ({best}).",
            alt="Ten rows of ten samples, one digit a row.",
            content=charts.image_grid(ten, SHOWN),
        ),
        Figure(
            caption="How many samples are judged to be their digit, by the way the Gaussians "
            "were found (vertical lines: 95 %).",
            alt="Four bars.",
            content=charts.bar_chart(
                [way.replace(", ", ",\n") for way in ways],
                [100 * c.adherence for c in ways.values()],
                [charts.SYSTEM_COLOURS["ae"]] + [charts.SYSTEM_COLOURS["vae"]] * 3, "% judged right",
                intervals=[(100 * c.adherence_interval[0], 100 * c.adherence_interval[1])
                           for c in ways.values()],
                show="{:.1f}",
            ),
        ),
    )  # fmt: skip


def _squared(a: Images, b: Images) -> PerSample:
    """Squared error per pixel, pixels from 0 to 1."""
    return ((a - b) / 2).square().flatten(1).mean(1)


def _one_of_each(labels: Tensor | None, count: int) -> list[int]:
    """The first image of each class."""
    assert labels is not None
    return [int((labels == c).nonzero()[0]) for c in range(count)]


def _ratio_interval(a: PerSample, b: PerSample, seed: int) -> tuple[float, float]:
    """95 % of mean(a) / mean(b), pairs resampled together."""
    pick = torch.randint(len(a), (500, len(a)), generator=Noise("ratio", seed).generator)
    ratios = a.double()[pick].mean(1) / b.double()[pick].mean(1)
    return float(ratios.quantile(0.025)), float(ratios.quantile(0.975))
