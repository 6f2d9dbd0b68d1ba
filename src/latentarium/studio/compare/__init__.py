"""Measurements of the models on show, side by side."""
