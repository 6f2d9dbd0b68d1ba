"""Evaluation: measure a model or a run, and report the results."""

from latentarium.evaluation.runs import evaluate_run, measure_duality_gap
from latentarium.evaluation.section import Section
from latentarium.latent.run_data import load_run_data

__all__ = ["Section", "evaluate_run", "load_run_data", "measure_duality_gap"]
