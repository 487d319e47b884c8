"""Pictures of the chapter: a cell as a graph, and the chart on which noise is turned up and down."""

from __future__ import annotations

from collections import Counter

import altair as alt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from mldev.plotting import PALETTE, TEXT
from mldev.techniques.nas_space import OUTPUT, Graph

COLOR_OF = {
    "skip": PALETTE["grey"],
    "conv1x1": PALETTE["orange"],
    "conv3x3": PALETTE["blue"],
}
WIDTH_OF = {"skip": 1.4, "conv1x1": 2.2, "conv3x3": 3.2}
STYLE_OF = {"skip": (0, (3, 2)), "conv1x1": "-", "conv3x3": "-"}


def node_places(graph: Graph) -> dict[int, tuple[float, float]]:
    """Where each node stands: the input at the left, the output at the right."""
    inner = sorted({node for edge in graph for node in edge[:2]} - {0, OUTPUT})
    places = {0: (0.0, 0.0), OUTPUT: (3.0, 0.0)}
    both = any(edge[:2] == (1, 2) for edge in graph)
    for i, node in enumerate(inner):
        if len(inner) == 1:
            places[node] = (1.5, 0.0)
        elif both:
            places[node] = (1.0 + i, 0.0)
        else:
            places[node] = (1.5, 0.75 - 1.5 * i)
    return places


def draw_cell(ax: Axes, graph: Graph, title: str = "") -> None:
    """Draw the nodes of a cell, and its edges in the colour of their operation."""
    places = node_places(graph)
    drawn: Counter[tuple[int, int]] = Counter()
    for start, end, op in graph:
        (x0, y0), (x1, y1) = places[start], places[end]
        passes = any(
            min(x0, x1) < x < max(x0, x1) and y0 == y1 == y for x, y in places.values()
        )
        bend = (0.45 if passes else 0.0) + 0.32 * drawn[start, end]
        if drawn[start, end] and not passes and drawn[start, end] % 2:
            bend = -bend
        drawn[start, end] += 1
        arrow = FancyArrowPatch(
            (x0, y0), (x1, y1), connectionstyle=f"arc3,rad={-bend}", arrowstyle="-|>",
            mutation_scale=13, shrinkA=11, shrinkB=11, color=COLOR_OF[op], lw=WIDTH_OF[op], linestyle=STYLE_OF[op],
        )  # fmt: skip
        ax.add_patch(arrow)
    for node, (x, y) in places.items():
        name = {0: "in", OUTPUT: "out"}.get(node, "+")
        ax.plot(x, y, "o", ms=21, mfc="none", mec=TEXT, mew=1.2)
        ax.text(x, y, name, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-0.35, 3.35), ylim=(-1.25, 1.25), title=title)
    ax.set_aspect("equal")
    ax.axis("off")


def noise_chart(table: pd.DataFrame) -> alt.LayerChart:
    """How often random search's choice is truly among the best, with a slider for the noise of one training."""
    levels = sorted(table["noise"].unique().tolist())
    bind = alt.binding_select(
        options=levels, name="noise, in units of the measured one "
    )
    level = alt.param(name="level", value=1.0, bind=bind)
    share = alt.Axis(format="%")
    root = alt.Scale(type="sqrt", domain=[0, 1])
    best = (
        alt.Chart(table)
        .transform_filter(alt.datum.noise == level)
        .encode(
            x=alt.X("trainings:Q", title="trainings paid for", scale=alt.Scale(domain=[40, 300])),
            y=alt.Y("hits:Q", title="choice is among the best", axis=share, scale=root),
            color=alt.Color("seeds:N", title="trainings of each cell", legend=alt.Legend(orient="bottom")),
            tooltip=["trainings", "seeds", alt.Tooltip("hits", format=".0%"), alt.Tooltip("loss", format=".4f")],
        )
    )  # fmt: skip
    return (best.mark_line() + best.mark_point(size=28, filled=True)).add_params(level)


def jitter(values: np.ndarray, width: float, seed: int = 0) -> np.ndarray:
    """The values, each moved a little, so that equal ones do not hide one another."""
    return values + np.random.default_rng(seed).uniform(-width, width, len(values))
