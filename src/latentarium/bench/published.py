"""Published results, each with its source and what is known about its setup.

All numbers were copied from the named source. If two sources contradict each other, both numbers
are listed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row of a published table."""

    name: str
    values: dict[str, float]
    """The values by the key of the bench's column; a share is between 0 and 1."""
    spread: dict[str, float]
    """The margin of error (±) of a value, if the source gives it, by the same key."""
    source: str
    """A key of `SOURCES`."""


SOURCES = {
    "veegan": "VEEGAN (Srivastava et al., 2017, arxiv.org/abs/1705.07761), Table 1 or 2; mean of "
    "5 runs",
    "pacgan": "PacGAN (Lin et al., 2018, arxiv.org/abs/1712.04086), Table 1 or 2; mean of 10 runs "
    "± standard error; 400 epochs of 100,000 points, or 50 of 128,000 stacked images from all "
    "70,000 digits",
    "pacgan-small": "PacGAN (Lin et al., 2018), Table 3, discriminator of a quarter of the "
    "generator's size; mean of 50 runs ± standard error",
    "metz": "Unrolled GAN (Metz et al., 2017, arxiv.org/abs/1611.02163), as quoted in PacGAN's "
    "Table 3 with their margins, discriminator of a quarter of the generator's size",
    "r3gan": "R3GAN (Huang et al., 2025, arxiv.org/abs/2501.05441), Tables 1 and 3; 10 million "
    "images, 7 h on 8 L40; number of samples and classifier not disclosed",
    "gan": "Generative adversarial nets (Goodfellow et al., 2014, arxiv.org/abs/1406.2661), "
    "Table 1; ± standard error",
    "cgan": "Conditional generative adversarial nets (Mirza and Osindero, 2014, "
    "arxiv.org/abs/1411.1784), Table 1",
    "evae": "the eVAE paper (Yeung et al., 2017), Table 2; 10,000 samples",
    "pythae": "pythae's reproducibility table (Chadebec et al., 2022, arxiv.org/abs/2206.08309): "
    "pythae's own training runs; 5,000 importance samples, except SVAE with 500",
    "paired": "github.com/brycesandlund/paired-discriminator, read in November 2026; mean of 5 "
    "seeds, 50,000 steps",
    "iwae-rerun": "xqding's rerun of Burda et al. (2016); 5,000 importance samples",
}  # fmt: skip


def _rows(source: str, keys: tuple[str, ...], *table: tuple) -> tuple[Published, ...]:
    """Convert the rows (name, value, ...) of a table. A value is a number, a pair of a number and
    its margin of error, or None."""
    rows = []
    for name, *cells in table:
        given = {k: c for k, c in zip(keys, cells, strict=True) if c is not None}
        pairs = {k: c if isinstance(c, tuple) else (c, None) for k, c in given.items()}
        rows.append(
            Published(
                name=name,
                values={k: float(value) for k, (value, _) in pairs.items()},
                spread={k: float(by) for k, (_, by) in pairs.items() if by is not None},
                source=source,
            )
        )
    return tuple(rows)


_PLANE = ("modes", "high_quality", "reverse_kl")

RING = (
    *_rows(
        "veegan", _PLANE,
        ("GAN", 1.0, 0.993, None),
        ("ALI", 2.8, 0.0013, None),
        ("Unrolled GAN", 7.6, 0.356, None),
        ("VEEGAN", 8.0, 0.529, None),
    ),
    *_rows(
        "pacgan", _PLANE,
        ("GAN, re-run", (6.3, 0.5), (0.982, 0.002), (0.45, 0.09)),
        ("ALI, re-run", (6.6, 0.3), (0.976, 0.004), (0.36, 0.04)),
        ("PacGAN2", (7.9, 0.1), (0.956, 0.020), (0.07, 0.03)),
        ("PacGAN3", (7.8, 0.1), (0.977, 0.003), (0.10, 0.02)),
        ("PacGAN4", (7.8, 0.1), (0.959, 0.014), (0.07, 0.02)),
    ),
)  # fmt: skip

GRID = (
    *_rows(
        "veegan", _PLANE,
        ("GAN", 3.3, 0.005, None),
        ("ALI", 15.8, 0.016, None),
        ("Unrolled GAN", 23.6, 0.16, None),
        ("VEEGAN", 24.6, 0.40, None),
    ),
    *_rows(
        "pacgan", _PLANE,
        ("GAN, re-run", (17.3, 0.8), (0.948, 0.007), (0.70, 0.07)),
        ("ALI, re-run", (24.1, 0.4), (0.957, 0.006), (0.14, 0.03)),
        ("PacGAN2", (23.8, 0.7), (0.913, 0.008), (0.13, 0.04)),
        ("PacGAN3", (24.6, 0.4), (0.942, 0.006), (0.06, 0.02)),
        ("PacGAN4", (24.8, 0.2), (0.936, 0.006), (0.04, 0.01)),
    ),
)  # fmt: skip

WIDE_GRID = _rows(
    "paired", ("covered", "high_quality", "mode_masses"),
    ("GAN, non-saturating", 7.2, 0.737, 0.718),
    ("PacGAN2", 24.6, 0.784, 0.216),
    ("paired discriminator", 24.4, 0.758, 0.242),
)  # fmt: skip

_STACK = ("modes", "reverse_kl")

STACKED = (
    *_rows(
        "veegan", _STACK,
        ("DCGAN", 99, 3.40),
        ("ALI", 16, 5.40),
        ("Unrolled GAN", 48.7, 4.32),
        ("VEEGAN", 150, 2.95),
    ),
    *_rows(
        "pacgan", _STACK,
        ("DCGAN, re-run", (78.9, 6.46), (4.50, 0.127)),
        ("PacDCGAN2", (1000, 0), (0.06, 0.003)),
        ("PacDCGAN3", (1000, 0), (0.06, 0.003)),
        ("PacDCGAN4", (1000, 0), (0.07, 0.005)),
    ),
    *_rows(
        "r3gan", _STACK,
        ("WGAN-GP, as quoted", 959, 0.73),
        ("PacGAN, as quoted (original: 1000, 0.06)", 992, 0.28),
        ("StyleGAN2, as quoted", 940, 0.42),
        ("PresGAN, as quoted", 1000, 0.12),
        ("MEG, as quoted", 1000, 0.031),
        ("small ResNet, GAN + R1 + R2", 693, 0.9270),
        ("small ResNet, RpGAN + R1 + R2", 1000, 0.0781),
        ("R3GAN", 1000, 0.029),
    ),
)  # fmt: skip

STACKED_SMALL = (
    *_rows(
        "metz", _STACK,
        ("DCGAN", (30.6, 20.73), (5.99, 0.42)),
        ("Unrolled GAN, 1 step", (65.4, 34.75), (5.91, 0.14)),
        ("Unrolled GAN, 5 steps", (236.4, 63.30), (4.67, 0.43)),
        ("Unrolled GAN, 10 steps", (327.2, 74.67), (4.66, 0.46)),
    ),
    *_rows(
        "pacgan-small", _STACK,
        ("DCGAN, re-run", (78.5, 17.56), (5.21, 0.19)),
        ("PacDCGAN2", (484.5, 32.99), (2.61, 0.22)),
        ("PacDCGAN3", (601.3, 32.18), (2.00, 0.17)),
        ("PacDCGAN4", (667.4, 29.00), (1.81, 0.15)),
    ),
)  # fmt: skip

PARZEN = (
    *_rows(
        "gan", ("parzen",),
        ("DBN", (138, 2)),
        ("Stacked CAE", (121, 1.6)),
        ("Deep GSN", (214, 1.1)),
        ("GAN", (225, 2)),
    ),
    *_rows("cgan", ("parzen",), ("CGAN", (132, 1.8))),
    *_rows(
        "evae", ("parzen",),
        ("GMMN + AE", (282, 2)),
        ("VAE", (325, 2)),
        ("eVAE", (337, 2)),
        ("Adversarial AE", (340, 2)),
    ),
)  # fmt: skip

NLL_DYNAMIC = (
    *_rows(
        "pythae", ("nll",),
        ("SVAE", (93.13, 0.01)),
        ("MIWAE, M = 8, K = 8", 85.09),
        ("CIWAE, beta 0.05", 84.74),
        ("PIWAE, M = 8, K = 8", 84.58),
    ),
    *_rows(
        "iwae-rerun", ("nll",),
        ("VAE, 1 layer, k = 1", 87.78),
        ("VAE, 1 layer, k = 50", 87.47),
        ("IWAE, 1 layer, k = 50", 84.59),
        ("IWAE, 2 layers, k = 50", 83.29),
    ),
)  # fmt: skip
