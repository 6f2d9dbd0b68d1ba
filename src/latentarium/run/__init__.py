"""The run folder, which contains all files that a training writes.

Only this package contains the names of these files.
"""

from latentarium.run.checkpoints import Checkpoint
from latentarium.run.folder import Run, load
from latentarium.run.manifest import Extension, InitialWeights

__all__ = ["Checkpoint", "Extension", "InitialWeights", "Run", "load"]
