"""Evaluation: what is measured of a model or a run, and the report of it."""

from latentarium.evaluation.runs import data_of, evaluate_run, measure_gap

__all__ = ["data_of", "evaluate_run", "measure_gap"]
