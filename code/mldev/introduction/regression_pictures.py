"""The pictures of the chapter on regression: polynomials, splits, intervals, coefficient paths, a chart to move."""

from collections.abc import Mapping, Sequence

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldev.experiments import interval
from mldev.introduction.regression import INTERVALS, least_squares
from mldev.introduction.regression_experiments import (
    METHODS,
    PENALTIES,
    households,
    powers,
    standardised,
)
from mldev.plotting import COLORS, PALETTE, band

NAMED = ("bmi", "s5", "bp", "s1", "s2")  # columns with a colour of their own
WIDTH = 520  # of the interactive chart
MARKERS = dict(zip(INTERVALS, "os^", strict=True))


def polynomial_fits(table: pd.DataFrame, degrees: Sequence[int] = (1, 2, 9)) -> Figure:
    """Polynomials through half of the households, and training and validation error for each degree."""
    fig, (top, low) = plt.subplots(2, 1, figsize=(6.4, 6.2))
    X, y = households()
    order = np.random.default_rng(0).permutation(len(y))
    train, valid = order[: len(y) // 2], order[len(y) // 2 :]
    top.plot(X[train, 0], y[train], "o", ms=3, color=PALETTE["grey"], label="training")
    top.plot(
        X[valid, 0], y[valid], "x", ms=4, color=PALETTE["navy"], label="validation"
    )
    line = np.linspace(X.min(), X.max(), 400)[:, None]
    for degree, color in zip(degrees, COLORS, strict=False):
        x, on_line = standardised(X[train], line)
        model = least_squares(powers(x, degree), y[train])
        height = model.predict(powers(on_line, degree))
        top.plot(line, height, color=color, label=f"degree {degree}")
    top.set(xlabel="income (francs)", ylabel="food (francs)", ylim=(0, 2100))
    top.legend(ncols=2, loc="upper left")
    tested = table["rows"] == "validation"
    parts = {"training": table[~tested]} | {
        f"validation, richest {where}": part
        for where, part in table[tested].groupby("richest")
    }
    for (name, part), color, marker in zip(parts.items(), COLORS, "os^", strict=False):
        runs = part.pivot(index="seed", columns="degree", values="error")
        quarter, median, three = np.quantile(runs, (0.25, 0.5, 0.75), axis=0)
        low.fill_between(runs.columns, quarter, three, color=color, alpha=0.2, lw=0)
        low.plot(runs.columns, median, color=color, marker=marker, label=name)
    low.set(yscale="log", xlabel="degree", ylabel="RMSE (francs)")
    low.set_xticks(range(1, 11))
    low.legend(loc="upper left")
    return fig


def split_strips(table: pd.DataFrame) -> Figure:
    """One dot per seed for each way of scoring."""
    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    rng = np.random.default_rng(0)
    for row, (name, color) in enumerate(zip(table, COLORS, strict=False)):
        height = -row + rng.uniform(-0.28, 0.28, len(table))
        ax.plot(table[name], height, "o", ms=3, alpha=0.6, mew=0, color=color)
    ax.set_yticks(-np.arange(table.shape[1]), list(table))
    ax.set(xlabel="R2 of linear regression")
    ax.tick_params(axis="y", length=0)
    return fig


def coverage_curves(table: pd.DataFrame) -> Figure:
    """How often each interval holds the true error, and how wide it is, against the number of folds."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.6))
    positions = {k: i for i, k in enumerate(sorted(table["folds"].unique()))}
    for kind, color in zip(INTERVALS, COLORS, strict=False):
        part = table[table["kind"] == kind]
        for ax, column in zip(axes, ("covers", "width"), strict=True):
            runs = part.pivot(index="seed", columns="folds", values=column)
            where = [positions[k] for k in runs.columns]
            drawn = band(ax, where, runs.to_numpy(), kind, color)
            drawn.set(marker=MARKERS[kind])
    for ax in axes:
        ax.set_xticks(list(positions.values()), list(positions))
        ax.set_xlabel("folds")
    axes[0].axhline(0.95, color=PALETTE["grey"], ls="--", lw=1)
    axes[0].set(ylabel="share that hold the true error", ylim=(0.8, 1.01))
    axes[1].set(ylabel="width / true error", ylim=(0, None))
    axes[1].legend(loc="upper left")
    return fig


def path_curves(
    alphas: Mapping[str, Sequence[float]],
    paths: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> Figure:
    """Every coefficient along the penalty, for ridge above and the lasso below."""
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 6.2), sharey=True)
    for ax, method in zip(axes, METHODS, strict=True):
        draw_paths(ax, alphas[method], paths[method], names)
        ax.set(title=method, ylabel="coefficient")
    axes[1].set_xlabel("alpha")
    axes[0].legend(ncols=2, loc="upper right")
    return fig


def draw_paths(
    ax: Axes, alphas: Sequence[float], coefficients: np.ndarray, names: Sequence[str]
) -> None:
    """The coefficients of one method; columns without a colour of their own are grey."""
    ax.axhline(0, color=PALETTE["grey"], lw=0.6)
    colors = dict(zip(NAMED, COLORS, strict=False))
    others = [name for name in names if name not in NAMED]
    for name in (*others, *NAMED):
        label = "the other five" if name == others[0] else name
        ax.plot(
            alphas,
            coefficients[:, list(names).index(name)],
            color=colors.get(name, PALETTE["grey"]),
            lw=1.8 if name in NAMED else 1,
            label=label if name in NAMED or name == others[0] else None,
        )
    ax.set_xscale("log")


def error_table(runs: pd.DataFrame) -> pd.DataFrame:
    """For the chart: mean R2 on training and other patients, with intervals, for each method and penalty."""
    rows = []
    for (method, penalty), part in runs[runs["method"] != "none"].groupby(
        ["method", "penalty"]
    ):
        step = int(np.abs(np.array(PENALTIES) - penalty).argmin())
        for column, name in (("train", "the 50 patients"), ("r2", "new patients")):
            found = interval(part[column], num_resamples=2000)
            rows.append(
                {
                    "method": method,
                    "step": step,
                    "penalty": penalty,
                    "on": name,
                    "r2": found.estimate,
                    "low": found.low,
                    "high": found.high,
                }
            )
    return pd.DataFrame(rows)


def penalty_chart(coefficients: pd.DataFrame, errors: pd.DataFrame) -> alt.VConcatChart:
    """Coefficients and errors; a slider for the penalty and a list for the method."""
    last = len(PENALTIES) - 1
    slider = alt.binding_range(min=0, max=last, step=1, name="penalty, weak to strong ")
    step = alt.param(name="step_shown", value=10, bind=slider)
    select = alt.binding_select(options=list(METHODS), name="method ")
    method = alt.param(name="method_shown", value="ridge", bind=select)
    bars = (
        alt.Chart(coefficients.round(3), height=170, width=WIDTH)
        .transform_filter("datum.step == step_shown && datum.method == method_shown")
        .mark_bar()
        .encode(
            x=alt.X("column:N", title=None, sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y(
                "coefficient:Q",
                scale=alt.Scale(domain=[-70, 70], clamp=True),
                title="coefficient",
            ),
        )
    )
    return alt.vconcat(bars, error_curves(errors.round(4))).add_params(step, method)


def error_curves(errors: pd.DataFrame) -> alt.LayerChart:
    """The lower half of the chart: R2 along the penalty, with a rule where the slider stands."""
    shown = alt.Chart(errors, height=190, width=WIDTH).transform_filter(
        "datum.method == method_shown"
    )
    x = alt.X(
        "penalty:Q",
        scale=alt.Scale(type="log"),
        title="penalty per patient",
        axis=alt.Axis(values=[0.001, 0.01, 0.1, 1, 10, 100, 1000], format="~g"),
    )
    limits = alt.Scale(domain=[-0.1, 0.8])
    color = alt.Color(
        "on:N",
        title=None,
        scale=alt.Scale(domain=["the 50 patients", "new patients"], range=COLORS[:2]),
        legend=alt.Legend(orient="bottom"),
    )
    return alt.layer(
        shown.mark_area(opacity=0.2).encode(
            x=x, y=alt.Y("low:Q", scale=limits, title="R2"), y2="high:Q", color=color
        ),
        shown.mark_line().encode(x=x, y=alt.Y("r2:Q", scale=limits), color=color),
        shown.transform_filter("datum.step == step_shown")
        .mark_point(size=70, filled=True)
        .encode(x=x, y=alt.Y("r2:Q", scale=limits), color=color),
    )
