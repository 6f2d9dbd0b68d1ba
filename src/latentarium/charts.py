"""Charts for reports, as SVG that adapts to light and dark pages, and image grids as PNG.

Text and axes are drawn in the placeholder colour `INK`, which is replaced by `currentColor`. Each
role and each system has one colour in all charts, readable on white and on black.
"""

import io
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse

from latentarium.image_files import grid, png_bytes
from latentarium.shapes import Images
from latentarium.stats.measurement import Interval, Real

INK = "#7f7e7d"
"""Placeholder for the page's text colour; data must not use it."""

SYSTEM_COLOURS = {"ae": "#c2571a", "vae": "#2f7fc1", "gan": "#7a5fc0", "cgan": "#0e9277"}
ROLE_COLOURS = {
    "real": "#3a9a45",
    "generated": "#c2571a",
    "generator": "#7a5fc0",
    "discriminator": "#2f7fc1",
}
CLASS_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccaa33", "#66b8dd",
    "#aa3377", "#888866", "#ee7733", "#0f9d8a", "#7a5fc0",
)  # fmt: skip
"""After Paul Tol's bright and vibrant schemes, which colour-blind readers can distinguish."""


@runtime_checkable
class PlaneEllipse(Protocol):
    """The ellipse of a Gaussian in a plane."""

    @property
    def centre(self) -> tuple[float, float]:
        """Centre in the plane."""
        ...

    @property
    def major(self) -> float:
        """Half the longer axis."""
        ...

    @property
    def minor(self) -> float:
        """Half the shorter axis."""
        ...

    @property
    def angle(self) -> float:
        """Angle of the longer axis with the plane's first axis, in radians."""
        ...


_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "latentarium",
    "figure.constrained_layout.use": True,
}


def image_grid(images: Images, columns: int, scale: int = 2) -> bytes:
    """Return a grid of images in [-1, 1] as PNG, enlarged without smoothing."""
    return png_bytes(grid(images, columns, gap=2, scale=scale))


def _svg(canvas: Canvas) -> str:
    buffer = io.StringIO()
    canvas.savefig(
        buffer, format="svg", transparent=True, metadata={"Date": None}, bbox_inches="tight"
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return text.replace("'DejaVu Sans'", "inherit")


def standalone(svg: str) -> str:
    """Return a chart to save as a separate file: dark on white, independent of any page."""
    head, rest = svg.split(">", 1)
    background = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return f'{head} style="color: #333333; font-family: sans-serif">{background}{rest}'


def _chart(width: float, height: float, columns: int = 1) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(width, height))
    axes = canvas.subplots(1, columns, squeeze=False)[0]
    return canvas, list(axes)


def line_chart(
    curves: Sequence[tuple[str, str, Sequence[Real], Sequence[Real], Sequence[Interval] | None]],
    x_label: str,
    y_label: str,
    *,
    reference: tuple[str, Real] | None = None,
    log_x: bool = False,
    y_from_zero: bool = False,
) -> str:
    """Draw curves, optionally with intervals and a reference line.

    Arguments:
        curves: Name, colour, x and y of each curve, and one interval per point, or None for no
            intervals.
        x_label, y_label: Axis labels.
        reference: Name and y of a dashed horizontal line.
        log_x: Whether the x axis is logarithmic; it is then linear below 1.
        y_from_zero: Whether the y axis starts at 0.
    """
    with mpl.rc_context(_STYLE):
        canvas, (axes,) = _chart(6.4, 3.4)
        for name, colour, x, y, intervals in curves:
            axes.plot(x, y, color=colour, marker="o" if len(x) < 25 else None, ms=4, label=name)
            if intervals is not None:
                low, high = zip(*intervals, strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.22, lw=0)
        if reference is not None:
            axes.axhline(reference[1], color=INK, ls="--", lw=1.2, label=reference[0])
        if log_x:
            axes.set_xscale("symlog", linthresh=1)
        if y_from_zero:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.legend()
        return _svg(canvas)


def bar_chart(
    names: Sequence[str],
    values: Sequence[Real],
    colours: Sequence[str],
    label: str,
    *,
    intervals: Sequence[Interval | None] | None = None,
    band: tuple[Real, Real, str] | None = None,
    show: str = "{:.3g}",
) -> str:
    """Draw bars with their values.

    Arguments:
        names, values, colours: The name, the value and the colour of each bar.
        label: Label of the y axis.
        intervals: The interval of each bar, drawn as an error bar; None draws no error bar.
        band: Low end, high end and name of the range in which values should be.
        show: Format of the values.
    """
    with mpl.rc_context(_STYLE):
        canvas, (axes,) = _chart(6.4, 3.4)
        if band is not None:
            axes.axhspan(band[0], band[1], color=ROLE_COLOURS["real"], alpha=0.13, label=band[2])
            axes.legend(loc="upper right")
        axes.bar(range(len(values)), values, color=colours, width=0.7)
        top = max([*values, band[1] if band else 0.0])
        for i, value in enumerate(values):
            interval = intervals[i] if intervals else None
            if interval is not None:
                axes.vlines(i, *interval, color=INK, lw=1.6)
            text_y = (interval[1] if interval else value) + 0.015 * top
            axes.text(i, text_y, show.format(value), ha="center")
        axes.set_ylim(0, 1.14 * top)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylabel(label)
        return _svg(canvas)


def signed_bar_chart(
    names: Sequence[str], values: Sequence[Real], colours: Sequence[str], label: str
) -> str:
    """Draw one bar for each true class, with values of either sign."""
    with mpl.rc_context(_STYLE):
        canvas, (axes,) = _chart(6.4, 3.2)
        axes.bar(range(len(values)), values, color=colours, width=0.7)
        axes.axhline(0, color=INK, lw=1)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlabel("true class of the image")
        axes.set_ylabel(label)
        return _svg(canvas)


def heat_map(
    values: np.ndarray,
    row_label: str,
    column_label: str,
    *,
    show: str = "{:.0f}",
    low: float = 0.0,
    high: float | None = None,
    skip_diagonal: bool = False,
) -> str:
    """Draw a table of values as colours and numbers; rows and columns are classes.

    Arguments:
        values: One row per class.
        row_label, column_label: Axis labels.
        show: Format of the numbers.
        low, high: Range of the colours; if `high` is None, it is the largest value.
        skip_diagonal: Whether to leave the diagonal blank.
    """
    scale = LinearSegmentedColormap.from_list("latentarium", ["#f3f1ea", "#7fb3d9", "#0f4f86"])
    with mpl.rc_context(_STYLE):
        canvas, (axes,) = _chart(6.2, 5.4)
        high = float(np.nanmax(values)) if high is None else high
        shown = values.astype(float).copy()
        if skip_diagonal:
            np.fill_diagonal(shown, np.nan)
        axes.imshow(shown, cmap=scale, vmin=low, vmax=high, aspect="auto")
        for (row, column), value in np.ndenumerate(shown):
            if np.isnan(value):
                continue
            dark = (value - low) / max(high - low, 1e-9) > 0.55
            axes.text(
                column, row, show.format(value), ha="center", va="center", fontsize=9,
                color="#ffffff" if dark else "#1c1b1a",
            )  # fmt: skip
        axes.set_xticks(range(values.shape[1]))
        axes.set_yticks(range(values.shape[0]))
        axes.set_xlabel(column_label)
        axes.set_ylabel(row_label)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return _svg(canvas)


def latent_map(
    points: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    ellipses: Sequence[Sequence[PlaneEllipse]],
    x_label: str,
    y_label: str,
) -> str:
    """Draw encoded images in a plane, with a colour, a name and ellipses for each class.

    Arguments:
        points: Coordinates (N, 2).
        labels: Class numbers (N,).
        names: Class names in label order.
        ellipses: Groups of ellipses; each group has one ellipse per class, in label order.
        x_label, y_label: Axis labels.
    """
    with mpl.rc_context(_STYLE):
        canvas, (axes,) = _chart(6.4, 6.0)
        colours = np.array([CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in labels])
        axes.scatter(*points.T, c=colours, s=3, alpha=0.35, lw=0, rasterized=True)
        for group in ellipses:
            for i, ellipse in enumerate(group):
                shape = Ellipse(
                    ellipse.centre, 2 * ellipse.major, 2 * ellipse.minor,
                    angle=float(np.degrees(ellipse.angle)), fill=False,
                    ec=CLASS_COLOURS[i % len(CLASS_COLOURS)], lw=2.0,
                )  # fmt: skip
                axes.add_patch(shape)
        for i, name in enumerate(names):
            x, y = np.median(points[labels == i], 0)
            axes.text(
                x, y, name, ha="center", va="center", fontsize=13, weight="bold", color="#ffffff",
                bbox={"boxstyle": "circle,pad=0.25", "fc": CLASS_COLOURS[i % 10], "ec": "none"},
            )  # fmt: skip
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_xticks([])
        axes.set_yticks([])
        canvas.set_dpi(150)
        return _svg(canvas)


def scatter_panels(
    panels: Sequence[tuple[str, np.ndarray, str]], modes: np.ndarray, limit: float, radius: float
) -> str:
    """Draw 2-D samples in panels next to each other.

    Arguments:
        panels: Title, points (N, 2) and colour of each panel.
        modes: Centres (K, 2) of the data's modes, marked by circles.
        limit: Both axes run from -limit to limit.
        radius: Radius of the circles.
    """
    with mpl.rc_context(_STYLE):
        canvas, axes = _chart(2.45 * len(panels), 3.0, len(panels))
        for area, (title, points, colour) in zip(axes, panels, strict=True):
            area.scatter(*points.T, s=2.6, alpha=0.7, lw=0, color=colour, rasterized=True)
            for mode in modes:
                area.add_patch(Circle(tuple(mode), radius, fill=False, ec=INK, lw=0.7))
            area.set_xlim(-limit, limit)
            area.set_ylim(-limit, limit)
            area.set_aspect("equal")
            area.set_xticks([])
            area.set_yticks([])
            area.spines[:].set_visible(True)
            area.set_title(title, fontsize=10)
        canvas.set_dpi(150)
        return _svg(canvas)


def dot_plot(
    panels: Sequence[
        tuple[str, str, Sequence[tuple[str, Real, Interval | None, bool]], Real | None]
    ],
    title: str,
) -> str:
    """Draw rows as dots with intervals, in one panel for each quantity.

    Arguments:
        panels: Title, unit, rows and ideal value (or None) of each panel. A row is a name, a
            value, its interval (or None), and True for this run or False for a published result.
            The unit "share" is shown in percent.
        title: Title of the figure.
    """
    with mpl.rc_context(_STYLE):
        names = list(dict.fromkeys(row[0] for panel in panels for row in panel[2]))
        place = {name: len(names) - i for i, name in enumerate(names)}
        canvas, axes = _chart(1.6 + 2.7 * len(panels), 1.1 + 0.27 * len(names), len(panels))
        for area, (label, unit, rows, ideal) in zip(axes, panels, strict=True):
            scale = 100.0 if unit == "share" else 1.0
            if ideal is not None:
                area.axvline(scale * ideal, color=ROLE_COLOURS["real"], lw=1.4, ls="--")
            for name, value, interval, ours in rows:
                colour = SYSTEM_COLOURS["cgan"] if ours else INK
                if interval is not None:
                    low, high = (scale * v for v in interval)
                    area.hlines(place[name], low, high, color=colour, lw=2)
                area.plot(scale * value, place[name], "o", ms=7 if ours else 5, color=colour)
            area.set_ylim(0.4, len(names) + 0.6)
            area.set_yticks([place[n] for n in names], names if area is axes[0] else [])
            area.set_xlabel(
                f"{label}{' (%)' if unit == 'share' else f' ({unit})' if unit else ''}"
            )
            area.grid(axis="y", color=INK, alpha=0.15, lw=0.8)
            area.tick_params(axis="y", length=0)
        canvas.suptitle(title, fontsize=11)
        keys = [
            Line2D([], [], color=SYSTEM_COLOURS["cgan"], marker="o", ms=7, lw=2, label="this run"),
            Line2D([], [], color=INK, marker="o", ms=5, lw=2, label="published"),
        ]
        if any(ideal is not None for *_, ideal in panels):
            keys.append(
                Line2D(
                    [], [], color=ROLE_COLOURS["real"], lw=1.4, ls="--", label="perfect sampling"
                )
            )
        canvas.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False)
        return _svg(canvas)
