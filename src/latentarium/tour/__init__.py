"""The tour: train the four systems, measure what is claimed about them, and write a report."""
