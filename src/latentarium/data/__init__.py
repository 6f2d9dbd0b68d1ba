"""Data sets: sources and readers, splits, batches, and toy densities."""

from latentarium.data.batches import Batch, Batches
from latentarium.data.check import DataReport, check_data
from latentarium.data.dataset import Data, Split, fingerprint, to_float, to_uint8
from latentarium.data.sources import load_data

__all__ = [
    "Batch",
    "Batches",
    "Data",
    "DataReport",
    "Split",
    "check_data",
    "fingerprint",
    "load_data",
    "to_float",
    "to_uint8",
]
