"""Bounds that the measurements are required to keep."""

PYTHAE = 1.8
"""The smallest accepted time of pythae until its ELBO, divided by that of latentarium."""
BUSY = {"one busy process": 1.3, "two busy processes": 2.0, "another training": 1.3}
"""The largest accepted time of a step, divided by that of the same step alone."""
TOGETHER = 1.2
"""The largest accepted time of two trainings, divided by that of one."""
MEMORY = 100
"""The largest accepted growth of the resident memory, in MiB."""
COMMIT = 0.5
"""The largest accepted time, divided by that of the earlier commit."""
TOUR, TOUR_BUSY = 0.45, 2
"""The largest accepted duration of the tour, divided by that of the earlier commit; and next to a
busy process, divided by that alone."""
