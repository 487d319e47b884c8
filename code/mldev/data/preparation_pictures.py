"""The pictures of the chapter on preparation.

Chapter: data/preparation.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mldev.data.preparation_benchmark import KINDS
from mldev.data.preparation_treatments import WAYS
from mldev.experiments import Interval, interval
from mldev.plotting import COLORS, PALETTE, band

WIDTH = 480
NAMES = {
    "missing": "missing",
    "missing_pattern": "missing, not at random",
    "disguised_missing": "disguised missing",
    "outlier": "outlier",
    "impossible": "impossible value",
    "unit_mixup": "unit mix-up",
    "number_text": "number as text",
    "mixed_dates": "mixed dates",
    "misspelling": "misspelling",
    "duplicate": "duplicate",
    "near_duplicate": "near duplicate",
    "label_error": "label error",
    "leakage": "leakage",
}


def filling_dots(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Error of the filled cells and test R2 for each way, for two patterns of gaps."""
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 5.2), sharey=True)
    for ax, column, label in zip(
        axes,
        ("error", "r2"),
        ("error of a filled cell (standard deviations)", "R2 on new patients"),
        strict=True,
    ):
        for (pattern, rows), color, shift in zip(
            runs.items(), COLORS, (-0.13, 0.13), strict=False
        ):
            for place, way in enumerate(WAYS):
                values = rows.loc[rows["way"] == way, column]
                if values.notna().all():
                    found = interval(values)
                    y = -place - shift
                    ax.plot([found.low, found.high], [y, y], color=color, lw=2)
                    marker = "o" if shift < 0 else "s"
                    ax.plot(
                        found.estimate,
                        y,
                        marker,
                        color=color,
                        label=None if place < 4 else pattern,
                    )
        ax.set_yticks(-np.arange(len(WAYS)), WAYS)
        ax.set_xlabel(label)
    axes[1].legend(title="gaps among", loc="center left")
    return fig


def masking_curves(runs: pd.DataFrame) -> Figure:
    """The share of outliers found against how many there are, for two rules."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    for (rule, rows), color, marker in zip(
        runs.groupby("rule"), COLORS, "os", strict=False
    ):
        table = rows.pivot(index="seed", columns="share", values="found")
        line = band(ax, 100 * table.columns, table.to_numpy(), rule, color)
        line.set(marker=marker, ms=4)
    ax.set(
        xlabel="outliers (% of the rows)",
        ylabel="share of them found",
        ylim=(-0.03, 1.03),
    )
    ax.legend(loc="upper right")
    return fig


def unit_chart(paths: pd.DataFrame, lines: pd.DataFrame) -> alt.VConcatChart:
    """The path of gradient descent over the hill; a slider for the unit of one column."""
    factors = sorted(paths["factor"].unique())
    paths = paths.assign(place=[factors.index(f) for f in paths["factor"]]).round(3)
    slider = alt.binding_range(
        min=0,
        max=len(factors) - 1,
        step=1,
        name="unit of blood pressure, large to small ",
    )
    place = alt.param(name="unit_shown", value=len(factors) - 2, bind=slider)
    x = alt.X(
        "bmi:Q", title="effect of body-mass index", scale=alt.Scale(domain=[-20, 92])
    )
    y = alt.Y(
        "pressure:Q",
        title="effect of blood pressure",
        scale=alt.Scale(domain=[-36, 74]),
    )
    rings = (
        alt.Chart(lines.round(2), width=WIDTH, height=260)
        .mark_line(color=PALETTE["grey"], strokeWidth=1, clip=True)
        .encode(x=x, y=y, detail="level:N", order="order:Q")
    )
    shown = alt.Chart(paths).transform_filter("datum.place == unit_shown")
    walk = shown.mark_line(
        strokeJoin="round",
        point=alt.OverlayMarkDef(size=22),
        color=COLORS[0],
        clip=True,
    ).encode(x=x, y=y, order="step:Q")
    bars = unit_bars(paths)
    return alt.vconcat(alt.layer(rings, walk), bars).add_params(place)


def unit_bars(paths: pd.DataFrame) -> alt.LayerChart:
    """The lower half of the chart: the steps that each unit needs, the one shown in another colour."""
    counts = paths.drop_duplicates("factor")[["factor", "place", "needed"]]
    x = alt.X(
        "factor:O",
        title="factor by which blood pressure is multiplied",
        axis=alt.Axis(labelAngle=0, format=".2~f"),
    )
    limits = alt.Scale(type="log", domain=[1, 500])
    y = alt.Y("needed:Q", title="steps to 1 %", scale=limits, axis=None)
    color = alt.condition(
        "datum.place == unit_shown", alt.value(COLORS[1]), alt.value(COLORS[0])
    )
    base = alt.Chart(counts, width=WIDTH, height=130)
    bars = base.mark_bar().encode(x=x, y=y, y2=alt.datum(1), color=color)
    return alt.layer(bars, base.mark_text(dy=-8).encode(x=x, y=y, text="needed:Q"))


def rate_dots(rates: pd.DataFrame) -> Figure:
    """Recall and precision of the findings, one row for each kind."""
    fig, ax = plt.subplots(figsize=(6.4, 5.4))
    for name, color, marker, shift in zip(
        ("recall", "precision"), COLORS, "os", (0.14, -0.14), strict=False
    ):
        for place, kind in enumerate(rates.index):
            _dot(
                ax,
                rates.loc[kind, name],
                -place + shift,
                color,
                marker,
                name if place == 0 else None,
            )
    ax.set_yticks(-np.arange(len(rates)), [NAMES[kind] for kind in rates.index])
    ax.set(xlabel="share", xlim=(-0.02, 1.02))
    ax.grid(axis="y", lw=0.4)
    ax.legend(loc="lower left")
    return fig


def _dot(
    ax: plt.Axes, found: Interval, y: float, color: str, marker: str, label: str | None
) -> None:
    ax.plot([found.low, found.high], [y, y], color=color, lw=2)
    ax.plot(found.estimate, y, marker, color=color, label=label, ms=5)


def loss_dots(table: pd.DataFrame) -> Figure:
    """The lost test score of every method, one row for each kind of fault."""
    fig, ax = plt.subplots(figsize=(6.4, 6.6))
    methods = list(dict.fromkeys(table["method"]))
    shifts = np.linspace(0.3, -0.3, len(methods))
    for method, color, marker, shift in zip(
        methods, COLORS, "osD^v", shifts, strict=False
    ):
        part = table[table["method"] == method]
        for place, found in enumerate(part["lost"]):
            _dot(
                ax, found, -place + shift, color, marker, method if place == 0 else None
            )
    ax.axvline(0, color=PALETTE["grey"], lw=0.8)
    ax.set_yticks(-np.arange(len(KINDS)), [NAMES[kind] for kind in KINDS])
    ax.set_xscale("symlog", linthresh=2)
    ticks = (-1, 0, 1, 2, 5, 10, 20, 50)
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(-1, 60)
    for place in range(1, len(KINDS)):
        ax.axhline(0.5 - place, color=PALETTE["grey"], lw=0.4, alpha=0.5)
    ax.set_xlabel("lost test score (points of 100 AUC or 100 R2)")
    fig.legend(loc="outside upper center", ncols=3)
    return fig
