"""The pictures of the chapter on frameworks: what readers of text get right, training curves, and twins that part."""

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldev.experiments import interval
from mldev.introduction.frameworks import ONE_ORDER, curves
from mldev.introduction.frameworks_digits import NUM_EPOCHS
from mldev.introduction.frameworks_text import MODELS
from mldev.plotting import COLORS, PALETTE, band

KEY = {"PyTorch": PALETTE["blue"], "Keras": PALETTE["orange"]}
QUESTIONS = {"library": "which library?", "order": "in order, or shuffled?"}
RATES = (1 / 8, 1 / 2, 1.0)


def reader_scores(rows: pd.DataFrame) -> Figure:
    """Test accuracy of three models at the two questions, with intervals and the level of guessing."""
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 3.6), sharex=True)
    guessing = {"library": None, "order": 0.5}
    for ax, (task, question) in zip(axes, QUESTIONS.items(), strict=True):
        part = rows[rows["task"] == task]
        for place, (model, color) in enumerate(zip(MODELS, COLORS, strict=False)):
            found = interval(part[model])
            bar = [[found.estimate - found.low], [found.high - found.estimate]]
            ax.errorbar(found.estimate, -place, xerr=bar, fmt="o", color=color)
        if guessing[task]:
            ax.axvline(guessing[task], color=PALETTE["grey"], linestyle=":")
        ax.set_yticks(-np.arange(len(MODELS)), MODELS)
        ax.set(title=question, ylim=(-len(MODELS) + 0.5, 0.5), xlim=(0.45, 0.9))
    axes[1].set_xlabel("test accuracy")
    return fig


def training_curves(rows: pd.DataFrame, one_order: pd.DataFrame) -> Figure:
    """Test error after each epoch: each framework with its own start, both with Keras's, and with its order as well."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.6), sharey=True)
    own, alike = curves(rows, "PyTorch"), curves(rows, "PyTorch, Keras's start")
    epochs, by_keras = np.arange(1, NUM_EPOCHS + 1), curves(rows, "Keras")
    draw_errors(axes[0], own, "PyTorch", KEY["PyTorch"], "o")
    draw_errors(axes[0], by_keras, "Keras", KEY["Keras"], "s")
    draw_errors(axes[1], alike, "PyTorch", KEY["PyTorch"], "o")
    again = curves(one_order, ONE_ORDER)
    draw_errors(axes[1], again, "PyTorch, one order", PALETTE["green"], "^")
    draw_errors(axes[1], by_keras, "Keras", KEY["Keras"], "s")
    for ax, title in zip(axes, ("own start", "start of Keras"), strict=True):
        ax.set(title=title, xlabel="epoch", xticks=epochs, yscale="log")
        ticks = [0.03, 0.05, 0.1, 0.2, 0.5]
        ax.set_yticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
    axes[0].set_ylabel("test error (logarithmic)")
    axes[1].legend(loc="upper right")
    return fig


def draw_errors(ax: Axes, kept: np.ndarray, name: str, color: str, marker: str) -> None:
    """Mean test error after each epoch, with its interval; kept are accuracies (seeds, epochs)."""
    line = band(ax, np.arange(1, NUM_EPOCHS + 1), 1 - kept, name, color)
    line.set(marker=marker, markersize=4)


def gap_curves(runs: pd.DataFrame) -> Figure:
    """The largest difference between the weights of twins, step by step, for two rates and two precisions."""
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    lines = {"float32": ("-", "single precision"), "float64": ("--", "double")}
    for rate, color in ((max(RATES), COLORS[1]), (min(RATES), COLORS[0])):
        for dtype, (style, word) in lines.items():
            mine = (runs["learning_rate"] == rate) & (runs["dtype"] == dtype)
            for seed, run in runs[mine].groupby("seed"):
                label = f"rate {rate:g}, {word}" if seed == 0 else None
                width = 1.8 if seed == 0 else 0.8
                ax.plot(
                    run["step"], run["gap"], style, color=color, label=label, lw=width
                )
    ax.set(
        yscale="log", xlabel="step of training", ylabel="largest difference of weights"
    )
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def twin_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the first seed as the chart wants them: one row for each step and line."""
    first = runs[runs["seed"] == 0]
    first = first.assign(exponent=np.log10(first["gap"].clip(1e-18)))
    single = first[first["dtype"] == "float32"]
    losses = single.melt(
        ["learning_rate", "step"], list(KEY), var_name="line", value_name="value"
    ).assign(panel="loss")
    words = {"float32": "single precision", "float64": "double precision"}
    gaps = first.assign(line=first["dtype"].map(words), value=first["exponent"])
    columns = ["learning_rate", "step", "line", "value", "panel"]
    both = pd.concat([losses, gaps.assign(panel="gap")])[columns]
    return both.assign(value=both["value"].round(3))


def twin_panel(part: pd.DataFrame, title: str, domain: list, colors: list) -> alt.Chart:
    """Two lines against the step, for the learning rate that is chosen."""
    lines = list(part["line"].unique())
    color = alt.Color(
        "line:N",
        title=None,
        scale=alt.Scale(domain=lines, range=colors),
        legend=alt.Legend(orient="top"),
    )
    dash = alt.StrokeDash(
        "line:N",
        title=None,  # one legend for colour and dash: Vega-Lite merges those that are equal
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=lines, range=[[1, 0], [6, 4]]),
    )
    scale = alt.Scale(domain=domain, clamp=True)
    return (
        alt.Chart(part, width=500, height=150)
        .transform_filter("datum.learning_rate == rate_shown")
        .mark_line()
        .encode(
            x=alt.X("step:Q", title="step of training"),
            y=alt.Y("value:Q", title=title, scale=scale),
            color=color,
            strokeDash=dash,
        )
    )


def twin_chart(table: pd.DataFrame) -> alt.VConcatChart:
    """A choice of the learning rate, above the losses of the twins, and above the gap between their weights."""
    choice = alt.binding_radio(options=list(RATES), name="learning rate ")
    rate = alt.param(name="rate_shown", value=max(RATES), bind=choice)
    losses, gaps = (table[table["panel"] == panel] for panel in ("loss", "gap"))
    top = twin_panel(losses, "loss", [0, 6], list(KEY.values()))
    colors = [PALETTE["red"], PALETTE["green"]]
    low = twin_panel(gaps, "gap, as a power of 10", [-18, 2], colors)
    both = alt.vconcat(top, low)
    return both.resolve_scale(color="independent", strokeDash="independent").add_params(
        rate
    )
