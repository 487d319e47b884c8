"""The pictures of the chapter's second page: losses saved, joined names, labels needed."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mldev.experiments import Interval
from mldev.plotting import COLORS, PALETTE, band


def saved_dots(
    groups: Mapping[str, Mapping[str, Interval]],
    label: str = "log loss saved per spell",
) -> Figure:
    """Log loss saved with intervals: one row per set of features, one colour per group."""
    names = list(next(iter(groups.values())))
    fig, ax = plt.subplots(figsize=(6.4, 0.55 * len(names) + 1.2))
    shift = np.linspace(-0.15, 0.15, len(groups)) if len(groups) > 1 else [0.0]
    for (group, found), color, marker, move in zip(
        groups.items(), COLORS, "os^", shift, strict=False
    ):
        for row, name in enumerate(names):
            value = found[name]
            at = row + move
            ax.plot([value.low, value.high], [at, at], color=color)
            word = group if row == 0 else None
            ax.plot(value.estimate, at, marker, ls="", color=color, label=word)
    ax.axvline(0, color=PALETTE["grey"], ls="--", lw=1)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    if len(groups) > 1:
        fig.legend(loc="outside lower center", ncols=len(groups))
    return fig


def match_curves(matches: pd.DataFrame) -> Figure:
    """Right and wrong joins among the names that differ, against the greatest distance allowed."""
    fig, ax = plt.subplots()
    limits = np.linspace(0, 1.02 * matches["distance"].max(), 400)
    right = matches["name"] == matches["right"]
    for chosen, label, color, style in (
        (right, "joined rightly", COLORS[0], "-"),
        (~right, "joined wrongly", COLORS[1], "--"),
    ):
        distances = matches.loc[chosen, "distance"].to_numpy()
        counts = [(distances <= limit).sum() for limit in limits]
        ax.plot(limits, counts, style, color=color, label=label)
    ax.axhline(
        matches["right"].notna().sum(),
        color=PALETTE["grey"],
        lw=1,
        label="have a partner",
    )
    ax.set(xlabel="greatest distance allowed (max_dist)", ylabel="countries")
    ax.set_ylim(0, None)
    ax.legend(loc="center left")
    return fig


def label_curves(runs: pd.DataFrame) -> Figure:
    """Accuracy against labels for each set of features, and below the differences to pixels."""
    fig, (top, low) = plt.subplots(2, 1, figsize=(6.4, 5.6), sharex=True)
    tables = {
        name: part.pivot(index="seed", columns="labels", values="accuracy")
        for name, part in runs.groupby("features", sort=False)
    }
    for (name, table), color, marker in zip(
        tables.items(), COLORS, "os^D", strict=False
    ):
        band(top, table.columns, table.to_numpy(), name, color).set_marker(marker)
        if name != "pixels":
            gain = (table - tables["pixels"]).to_numpy()
            band(low, table.columns, gain, name, color).set_marker(marker)
    low.axhline(0, color=PALETTE["grey"], ls="--", lw=1)
    top.set(xscale="log", ylabel="test accuracy")
    low.set(xlabel="labels", ylabel="accuracy minus that of pixels")
    low.set_xticks(list(table.columns), [str(n) for n in table.columns])
    low.minorticks_off()
    top.legend(loc="lower right")
    return fig
