"""The wheel contains the page and the small models, and serves them without the repository."""

import re
import site
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)


def tracked_files() -> list[str]:
    """Return the files of the package that git tracks, as the wheel names them."""
    listed = run("git", "-C", str(ROOT), "ls-files", "src/latentarium").stdout.splitlines()
    return [name.removeprefix("src/") for name in listed]


@pytest.mark.slow
def test_installed_wheel_serves_page(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert set(tracked_files()) <= set(names)
    assert "latentarium/run/shipped/vae/weights.safetensors" in names
    assert "latentarium/studio/static/index.html" in names
    assert "latentarium/export/static/page.html" in names
    script = r"latentarium/studio/static/assets/index-.*\.js"
    assert any(re.fullmatch(script, name) for name in names)
    assert not any("node_modules" in name for name in names)

    folder = tmp_path / "clean"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    (packages,) = folder.glob("lib/*/site-packages")
    # the dependencies, without the repository
    (packages / "deps.pth").write_text("\n".join(site.getsitepackages()))
    served = subprocess.Popen(
        [folder / "bin" / "latentarium", "studio", "--no-browse", "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        assert served.stdout is not None
        match = re.search(r"http://\S+", served.stdout.readline())
        assert match is not None
        page = urllib.request.urlopen(match[0], timeout=30).read().decode()
        (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page)
        code = urllib.request.urlopen(match[0].rstrip("/") + script, timeout=30).read()
        assert len(code) > 20_000
        models = urllib.request.urlopen(match[0] + "api/models", timeout=30).read()
        assert b"conditional GAN" in models
    finally:
        served.terminate()
        served.communicate(timeout=30)
