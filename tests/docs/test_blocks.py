"""The code blocks of the documentation run: Python, and commands in bash blocks.

They run in a folder with a run of each family, which was trained for two steps, and small data in
place of MNIST. Commands that train do so for two steps.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sybil import Sybil
from sybil.parsers import myst

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import Split
from latentarium.data.sources import NAMED_SOURCES
from latentarium.evaluation.evaluate import evaluate
from latentarium.evaluation.report import Report
from latentarium.presets.variants import vary
from latentarium.training import estimate, train
from support.command_line import run_command
from support.short_evaluation import shorten_evaluation

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    "README.md", "README.zh-TW.md",
    "docs/index.md", "docs/data.md", "docs/estimators.md", "docs/extending.md", "docs/latent.md",
    "docs/exporting.md",
    "docs/models.md",
    *(f"docs/howto/{path.name}" for path in sorted((ROOT / "docs" / "howto").glob("*.md"))),
]  # fmt: skip
"""Pages whose blocks are run. docs/studio.md shows the studio in a notebook."""
SHORT = ("--train.steps", "2", "--train.snapshots", "2")
PRESETS = {"ae": "ae_small", "vae": "vae_small", "gan": "gan_small", "cgan": "cgan_mnist"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of which each page gets a copy, in which its blocks run."""
    folder = tmp_path_factory.mktemp("place")
    data = la.load_data("mnist")
    splits = {name: first(split, 600) for name, split in data.splits().items()}
    small = replace(data, **splits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NAMED_SOURCES, "mnist", lambda: small)
        patch.setenv("LATENTARIUM_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        shorten_evaluation(patch)
        patch.setattr("latentarium.training.estimate", partial(estimate, min_seconds=0.1))
        patch.setattr(la, "train", train_briefly)
        patch.setattr(la, "evaluate", evaluate_briefly)
        patch.setattr("latentarium.evaluation.runs.evaluate", evaluate_briefly)
        for name, preset in PRESETS.items():
            la.train(presets.get(preset), f"runs/{name}", small)
        write_pictures(folder)
        yield folder


def train_briefly(config: la.Config, *arguments: Any, **options: Any) -> la.Run:
    return train(
        vary(config, config.name, train={"steps": 2, "snapshots": 2}), *arguments, **options
    )


def evaluate_briefly(*arguments: Any, **options: Any) -> Report:
    brief = {"n": 300, "gan_train_steps": 20, "response_steps": 5, "nll_samples": 10}
    return evaluate(*arguments, **(options | brief))


def first(split: Split, n: int) -> Split:
    return Split(split.images[:n], None if split.labels is None else split.labels[:n])


def write_pictures(folder: Path) -> None:
    """Write the pictures that the pages mention, and a table of their labels."""
    rng = np.random.default_rng(0)
    rows = ["file,label"]
    for name in ("photos/cat", "photos/dog", "flat"):
        (folder / name).mkdir(parents=True)
    for number in range(240):
        label = "cat" if number % 2 else "dog"
        picture = Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8))
        for path in (f"photos/{label}/{number}.png", f"flat/{number}.png"):
            picture.save(folder / path)
        rows.append(f"{number}.png,{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    Image.new("RGB", (40, 30), "white").save(folder / "photo.jpg")


def run_commands(example) -> None:
    """Run the commands of a block, one per line."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["latentarium"]:
            trains = words[1] == "train" and not words[2].startswith("-")
            if words[1] != "studio":  # a server, which does not end
                run_command(*words[1:], *(SHORT if trains else ()))
        elif words[:1] == ["python"]:
            subprocess.run([sys.executable, *words[1:]], check=True, stdout=subprocess.DEVNULL)
        elif words:
            raise AssertionError(f"unknown command: {line}")


def test_every_page_with_code_is_run():
    with_code = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        if re.search(r"^```(python|bash)$", path.read_text(), re.MULTILINE)
    }
    assert with_code - {"docs/studio.md"} <= set(PAGES)


@pytest.mark.parametrize(
    "page",
    # the same block as in README.md
    [pytest.param(page, marks=[pytest.mark.slow] * (page == "README.zh-TW.md")) for page in PAGES],
)
def test_blocks_of_a_page_run(place, page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(shutil.copytree(place, tmp_path / "place"))
    parsers = [
        myst.PythonCodeBlockParser(),
        myst.CodeBlockParser("bash", run_commands),
        myst.SkipParser(),
    ]
    document = Sybil(parsers=parsers).parse(ROOT / page)
    document.namespace.update(example_names())
    for example in document.examples():
        example.evaluate()


def example_names() -> dict[str, object]:
    """Return what the pages call `data`, `images`, `x`, `y` and so on."""
    data = la.load_data("mnist")
    few = first(data.train, 60)
    return {"la": la, "data": data, "x": few.images, "y": few.labels, "images": few.images[:4]}
