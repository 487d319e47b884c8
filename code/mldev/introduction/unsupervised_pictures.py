"""The pictures of the chapter on unsupervised learning: centres, curves, a tree, parts, maps, and the chart to move."""

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from mldev.introduction.unsupervised import Clustering, elbow
from mldev.introduction.unsupervised_experiments import (
    COMPONENTS,
    MAX_K,
    PERPLEXITIES,
    SOME_PERPLEXITIES,
    data_to_map,
    t_sne_map,
)
from mldev.plotting import COLORS, GRID, PALETTE, band

STYLES = {
    "five clusters": ("blue", "o"),
    "wine": ("orange", "s"),
    "digits": ("green", "^"),
    "letters": ("purple", "v"),
    "noise": ("grey", "x"),
}
SHAPES = "os^Dv<>Pp*"
CHART_DATA = ("noise", "digits", "narrow and wide")


def draw_map(ax: Axes, Y: np.ndarray, y: np.ndarray | None = None) -> None:
    """A map without axes, since their units mean nothing; groups in colours, or as their digits."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_aspect("equal", adjustable="datalim")
    if y is None or len(np.unique(y)) == 1:
        ax.scatter(*Y.T, s=9, color=PALETTE["blue"], linewidths=0)
        return
    ax.scatter(*Y.T, s=0)
    for point, label in zip(Y, y, strict=True):
        color = COLORS[label % 6]
        ax.text(*point, str(label), color=color, fontsize=9, ha="center", va="center")


def islands(perplexity: int = 2) -> Figure:
    """A map of noise that does not look like it."""
    fig, ax = plt.subplots(figsize=(6.4, 4))
    draw_map(ax, t_sne_map("noise", 0, perplexity))
    return fig


def centres(found: Clustering, y: np.ndarray) -> Figure:
    """The centres of clusters of digits, each with the class that most of its rows have."""
    fig, axes = plt.subplots(2, 5, figsize=(6.4, 3.2))
    main = [np.bincount(y[found.labels == c], minlength=10) for c in range(10)]
    order = np.argsort([counts.argmax() for counts in main], kind="stable")
    for ax, cluster in zip(axes.flat, order, strict=True):
        counts = main[cluster]
        ax.imshow(found.centres[cluster].reshape(8, 8), cmap="Greys")
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(f"{counts.max() / counts.sum():.0%} are {counts.argmax()}")
    return fig


def count_curves(table: pd.DataFrame) -> Figure:
    """Inertia and silhouette by the number of clusters; elbows of the mean curves for two ranges are marked."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.9))
    for name, (color, marker) in STYLES.items():
        part = table[table["data"] == name]
        inertia = part.pivot(index="seed", columns="k", values="inertia")
        inertia = inertia.div(inertia[1], axis=0)
        ks, mean = inertia.columns, inertia.mean().to_numpy()
        band(left, ks, inertia.to_numpy(), name, PALETTE[color])
        bends = [elbow(mean[:10]), elbow(mean)]
        style = {"linestyle": "", "marker": marker, "color": PALETTE[color]}
        left.plot(bends, mean[np.array(bends) - 1], markersize=7, **style)
        width = part[part["k"] > 1].pivot(
            index="seed", columns="k", values="silhouette"
        )
        line = band(right, width.columns, width.to_numpy(), name, PALETTE[color])
        line.set(marker=marker, markersize=4)
    ticks = [1, 5, 10, 15, MAX_K]
    left.set(xlabel="clusters k", ylabel="inertia, as a share of k = 1", xticks=ticks)
    right.set(xlabel="clusters k", ylabel="silhouette", xticks=ticks)
    fig.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return fig


def tree(merges: np.ndarray, images: np.ndarray, num_clusters: int) -> Figure:
    """A dendrogram over its images, cut into clusters by a dashed line."""
    fig, (top, low) = plt.subplots(
        2, 1, figsize=(6.4, 3.9), height_ratios=(9, 1), sharex=True
    )
    found = dendrogram(
        merges,
        ax=top,
        no_labels=True,
        color_threshold=0,
        link_color_func=lambda _: PALETTE["navy"],
    )
    threshold = merges[-num_clusters : len(merges) - num_clusters + 2, 2].mean()
    top.axhline(threshold, linestyle="--", color=PALETTE["orange"])
    top.set(ylabel="distance at the merge")
    top.spines["bottom"].set_visible(False)
    for place, leaf in enumerate(found["leaves"]):
        extent = (10 * place + 0.5, 10 * place + 9.5, 0, 1)
        low.imshow(images[leaf], cmap="Greys", extent=extent, aspect="auto")
    low.set(xlim=(0, 10 * len(images)), ylim=(0, 1), yticks=[], xticks=[])
    low.spines[:].set_visible(False)
    return fig


def component_curves(table: pd.DataFrame) -> Figure:
    """Agreement of k-means with the digits, by the number of components, plain and whitened."""
    fig, ax = plt.subplots()
    names = {False: ("as they are", "blue", "o"), True: ("whitened", "orange", "s")}
    for whitened, (name, color, marker) in names.items():
        part = table[table["whitened"] == whitened]
        runs = part.pivot(index="seed", columns="components", values="agreement")
        band(ax, COMPONENTS, runs.to_numpy(), name, PALETTE[color]).set_marker(marker)
    ax.set(xlabel="principal components kept", ylabel="agreement (ARI)", ylim=(0, 0.8))
    ax.legend(loc="lower left")
    return fig


def parts(factors: np.ndarray, directions: np.ndarray) -> Figure:
    """Sixteen parts of digits above sixteen principal directions; orange is positive, purple negative."""
    fig, axes = plt.subplots(4, 8, figsize=(6.4, 3.9))
    for ax, part in zip(axes.flat, np.vstack([factors, directions]), strict=True):
        limit = np.abs(part).max()
        ax.imshow(part.reshape(8, 8), cmap="PuOr_r", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
    axes[0, 0].set_title("NMF", loc="left")
    axes[2, 0].set_title("PCA", loc="left")
    return fig


def map_grid() -> Figure:
    """Maps of noise and of digits at three perplexities."""
    fig, axes = plt.subplots(3, 2, figsize=(6.4, 7.0))
    for row, perplexity in zip(axes, SOME_PERPLEXITIES, strict=True):
        for ax, name in zip(row, ("noise", "digits"), strict=True):
            y = data_to_map(name, 0)[1]
            draw_map(ax, t_sne_map(name, 0, perplexity), y)
            ax.set_title(f"{name}, perplexity {perplexity}")
    return fig


def distance_curve(runs: pd.DataFrame, cluster_size: int = 25) -> Figure:
    """Rank correlation of distances between clusters in the map and in truth, by perplexity."""
    fig, ax = plt.subplots()
    line = band(
        ax, PERPLEXITIES, runs[list(PERPLEXITIES)].to_numpy(), "t-SNE", PALETTE["blue"]
    )
    line.set_marker("o")
    flat = np.repeat(runs[["PCA"]].to_numpy(), len(PERPLEXITIES), axis=1)
    band(ax, PERPLEXITIES, flat, "first two principal components", PALETTE["orange"])
    ax.axvline(cluster_size, linestyle=":", color=PALETTE["grey"])
    ax.text(cluster_size + 0.5, -0.35, "rows in a cluster", fontsize=9)
    ax.axhline(0, color=GRID, linewidth=0.8)
    ax.set(xlabel="perplexity", ylabel="rank correlation of distances")
    ax.set(ylim=(-0.5, 1.05), xticks=PERPLEXITIES)
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
    return fig


def chart_table() -> pd.DataFrame:
    """All maps of the chart, each scaled to the unit square: data, perplexity, place and group of every point."""
    tables = []
    for name in CHART_DATA:
        groups = data_to_map(name, 0)[1]
        for perplexity in PERPLEXITIES:
            Y = t_sne_map(name, 0, perplexity)
            low, side = Y.min(axis=0), np.ptp(Y, axis=0).max()
            x, y = ((Y - low) / side).round(3).T
            columns = {"x": x, "y": y, "group": groups}
            tables.append(pd.DataFrame(columns | {"data": name, "p": perplexity}))
    return pd.concat(tables, ignore_index=True)


def perplexity_chart(points: pd.DataFrame) -> alt.Chart:
    """A map to be redrawn by perplexity and data set; a list paints the true groups or hides them."""
    slider = alt.binding_range(
        min=min(PERPLEXITIES), max=max(PERPLEXITIES), step=10, name="perplexity "
    )
    shown = alt.param(name="perplexity_shown", value=2, bind=slider)
    select = alt.binding_select(options=list(CHART_DATA), name="data ")
    data = alt.param(name="data_shown", value=CHART_DATA[2], bind=select)
    truth = alt.param(
        name="truth_shown", value=False, bind=alt.binding_checkbox(name="true groups ")
    )
    scale = alt.Scale(domain=[-0.02, 1.02])
    color = alt.condition(
        "truth_shown",
        alt.Color("group:N", legend=None, scale=alt.Scale(range=COLORS[:6])),
        alt.value(PALETTE["blue"]),
    )
    shape = alt.condition(
        "truth_shown", alt.Shape("group:N", legend=None), alt.value("circle")
    )
    return (
        alt.Chart(points)
        .transform_filter("datum.p == perplexity_shown && datum.data == data_shown")
        .mark_point(filled=True, size=45, opacity=0.8)
        .encode(
            x=alt.X("x:Q", axis=None, scale=scale),
            y=alt.Y("y:Q", axis=None, scale=scale),
            color=color,
            shape=shape,
        )
        .properties(width=440, height=440)
        .add_params(shown, data, truth)
    )
