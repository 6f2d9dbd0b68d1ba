"""The built-in claims, one per module."""
