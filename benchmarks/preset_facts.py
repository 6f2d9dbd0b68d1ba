"""What the docstrings of presets must say, and the table of how their settings were chosen."""

from bench_tables import training_seconds, values
from committed import TEST_IMAGES, load, shipped_value, table
from rounding import quantity, span
from tour_table import tour_values

from latentarium import presets
from latentarium.progress import format_duration

PLANE = ("gan_grid", "vae_grid", "gan_ring", "vae_ring")
TEST_CHOSEN = "settings chosen on test images"
"""What a docstring says of such settings."""


def phrases() -> dict[str, tuple[str, ...]]:
    """Return the phrases with numbers that the docstring of each measured preset contains."""
    requested = "CGAN samples classified as the requested digit"
    learned = "Classified as the intended digit: class VAE, learned"
    digits = tour_values("label-control", "Rarest digit"), tour_values("label-control", "Most")
    shares = [shipped_value("gan", f"classes.{end}") for end in ("rarest", "commonest")]
    nll = {key: values("nll-dynamic", "vae_dynamic_mnist", key) for key in ("nll", "nll_1")}
    stacked = "stacked-mnist", "gan_stacked_mnist"
    small = "stacked-mnist-small-discriminator", "gan_stacked_small"
    return {
        "ae_mnist": (f"is {span(tour_values('ae-compresses', 'Test error'))} times that of PCA",),
        "vae_class_mnist": (
            f"{span(tour_values('class-gaussian', learned), 'share')} of samples",
        ),
        "vae_dynamic_mnist": (
            f"test NLL {span(nll['nll'], 'nats')}",
            f"test ELBO {span([-value for value in nll['nll_1']], 'nats')}",
        ),
        "gan_mnist": (f"each digit is {span(digits[0] + digits[1], 'share')}",),
        "cgan_mnist": (f"{span(tour_values('label-control', requested), 'share')} of samples",),
        **{name: plane_phrases(*name.split("_")) for name in PLANE},
        "gan_stacked_mnist": (
            f"{span(values(*stacked, 'modes'))} modes",
            f"reverse KL {span(values(*stacked, 'reverse_kl'), 'nats')}",
            duration(*stacked),
        ),
        "gan_stacked_small": (
            f"{span(values(*small, 'modes'))} of 1,000 modes",
            f"reverse KL {span(values(*small, 'reverse_kl'), 'nats')}",
            duration(*small),
        ),
        "ae_small": (f"squared error of {quantity(shipped_value('ae', 'mse'))} per pixel",),
        "vae_small": (f"test ELBO {quantity(shipped_value('vae', 'elbo'), 'nats')}",),
        "gan_small": (f"each digit is {span(shares, 'share')}",),
        "cgan_small": (f"{quantity(shipped_value('cgan', 'gan_test'), 'share')} of samples",),
    }


def plane_phrases(family: str, data: str) -> tuple[str, ...]:
    """Return the phrases of a preset for points: the range over seeds and machines in its bench,
    because the tour trains some of these presets for fewer steps."""
    preset = f"{family}_{data}"
    return (
        f"{span(values(data, preset, 'modes'))} modes",
        f"{span(values(data, preset, 'high_quality'), 'share')} of samples",
        duration(data, preset),
    )


def duration(bench: str, preset: str) -> str:
    """Return the shortest and the longest mean duration of a training run among the machines that
    measured the bench while no other program ran; "" if none did."""
    seconds = list(training_seconds(bench, preset).values())
    if not seconds:
        return ""
    shortest, longest = format_duration(min(seconds)), format_duration(max(seconds))
    return shortest if shortest == longest else f"{shortest} to {longest}"


def missing_phrases() -> list[str]:
    """Return a line for each phrase that a preset's docstring lacks."""
    wanted: dict[str, tuple[str, ...]] = phrases()
    for name, chosen_on in load("choices").items():
        if chosen_on == TEST_IMAGES:
            wanted[name] = (*wanted.get(name, ()), TEST_CHOSEN)
    lines = []
    for name, parts in wanted.items():
        text = " ".join((presets.all_presets()[name].__doc__ or "").split())
        lines += [f"{name}: {part!r}" for part in parts if part not in text]
    return lines


def choices_table() -> str:
    """Return a table that names, for each preset, the data that its settings were chosen on."""
    rows = [[f"`{name}`", chosen_on] for name, chosen_on in load("choices").items()]
    return table(["preset", "settings chosen on"], rows)
