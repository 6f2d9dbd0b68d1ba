"""Diagnostics: what is wrong with a run, and what usually fixes it (command: doctor)."""
