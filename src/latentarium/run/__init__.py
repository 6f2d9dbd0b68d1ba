"""The run folder, which contains all files that a training writes.

Only this package contains the names of these files.
"""

from latentarium.run.checkpoints import Checkpoint
from latentarium.run.folder import Run, load

__all__ = ["Checkpoint", "Run", "load"]
