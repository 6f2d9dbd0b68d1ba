"""Damage the JSON files of a run at random."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

HOSTILE = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**30), 10**400, 1e308, "", "x", "\ud800", "\0", [],
    {}, [[]], [None], {"a": 1}, "9" * 5000, [0] * 1000, {"": {"": None}},
]  # fmt: skip
DEEP: Any = 0
for _ in range(200):
    DEEP = [DEEP]


def paths_of(content: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths of all values inside a JSON value."""
    parts = content.items() if isinstance(content, dict) else enumerate(content)
    paths = []
    for key, value in parts:
        paths.append((*path, key))
        if isinstance(value, dict | list):
            paths += paths_of(value, (*path, key))
    return paths


def damaged(content: Any, random: Random) -> bytes:
    """Return a JSON text in which one to three values are replaced, removed or renamed."""
    content = json.loads(json.dumps(content))
    for _ in range(random.randint(1, 3)):
        paths = paths_of(content)
        if not paths:
            break
        *parents, last = random.choice(paths)
        part = content
        for key in parents:
            part = part[key]
        change = random.choice(["replace", "replace", "remove", "rename", "deep", "cut"])
        if change == "remove":
            del part[last]
        elif change == "rename" and isinstance(part, dict):
            part[random.choice(["x", "", "step", "kind"])] = part.pop(last)
        elif change == "deep":
            part[last] = DEEP
            break
        elif change == "cut":
            text = json.dumps(content).encode()
            return text[: random.randint(0, len(text))]
        else:
            part[last] = copy.deepcopy(random.choice(HOSTILE))
    return json.dumps(content).encode()


def read(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text())
