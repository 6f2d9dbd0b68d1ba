"""Runs and uploads: start, follow, pause, check."""
