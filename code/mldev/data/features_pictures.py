"""The pictures of the chapter on selecting features, and a chart to move."""

from collections.abc import Sequence

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mldev.data.features_comparison import METHODS, TASKS
from mldev.data.features_noise import COLUMNS, KEPT, ROWS, expected_accuracy
from mldev.data.features_stability import SHAPES
from mldev.experiments import interval
from mldev.plotting import COLORS, PALETTE, band

WIDTH = 520  # of the interactive chart
WAYS = ("selected on all rows", "selected inside each fold", "foretold")


def shape_scores(table: pd.DataFrame) -> Figure:
    """What either filter gives to each shape: means and intervals over samples."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), sharey=True)
    for ax, column, color in zip(
        axes, ("correlation", "information"), COLORS, strict=False
    ):
        for row, shape in enumerate(SHAPES):
            found = interval(table.loc[table["shape"] == shape, column])
            ax.barh(row, found.estimate, height=0.6, color=color)
            ax.plot([found.low, found.high], [row, row], color=PALETTE["navy"])
        ax.set_xlim(0, None)
    axes[0].set_yticks(range(len(SHAPES)), SHAPES)
    axes[0].set_ylim(len(SHAPES) - 0.5, -0.5)
    axes[0].set_xlabel("size of the correlation")
    axes[1].set_xlabel("mutual information (nats)")
    return fig


def fake_curves(table: pd.DataFrame, kept: int = 10) -> Figure:
    """Accuracy from noise against the number of columns: measured, foretold, and inside the folds."""
    fig, ax = plt.subplots(figsize=(6.4, 4.6))
    part = table[table["kept"] == kept]
    fine = np.geomspace(min(COLUMNS), max(COLUMNS), 40).round().astype(int)
    sizes = part["rows"].unique()
    for n, color, marker in zip(sizes, COLORS, "os^Dv", strict=False):
        here = part[part["rows"] == n]
        runs = here.pivot(index="seed", columns="columns", values="outside")
        line = band(ax, runs.columns, runs.to_numpy(), f"{n} rows", color)
        line.set(marker=marker, ms=4, ls="")
        foretold = [expected_accuracy(n, p, kept) for p in fine]
        ax.plot(fine, foretold, color=color, lw=1.2)
    inside = part.groupby(["seed", "columns"])["inside"].mean().unstack()
    grey = PALETTE["grey"]
    label = "all sizes, inside the folds"
    band(ax, inside.columns, inside.to_numpy(), label, grey).set(ls="--")
    ax.set(xscale="log", xlabel="columns of noise", ylabel="cross-validated accuracy")
    ax.set_xticks(COLUMNS, [f"{p:,}" for p in COLUMNS])
    ax.minorticks_off()
    ax.set_ylim(0.42, 1.02)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def likeness_matrix(matrix: np.ndarray, methods: Sequence[str]) -> Figure:
    """The likeness of every two selections, in blocks of one method each."""
    fig, ax = plt.subplots(figsize=(6.4, 5.4))
    image = ax.imshow(matrix, vmin=0, vmax=1)
    size = len(matrix) // len(methods)
    for edge in range(size, len(matrix), size):
        ax.axhline(edge - 0.5, color="white", lw=1.5)
        ax.axvline(edge - 0.5, color="white", lw=1.5)
    middles = size * np.arange(len(methods)) + (size - 1) / 2
    words = [name.replace(" ", "\n") for name in methods]
    ax.set_xticks(middles, words)
    ax.set_yticks(middles, words)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    fig.colorbar(image, ax=ax, label="Jaccard likeness", shrink=0.8)
    return fig


def gain_dots(gains: pd.DataFrame) -> Figure:
    """Each method's difference to no selection, with the corrected interval, one panel per task."""
    fig, axes = plt.subplots(2, 2, figsize=(6.4, 4.6), sharey=True)
    for ax, task in zip(axes.flat, TASKS, strict=True):
        for row, (method, color) in enumerate(zip(METHODS[1:], COLORS, strict=False)):
            found = gains[(gains["task"] == task) & (gains["method"] == method)].iloc[0]
            ax.plot([found["low"], found["high"]], [row, row], color=color)
            ax.plot(found["gain"], row, "o", color=color)
        ax.axvline(0, color=PALETTE["grey"], ls="--", lw=1)
        ax.set_title(task)
        ax.margins(x=0.1)
        ax.locator_params(axis="x", nbins=4)
    axes[0, 0].set_yticks(range(len(METHODS) - 1), METHODS[1:])
    axes[0, 0].set_ylim(len(METHODS) - 1.5, -0.5)
    for ax in axes[1]:
        ax.set_xlabel("AUC minus that of no selection")
    return fig


def chart_table(runs: pd.DataFrame) -> pd.DataFrame:
    """For the chart: mean accuracies with intervals for every size, and the foretold ones."""
    found = []
    for (n, k, p), part in runs.groupby(["rows", "kept", "columns"]):
        place = {"n": ROWS.index(n), "k": KEPT.index(k), "columns": p}
        for way, column in zip(WAYS, ("outside", "inside"), strict=False):
            value = interval(part[column], num_resamples=1000)
            row = {"way": way, "accuracy": value.estimate}
            found.append(place | row | {"low": value.low, "high": value.high})
        foretold = expected_accuracy(n, p, k)
        row = {"way": WAYS[2], "accuracy": foretold, "low": foretold}
        found.append(place | row | {"high": foretold})
    return pd.DataFrame(found).round(4)


def fake_chart(table: pd.DataFrame) -> alt.LayerChart:
    """Fake accuracy against the columns to choose from; sliders for the rows and for the columns kept."""
    sliders = [
        alt.param(
            name=f"{letter}_shown",
            value=start,
            bind=alt.binding_range(min=0, max=len(values) - 1, step=1, name=label),
        )
        for letter, values, start, label in (
            ("n", ROWS, 2, "rows, few to many "),
            ("k", KEPT, 2, "columns kept, few to many "),
        )
    ]
    shown = alt.Chart(table, height=280, width=WIDTH).transform_filter(
        "datum.n == n_shown && datum.k == k_shown"
    )
    x = alt.X(
        "columns:Q",
        scale=alt.Scale(type="log", domain=[10, 10_000]),
        title="columns of noise to choose from",
        axis=alt.Axis(values=list(COLUMNS), format=","),
    )
    limits = alt.Scale(domain=[0.4, 1.0])
    y = alt.Y("accuracy:Q", scale=limits, title="cross-validated accuracy")
    colors = alt.Scale(domain=list(WAYS), range=[*COLORS[1::-1], PALETTE["grey"]])
    legend = alt.Legend(orient="bottom", symbolOpacity=1)
    color = alt.Color("way:N", title=None, scale=colors, legend=legend)
    measured = shown.transform_filter(f"datum.way != '{WAYS[2]}'")
    foretold = shown.transform_filter(f"datum.way == '{WAYS[2]}'")
    return alt.layer(
        measured.mark_area(opacity=0.2).encode(
            x=x, y=alt.Y("low:Q", scale=limits), y2="high:Q", color=color
        ),
        measured.mark_line(point=True).encode(x=x, y=y, color=color),
        foretold.mark_line(strokeDash=[6, 4]).encode(x=x, y=y, color=color),
        sizes_text(),
    ).add_params(*sliders)


def sizes_text() -> alt.Chart:
    """The sizes in words, where the sliders stand."""
    pairs = [
        {"n": i, "k": j, "text": f"{n} rows, {k} columns kept", "x": 10, "y": 0.98}
        for i, n in enumerate(ROWS)
        for j, k in enumerate(KEPT)
    ]
    return (
        alt.Chart(pd.DataFrame(pairs))
        .transform_filter("datum.n == n_shown && datum.k == k_shown")
        .mark_text(align="left", dx=8, fontSize=13)
        .encode(x="x:Q", y="y:Q", text="text:N")
    )
