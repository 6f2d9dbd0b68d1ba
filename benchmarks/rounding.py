"""The rounding rule of all generated texts.

An interval or a range is rounded to the first digit of its half-width, or to the second if the
first is 1, and a value to the same place as its interval. Other values are formatted as the
package prints them. A range of integers is not rounded.
"""

from latentarium.stats.measurement import format_number

Interval = list[float] | tuple[float, float]


def decimals(low: float, high: float) -> int:
    """Return the number of decimals for a range; a negative number, such as -2, rounds to 100."""
    digits, exponent = f"{(high - low) / 2:.2e}".split("e")
    return digits.startswith("1") - int(exponent)


def fixed(value: float, places: int) -> str:
    """Return a value with a number of decimals, which may be negative."""
    return f"{round(value, places):,.{max(places, 0)}f}"


def quantity(value: float, unit: str = "", interval: Interval | None = None) -> str:
    """Return a value with its unit and, in brackets, its interval; a share in percent."""
    factor, unit = (100, "%") if unit == "share" else (1, unit)
    if interval is None or interval[0] >= interval[1]:
        return f"{format_number(factor * value)} {unit}".strip()
    low, high = (factor * end for end in interval)
    places = decimals(low, high)
    text = f"{fixed(factor * value, places)} {unit}".strip()
    return f"{text} [{fixed(low, places)}, {fixed(high, places)}]"


def span(values: list[float], unit: str = "") -> str:
    """Return the smallest and the largest value, or one if they look the same."""
    factor, unit = (100, "%") if unit == "share" else (1, unit)
    low, high = factor * min(values), factor * max(values)
    if format_number(low) == format_number(high):
        return f"{format_number(low)} {unit}".strip()
    whole = all(factor * value == round(factor * value) for value in values)
    places = 0 if whole else decimals(low, high)
    return f"{fixed(low, places)} to {fixed(high, places)} {unit}".strip()
