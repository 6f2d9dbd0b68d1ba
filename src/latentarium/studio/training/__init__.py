"""Trainings as the page starts, follows and ends them."""
