"""Sections of docs/benchmarks.md on other libraries, busy machines and an earlier commit."""

from collections.abc import Iterator

from committed import table
from speed_parts import limits
from speed_tables import Results, spread

from latentarium.stats.measurement import format_number

SIDE_TITLES = {
    "vae": "example's loop",
    "vae-in-memory": "its steps, images in memory",
    "vae_mnist": "`vae_mnist`",
    "dcgan": "example's loop",
    "gan_mnist": "`gan_mnist`",
}
METRIC_TITLES = {
    "frechet": "Fréchet distance",
    "kernel": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}
CALLS = {
    "frechet": ("Fréchet distance", "Fréchet 距離"),
    "kernel": ("kernel distance", "核距離"),
    "precision": ("precision and recall", "精確率與召回率"),
    "density": ("density and coverage", "密度與涵蓋率"),
}
"""Titles in English and Chinese."""
OURS = "latentarium"


def examples(measured: dict[str, Results]) -> list[str]:
    """Return the section on the examples of PyTorch."""
    lines = [
        "## The examples of PyTorch", "",
        "The training loops of the VAE and DCGAN examples, re-created from their published "
        "settings, and the seconds until latentarium's presets are as good. The VAE (784 - 400 - "
        "20 - 400 - 784, Adam at 1e-3, batches of 128) is trained for ten passes; the goal is its "
        "best ELBO of held-out images. The DCGAN (ngf = ndf = 64, 100 latent dimensions, Adam at "
        "2e-4, batches of 64) has the last two stages of the published network, from 7 x 7 to "
        "28 x 28 pixels, as in many copies for MNIST; the goals are its best Fréchet distances "
        "(features of the MNIST classifier, 10,000 samples) within a pass and its first "
        "half. The published settings ask for 25 passes. The quality is measured every "
        "100 steps, which is not counted. The examples convert each image from PIL, as "
        "torchvision does, and the VAE's evaluates its held-out images after each pass; the row "
        "\"images in memory\" does neither.",
    ]  # fmt: skip
    return [*lines, *_example_tables(measured)]


def busy_examples(measured: dict[str, Results]) -> list[str]:
    """Return the section on the examples of PyTorch next to a busy process."""
    lines = [
        "## The examples of PyTorch next to a busy process", "",
        "The same trainings in a single round, while another process only uses a processor core.",
    ]  # fmt: skip
    return [*lines, *_example_tables(measured)]


def _example_tables(measured: dict[str, Results]) -> list[str]:
    lines = []
    for machine, results in measured.items():
        rows = []
        for what, shares in results.items():
            for share, result in shares.items():
                label = f"{what}: {spread(result['goal'])}"
                if len(shares) > 1:
                    label += f", {share}"
                rows.append([label, "", "", ""])
                for side, title in _sides(result["sides"], what):
                    value = result["sides"].get(side)
                    if value is None:
                        rows.append(["", title, "not reached", ""])
                    else:
                        rows.append(["", title, spread(value["seconds"]), spread(value["steps"])])
        heads = [machine, "", "seconds of training", "steps"]
        lines += ["", *table(heads, rows).splitlines()]
    return lines


def _sides(reached: Results, what: str) -> Iterator[tuple[str, str]]:
    sides = ("dcgan", "gan_mnist") if "DCGAN" in what else ("vae", "vae-in-memory", "vae_mnist")
    for side in sides:
        yield side, SIDE_TITLES[side]


def against(measured: dict[str, Results]) -> list[str]:
    """Return the section on an earlier commit."""
    first = next(iter(measured.values()))
    commit, goal = first["commit"], f"{100 * first['goal']:g} %"
    lines = [
        "## Against an earlier commit", "",
        f"Seconds of training until {goal} of 1,000 samples of `cgan_mnist` are classified as the "
        f"requested digit, for {commit} and now, by turns, "
        "with another seed in each round. The same classifier judges both.",
    ]  # fmt: skip
    rows = [
        [
            machine,
            *(f"{spread(r['seconds'][side])}, {_listed(r['steps'][side])} steps"
              for side in (commit, "now")),
            spread(r["ratio"]),
            f"at most {limits.COMMIT}",
        ]
        for machine, r in measured.items()
    ]  # fmt: skip
    return [*lines, "", *table(["", commit, "now", "ratio", "required"], rows).splitlines()]


def _listed(value: Results) -> str:
    return ", ".join(f"{number:,.0f}" for number in value["all"])


def tour(measured: dict[str, Results]) -> list[str]:
    """Return the section on the tour."""
    commit = next(iter(measured.values()))["commit"]
    lines = [
        "## The tour", "",
        f"Seconds of `latentarium tour` for {commit} and now, one after the other, and now next "
        "to a process that only uses a processor core; and how many claims hold. Required: at "
        f"most {limits.TOUR} of the time of {commit}, and at most {limits.TOUR_BUSY} times the "
        "time without the other process.", "",
    ]  # fmt: skip
    rows = [
        [
            machine,
            *(spread(seconds) for seconds in r["seconds"].values()),
            f"{spread(r['ratio'])}, {spread(r['busy_ratio'])}",
            r["holds"],
        ]
        for machine, r in measured.items()
    ]
    heads = ["", commit, "now", "next to a busy process", "ratios", "claims that hold"]
    return [*lines, *table(heads, rows).splitlines()]


def metrics(measured: dict[str, Results]) -> list[str]:
    """Return the section on the metrics of other libraries."""
    first = next(iter(measured.values()))
    lines = [
        "## Metrics", "",
        f"Metrics of given features: {first['n']:,} test images and as many samples of the GAN "
        f"of the package, {first['features']} features. latentarium also computes intervals in "
        "the same call, except for the Fréchet distance. Precision and recall use the third "
        "neighbour, density and coverage the fifth. The kernel distance is a mean over 100 random "
        "subsets of 1,000, which are others in each library. prdc computes all four at once, and "
        "its balls for precision and recall are open. The side of scikit-learn consists of its "
        "neighbour search, distances and kernel.",
    ]  # fmt: skip
    lines += _metric_seconds(measured)
    values = {
        side: {k: v for call in calls.values() for k, v in call["values"].items()}
        for side, calls in first["sides"].items()
    }
    rows = [
        [title, *(f"{values[side][key]:.6g}" if key in values[side] else "" for side in values)]
        for key, title in METRIC_TITLES.items()
    ]
    return [*lines, "", *table(["value", *values], rows).splitlines()]


def busy_metrics(measured: dict[str, Results]) -> list[str]:
    """Return the section on metrics next to a busy process."""
    lines = [
        "## Metrics next to a busy process", "",
        "The same calls, while another process only uses a processor core.",
    ]  # fmt: skip
    return [*lines, *_metric_seconds(measured)]


def _metric_seconds(measured: dict[str, Results]) -> list[str]:
    lines = []
    for machine, results in measured.items():
        sides = results["sides"]
        rows = [
            [titles[0], *(_seconds_of(sides[side], call) for side in sides)]
            for call, titles in CALLS.items()
        ]
        lines += ["", *table([f"seconds, {machine}", *sides], rows).splitlines()]
    return lines


def _seconds_of(calls: Results, call: str) -> str:
    return spread(calls[call]["seconds"]) if call in calls else ""


def busy(measured: dict[str, Results]) -> list[str]:
    """Return the section on steps next to other processes."""
    required = ", ".join(f"{limit:g} next to {name}" for name, limit in limits.BUSY.items())
    lines = [
        "## Next to other processes", "",
        "Milliseconds per step (mean over some seconds) alone, next to one and two processes that "
        "only use a processor core, and next to another training of the same preset; in "
        f"parentheses, as a multiple of the same step alone (required: at most {required}). The "
        "number of threads is the one that `train` chooses on an idle machine; if it exceeds one, "
        "a row for one thread follows, which `train` chooses if one of two cores is busy at the "
        "start. `gan_images` trains on 64 x 64 images.",
    ]  # fmt: skip
    for machine, results in measured.items():
        rows = []
        for preset, sides in results.items():
            for side in sides.values():
                cells = [spread(side["ms"]["alone"])]
                cells += [
                    f"{spread(side['ms'][c])} ({format_number(side['ratio'][c]['median'])})"
                    for c in limits.BUSY
                ]
                rows.append([f"`{preset}`", str(side["threads"]), *cells])
        heads = [machine, "threads", "alone", *limits.BUSY]
        lines += ["", *table(heads, rows).splitlines()]
    return lines


def together(measured: dict[str, Results]) -> list[str]:
    """Return the section on trainings at the same time."""
    lines = [
        "## Trainings at the same time", "",
        "Seconds of whole commands, with start and data: two commands that train at the same "
        "time, as the studio starts them, against one on one thread; and a bench with two seeds "
        "against one with one seed, whose trainings run one after the other on one thread. "
        f"Required: at most {limits.TOGETHER} times.",
    ]  # fmt: skip
    for machine, r in measured.items():
        train = f"`train {r['preset']}`, {r['steps']:,} steps"
        bench = f"`bench {r['bench']}`, {r['bench_budget']} budget"
        s = r["seconds"]
        rows = [
            [train, spread(s["one training"]), spread(s["two trainings"]),
             spread(r["ratio"]["two trainings"])],
            [bench, spread(s["bench, one seed"]), spread(s["bench, two seeds"]),
             spread(r["ratio"]["bench, two seeds"])],
        ]  # fmt: skip
        lines += ["", *table([machine, "one", "two", "ratio"], rows).splitlines()]
    return lines


def memory(measured: dict[str, Results]) -> list[str]:
    """Return the section on the memory that trainings leave."""
    lines = [
        "## Memory after trainings", "",
        "Growth of the resident memory of a process in MiB, from before three trainings "
        "(`vae_mnist`, `gan_mnist`, `cgan_mnist`) to after their runs and models were deleted, "
        "and that by the modules that the first training imports. Required of the trainings: at "
        f"most {limits.MEMORY}.", "",
    ]  # fmt: skip
    rows = [
        [machine, spread(r["growth"]), spread(r["imports"])] for machine, r in measured.items()
    ]
    return [*lines, *table(["", "trainings", "imports"], rows).splitlines()]
