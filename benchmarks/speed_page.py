"""Render the results of `speed.py` as docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

Results = dict[str, Any]

TITLES = {
    "ours": "latentarium",
    "bare": "bare loop",
    "ours over bare": "latentarium over bare loop",
    "ours over pythae": "latentarium over pythae",
    "ours over pythae, all held-out images evaluated": "latentarium over pythae, with equal "
    "evaluation",
    "CGAN, share of 1,000 samples judged to be the digit asked for": "CGAN, share of 1,000 "
    "samples classified as the requested digit",
}
"""Titles of rows whose key in speed.json is short or old."""


def render(results: Results) -> str:
    """Return the page, with one section for each part that was measured."""
    lines = [
        "# Benchmarks", "",
        f"Measured by `make speed` on {results['cpu']} ({results['machine']}) with torch "
        f"{results['versions']['torch']}. Each number is a median, with the smallest and the "
        "largest value in brackets. The sides of a comparison run alternately, each in a separate "
        "process. The raw numbers are in `benchmarks/results/speed.json`.",
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        if name in results:
            lines += ["", *section(results[name])]
    return "\n".join(lines) + "\n"


def training_runs(results: Results) -> list[str]:
    """Return the section on whole trainings."""
    lines = [
        "## A whole training", "",
        "The same VAE (784 - 512 - 16 - 512 - 784, Bernoulli, Adam, batches of 128) is trained "
        "for five passes over 50,000 MNIST images. The time includes everything that each side "
        "does between steps. The bare loop does nothing but train. pythae evaluates its 10,000 "
        "held-out images after each pass, as its pipeline does by default; latentarium evaluates "
        "one held-out batch for each row of its log. In the last ratio, latentarium's time "
        "includes what the same evaluation would take.", "",
        "| | images per second | ELBO of held-out images, nats |", "|---|---|---|",
    ]  # fmt: skip
    elbos = results.get("elbo", {})
    for name, value in results.items():
        if name != "elbo":
            bound = spread(elbos[name], 1) if name in elbos else ""
            speed = spread(value, 2 if "over" in name else 0)
            lines.append(f"| {title(name)} | {speed} | {bound} |")
    return lines


def matmul_share(results: Results) -> list[str]:
    """Return the section on the FLOP rate of training steps."""
    return [
        "## FLOP rate of a training step", "",
        "The FLOPs of a step (counted by torch) divided by its time, as a share of the rate of a "
        "square float32 matrix product (the best of the sizes 512, 1,024 and 2,048), measured in "
        "the same round.", "",
        "| step | share | ms | GFLOP/s of the product |", "|---|---|---|---|",
        *(
            f"| {name} | {spread(v['share'], 3)} | {v['step_ms']} | {v['matmul_gflops']} |"
            for name, v in results.items()
        ),
    ]  # fmt: skip


def time_to_quality(results: Results) -> list[str]:
    """Return the section on the time until a quality is reached."""
    return [
        "## Time to quality", "", "The median over seeds, with the smallest and the largest.", "",
        "| until | seconds of training | steps |", "|---|---|---|",
        *(
            f"| {title(what)}: {float(goal):g} | {spread(v['seconds'], 1)} | "
            f"{spread(v['steps'], 0)} |"
            for what, goals in results.items()
            for goal, v in goals.items()
        ),
    ]  # fmt: skip


def use(results: Results) -> list[str]:
    """Return the section on sampling and start-up."""
    return [
        "## Use", "", "| | |", "|---|---|",
        *(
            f"| {title(name)} | {spread(v, 2 if v['median'] < 100 else 0)} |"
            for name, v in results.items()
        ),
    ]  # fmt: skip


def growth(results: Results) -> list[str]:
    """Return the section on larger batches, images and data sets."""
    return [
        "## Growth", "", "Step time and peak memory of the process, including the data.", "",
        "| training | ms per step | peak MiB |", "|---|---|---|",
        *(f"| {name} | {v['step_ms']} | {v['peak_mib']:,} |" for name, v in results.items()),
    ]  # fmt: skip


SECTIONS: dict[str, Callable[[Results], list[str]]] = {
    "fits": training_runs,
    "share_of_matmul": matmul_share,
    "time_to_quality": time_to_quality,
    "speed_of_use": use,
    "growth": growth,
}


def title(name: str) -> str:
    """Return the title of a row."""
    return TITLES.get(name, name)


def spread(value: Results, digits: int) -> str:
    """Return a median with the smallest and the largest value."""
    low, high = value["all"][0], value["all"][-1]
    return f"**{value['median']:,.{digits}f}** [{low:,.{digits}f}, {high:,.{digits}f}]"
