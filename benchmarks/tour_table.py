"""The table of the tour's conditions, with a column for each machine."""

from typing import Any

from committed import load_all, table
from rounding import quantity


def tour_table() -> str:
    """Return a row for each condition of each claim."""
    tours = load_all("tour")
    rows: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for machine, tour in sorted(tours.items(), key=lambda item: not is_complete(item[1])):
        for claim in tour["claims"]:
            for condition in claim["conditions"]:
                rows.setdefault((claim["id"], condition["name"].split(":")[0]), {})[machine] = (
                    condition
                )
    return table(
        ["claim", "measured", "required", *tours],
        [
            [
                f"`{claim}`",
                title(list(conditions.values())),
                " / ".join(
                    dict.fromkeys(required(conditions[m]) for m in tours if m in conditions)
                ),
                *(result(conditions[m]) if m in conditions else "" for m in tours),
            ]
            for (claim, _), conditions in rows.items()
        ],
    )


def title(conditions: list[dict[str, Any]]) -> str:
    """Return the name, without the part after a colon if it differs between machines."""
    names = {condition["name"] for condition in conditions}
    return min(names, key=len).split(":")[0] if len(names) > 1 else names.pop()


def required(condition: dict[str, Any]) -> str:
    """Return the threshold in words."""
    words = {">=": "at least ", "<=": "at most ", "==": "", ">": "over ", "<": "under "}
    return words[condition["relation"]] + quantity(condition["threshold"], condition["unit"])


def result(condition: dict[str, Any]) -> str:
    """Return the value in bold, its interval, and whether it misses the threshold."""
    text = quantity(condition["value"], condition["unit"], condition["interval"])
    value, bracket, ends = text.partition(" [")
    missed = (
        ": fails" if condition.get("decides", True) else ": missed, but not part of the verdict"
    )
    return f"**{value}**{bracket}{ends}{'' if condition['holds'] else missed}"


def tour_values(claim_id: str, name: str) -> list[float]:
    """Return a measurement of every machine whose tour has it.

    Arguments:
        claim_id: The id of the claim that it belongs to.
        name: The beginning of its name.

    Raises:
        ValueError: No tour has it.
    """
    found = [
        number["value"]
        for tour in load_all("tour").values()
        for claim in tour["claims"]
        if claim["id"] == claim_id
        for number in [n for n in claim["conditions"] + claim["evidence"] if _is(n, name)][:1]
    ]
    if not found:
        raise ValueError(f"No results/tour.*.json has '{name}' in the claim {claim_id}.")
    return found


def _is(number: dict[str, Any], name: str) -> bool:
    return number["name"].startswith(name)


def verdicts() -> str:
    """Return which claims hold on each machine, as a list."""
    lines = []
    for machine, tour in load_all("tour").items():
        if is_complete(tour):
            failing = [f"`{c['id']}`" for c in tour["claims"] if c["verdict"] == "fails"]
            count = len(tour["claims"])
            names = f" (not {', '.join(failing)})" if failing else ""
            lines.append(f"- {machine}: {count - len(failing)} of {count} claims hold{names}.\n")
    return "".join(lines)


def is_complete(tour: dict[str, Any]) -> bool:
    """Return whether these are the results of a whole tour, not numbers copied from a text."""
    return all("verdict" in claim for claim in tour["claims"])
