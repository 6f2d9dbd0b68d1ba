"""Evaluation: measure a model or a run, and report the results."""

from latentarium.evaluation.runs import evaluate_run, measure_duality_gap
from latentarium.evaluation.section import Section

__all__ = ["Section", "evaluate_run", "measure_duality_gap"]
