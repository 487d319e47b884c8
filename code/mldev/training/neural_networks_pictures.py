"""The pictures of the chapter on neural networks."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from contourpy import contour_generator
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mldev.plotting import PALETTE, band
from mldev.training.neural_networks_fleet import ACTIVATIONS, CLASS_LOSSES
from mldev.training.neural_networks_momentum import shape, two_wells, valley
from mldev.training.neural_networks_rates import USUAL_MOMENTA, USUAL_RATES
from mldev.training.neural_networks_signals import Passage, slopes

INKS = {
    "sigmoid": PALETTE["red"],
    "tanh": PALETTE["purple"],
    "softmax": PALETTE["orange"],
    "ReLU": PALETTE["blue"],
    "leaky ReLU": PALETTE["green"],
}
CHART_RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5)
CHART_MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)


def activation_curves() -> Figure:
    """Three activations and their slopes."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.9))
    z = torch.linspace(-6, 6, 481)
    for name in ("sigmoid", "ReLU", "leaky ReLU"):
        style = {"color": INKS[name], "ls": "--" if name == "leaky ReLU" else "-"}
        axes[0].plot(z, ACTIVATIONS[name](z), label=name, **style)
        axes[1].plot(z, slopes(name, z), **style)
    axes[0].set(xlabel="sum z", ylabel="activation", ylim=(-0.5, 3))
    axes[1].set(xlabel="sum z", ylabel="slope", ylim=(-0.05, 1.1))
    fig.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
    )
    return fig


def logit_gradients(margins: Sequence[float], num_classes: int = 10) -> dict:
    """Size of the gradient by the outputs when a wrong class leads by each margin, for both losses."""
    outputs = torch.zeros(len(margins), 1, num_classes, dtype=torch.float64)
    outputs[:, 0, 0] = torch.as_tensor(margins, dtype=torch.float64)
    label = torch.ones(len(margins), 1, dtype=torch.long)
    found = {}
    for name, loss in CLASS_LOSSES.items():
        z = outputs.clone().requires_grad_()
        gradient = torch.autograd.grad(loss(z, label).sum(), z)[0]
        found[name] = gradient[:, 0].norm(dim=1).numpy()
    return found


def confident_mistakes(margins: Sequence[float]) -> Figure:
    """The gradients of both losses against how confident a mistake is."""
    fig, ax = plt.subplots(figsize=(6.4, 3.0))
    inks = (PALETTE["blue"], PALETTE["red"])
    for (name, sizes), ink in zip(logit_gradients(margins).items(), inks, strict=True):
        ax.plot(margins, sizes, color=ink, label=name)
    ax.set(
        xlabel="lead of the wrong class over the right one",
        ylabel="size of the gradient",
        yscale="log",
    )
    ax.legend(loc="lower left")
    return fig


def gradients_by_layer(panels: dict[str, dict[str, Passage]]) -> Figure:
    """Gradients by weights, layer by layer: one panel for each way to start."""
    fig, axes = plt.subplots(1, len(panels), figsize=(6.4, 3.8), sharey=True)
    for ax, (title, passages) in zip(axes, panels.items(), strict=True):
        for name, passage in passages.items():
            sizes = np.log10(passage.weight_gradient)
            line = band(ax, layers(sizes), sizes, name, INKS[name])
            line.set_linestyle("--" if name == "leaky ReLU" else "-")
        ax.set(title=title, xlabel="layer")
    axes[0].set_ylabel("gradient by weights, power of ten")
    handles = axes[0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=3)
    return fig


def layers(sizes: np.ndarray) -> np.ndarray:
    return np.arange(1, sizes.shape[1] + 1)


def signals_by_layer(passages: dict[str, Passage]) -> Figure:
    """Mean squares of the sums, layer by layer, for each start."""
    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    inks = ("red", "orange", "purple", "green", "blue")
    for (name, passage), ink in zip(passages.items(), inks, strict=True):
        sizes = np.log10(passage.signal)
        band(ax, layers(sizes), sizes, name, PALETTE[ink])
        ax.annotate(
            name,
            (30, sizes[:, -1].mean()),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    ax.set(xlabel="layer", ylabel="mean square of the sums, power of ten", xlim=(1, 37))
    ax.set_xticks([1, 10, 20, 30])
    return fig


def deep_dots(accuracies: dict[str, np.ndarray], guess: float) -> Figure:
    """Test accuracy of each seed, one row for each pair of activation and start."""
    fig, ax = plt.subplots(figsize=(6.4, 4.0))
    for row, values in enumerate(accuracies.values()):
        ax.plot(
            values, np.full(len(values), row), "o", color=PALETTE["blue"], alpha=0.6
        )
    ax.axvline(guess, color=PALETTE["grey"], ls=":")
    ax.set(xlabel="test accuracy", xlim=(-0.02, 1.02), yticks=range(len(accuracies)))
    ax.set_yticklabels(list(accuracies))
    ax.invert_yaxis()
    return fig


def rate_maps(tables: dict[str, pd.DataFrame]) -> Figure:
    """Mean test scores by learning rate and momentum; a frame around the usual ranges."""
    fig, axes = plt.subplots(
        len(tables), 1, figsize=(6.4, 2.3 * len(tables)), sharex=True
    )
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        means = table.pivot_table("test", "momentum", "learning_rate", "mean")
        image = ax.imshow(means, aspect="auto", origin="lower", vmin=0)
        rates, momenta = np.array(means.columns), np.array(means.index)
        inside = [
            np.flatnonzero((v >= low) & (v <= high))
            for v, (low, high) in ((rates, USUAL_RATES), (momenta, USUAL_MOMENTA))
        ]
        corner = [i[0] - 0.5 for i in inside]
        frame = Rectangle(corner, *[len(i) for i in inside], fill=False, lw=2.5)
        frame.set_edgecolor(PALETTE["orange"])
        ax.add_patch(frame)
        ax.set(title=title, ylabel="momentum", yticks=range(len(momenta)))
        ax.set_yticklabels([f"{m:g}" for m in momenta])
        ax.set_xticks(range(0, len(rates), 2), [f"{r:g}" for r in rates[::2]])
        fig.colorbar(image, ax=ax, label="mean score")
    axes[-1].set_xlabel("learning rate")
    return fig


def escape_ticks(starts: np.ndarray, escaped: dict[str, np.ndarray]) -> Figure:
    """The line with two wells, and below it the starts that escaped and those that did not."""
    fig, (above, below) = plt.subplots(
        2, 1, figsize=(6.4, 4.4), sharex=True, height_ratios=[3, 2]
    )
    place, w = shape(), torch.linspace(-3, 6, 400)
    above.plot(w, two_wells(w), color=PALETTE["navy"])
    above.axhline(place.height, color=PALETTE["grey"], ls=":")
    above.annotate("height of the barrier", (3.4, place.height - 0.22), fontsize=9)
    above.set(ylabel="loss")
    for row, values in enumerate(escaped.values()):
        for out, ink, mark in ((False, "grey", "|"), (True, "orange", "|")):
            w = starts[values == out]
            below.plot(
                w, np.full(len(w), row), mark, color=PALETTE[ink], ms=14, mew=0.8
            )
    below.axvline(place.rim, color=PALETTE["grey"], ls=":")
    below.set(
        xlabel="start", yticks=range(len(escaped)), ylim=(-0.6, len(escaped) - 0.4)
    )
    below.set_yticklabels(list(escaped))
    return fig


def contour_lines(levels: Sequence[float]) -> pd.DataFrame:
    """Lines of equal loss in the valley, for the chart: one row for each corner of a line."""
    x, y = np.linspace(-5.5, 2, 121), np.linspace(-2, 2, 81)
    places = torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))
    lines = contour_generator(x, y, valley(places).numpy())
    parts = [
        pd.DataFrame(line, columns=["x", "y"]).assign(line=f"{level:g}, {number}")
        for level in levels
        for number, line in enumerate(lines.lines(level))
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(order=range(len(table))).round(3)


def path_chart(paths: pd.DataFrame) -> alt.VConcatChart:
    """Paths in the valley above, their losses below; one choice for the learning rate, one for the momentum."""
    rate = alt.param(
        name="rate",
        value=0.2,
        bind=alt.binding_radio(options=list(CHART_RATES), name="learning rate "),
    )
    momentum = alt.param(
        name="momentum",
        value=0.0,
        bind=alt.binding_radio(options=list(CHART_MOMENTA), name="momentum "),
    )
    chosen = alt.Chart(paths).transform_filter(
        "datum.rate == rate && datum.momentum == momentum"
    )
    x = alt.X("x:Q", title="weight 1", scale=alt.Scale(domain=[-5.5, 2]))
    y = alt.Y("y:Q", title="weight 2", scale=alt.Scale(domain=[-2, 2]))
    levels = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 1.7, 2.2])
    map_lines = (
        alt.Chart(contour_lines(levels))
        .mark_line(color=PALETTE["grey"], strokeWidth=0.8, clip=True)
        .encode(x=x, y=y, detail="line:N", order="order:Q")
    )
    ink = PALETTE["orange"]
    trail = chosen.mark_line(
        color=ink, strokeWidth=1.2, clip=True, point={"color": ink, "size": 16}
    ).encode(x=x, y=y, order="step:Q")
    aim = alt.Chart(pd.DataFrame({"x": [0.0], "y": [0.0]}))
    goal = aim.mark_point(
        shape="cross", size=120, color=PALETTE["blue"], filled=True, opacity=1
    )
    losses = chosen.mark_line(color=PALETTE["orange"], clip=True).encode(
        x=alt.X("step:Q", title="step"),
        y=alt.Y("loss:Q", title="loss", scale=alt.Scale(domain=[0, 2.2])),
    )
    above = (map_lines + trail + goal.encode(x=x, y=y)).properties(
        width=480, height=260
    )
    return alt.vconcat(above, losses.properties(width=480, height=110)).add_params(
        rate, momentum
    )
