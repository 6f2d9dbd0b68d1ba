"""The earlier commit that two parts of `make speed` compare with."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speed_parts.common import ROOT

COMMIT = "d9243c1"


@contextmanager
def earlier_commit() -> Iterator[Path]:
    """Check out the commit in a temporary folder, and yield the path of its package."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / COMMIT
        add = [*git, "add", "--detach", str(path), COMMIT]
        if subprocess.run(add, capture_output=True, check=False).returncode:
            sys.exit(f"This repository has no commit {COMMIT}; clone it with its history.")
        try:
            yield path / "src"
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)
