"""Measurements of several models, and the queue of evaluations."""
