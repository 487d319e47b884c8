"""The chapter's pictures: maps of values and actions, learning curves, learned schedules, and the chart of patience."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldev.experiments import Interval
from mldev.plotting import COLORS, PALETTE, band
from mldev.training.reinforcement_learning_decisions import (
    Decisions,
    best_policy,
    policy_value,
    value_iteration,
)
from mldev.training.reinforcement_learning_keeper import ACTIONS, BATCHES, STALE

LETTERS = np.array(["S", "L", "R"])


def value_maps(maps: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Side by side: the value of each state as colour, the chosen action as a letter. Values (S,), actions (S,)."""
    fig, axes = plt.subplots(1, len(maps), figsize=(6.4, 4.4), sharey=True)
    top = max(values.max() for values, _ in maps.values())
    low = min(values.min() for values, _ in maps.values())
    for ax, (title, (values, actions)) in zip(
        np.atleast_1d(axes), maps.items(), strict=True
    ):
        picture = draw_map(ax, values, actions, low, top)
        ax.set(title=title, xlabel="batches of labels held", xticks=range(BATCHES))
    np.atleast_1d(axes)[0].set(ylabel="staleness", yticks=range(STALE))
    fig.colorbar(picture, ax=axes, label="value (days of right answers)", shrink=0.8)
    return fig


def draw_map(
    ax: Axes, values: np.ndarray, actions: np.ndarray, low: float, top: float
) -> object:
    """One map; staleness grows downwards."""
    grid = values.reshape(STALE, BATCHES)
    letters = LETTERS[actions].reshape(STALE, BATCHES)
    picture = ax.imshow(grid, aspect="auto", vmin=low, vmax=top)
    for (row, column), letter in np.ndenumerate(letters):
        dark = grid[row, column] < (low + top) / 2
        color = "white" if dark else "black"
        ax.text(column, row, letter, ha="center", va="center", color=color)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return picture


def patience_table(
    problem: Decisions, horizons: range
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The best action in each state for planners of different patience, and what each gives away of the return."""
    states, losses = [], []
    best = value_iteration(problem)[0]
    for days in horizons:
        policy = best_policy(problem.with_discount(1 - 1 / days))
        earned = policy_value(problem, policy)[0]
        losses.append({"days": days, "lost": round(float(1 - earned / best), 5)})
        for state, action in enumerate(policy.argmax(axis=1)):
            states.append(
                {
                    "days": days,
                    "staleness": state // BATCHES,
                    "batches": state % BATCHES,
                    "action": ACTIONS[action],
                }
            )
    return pd.DataFrame(states), pd.DataFrame(losses)


def patience_chart(states: pd.DataFrame, losses: pd.DataFrame) -> alt.VConcatChart:
    """A slider for the patience of the planner; above, its map of actions, below, what it gives away."""
    last = int(losses["days"].max())
    slider = alt.binding_range(min=1, max=last, step=1, name="patience in days ")
    shown = alt.param(name="patience", value=5, bind=slider)
    colors = alt.Scale(domain=list(ACTIONS), range=COLORS[:3])
    cells = (
        alt.Chart(states)
        .transform_filter("datum.days == patience")
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("batches:O", title="batches of labels held").axis(labelAngle=0),
            y=alt.Y("staleness:O", title="staleness"),
            color=alt.Color("action:N", title=None, scale=colors).legend(orient="top"),
        )
        .properties(width=270, height=230)
    )
    line = (
        alt.Chart(losses)
        .mark_line(color=PALETTE["navy"])
        .encode(
            x=alt.X("days:Q", title="patience in days"),
            y=alt.Y("lost:Q", title="share of the return lost").axis(format="%"),
        )
    )
    dot = line.transform_filter("datum.days == patience").mark_point(
        color=PALETTE["red"], filled=True, size=90
    )
    below = (line + dot).properties(width=270, height=110)
    return alt.vconcat(cells, below).add_params(shown)


def learning_curves(
    steps: tuple[int, ...], curves: Mapping[str, np.ndarray], ylabel: str
) -> Figure:
    """Every seed as a thin line, their mean and interval as a thick one. Curves are (seeds, steps)."""
    fig, ax = plt.subplots()
    markers = "os^Dv"
    for (name, values), color, marker in zip(
        curves.items(), COLORS, markers, strict=False
    ):
        band(ax, steps, values, name, color).set(marker=marker, markersize=4)
        ax.plot(steps, values.T, color=color, lw=0.6, alpha=0.5)
    ax.set(xlabel="steps in the world", ylabel=ylabel, ylim=(0, None))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def contest(scores: Mapping[str, Mapping[str, Interval]], xlabel: str) -> Figure:
    """An interval for each method, one panel for each family of runs, stacked."""
    fig, axes = plt.subplots(len(scores), 1, figsize=(6.4, 4.4), sharex=True)
    for ax, (title, found) in zip(axes, scores.items(), strict=True):
        for place, (interval, color) in enumerate(
            zip(found.values(), COLORS, strict=False)
        ):
            bar = [
                [interval.estimate - interval.low],
                [interval.high - interval.estimate],
            ]
            ax.errorbar(interval.estimate, -place, xerr=bar, fmt="o", color=color)
        ax.set_yticks(-np.arange(len(found)), list(found))
        ax.set(title=title, ylim=(0.5 - len(found), 0.5))
    axes[-1].set_xlabel(xlabel)
    return fig


def schedules(rows: pd.DataFrame, methods: Mapping[str, str]) -> Figure:
    """The learning rate by phase: mean over runs for each seed, then mean and interval over seeds."""
    columns = [name for name in rows.columns if name.startswith("rate_")]
    phases = np.arange(1, len(columns) + 1)
    families = list(dict.fromkeys(rows["family"]))
    fig, axes = plt.subplots(1, len(families), figsize=(6.4, 3.8), sharey=True)
    for ax, family in zip(axes, families, strict=True):
        for (method, label), color in zip(methods.items(), COLORS, strict=False):
            mine = rows[(rows["family"] == family) & (rows["method"] == method)]
            band(ax, phases, mine[columns].to_numpy(), label, color)
        ax.set(title=family, xlabel="phase of the training", xticks=[1, 5, 10, 15, 20])
    axes[0].set_ylabel("learning rate, as a power of 10")
    fig.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2
    )
    return fig
