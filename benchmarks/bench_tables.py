"""The tables of the benches: one for the READMEs, and one with published results."""

from typing import Any

from committed import TEST_IMAGES, load, load_all, table
from rounding import Interval, quantity

from latentarium.bench.bench import Bench, Column
from latentarium.bench.published import Published
from latentarium.progress import format_duration
from latentarium.registry import component

BENCHES = {
    "ring": ("modes", "high_quality", "reverse_kl"),
    "grid": ("modes", "high_quality", "reverse_kl"),
    "grid-wide": ("covered", "high_quality", "mode_masses"),
    "stacked-mnist": ("modes", "reverse_kl"),
    "stacked-mnist-small-discriminator": ("modes", "reverse_kl"),
    "nll-dynamic": ("nll",),
    "parzen-legacy": ("parzen", "real"),
    "cgan-mnist": ("gan_test", "gan_train", "coverage.worst"),
}
"""Columns of each bench; the benches are in the order of the rows."""
TITLES = {
    "modes": ("modes found", "找到的眾數"),
    "high_quality": ("samples within 3 sigma of a mode", "距眾數 3 個標準差內的樣本"),
    "reverse_kl": ("reverse KL", "反向 KL"),
    "covered": ("modes with at least 1 % of the samples", "含至少 1 % 樣本的眾數"),
    "mode_masses": ("total variation of mode masses", "眾數質量的總變差"),
    "nll": ("test NLL, 5,000 importance samples", "測試 NLL，5,000 個重要性樣本"),
    "parzen": ("Parzen-window log-likelihood", "Parzen 窗對數概似"),
    "real": ("with real images as centres", "以真實影像為中心"),
    "gan_test": ("samples classified as requested", "被分類為所要求類別的樣本"),
    "gan_train": ("GAN-train accuracy", "GAN-train 準確率"),
    "coverage.worst": ("coverage of the worst digit", "最差數字的涵蓋率"),
}
"""English and Chinese titles of the columns."""
PUBLISHED = {
    "ring": ("VEEGAN", "PacGAN4"),
    "grid": ("VEEGAN", "PacGAN4"),
    "grid-wide": ("GAN, non-saturating", "PacGAN2"),
    "stacked-mnist": ("PacDCGAN2", "R3GAN"),
    "stacked-mnist-small-discriminator": ("Unrolled GAN, 10 steps", "PacDCGAN4"),
    "nll-dynamic": ("VAE, 1 layer, k = 1", "IWAE, 2 layers, k = 50"),
    "parzen-legacy": ("GAN", "CGAN", "VAE"),
}
"""The published rows that the table of docs/results.md repeats."""


def readme_table(*, chinese: bool) -> str:
    """Return the table of a README, with a row for each bench, preset and machine."""
    heads = ["評估方式", "預設組態", "測量結果", "亂數種子", "處理器"] if chinese else [
        "bench", "preset", "measured", "seeds", "processor",
    ]  # fmt: skip
    chosen_on = load("choices")
    rows = [
        [
            f"`{name}`",
            label(name, row) + r"\*" * (TEST_IMAGES in chosen_on.get(row["name"], "")),
            measured(name, row, chinese=chinese),
            str(len(row["seeds"])),
            machine.split(",")[0],
        ]
        for name in BENCHES
        for machine, row in rows_of(name)
    ]
    return table(heads, rows)


def published_table() -> str:
    """Return the table that compares the benches with published results."""
    rows = []
    for name, keys in BENCHES.items():
        for machine, row in rows_of(name):
            seconds = training_seconds(name, row["name"]).get(machine)
            duration = "" if seconds is None else format_duration(seconds)
            model = f"{label(name, row)}, {machine}"
            seeds = str(len(row["seeds"]))
            rows.append([f"`{name}`", model, measured(name, row), duration, seeds])
        for row in bench_of(name).published:
            if row.name in PUBLISHED.get(name, ()):
                known = [key for key in keys if key in row.values]
                cells = "; ".join(published_cell(name, row, key) for key in known)
                rows.append([f"`{name}`", f"{row.name} ({row.source})", cells, "", ""])
    return table(["bench", "model", "measured", "training", "seeds"], rows)


def bench_of(name: str) -> Bench:
    """Return a bench by its name."""
    return component("bench", name)()


def column_of(name: str, key: str) -> Column:
    """Return a column of a bench."""
    return next(column for column in bench_of(name).columns if column.key == key)


def rows_of(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return machine and row for every committed row of a bench, preset by preset."""
    everywhere = load_all(f"bench-{name}")
    presets = dict.fromkeys(row["name"] for r in everywhere.values() for row in r["rows"])
    return [
        (machine, row)
        for preset in presets
        for machine, results in everywhere.items()
        for row in results["rows"]
        if row["name"] == preset
    ]


def outdated_rows() -> list[str]:
    """Return a line for each committed row whose number of training steps has no budget."""
    return [
        f"bench {name}, {machine}: {row['name']} was measured after {row['steps']:,} steps"
        for name in BENCHES
        for machine, row in rows_of(name)
        if row["steps"] not in known_steps(name, row["name"])
    ]


def known_steps(name: str, preset: str) -> list[int]:
    """Return the number of training steps of a preset with each budget, "small" first."""
    bench = bench_of(name)
    return [bench.configure(preset, budget).train.steps for budget in bench.budgets]


def label(name: str, row: dict[str, Any]) -> str:
    """Return the name of a preset, and the number of steps if the budget was not "small"."""
    own = row["steps"] == known_steps(name, row["name"])[0]
    return f"`{row['name']}`" + ("" if own else f", {row['steps']:,} steps")


def measured(name: str, row: dict[str, Any], *, chinese: bool = False) -> str:
    """Return the means over seeds with their titles and intervals.

    A machine whose results are older than a column has no value for it.
    """
    return "; ".join(
        f"{TITLES[key][chinese]} "
        f"{quantity(row['mean'][key], column_of(name, key).unit, interval(name, row, key))}"
        for key in BENCHES[name]
        if key in row["mean"]
    )


def interval(name: str, row: dict[str, Any], key: str) -> Interval | None:
    """Return the 95 % interval over seeds; with one seed, that over samples or test images."""
    if len(row["seeds"]) > 1:
        low, high = row["interval"][key]
        return column_of(name, key).clip((low, high))
    (measurements,) = row["seeds"].values()
    # results before the intervals were simultaneous: that of the selected class is too narrow
    return None if key.endswith(".worst") else measurements[key]["interval"]


def published_cell(name: str, row: Published, key: str) -> str:
    """Return the title and a published value with its published margin, unrounded."""
    unit = column_of(name, key).unit
    factor, shown_unit = (100, " %") if unit == "share" else (1, f" {unit}" if unit else "")
    value, margin = row.values[key], row.spread.get(key)
    plus_minus = "" if margin is None else f" ± {factor * margin:g}"
    return f"{TITLES[key][0]} {factor * value:,.6g}{plus_minus}{shown_unit}"


def values(bench: str, preset: str, key: str) -> list[float]:
    """Return a bench's values for every seed on every machine."""
    return [
        measurements[key]["value"]
        for _, row in rows_of(bench)
        if row["name"] == preset
        for measurements in row["seeds"].values()
    ]


def training_seconds(bench: str, preset: str) -> dict[str, float]:
    """Return the mean duration of a training run, by the machine.

    Durations are left out of results that were measured while other programs ran.
    """
    return {
        machine: sum(row["training_seconds"].values()) / len(row["training_seconds"])
        for machine, row in rows_of(bench)
        if row["name"] == preset and row["training_seconds"]
    }
