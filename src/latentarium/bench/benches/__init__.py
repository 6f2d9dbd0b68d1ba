"""The built-in benches."""
