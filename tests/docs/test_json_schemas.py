"""The output of --json has the schemas of the documentation."""

import json
from functools import partial
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest

from latentarium.cli.dispatch import COMMANDS
from latentarium.training import estimate
from support.command_line import failure_output, output_of, run_command
from support.short_evaluation import shorten_evaluation
from support.tiny import tiny_arrays

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = json.loads((ROOT / "docs" / "reference" / "schemas.json").read_text())
NO_JSON = {"resume", "finish", "sample", "studio"}
"""Commands that report nothing: their result is a file, or a page."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of each kind, a data set, and a table of latents."""
    folder = tmp_path_factory.mktemp("place")
    images, labels = tiny_arrays(1600)
    np.savez(folder / "tiny.npz", images=images[:, 0], labels=labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTARIUM_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        shorten_evaluation(patch)
        patch.setattr("latentarium.training.estimate", partial(estimate, min_seconds=0.1))
        for name in ("ae", "vae", "cgan"):
            run_command(
                "train",
                f"{name}_debug",
                "--data",
                "tiny.npz",
                "--run",
                name,
                "--train.snapshots",
                2,
            )
        run_command("encode", "vae", "tiny.npz", "--out", "z.npz", "--no-trust")
        yield folder


def require_valid(name: str, content: object) -> None:
    schema = SCHEMAS["$defs"][name] | {"$defs": SCHEMAS["$defs"]}
    errors = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in jsonschema_rs.validator_for(schema).iter_errors(content)
    ]
    assert errors == []


CASES = [
    ("evaluate", "evaluate cgan"),
    ("evaluate", "evaluate vae"),
    ("compare", "compare ae vae"),
    ("doctor", "doctor cgan"),
    ("doctor", "doctor vae"),
    ("duality-gap", "duality-gap cgan"),
    ("duality-gap", "duality-gap ae"),
    ("fit-prior", "fit-prior ae --kind class-gaussian"),
    ("fit-prior", "fit-prior vae --kind mixture"),
    ("encode", "encode vae tiny.npz --out a.csv"),
    ("encode", "encode ae tiny.npz --out a.npz --no-trust"),
    ("decode", "decode vae z.npz --out a.png -n 4"),
    ("reconstruct", "reconstruct vae tiny.npz --out a.png"),
    ("reconstruct", "reconstruct ae tiny.npz --out a.npz"),
    ("interpolate", "interpolate vae test:0 test:1 --out a.gif"),
    ("invert", "invert cgan test:0 --steps 2 --restarts 1 --out a.png"),
    ("invert", "invert ae test:0 --steps 2 --restarts 1"),
    ("nearest", "nearest vae test:0 -k 2"),
    ("nearest", "nearest cgan test:0 --space pixels --out a.png"),
    ("export", "export cgan --onnx a.onnx"),
    ("export", "export vae --onnx a.onnx"),
    ("export", "export vae --html a.html --no-trust"),
    ("bench list", "bench"),
    ("bench", "bench ring --seeds 1 --budget 5 --out bench"),
    ("data check", "data check tiny.npz"),
    ("train", "train vae_debug --data tiny.npz --run new --dry-run"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "command"), CASES, ids=[command for _, command in CASES])
def test_output_has_the_documented_schema(place, capsys, name, command):
    output = output_of(capsys, *command.split(), "--json")
    assert output.count("\n") == 1
    require_valid(name, json.loads(output))


def test_an_error_has_the_documented_schema(place, capsys):
    error = failure_output(capsys, "evaluate", "nothing", "--json")
    require_valid("error", json.loads(error.splitlines()[-1]))


def test_every_command_that_reports_has_a_schema_and_a_case():
    documented = set(SCHEMAS["$defs"])
    assert set(COMMANDS) - NO_JSON <= documented
    assert {name for name, _ in CASES} | {"tour"} >= set(COMMANDS) - NO_JSON


@pytest.mark.parametrize("change", [{"more": 1}, {"n": "many"}, {"file": None}])
def test_another_output_is_refused(change):
    content = {"run": "a", "latents": "b", "file": "c", "n": 3}
    require_valid("decode", content)
    with pytest.raises(AssertionError):
        require_valid("decode", content | change)
