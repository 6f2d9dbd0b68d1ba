"""The table of the tour's conditions, with a column for each machine."""

from typing import Any

from committed import load_all, table
from rounding import quantity

from latentarium.tour.translation import translate


def tour_table() -> str:
    """Return a row for each condition of each claim."""
    tours = load_all("tour")
    rows: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for machine, tour in tours.items():
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


def claims_table(*claims: str, evidence: tuple[str, ...] = (), chinese: bool = False) -> str:
    """Return a table of the conditions of some claims in the tour, for a lesson.

    Arguments:
        claims: The ids of the claims.
        evidence: Names of further numbers to show.
        chinese: Whether the table is in Chinese.

    Raises:
        ValueError: The tour has no such claim or number, or a name has no translation.
    """
    tour = next(iter(load_all("tour").values()))
    chosen = [claim for claim in tour["claims"] if claim["id"] in claims]
    rows = [_lesson_row(n, chinese) for claim in chosen for n in claim["conditions"]]
    numbers = {n["name"]: n for c in tour["claims"] for n in c["conditions"] + c["evidence"]}
    missing = [name for name in evidence if name not in numbers]
    if missing or len(chosen) != len(claims):
        raise ValueError(f"The tour lacks one of the claims {claims}, or the numbers {missing}.")
    rows += [_lesson_row(numbers[name], chinese) for name in evidence]
    return table(
        ["測量項目", "數值", "要求"] if chinese else ["measured", "value", "required"], rows
    )


def _lesson_row(number: dict[str, Any], chinese: bool) -> list[str]:
    name = number["name"]
    threshold = required(number, chinese=chinese) if "relation" in number else ""
    if chinese:
        translated = translate(name)
        if translated is None:
            raise ValueError(f"src/latentarium/tour/zh-TW.json has no translation of '{name}'.")
        name = translated
    if not number.get("holds", True):
        threshold += "（未達到；不影響判定）" if chinese else " (missed; not part of the verdict)"
    value = quantity(number["value"], number["unit"], number["interval"])
    return [name, f"**{_translated_unit(value, chinese)}**", threshold]


def _translated_unit(text: str, chinese: bool) -> str:
    return text.replace(" times", " 倍") if chinese else text


def title(conditions: list[dict[str, Any]]) -> str:
    """Return the name, without the part after a colon if it differs between machines."""
    names = {condition["name"] for condition in conditions}
    return min(names, key=len).split(":")[0] if len(names) > 1 else names.pop()


def required(condition: dict[str, Any], *, chinese: bool = False) -> str:
    """Return the threshold in words."""
    words = {">=": "at least ", "<=": "at most ", "==": "", ">": "over ", "<": "under "}
    if chinese:
        words = {">=": "至少 ", "<=": "至多 ", "==": "", ">": "大於 ", "<": "小於 "}
    threshold = quantity(condition["threshold"], condition["unit"])
    return words[condition["relation"]] + _translated_unit(threshold, chinese)


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
        failing = [f"`{c['id']}`" for c in tour["claims"] if c["verdict"] == "fails"]
        count = len(tour["claims"])
        names = f" (not {', '.join(failing)})" if failing else ""
        lines.append(f"- {machine}: {count - len(failing)} of {count} claims hold{names}.\n")
    return "".join(lines)
