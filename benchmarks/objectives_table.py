"""The table of likelihoods and objectives, from the results of `objectives.py`."""

from statistics import mean

from committed import load, machine, table


def objectives_table() -> str:
    """Return the mean and the range over the seeds of each case."""
    results = load("objectives")
    cases: dict[str, list[dict[str, float]]] = {}
    for case, result in results["cases"].items():
        cases.setdefault(case.split("; ")[0], []).append(result)
    rows = []
    for case, seeds in cases.items():
        group, name = case.split(": ")
        key, digits, unit = ("nll", 1, "nats") if group == "digits" else ("bits", 2, "bits")
        values = [seed[key] for seed in seeds]
        rows.append(
            [
                "binary digits, NLL" if group == "digits" else "colour images, bits per dimension",
                name,
                f"{mean(values):.{digits}f} {unit} [{min(values):.{digits}f}, "
                f"{max(values):.{digits}f}]",
                f"{mean(seed['rate'] for seed in seeds):.1f} nats",
                str(len(seeds)),
            ]
        )
    heads = ["data, measure", "model", "mean, range over seeds; lower is better", "rate", "seeds"]
    return f"{machine(results)}.\n\n" + table(heads, rows)
