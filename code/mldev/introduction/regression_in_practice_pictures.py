"""The pictures of the chapter's second page: models side by side, and the size of each leak."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mldev.experiments import interval
from mldev.introduction.regression import fold_interval
from mldev.plotting import COLORS, PALETTE, band


def score_boxes(scores: pd.DataFrame, reference: str) -> Figure:
    """Scores of each model over the folds, and below them the differences to one of them on the same folds."""
    fig, (top, low) = plt.subplots(2, 1, figsize=(6.4, 5.6))
    positions = np.arange(scores.shape[1])
    box = {"color": PALETTE["navy"]}
    top.boxplot(
        scores.to_numpy(),
        positions=positions,
        widths=0.5,
        showfliers=False,
        boxprops=box,
        whiskerprops=box,
        capprops=box,
        medianprops={"color": PALETTE["orange"]},
    )
    rng = np.random.default_rng(0)
    for position, name in zip(positions, scores, strict=True):
        jitter = position + rng.uniform(-0.15, 0.15, len(scores))
        top.plot(jitter, scores[name], "o", ms=3, mew=0, color=PALETTE["grey"])
        if name == reference:
            continue
        differences = scores[name] - scores[reference]
        start, end = fold_interval(differences.to_numpy())
        low.plot([position] * 2, [start, end], color=PALETTE["blue"])
        low.plot(position, differences.mean(), "o", color=PALETTE["blue"])
    low.axhline(0, color=PALETTE["grey"], ls="--", lw=1)
    for ax in (top, low):
        ax.set_xticks(positions, list(scores))
        ax.set_xlim(-0.6, len(positions) - 0.4)
    top.set_ylabel("R2, one dot per fold")
    low.set_ylabel(f"R2 minus that of {reference}")
    return fig


def leak_bars(table: pd.DataFrame) -> Figure:
    """Mean leak of each preparation, with its interval."""
    fig, ax = plt.subplots(figsize=(6.4, 3))
    sizes = {
        step: interval(part["outside"] - part["inside"])
        for step, part in table.groupby("step")
    }
    steps = sorted(sizes, key=lambda step: -sizes[step].estimate)
    for row, step in enumerate(steps):
        found = sizes[step]
        ax.plot([found.low, found.high], [row, row], color=PALETTE["orange"])
        ax.plot(found.estimate, row, "o", color=PALETTE["orange"])
    ax.axvline(0, color=PALETTE["grey"], ls="--", lw=1)
    ax.set_yticks(range(len(steps)), steps)
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlabel("R2 outside the folds minus R2 inside")
    return fig


def noise_curves(table: pd.DataFrame) -> Figure:
    """R2 from pure noise against the number of columns to choose from."""
    fig, ax = plt.subplots()
    ways = {"outside": "selected on all rows", "inside": "selected inside each fold"}
    for (where, label), color, marker in zip(
        ways.items(), COLORS[1::-1], "so", strict=True
    ):
        runs = table[table["where"] == where].pivot(
            index="seed", columns="columns", values="r2"
        )
        band(ax, runs.columns, runs.to_numpy(), label, color).set_marker(marker)
    ax.axhline(0, color=PALETTE["grey"], ls="--", lw=1)
    counts = sorted(table["columns"].unique())
    ax.set(xscale="log", xlabel="columns of noise", ylabel="cross-validated R2")
    ax.set_xticks(counts, [f"{count:,}" for count in counts])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    return fig
