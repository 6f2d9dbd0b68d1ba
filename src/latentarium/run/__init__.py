"""The run folder: everything a training writes, and the only place that knows its file names."""

from latentarium.run.checkpoints import Checkpoint
from latentarium.run.folder import Run, load

__all__ = ["Checkpoint", "Run", "load"]
