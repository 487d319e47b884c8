"""The pictures of the chapter on ways of learning: what each way is told, what it reaches, and the chart to move."""

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldev.experiments import interval
from mldev.introduction.ways_of_learning_experiments import (
    CHOSEN_SIZES,
    curve,
    labels_needed,
    split,
)
from mldev.introduction.ways_of_learning_pretext import PLACES, PRETEXTS, SIZES
from mldev.plotting import COLORS, PALETTE, band

WAYS = {  # the five ways in the figures: name, marker
    "supervised": "o",
    "unsupervised": "s",
    "semi-supervised": "^",
    "self-supervised": "D",
    "reinforcement": "v",
}
SHADES = dict(zip(WAYS, COLORS, strict=False))
TARGETS = tuple(range(50, 99, 2))
BEYOND = 2 * max(SIZES)  # stands for runs that never arrive, in a median


def what_is_told(seed: int = 0, num_images: int = 5) -> Figure:
    """The same images, and below them what each way is told about each."""
    X, y, _, _ = split(seed)
    images, labels = X[:num_images].reshape(-1, 8, 8), [str(c) for c in y[:num_images]]
    fig, axes = plt.subplots(1, num_images + 1, figsize=(6.4, 4.2), sharey=True)
    guesses = [
        str((c + 3 * (place % 2)) % 10) for place, c in enumerate(y[:num_images])
    ]
    rewards = [
        f'"{guess}"? {"right" if guess == label else "wrong"}'
        for guess, label in zip(guesses, labels, strict=True)
    ]
    told = {
        "supervised": labels,
        "unsupervised": ["-"] * num_images,
        "semi-\nsupervised": [labels[0], *["-"] * (num_images - 1)],
        "self-\nsupervised": [f"turned\n{90 * (k % 4)}°" for k in range(num_images)],
        "reinforce-\nment": rewards,
    }
    for ax in axes:
        ax.set(xlim=(0, 1), ylim=(-5.6, 1.2))
        ax.axis("off")
    for line, (way, cells) in enumerate(told.items()):
        axes[0].text(0, -1 - line, way, va="center", weight="bold")
        for ax, cell in zip(axes[1:], cells, strict=True):
            ax.text(0.5, -1 - line, cell.replace("? ", "?\n"), ha="center", va="center")
    for ax, image in zip(axes[1:], images, strict=True):
        ax.imshow(image, cmap="Greys", extent=(0.05, 0.95, -0.4, 1.1), aspect="auto")
    return fig


def draw_curves(
    ax: Axes, curves: dict[str, np.ndarray], sizes: tuple[int, ...]
) -> None:
    """Mean accuracy with its interval for each name, over a logarithmic number of labels."""
    markers = "os^Dv"
    for (name, values), color, marker in zip(
        curves.items(), COLORS, markers, strict=False
    ):
        band(ax, sizes, values, name, color).set(marker=marker, markersize=5)
    shown = sizes if len(sizes) < 6 else sizes[::2]
    ax.set(xscale="log", ylim=(0, 1))
    ax.set_xticks(shown, [str(n) for n in shown])
    ax.minorticks_off()


def way_curves(curves: dict[str, np.ndarray]) -> Figure:
    """Test accuracy against labels, or rewards, for the five ways."""
    fig, ax = plt.subplots(figsize=(6.4, 4.2))
    draw_curves(ax, curves, SIZES)
    ax.axhline(0.9, color=PALETTE["grey"], linestyle=":", linewidth=1)
    ax.set(xlabel="labels (for reinforcement: answers told right or wrong)")
    ax.set_ylabel("test accuracy")
    ax.legend(loc="lower right")
    return fig


def chosen_curves(table: pd.DataFrame) -> Figure:
    """Test accuracy when clusters choose the images to label, and when chance does."""
    fig, ax = plt.subplots()
    names = list(dict.fromkeys(table["way"]))
    draw_curves(ax, {n: curve(table, way=n) for n in names}, CHOSEN_SIZES)
    ax.set(xlabel="labels", ylabel="test accuracy", ylim=(0.4, 1))
    ax.legend(loc="lower right")
    return fig


def pretext_curves(rows: pd.DataFrame) -> Figure:
    """Accuracy of the linear probe on each kind of features, for digits in the middle and off centre."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.8), sharey=True)
    names = ("pixels", "untrained network", "network, turned", "network, moved")
    for ax, place in zip(axes, PLACES, strict=True):
        found = {
            name: probe_curve(rows, place, pretext)
            for name, pretext in zip(names, PRETEXTS, strict=True)
        }
        draw_curves(ax, found, SIZES)
        ax.set(title=f"digits {place}", xlabel="labels of the probe")
    axes[0].set_ylabel("test accuracy")
    axes[0].legend(loc="lower right")
    return fig


def probe_curve(rows: pd.DataFrame, place: str, pretext: str) -> np.ndarray:
    """The probe's accuracies of one kind of features: a row per seed, a column per size."""
    part = rows[(rows["place"] == place) & (rows["pretext"] == pretext)]
    return part.sort_values("seed")[[f"labels_{n}" for n in SIZES]].to_numpy()


def answer_curves(answers: dict[str, np.ndarray]) -> Figure:
    """Test accuracy against answers given, for learners told labels or rewards."""
    fig, ax = plt.subplots(figsize=(6.4, 4.0))
    draw_curves(ax, answers, SIZES)
    ax.set(xlabel="images answered", ylabel="test accuracy")
    ax.legend(loc="upper left")
    return fig


def needed_table(
    curves: dict[str, np.ndarray], targets: tuple[int, ...] = TARGETS
) -> pd.DataFrame:
    """Labels, or rewards, that each way needs for each accuracy: the median, where three runs in four reach it."""
    rows = []
    for way, values in curves.items():
        for target in targets:
            needed = labels_needed(values, SIZES, target / 100)
            row = {
                "way": way,
                "target": target,
                "reached": int(np.isfinite(needed).sum()),
            }
            row["note"] = f"reached in {row['reached']} of {len(needed)} runs"
            if row["reached"] >= 0.75 * len(needed):
                known = np.where(np.isfinite(needed), needed, BEYOND)
                found = interval(known, statistic=np.median, num_resamples=2000)
                ends = (found.estimate, found.low, found.high)
                ends = [round(float(end), 1) for end in ends]
                row |= dict(zip(("labels", "low", "high"), ends, strict=True))
                partly = "" if row["reached"] == len(needed) else f", {row['note']}"
                row["note"] = f"{round(ends[0])}{partly}"
            rows.append(row)
    return pd.DataFrame(rows)


def needed_chart(table: pd.DataFrame) -> alt.LayerChart:
    """A bar for the labels that each way needs; a slider for the accuracy that you want."""
    slider = alt.binding_range(
        min=TARGETS[0], max=TARGETS[-1], step=2, name="wanted accuracy, % "
    )
    wanted = alt.param(name="wanted", value=90, bind=slider)
    ways = list(dict.fromkeys(table["way"]))
    scale = alt.Scale(type="log", domain=[8, 2400])
    axis = alt.Axis(values=list(SIZES))
    x = alt.X(
        "labels:Q",
        title="labels, or answers told right or wrong",
        scale=scale,
        axis=axis,
    )
    y = alt.Y("way:N", title=None, sort=ways)
    colors = alt.Scale(domain=ways, range=COLORS[: len(ways)])
    color = alt.Color("way:N", scale=colors, legend=None)
    shown = alt.Chart(table).transform_filter("datum.target == wanted")
    reached = shown.transform_filter("isValid(datum.labels)")
    missed = shown.transform_filter("!isValid(datum.labels)")
    ends = alt.X(
        "low:Q", title="labels, or answers told right or wrong", scale=scale, axis=axis
    )
    text = {"align": "left", "dx": 8, "dy": -12}
    return (
        alt.layer(
            reached.mark_point(filled=True, size=160, opacity=1).encode(
                x=x, y=y, color=color
            ),
            reached.mark_rule(strokeWidth=3).encode(
                x=ends, x2="high:Q", y=y, color=color
            ),
            reached.mark_text(**text).encode(x=x, y=y, text="note:N"),
            missed.mark_text(align="left", dx=8).encode(
                x=alt.value(0), y=y, text="note:N"
            ),
        )
        .add_params(wanted)
        .properties(height=260, padding={"left": 16, "right": 5, "top": 5, "bottom": 5})
    )
