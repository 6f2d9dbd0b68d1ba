"""The report's sections that fit any model: samples, the game, copies, the plane."""

from typing import Any

from latentarium.data.toy import PERFECT_SHARE, Mixture2D, grid, ring, to_points
from latentarium.errors import UserError
from latentarium.evaluation.duality_gap import exploitability
from latentarium.evaluation.subject import Subject, scattered
from latentarium.latent.gaussians import mixture, single_gaussian
from latentarium.metrics.coverage import mixture_quality
from latentarium.metrics.distances import frechet, frechet_floor, frechet_interval, kernel_distance
from latentarium.metrics.extractors import Extractor, RandomConvolutions, describe
from latentarium.metrics.fidelity import density_coverage, precision_recall
from latentarium.metrics.memorization import memorization
from latentarium.models.inference import decode
from latentarium.rng import Noise
from latentarium.shapes import FeatureSet, Images
from latentarium.stats.measurement import Measurement

MIXTURES = {"ring": ring, "grid": grid}
POINTS = 2500
"""Samples judged in the plane, as in VEEGAN's protocol (Srivastava et al., 2017)."""
MANIFOLD = 5000
"""Images behind precision, recall, density and coverage, at most: half of MNIST's test images, so
that the other half gives the floor at the same n."""
RESAMPLES = 20
COPIES = 5000
"""Samples, and held-out images, behind the memorization test at most."""
COMPONENTS, FITTED = 10, 15_000
"""Gaussians of the mixture fitted to latents, and latents that it is fitted to."""
RESPONSE_STEPS, RESPONSE_BATCHES, RESPONSE_SIZE = 60, 15, 64


def samples(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """How far samples are from real images, by each way of drawing them."""
    found: dict[str, Measurement] = {}

    def distance(
        key: str, way: str, title: str, images: Images, extractor: Extractor, real: FeatureSet
    ) -> None:
        try:
            found[key] = _frechet(way, title, images, extractor, real, s)
        except UserError as error:  # too few for this extractor's features
            s.left_out[f"Fréchet distance{title}"] = str(error)

    distance("frechet", "prior", "", s.samples, s.extractor, s.real_features)
    if s.encodes and not s.model.decodes_label:
        noise = Noise("fitted", s.seed)
        one = single_gaussian(s.train_codes).sample(s.n, noise.generator)
        many = mixture(s.train_codes, COMPONENTS, s.seed, max_points=FITTED)
        for key, title, z in (
            ("gaussian", "one Gaussian fitted to latents", one),
            (f"mixture{COMPONENTS}", f"{COMPONENTS} Gaussians fitted to latents",
             many.sample(s.n, noise.generator)),
        ):  # fmt: skip
            images = decode(s.model, z)
            distance(f"frechet.{key}", key, f", {title}", images, s.extractor, s.real_features)
    second = RandomConvolutions(s.model.image_shape)
    if second.hash != s.extractor.hash:
        real = second.features(s.test.images)
        distance("frechet.random", "prior", ", random convolutions", s.samples, second, real)
    return found | _manifold(s)


def _frechet(
    way: str, title: str, images: Images, extractor: Extractor, real: FeatureSet, s: Subject
) -> Measurement:
    fake = s.features if images is s.samples and extractor is s.extractor else None
    fake = extractor.features(images) if fake is None else fake
    floor = frechet_floor(real, s.n, s.seed)
    is_fid = extractor.name.startswith("inception")
    return Measurement(
        name=f"{'FID' if is_fid else 'Fréchet distance'}{title}",
        value=frechet(real, fake),
        unit="FID" if is_fid else "FD",
        interval=frechet_interval(real, fake, resamples=RESAMPLES, seed=s.seed),
        floor=floor.value,
        n=s.n,
        seed=s.seed,
        extractor=describe(extractor),
        split="test",
        protocol=f"frechet-{way}",
        note=floor.note,
    )


def _manifold(s: Subject) -> dict[str, Measurement]:
    half = min(MANIFOLD, s.n // 2)
    real, other, fake = s.real_features[:half], s.real_features[half : 2 * half], s.features[:half]
    kernel = kernel_distance(
        s.real_features, s.features, subset_size=min(1000, s.n // 2), seed=s.seed
    )
    pr, dc = precision_recall(real, fake), density_coverage(real, fake)
    best_pr, best_dc = precision_recall(real, other), density_coverage(real, other)
    shared = {
        "n": half, "seed": s.seed, "extractor": describe(s.extractor), "split": "test",
    }  # fmt: skip
    return {
        "kernel": Measurement(
            name="Kernel distance", value=kernel.value, interval=kernel.interval, floor=0.0,
            protocol=f"kernel-{kernel.subsets}x{kernel.subset_size}", **{**shared, "n": s.n},
            note="The kernel distance is unbiased: it scatters around 0, below it too, where both "
            "sets agree.",
        ),
        "precision": Measurement(
            name="Precision", value=pr.precision, unit="share", interval=pr.precision_interval,
            floor=best_pr.precision, protocol=f"precision-k{pr.k}<=", **shared,
        ),
        "recall": Measurement(
            name="Recall", value=pr.recall, unit="share", interval=pr.recall_interval,
            floor=best_pr.recall, protocol=f"recall-k{pr.k}<=", **shared,
        ),
        "density": Measurement(
            name="Density", value=dc.density, floor=best_dc.density,
            interval=dc.density_interval, protocol=f"density-k{dc.k}<", **shared,
        ),
        "coverage": Measurement(
            name="Coverage", value=dc.coverage, unit="share", interval=dc.coverage_interval,
            floor=best_dc.coverage, protocol=f"coverage-k{dc.k}<", **shared,
        ),
    }  # fmt: skip


def game(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """How much each player could still gain by moving alone, and the sum."""
    smallest = min(len(s.data.validation), len(s.data.train))
    # two batches at least to measure on and as many others to choose on, none dealt twice
    size = min(RESPONSE_SIZE, max(1, smallest // 4))
    count = max(2, min(RESPONSE_BATCHES, len(s.data.validation) // size // 2))
    found = exploitability(
        s.model, s.data.train, s.data.validation, optimizer=s.model.config.response_optimizer,
        response_steps=RESPONSE_STEPS, batch_size=size, num_batches=count, seed=s.seed,
    )  # fmt: skip
    loss, alone = s.model.config.loss_name, len(found.gains) == 1
    shared = {
        "unit": "nats", "floor": 0.0, "n": count * size, "seed": s.seed,
        "extractor": "own-losses", "split": "validation",
        "protocol": f"best-response-{RESPONSE_STEPS} {loss}",
    }  # fmt: skip
    measured = {
        g.player: Measurement(
            name=f"What the {g.player} could gain ({loss})", value=g.gain, interval=g.interval,
            **shared,
        )
        for g in found.gains
        if not alone
    }  # fmt: skip
    measured["gap"] = Measurement(
        name=f"{'Optimality' if alone else 'Duality'} gap ({loss})",
        value=found.total,
        interval=found.interval,
        note=f"A gap is a lower bound: what {RESPONSE_STEPS} moves alone could gain. Its scale is "
        "that of the loss, so only gaps of one loss stand in one row.",
        **shared,
    )
    # the key says the loss, so that gaps of unlike losses don't meet in a comparison
    return {f"game.{name}.{loss}": m for name, m in reversed(measured.items())}


def copies(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """Whether samples lie nearer to training images than to others."""
    # validation images are of the training images' own distribution; a test split may not be
    # (MNIST's has other writers), which alone would put samples nearer to training images
    held_out = scattered(s.data.validation, COPIES).images
    found = memorization(s.samples[:COPIES], s.data.train.images, held_out, seed=s.seed)
    tables["nearest_training_images"] = [list(row) for row in found.closest]
    low, high = found.null_interval
    shared = {
        "unit": "share", "n": found.n, "seed": s.seed, "extractor": "pixels",
        "split": "validation",
    }  # fmt: skip
    return {
        "memorization": Measurement(
            name="Samples nearer to a training than to a held-out image",
            value=found.nearer_to_training, interval=found.nearer_interval, floor=0.5,
            protocol=f"nearer-{found.references}", **shared,
            note=f"A model that copies nothing has {low:.1%} to {high:.1%} of its samples nearer "
            "to a training image.",
        ),
        "near_copies": Measurement(
            name="Near-copies of training images", value=found.near_copies,
            interval=found.near_copies_interval, floor=found.near_copies_floor,
            protocol=f"near-copies-q0.01-of-{len(s.data.train):,}", **shared,
        ),
    }  # fmt: skip


def plane(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """Modes, high-quality samples and evenness over the modes of a 2-D mixture."""
    return plane_quality(s.samples[:POINTS], MIXTURES[s.data.card.source](), s.seed)


def plane_quality(images: Images, truth: Mixture2D, seed: int) -> dict[str, Measurement]:
    """VEEGAN's and PacGAN's quantities of points from a model."""
    found = mixture_quality(to_points(images, truth), truth, seed=seed)
    over = found.coverage
    shared = {"seed": seed, "extractor": "points", "split": "known density", "n": found.n}
    return {
        "modes": Measurement(
            name=f"Modes found of {over.num_modes}", value=over.modes,
            interval=over.modes_interval, floor=round(over.expected_modes, 3),
            protocol="modes-3sigma", **shared,
        ),
        "high_quality": Measurement(
            name="Samples within 3 standard deviations of a mode", value=found.high_quality,
            unit="share", interval=found.high_quality_interval, floor=PERFECT_SHARE,
            protocol="high-quality-3sigma", **shared,
        ),
        "reverse_kl": Measurement(
            name="Reverse KL over modes", value=over.reverse_kl, unit="nats",
            interval=over.interval, floor=over.floor, protocol="reverse-kl-uniform",
            **{**shared, "n": over.n},
        ),
    }  # fmt: skip
