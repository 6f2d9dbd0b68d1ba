"""Test the installed package outside the folder of its sources."""

import json
import re
import subprocess
import sys
import urllib.request
from importlib.metadata import distribution, requires
from pathlib import Path
from urllib.parse import urljoin

import latentarium as la

assert "torch" not in sys.modules, "importing latentarium must not import torch"
PACKAGE = Path(la.__file__).parent
COMMAND = Path(sys.prefix) / "bin" / "latentarium"
FILES = [
    "py.typed",
    "studio/static/index.html",
    "export/static/page.html",
    "data/mnist/train-images-idx3-ubyte.gz",
    "classifier/mnist/classifier.safetensors",
    "latent/mnist/corruption.safetensors",
    "tour/report.html.j2",
    "tour/zh-TW.json",
    *(f"run/shipped/{name}/weights.safetensors" for name in ("ae", "vae", "gan", "cgan")),
]
LARGE = {
    "torch", "numpy", "scipy", "scikit-learn", "matplotlib", "pillow", "fonttools", "sympy",
    "networkx", "setuptools", "pydantic-core", "pygments", "kiwisolver", "narwhals",
}  # fmt: skip
"""Dependencies that may have more than 5 MB."""


def run(*words: object) -> str:
    """Run a command of the installed package, and return its output."""
    done = subprocess.run([str(COMMAND), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))} fails:\n{done.stderr}"
    return done.stdout


def dependencies() -> set[str]:
    """Return the names of all packages that are installed without extras."""
    found: set[str] = set()
    waiting = ["latentarium"]
    while waiting:
        for requirement in requires(waiting.pop()) or ():
            match = re.match(r"[\w.-]+", requirement)
            assert match is not None
            name = re.sub(r"[-_.]+", "-", match[0]).lower()
            if "extra ==" not in requirement and name not in found and is_installed(name):
                found.add(name)
                waiting.append(name)
    return found


def is_installed(name: str) -> bool:
    """Return whether a package is installed; requirements of other platforms are not."""
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


def megabytes(name: str) -> float:
    """Return the size of the installed files of a package."""
    paths = [Path(str(file.locate())) for file in distribution(name).files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def test_files() -> None:
    """Check that the installed package is imported and that its files are complete."""
    assert PACKAGE.is_relative_to(sys.prefix), PACKAGE
    missing = [name for name in FILES if not (PACKAGE / name).is_file()]
    assert not missing, missing


def test_commands() -> None:
    """Check that commands work without the sources."""
    assert run("--version").strip() == f"latentarium {la.__version__}"
    assert distribution("latentarium").version == la.__version__
    run("sample", "shipped:cgan", "--label", 7, "-n", 4, "--out", "sevens.png")
    assert Path("sevens.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads(
        run(
            "export",
            "shipped:vae",
            "--onnx",
            "vae.onnx",
            "--html",
            "vae.html",
            "--no-trust",
            "--json",
        )
    )
    assert Path("vae.html").read_text().lower().startswith("<!doctype html>")
    assert Path(content["onnx"]["encoder"]["file"]).stat().st_size > 1000


def test_studio() -> None:
    """Check that the studio serves its page."""
    command = [str(COMMAND), "studio", "--port", "0", "--no-browse"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(
                match[0] for line in server.stdout if (match := re.search(r"http://\S+", line))
            )
            with urllib.request.urlopen(address) as answer:
                page = answer.read().decode()
            script = re.search(r'src="([^"]+\.js)"', page)
            assert script is not None
            with urllib.request.urlopen(urljoin(address, script[1])) as answer:
                assert len(answer.read()) > 10_000
        finally:
            server.terminate()


def test_sizes() -> None:
    """Check that an installation without extras adds no unexpected large package."""
    sizes = {name: megabytes(name) for name in dependencies()}
    large = {name: round(size, 1) for name, size in sizes.items() if size > 5}
    assert {"torch", "numpy"} <= set(large)
    assert set(large) <= LARGE, large


if __name__ == "__main__":
    for test in (test_files, test_commands, test_studio, test_sizes):
        test()
        print(f"{test.__name__}: passed")
