"""The pictures of the chapter on kinds of data: one sample of each kind, what bad data cost, and the chart to move."""

from textwrap import wrap

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldev import datasets
from mldev.experiments import interval
from mldev.introduction.data_experiments import (
    KINDS,
    MODELS,
    SHARES,
    SIZES,
    WAYS,
    scores,
)
from mldev.plotting import COLORS, PALETTE, band

RATE = 8000  # samples of sound per second
STYLES = dict(zip(MODELS, ("-o", "-s", "-^"), strict=True))
SHADES = dict(zip(MODELS, COLORS, strict=False))


def melody(notes: tuple[float, ...] = (440.0, 554.4, 659.3)) -> np.ndarray:
    """A synthetic sound: notes of 0.1 s that fade, at `RATE` samples per second."""
    time = np.arange(RATE // 10) / RATE
    return np.concatenate(
        [np.sin(2 * np.pi * f * time) * np.exp(-20 * time) for f in notes]
    )


def movie(num_frames: int = 3) -> np.ndarray:
    """A synthetic film: a digit that moves to the right over a wider ground, (frames, height, width)."""
    digit = datasets.load("mnist").images[-1]
    height, width = digit.shape
    film = np.zeros((num_frames, height, 2 * width), dtype=np.float32)
    for frame, left in enumerate(np.linspace(0, width, num_frames).astype(int)):
        film[frame, :, left : left + width] = digit
    return film


def one_of_each() -> Figure:
    """One sample of each of six kinds of data."""
    fig, axes = plt.subplots(3, 2, figsize=(6.4, 6.6))
    draw_table(axes[0, 0])
    draw_series(axes[0, 1])
    draw_text(axes[1, 0])
    axes[1, 1].imshow(datasets.load("mnist").images[0], cmap="Greys")
    axes[1, 1].set(xticks=[0, 27], yticks=[0, 27])
    sound = melody()
    axes[2, 0].plot(np.arange(len(sound)) / RATE, sound, linewidth=0.5)
    axes[2, 0].set(xlabel="seconds", ylabel="pressure")
    frames = movie()
    axes[2, 1].imshow(np.concatenate(frames), cmap="Greys")
    axes[2, 1].set(xticks=[], ylabel="frame")
    axes[2, 1].set_yticks(14 + 28 * np.arange(len(frames)), range(1, len(frames) + 1))
    kinds = ("table", "time series", "text", "image")
    titles = (*kinds, "audio (synthetic)", "video (synthetic)")
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title, fontweight="bold")
    return fig


def draw_table(ax: Axes) -> None:
    """Four penguins: one row each."""
    columns = {"species": "species", "body_mass_g": "mass g", "sex": "sex"}
    penguins = datasets.load("penguins")
    frame = penguins.X.assign(species=penguins.y).iloc[[0, 3, 160, 300]]
    cells = frame[list(columns)].astype(object).map(in_cell)
    ax.axis("off")
    table = ax.table(
        cells.to_numpy(), colLabels=list(columns.values()), loc="center", edges="B"
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1.05, 1.6)


def in_cell(value: object) -> str:
    """A value as the table shows it."""
    if pd.isna(value):
        return "?"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def draw_series(ax: Axes) -> None:
    """Carbon dioxide in the air, in its order."""
    values = datasets.load("co2").values
    ax.plot(values.index.year + values.index.dayofyear / 365.25, values, linewidth=1)
    ax.set(xlabel="year", ylabel="CO2 (ppm)", xticks=[1960, 1980, 2000])


def draw_text(ax: Axes) -> None:
    """The first sentences of a docstring."""
    ax.axis("off")
    lines = "\n".join(wrap(sample_text(), 29, break_on_hyphens=False)[:7])
    ax.text(0, 0.95, lines + " ...", va="top", family="monospace", fontsize=9)


def sample_text() -> str:
    """One docstring, title and body, as a single line."""
    frame = datasets.load("docstrings").frame.set_index("name")
    row = frame.loc["numpy.gradient"]
    return " ".join(f"{row['title']}. {row['body']}".split())


def label_curves(table: pd.DataFrame) -> Figure:
    """Test accuracy against the share of wrong labels, for each kind of error and each model."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.6), sharey=True)
    largest = table[table["size"] == max(SIZES)]
    for ax, kind in zip(axes, KINDS, strict=True):
        ax.plot(SHARES, 1 - np.array(SHARES), ":", color=PALETTE["grey"])
        for model in MODELS:
            runs = [scores(largest, kind=kind, share=s, model=model) for s in SHARES]
            line = band(ax, SHARES, np.transpose(runs), model, SHADES[model])
            line.set(marker=STYLES[model][1:], markersize=5)
        ax.set(title=f"wrong {kind}", xlabel="share of wrong labels", ylim=(0.4, 1))
    axes[1].set_title("wrong by look-alikes")
    axes[0].set_ylabel("test accuracy")
    axes[0].legend(loc="lower left")
    return fig


def missing_curves(table: pd.DataFrame) -> Figure:
    """Rows left to train on, and test accuracy, against the share of missing cells."""
    fig, (top, low) = plt.subplots(2, 1, figsize=(6.4, 4.8), sharex=True)
    for way, color, marker in zip(WAYS, COLORS, "so^", strict=False):
        part = table[table["way"] == way]
        if way != WAYS[2]:
            rows = part.pivot(index="seed", columns="share", values="rows")
            band(top, rows.columns, rows.to_numpy(), way, color).set_marker(marker)
        runs = part.pivot(index="seed", columns="share", values="accuracy")
        runs = runs.dropna(axis=1)
        band(low, runs.columns, runs.to_numpy(), way, color).set_marker(marker)
    top.set(ylabel="training rows left", ylim=(0, None))
    low.set(xlabel="share of missing cells", ylabel="test accuracy")
    low.legend(loc="lower right")
    return fig


def size_curves(table: pd.DataFrame, model: str = "15 neighbours") -> Figure:
    """Test accuracy of one model against the number of training rows, for three qualities of labels."""
    fig, ax = plt.subplots()
    qualities = {
        "no wrong labels": ("at random", 0.0, "o"),
        "40 % wrong, at random": ("at random", 0.4, "s"),
        "40 % wrong, look-alikes": ("look-alikes", 0.4, "^"),
    }
    for (name, (kind, share, marker)), color in zip(
        qualities.items(), COLORS, strict=False
    ):
        setting = {"kind": kind, "share": share, "model": model}
        runs = [scores(table, size=n, **setting) for n in SIZES]
        band(ax, SIZES, np.transpose(runs), name, color).set_marker(marker)
    ax.set(xscale="log", xlabel="training images", ylabel="test accuracy", ylim=(0, 1))
    ax.set_xticks(SIZES, [str(n) for n in SIZES])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return fig


def chart_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval over the seeds for each size, kind, share and model."""
    rows = []
    for setting, part in table.groupby(["size", "kind", "share", "model"]):
        found = interval(part["accuracy"], num_resamples=2000)
        low_high = {"low": found.low, "high": found.high}
        named = dict(zip(("size", "kind", "share", "model"), setting, strict=True))
        named["share"] = round(100 * named["share"])  # in percent, as the slider
        rows.append(named | {"accuracy": found.estimate} | low_high)
    return pd.DataFrame(rows).round(4)


def quality_chart(means: pd.DataFrame) -> alt.LayerChart:
    """Accuracy against training-set size; a slider for the share of wrong labels and a list for their kind."""
    slider = alt.binding_range(min=0, max=50, step=10, name="wrong labels, % ")
    share = alt.param(name="share_shown", value=40, bind=slider)
    select = alt.binding_select(options=list(KINDS), name="wrong labels are ")
    kind = alt.param(name="kind_shown", value=KINDS[1], bind=select)
    x = alt.X(
        "size:Q",
        title="training images",
        axis=alt.Axis(values=list(SIZES)),
        scale=alt.Scale(type="log", domain=[45, 1100]),
    )
    limits = alt.Scale(domain=[0.2, 1])
    y = alt.Y("accuracy:Q", title="test accuracy", scale=limits)
    color = alt.Color(
        "model:N", title=None, sort=list(MODELS), legend=alt.Legend(orient="top")
    )
    shown = alt.Chart(means).transform_filter(
        "datum.share == share_shown && datum.kind == kind_shown"
    )
    clean = alt.Chart(means).transform_filter(
        "datum.share == 0 && datum.kind == kind_shown"
    )
    bounds = alt.Y("low:Q", title="test accuracy", scale=limits)
    return alt.layer(
        clean.mark_line(strokeDash=[3, 4], opacity=0.6).encode(x=x, y=y, color=color),
        shown.mark_area(opacity=0.2).encode(x=x, y=bounds, y2="high:Q", color=color),
        shown.mark_line(point=True).encode(x=x, y=y, color=color),
    ).add_params(share, kind)
