"""The table of what the doctor says of every preset, from the results of `doctor.py`."""

from collections import Counter

from committed import Results, load, machine, table

STOPS = ("0", "20", "100", "end")
SHORT = {
    "not trained yet": "not trained",
    "can't tell": "can't tell",
    "issues found": "issue",
    "no issues found": "no issue",
}


def doctor_table() -> str:
    """Return the statuses of each preset at each stop, with the number of seeds."""
    results = load("doctor")
    cases: dict[tuple[str, str], list[Results]] = {}
    for case, result in results["cases"].items():
        preset, _, stop = case.split(", ")
        cases.setdefault((preset, stop), []).append(result)
    names = sorted({preset for preset, _ in cases})
    rows = [
        [f"`{name}`", *(_cell(cases.get((name, stop), [])) for stop in STOPS)] for name in names
    ]
    early = [result for (_, stop), some in cases.items() if stop != "end" for result in some]
    ends = [result for (_, stop), some in cases.items() if stop == "end" for result in some]
    return (
        f"Statuses by step, with the number of seeds ({machine(results)}). Runs with an issue, "
        f"and so a fix: {_with_issues(early)} of {len(early)} that were stopped early, and "
        f"{_with_issues(ends)} of {len(ends)} at their ends.\n\n"
    ) + table(["preset", *STOPS[:-1], "the preset's last step"], rows)


def _with_issues(results: list[Results]) -> int:
    return sum(bool(result["issues"]) for result in results)


def _cell(results: list[Results]) -> str:
    if not results:
        return "not measured"
    counts = Counter(", ".join([SHORT[result["status"]], *result["issues"]]) for result in results)
    return "; ".join(f"{text} ({count})" for text, count in counts.most_common())
