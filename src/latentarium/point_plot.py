"""Plots of points in the plane, such as samples from the ring."""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

SIZE, DOTS_PER_INCH = 4.0, 150
"""The side of the square plot, in inches, and its resolution."""


def points_png(points: np.ndarray) -> bytes:
    """Draw points (N, 2) in the plane, with equal scales on both axes, as PNG."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(SIZE, SIZE), layout="constrained")
        axes = figure.subplots()
        axes.scatter(points[:, 0], points[:, 1], s=7, alpha=0.6, lw=0, color="#2f7fc1")
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(alpha=0.25)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()
