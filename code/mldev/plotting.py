"""The one look of the book's pictures.

`use_style` is called once at the top of a chapter. Figures are drawn dark on a transparent ground, as for white
paper. On the site's dark ground one rule of its style sheet turns them over, `filter: invert(1) hue-rotate(180deg)`:
dark text becomes light, and every colour keeps its hue. The colours of `PALETTE` were searched for by computer: on
both grounds each has a contrast of 3 to 1 or more, and any two of them stay apart for colour-blind readers. Pictures
that are photographs carry the class `photograph`; they keep their colours, and stand on a light card instead.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import altair as alt
import matplotlib as mpl
import vl_convert
from cycler import cycler
from IPython import get_ipython
from matplotlib_inline.backend_inline import set_matplotlib_formats
from numpy.typing import ArrayLike

from mldev.experiments import curve_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

PALETTE = {
    "blue": "#3a7ff7",
    "orange": "#d96820",
    "green": "#12a15c",
    "purple": "#743799",
    "red": "#912c2d",
    "navy": "#0c4054",
    "grey": "#7c7c7c",
}
COLORS = list(PALETTE.values())
TEXT = "#333333"
GRID = "#b8b8b8"
FONT_SIZE = 10
SMALL = 9
CHART_MIME = "application/vnd.mldev.chart+json"

STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.framealpha": 0.0,
    "legend.frameon": False,
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "figure.titlesize": FONT_SIZE,
    "legend.fontsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.titlecolor": TEXT,
    "axes.edgecolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "axes.prop_cycle": cycler(color=COLORS),
    "image.cmap": "cividis",
    "svg.fonttype": "path",
    "svg.hashsalt": "mldev",
    "pdf.fonttype": 42,
}


def use_style() -> None:
    """Draw every figure of this kernel in the book's style, as SVG for the site and as PDF for print."""
    os.environ.setdefault(
        "SOURCE_DATE_EPOCH", "0"
    )  # Matplotlib writes this date into its files, not today's
    mpl.rcParams.update(STYLE)
    if get_ipython() is not None:
        set_matplotlib_formats("svg", "pdf", bbox_inches=None)
    alt.theme.enable("mldev")


def band(ax: Axes, x: ArrayLike, values: ArrayLike, label: str, color: str) -> Line2D:
    """Draw the mean of several runs, and its 95 % interval, as a line in a band.

    Parameters
    ----------
    ax
        Where to draw.
    x
        One position per column of `values`.
    values
        One row per run: (runs, positions).
    label
        The line's name in the legend.
    color
        A colour of `PALETTE`.
    """
    mean, low, high = curve_interval(values)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    (line,) = ax.plot(x, mean, color=color, label=label)
    return line


@alt.theme.register("mldev", enable=False)
def chart_theme() -> alt.theme.ThemeConfig:
    """The same look for Altair charts: colours, sizes, and no ground of their own."""
    label = {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "labelFontSize": 12,
        "titleFontSize": 13,
    }
    return {
        "config": {
            "background": "transparent",
            "font": "sans-serif",
            "view": {"continuousWidth": 560, "continuousHeight": 320, "stroke": None},
            "axis": {
                **label,
                "domainColor": TEXT,
                "tickColor": TEXT,
                "gridColor": GRID,
                "gridOpacity": 0.5,
            },
            "legend": label,
            "header": label,
            "title": {"color": TEXT, "fontSize": 13},
            "text": {"color": TEXT, "fontSize": 12},
            "mark": {"color": COLORS[0]},
            "range": {
                "category": COLORS,
                "ramp": {"scheme": "cividis"},
                "heatmap": {"scheme": "cividis"},
            },
        }
    }


# JupyterLab draws Vega-Lite 5 and nothing newer; our charts use nothing that came later.
JUPYTERLAB_MIME = "application/vnd.vegalite.v5+json"
JUPYTERLAB_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


class InteractiveChart:
    """An Altair chart with its static twin, drawn from the same data; a notebook shows whichever it can."""

    def __init__(self, chart: alt.TopLevelMixin, alt_text: str) -> None:
        self.spec = {**chart.to_dict(), "description": alt_text}
        self.alt = alt_text
        self.svg = vl_convert.vegalite_to_svg(
            self.spec, vl_version=_vega_lite_version()
        )

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        return {
            CHART_MIME: {"spec": self.spec, "alt": self.alt, "svg": self.svg},
            JUPYTERLAB_MIME: {**self.spec, "$schema": JUPYTERLAB_SCHEMA},
            "text/plain": f"Interactive chart: {self.alt}",
        }


def _vega_lite_version() -> str:
    """The release of Vega-Lite that Altair writes for: "6.4" of "v6.4.1"."""
    return alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]


def interactive(chart: alt.TopLevelMixin, alt: str) -> InteractiveChart:
    """Show an Altair chart, live where a page can and still where it cannot.

    Parameters
    ----------
    chart
        The chart; the last expression of its cell is what this function returns.
    alt
        What the chart shows, in words.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"interactive: alt must say what the chart shows, got {alt!r}")
    return InteractiveChart(chart, alt)
