"""The parts of `make speed`, one file each."""
