"""Samples from the open models, and their assessment."""
