"""The run folder: everything that a training writes, and the only code that knows file names."""

from latentarium.run.checkpoints import Checkpoint
from latentarium.run.folder import Run, load

__all__ = ["Checkpoint", "Run", "load"]
