"""Export trained models to formats that need neither latentarium nor torch."""
