"""docs/benchmarks.md: what `run.py` measured, as a page."""

from collections.abc import Callable
from typing import Any

Found = dict[str, Any]


def page(found: Found) -> str:
    """The results as a page: of each part that was measured a section."""
    lines = [
        "# Benchmarks", "",
        f"Made by `make bench` on {found['cpu']} ({found['machine']}), torch "
        f"{found['versions']['torch']}. Medians, with the smallest and the largest in brackets; "
        "the sides of a comparison run by turns, in processes of their own. Raw numbers: "
        "`benchmarks/results/speed.json`.",
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        if name in found:
            lines += ["", *section(found[name])]
    return "\n".join(lines) + "\n"


def fits(found: Found) -> list[str]:
    lines = [
        "## A whole fit", "",
        "The same VAE (784 - 512 - 16 - 512 - 784, Bernoulli, Adam, batches of 128), five "
        "passes over 50,000 images of MNIST, with everything that each side does between "
        "steps. The bare loop does nothing but train. pythae evaluates its 10,000 held-out "
        "images after each pass, as its pipeline does; latentarium looks at one held-out "
        "batch at each row of its log. The last ratio adds to its time what the same "
        "evaluation would take.",
        "", "| | images per second | ELBO of held-out images, nats |", "|---|---|---|",
    ]  # fmt: skip
    elbos = found.get("elbo", {})
    for name, value in found.items():
        if name != "elbo":
            learned = say(elbos[name], 1) if name in elbos else ""
            lines.append(f"| {name} | {say(value, 2 if 'over' in name else 0)} | {learned} |")
    return lines


def share_of_matmul(found: Found) -> list[str]:
    return [
        "## Share of the matrix-multiply rate", "",
        "FLOPs of a step (counted by torch) over its time, over the best rate of a square "
        "float32 product of 512, 1,024 or 2,048, measured beside it.", "",
        "| step | share | ms | GFLOP/s of the product |", "|---|---|---|---|",
        *(
            f"| {name} | {say(v['share'], 3)} | {v['step_ms']} | {v['matmul_gflops']} |"
            for name, v in found.items()
        ),
    ]  # fmt: skip


def time_to_quality(found: Found) -> list[str]:
    return [
        "## Time to quality", "", "Over seeds.", "",
        "| until | seconds of training | steps |", "|---|---|---|",
        *(
            f"| {what}: {float(goal):g} | {say(v['seconds'], 1)} | {say(v['steps'], 0)} |"
            for what, goals in found.items()
            for goal, v in goals.items()
        ),
    ]  # fmt: skip


def speed_of_use(found: Found) -> list[str]:
    return [
        "## Use", "", "| | |", "|---|---|",
        *(
            f"| {name} | {say(v, 2 if v['median'] < 100 else 0)} |"
            for name, v in found.items()
        ),
    ]  # fmt: skip


def growth(found: Found) -> list[str]:
    return [
        "## Growth", "", "| training | ms a step | peak MiB |", "|---|---|---|",
        *(f"| {name} | {v['step_ms']} | {v['peak_mib']:,} |" for name, v in found.items()),
    ]  # fmt: skip


SECTIONS: dict[str, Callable[[Found], list[str]]] = {
    "fits": fits,
    "share_of_matmul": share_of_matmul,
    "time_to_quality": time_to_quality,
    "speed_of_use": speed_of_use,
    "growth": growth,
}


def say(value: Found, digits: int) -> str:
    """A median, with the smallest and the largest."""
    low, high = value["all"][0], value["all"][-1]
    return f"**{value['median']:,.{digits}f}** [{low:,.{digits}f}, {high:,.{digits}f}]"
